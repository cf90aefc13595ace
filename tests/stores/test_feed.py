import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import redis
import redis.asyncio

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from daybeat.servers import LocalServers
from schemas.errors import UnavailableError
from schemas.events import AdaptationProposed
from schemas.ids import partition_of
from schemas.people import PersonState
from schemas.positions import EntryId
from schemas.records import Adaptation
from stores.connections import connect_redis_async
from stores.feed import LIVE_READ_MAX, FeedReader, LiveBatch
from stores.keys import RULES
from stores.plans import LIVE_ENTRIES_MAX, PlanStore, PlanWrite, SituationRequest
from stores.rules import write_shown_rules
from stores.stored_values import StoredValueError
from support.adapting import (
    DAY,
    NOW,
    command,
    firing,
    firings_at,
    plan,
    position_at,
    situation,
    task,
)
from support.shown_rules import SHIPPED

PARTITIONS = 4
ADA = partition_of("ada", PARTITIONS)
PATIENCE = dt.timedelta(seconds=20)

pytestmark = pytest.mark.servers


@pytest.fixture
async def reader(servers: LocalServers, redis_client: redis.Redis) -> AsyncIterator[FeedReader]:
    redis_client.ping()  # it stands for a flushed database
    client = await connect_redis_async(servers.redis_url, patience=PATIENCE)
    yield FeedReader(client, PARTITIONS, patience=PATIENCE)
    await client.aclose()


class Scribe:
    """Makes one event after the other for people: refused commands, which leave ``command.done`` alone."""

    def __init__(self, client: redis.Redis) -> None:
        self._store = PlanStore(client, PARTITIONS, patience=PATIENCE)
        self._number = 0

    def write(self, user: str = "ada", count: int = 1) -> list[str]:
        """Return the ids of ``count`` new events of one person."""
        loaded = self._store.load([SituationRequest(user)])[0]
        state, applied = loaded.situation, loaded.applied
        ids, writes = [], []
        for _ in range(count):
            self._number += 1
            position = position_at(NOW, self._number)
            entry = command("task.skip", task_id="none", user=user, number=self._number)
            decided = decide_command(state, entry, position, time_zone="UTC", recorded=None)
            writes.append(PlanWrite(user, position, applied, decided, entry.command.command_id))
            state, applied = state.after(decided), position
            ids.append(state.feed_last)
        self._store.write(writes)
        return ids

    def put_plan(self, user: str = "ada") -> None:
        loaded = self._store.load([SituationRequest(user, (DAY,))])[0]
        self._number += 1
        position = position_at(NOW, self._number)
        entry = command("plan.put", user=user, plan=plan(task("a"), user=user).model_dump())
        decided = decide_command(loaded.situation, entry, position, time_zone="UTC", recorded=None)
        self._store.write([PlanWrite(user, position, loaded.applied, decided)])


def proposal(now: dt.datetime) -> Adaptation:
    """Return what a rule proposes at a moment of a day with a plan."""
    today = situation(plan(task("walk", "11:00", day=now.date()), day=now.date()))
    (proposed,) = decide_reading(today, firings_at(firing("energy_surge", now=now))).events
    assert isinstance(proposed, AdaptationProposed)
    return proposed.adaptation


@pytest.fixture
def scribe(redis_client: redis.Redis) -> Scribe:
    return Scribe(redis_client)


async def ids_after(reader: FeedReader, last_id: str, user: str = "ada") -> list[str] | None:
    entries = await reader.events_after(user, last_id)
    if entries is None:
        return None
    assert [json.loads(entry.event)["event_id"] for entry in entries] == [entry.event_id for entry in entries]
    return [entry.event_id for entry in entries]


async def test_a_welcome_holds_the_plan_and_the_id_it_stands_at(reader: FeedReader, scribe: Scribe) -> None:
    assert await reader.welcome("ada", DAY) == (None, "0-0", (), ())
    scribe.put_plan()
    (last,) = scribe.write()
    welcome = await reader.welcome("ada", DAY)
    assert welcome.plan == plan(task("a"))
    assert welcome.event_id == last
    assert await reader.welcome("ada", DAY + dt.timedelta(days=1)) == (None, last, (), ())
    assert await reader.welcome("eve", DAY) == (None, "0-0", (), ())


async def test_a_welcome_holds_the_proposals_that_nothing_has_closed_oldest_first(
    reader: FeedReader, redis_client: redis.Redis
) -> None:
    moments = (NOW, NOW - dt.timedelta(hours=1), NOW - dt.timedelta(days=9))
    proposals = [proposal(one) for one in moments]
    state = PersonState(proposals={one.adaptation_id: one for one in proposals})
    redis_client.hset(f"daybeat:{{{ADA}}}:person:ada", "state", state.model_dump_json())
    assert await reader.welcome("ada", DAY) == (None, "0-0", tuple(reversed(proposals)), ())
    redis_client.hset(f"daybeat:{{{ADA}}}:person:ada", "state", "{")
    with pytest.raises(StoredValueError, match="person ada"):
        await reader.welcome("ada", DAY)


async def test_a_welcome_holds_the_changes_in_force_oldest_first(
    reader: FeedReader, redis_client: redis.Redis
) -> None:
    statuses = ("applied", "accepted", "undone", "expired")
    changes = [
        proposal(NOW - dt.timedelta(hours=hours)).model_copy(update={"status": status})
        for hours, status in enumerate(statuses)
    ]
    state = PersonState(adaptations={one.adaptation_id: one for one in changes})
    redis_client.hset(f"daybeat:{{{ADA}}}:person:ada", "state", state.model_dump_json())
    assert (await reader.welcome("ada", DAY)).adaptations == (changes[1], changes[0])


async def test_what_stands_beside_the_plans_is_read_alone_too(
    reader: FeedReader, redis_client: redis.Redis
) -> None:
    assert await reader.person("ada") == PersonState()
    state = PersonState(time_zone="Asia/Tokyo", autonomy={"stress_spike": "off"}, paused_until=NOW)
    redis_client.hset(f"daybeat:{{{ADA}}}:person:ada", "state", state.model_dump_json())
    assert await reader.person("ada") == state
    redis_client.hset(f"daybeat:{{{ADA}}}:person:ada", "state", "{")
    with pytest.raises(StoredValueError, match="person ada"):
        await reader.person("ada")


async def test_the_rules_are_those_that_were_loaded_last(
    reader: FeedReader, redis_client: redis.Redis
) -> None:
    assert await reader.rules() is None
    write_shown_rules(redis_client, SHIPPED)
    assert await reader.rules() == SHIPPED
    redis_client.set(RULES, "{")
    with pytest.raises(StoredValueError, match="rules"):
        await reader.rules()


async def test_a_command_is_carried_out_once_its_outcome_is_recorded(
    reader: FeedReader, redis_client: redis.Redis
) -> None:
    writer = PlanStore(redis_client, PARTITIONS, patience=PATIENCE)
    entry = command("task.skip", task_id="none")
    command_id = entry.command.command_id
    assert not await reader.is_carried_out("ada", command_id)
    decided = decide_command(situation(), entry, position_at(NOW), time_zone="UTC", recorded=None)
    writer.write([PlanWrite("ada", position_at(NOW), None, decided, command_id)])
    assert await reader.is_carried_out("ada", command_id)
    assert not await reader.is_carried_out("bob", command_id)


async def test_a_person_goes_on_behind_the_last_event_they_have(reader: FeedReader, scribe: Scribe) -> None:
    ids = scribe.write(count=5)
    scribe.write("eve", count=2)
    for at, one in enumerate(ids):
        assert await ids_after(reader, one) == ids[at + 1 :]
    assert await ids_after(reader, "0-0") == ids
    assert await ids_after(reader, "0-0", "nobody") == []


async def test_an_event_that_the_feed_never_held_is_unknown(reader: FeedReader, scribe: Scribe) -> None:
    first, second = scribe.write(count=2)
    between = EntryId.parse(first)
    for unknown in (
        str(EntryId(between.ms, between.seq + 1)),
        str(EntryId(EntryId.parse(second).ms + 1, 0)),
        "1-1",
        "",
        "12",
        "-",
        "1-1-1",
        "1-x",
        " 1-1",
        "1-1\n",
        "١-١",
        "99999999999999999999-0",
        "9" * 400,
    ):
        assert await ids_after(reader, unknown) is None
    assert await ids_after(reader, first, "eve") is None


async def test_an_event_that_was_trimmed_is_unknown_unless_nothing_behind_it_was(
    reader: FeedReader, scribe: Scribe, redis_client: redis.Redis
) -> None:
    ids = scribe.write(count=5)
    redis_client.xtrim(f"daybeat:{{{ADA}}}:feed:ada", maxlen=2, approximate=False)
    assert await ids_after(reader, ids[1]) is None
    assert await ids_after(reader, ids[2]) == ids[3:]
    redis_client.delete(f"daybeat:{{{ADA}}}:feed:ada")  # as after a week without events
    assert await ids_after(reader, ids[3]) is None
    assert await ids_after(reader, ids[4]) == []
    assert await ids_after(reader, "0-0") is None


async def next_events(follower: AsyncIterator[LiveBatch], count: int) -> list[LiveBatch]:
    """Return batches until they hold ``count`` events."""
    batches: list[LiveBatch] = []
    async with asyncio.timeout(20):
        while sum(len(batch.events) for batch in batches) < count:
            batches.append(await anext(follower))
    return batches


def ids_in(batches: list[LiveBatch], user: str) -> list[str]:
    return [event.event_id for batch in batches for event in batch.events if event.user_id == user]


async def test_all_people_s_events_are_followed_from_now_on(reader: FeedReader, scribe: Scribe) -> None:
    scribe.write(count=3)
    ends = await reader.live_ends()
    users = [f"person-{number}" for number in range(12)]
    written = {user: scribe.write(user, count=4) for user in users}
    async with aclosing(reader.follow_live(ends)) as follower:
        batches = await next_events(follower, 48)
        late = asyncio.create_task(anext(follower))
        await asyncio.sleep(0)
        (last,) = await asyncio.to_thread(scribe.write)
        assert [event.event_id for event in (await asyncio.wait_for(late, 10)).events] == [last]
    assert {user: ids_in(batches, user) for user in users} == written
    assert ids_in(batches, "ada") == []
    assert not any(batch.lost for batch in batches)
    event = batches[0].events[0]
    assert json.loads(event.event)["event_id"] == event.event_id


async def test_a_follower_resumes_where_an_earlier_one_ended(reader: FeedReader, scribe: Scribe) -> None:
    start = await reader.live_ends()
    first = scribe.write(count=3)
    async with aclosing(reader.follow_live(start)) as follower:
        batches = await next_events(follower, 3)
    second = scribe.write(count=3)
    async with aclosing(reader.follow_live(batches[-1].positions)) as follower:
        batches += await next_events(follower, 3)
    assert ids_in(batches, "ada") == first + second


async def test_a_follower_that_fell_behind_the_trimmed_stream_is_told(
    reader: FeedReader, scribe: Scribe, redis_client: redis.Redis
) -> None:
    scribe.write(count=2)
    start = await reader.live_ends()
    ids = scribe.write(count=10)
    redis_client.xtrim(f"daybeat:{{{ADA}}}:live", maxlen=4, approximate=False)
    async with aclosing(reader.follow_live(start)) as follower:
        batches = await next_events(follower, 4)
    assert frozenset().union(*(batch.lost for batch in batches)) == {ADA}
    assert ids_in(batches, "ada") == ids[-4:]


async def test_a_follower_that_pauses_for_too_long_is_told(reader: FeedReader, scribe: Scribe) -> None:
    start = await reader.live_ends()
    scribe.write(count=1)
    async with aclosing(reader.follow_live(start)) as follower:
        before = await next_events(follower, 1)
        # While this follower does nothing, more is written than a live stream keeps.
        ids = scribe.write(count=LIVE_ENTRIES_MAX * 2)
        behind = [await anext(follower)]
        while ids_in(behind, "ada")[-1] != ids[-1]:
            behind.append(await anext(follower))
    assert not before[0].lost
    assert behind[0].lost == {ADA}
    assert not any(batch.lost for batch in behind[1:])
    assert len(ids_in(behind, "ada")) >= LIVE_ENTRIES_MAX


async def test_a_follower_far_behind_but_not_too_far_loses_nothing(
    reader: FeedReader, scribe: Scribe
) -> None:
    start = await reader.live_ends()
    ids = scribe.write(count=LIVE_READ_MAX * 5 + 1)
    async with aclosing(reader.follow_live(start)) as follower:
        batches = await next_events(follower, len(ids))
    assert ids_in(batches, "ada") == ids
    assert not any(batch.lost for batch in batches)


async def test_a_stream_that_was_set_back_is_read_again_from_its_start(
    reader: FeedReader, scribe: Scribe, redis_client: redis.Redis
) -> None:
    scribe.write(count=2)
    ends = await reader.live_ends()
    redis_client.delete(f"daybeat:{{{ADA}}}:live")
    async with aclosing(reader.follow_live(ends)) as follower:
        assert (await asyncio.wait_for(anext(follower), 10)).lost == {ADA}
        ids = scribe.write(count=2)
        assert ids_in(await next_events(follower, 2), "ada") == ids


async def test_a_follower_outlives_a_restart_of_redis(
    reader: FeedReader, scribe: Scribe, servers: LocalServers
) -> None:
    start = await reader.live_ends()
    ids = scribe.write(count=3)
    async with aclosing(reader.follow_live(start)) as follower:
        batches = await next_events(follower, 3)
        waiting = asyncio.create_task(anext(follower))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(servers.redis.kill)
        # Not in a thread of this loop: what a thread started ends with it, and later tests need the server.
        servers.redis.start()
        ids += await asyncio.to_thread(scribe.write)
        batches.append(await asyncio.wait_for(waiting, 20))
    assert ids_in(batches, "ada") == ids
    assert not any(batch.lost for batch in batches)


async def test_a_follower_of_an_absent_redis_gives_up_and_says_so() -> None:
    client = redis.asyncio.Redis.from_url("redis://127.0.0.1:1", retry=None)
    reader = FeedReader(client, PARTITIONS, patience=dt.timedelta(seconds=0.2))
    with pytest.raises(UnavailableError, match="following live streams"):
        await anext(reader.follow_live({PARTITIONS: EntryId(0, 0)}))  # type: ignore[dict-item]
    with pytest.raises(UnavailableError, match="reading a plan"):
        await reader.welcome("ada", DAY)
    await client.aclose()
