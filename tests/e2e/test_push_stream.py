"""The stream of one person: welcome, live events, resumption, resync; nothing twice, nothing missing."""

import asyncio
import datetime as dt
import threading

import pytest
import redis

from daybeat.app_client import AppClient, Received, StreamClosedError, open_app
from daybeat.app_follow import follow_person
from daybeat.servers import LocalServers
from push.protocol import CloseCode
from schemas.events import AdaptationProposed, PlanReplaced
from schemas.ids import partition_of
from schemas.records import Adaptation
from stores.keys import feed_key, live_key
from support.adapting import plan, task
from support.push_run import NOW, PARTITIONS, PlanWriter, coach_token, fields_of, push_running, token_of

pytestmark = pytest.mark.servers

WITHIN_S = 10.0


async def next_of(app: AppClient) -> Received:
    return await asyncio.wait_for(app.next_message(), WITHIN_S)


async def events_until(app: AppClient, event_id: str) -> list[Received]:
    """Return messages up to the event of that id."""
    received = [await next_of(app)]
    while received[-1].event_id != event_id:
        received.append(await next_of(app))
    return received


def assert_chain(events: list[Received], *, after: str) -> None:
    """Fail unless each event names the one before it, beginning behind ``after``."""
    for event in events:
        fields = fields_of(event.text)
        assert fields["previous_id"] == after
        after = event.event_id


async def test_a_new_person_is_welcomed_without_plan_or_event(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        assert fields_of(app.welcome.text) == {
            "type": "welcome",
            "user_id": "ada",
            "plan": None,
            "event_id": "0-0",
            "proposals": [],
            "adaptations": [],
        }


async def test_the_welcome_holds_todays_plan_and_the_last_event_of_it(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    today = plan(task("walk"))
    last = PlanWriter(redis_client).put_plan("ada", today).events[-1].event_id
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        assert app.welcome.plan() == today
        assert app.welcome.event_id == last


def propose(writer: PlanWriter) -> Adaptation:
    """Give ada a plan and let a rule propose a change of it."""
    writer.put_plan("ada", plan(task("walk")))
    (proposed,) = writer.fire("ada", "energy_surge").events
    assert isinstance(proposed, AdaptationProposed)
    return proposed.adaptation


async def test_the_welcome_holds_what_is_proposed_until_it_is_answered(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    proposal = propose(writer)
    async with push_running(servers.redis_url) as push:
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.proposals() == (proposal,)
        async with open_app(push.url, token=token_of("ada"), last_event_id="1-1") as app:
            assert (app.welcome.type, app.welcome.proposals()) == ("resync", (proposal,))
        known = writer.event("ada")
        async with open_app(push.url, token=token_of("ada"), last_event_id=known) as app:
            assert (app.welcome.type, app.welcome.proposals()) == ("welcome", ())
        answer = {"type": "adaptation.decline", "adaptation_id": proposal.adaptation_id}
        writer.carry_out("ada", writer.command(answer))
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.proposals() == ()


@pytest.mark.parametrize(
    ("after_expiry", "count"), [(-dt.timedelta(microseconds=1), 1), (dt.timedelta(0), 0)]
)
async def test_a_proposal_that_has_expired_is_not_in_the_welcome_though_nothing_closed_it_yet(
    servers: LocalServers, redis_client: redis.Redis, after_expiry: dt.timedelta, count: int
) -> None:
    proposal = propose(PlanWriter(redis_client))
    now = proposal.expires_at + after_expiry
    async with (
        push_running(servers.redis_url, now=lambda: now) as push,
        open_app(push.url, token=token_of("ada")) as app,
    ):
        assert app.welcome.proposals() == (proposal,) * count


async def test_today_is_the_persons_local_day(servers: LocalServers, redis_client: redis.Redis) -> None:
    writer = PlanWriter(redis_client)
    tomorrow = plan(
        task("swim", day=NOW.date() + dt.timedelta(days=1)), day=NOW.date() + dt.timedelta(days=1)
    )
    writer.put_plan("ada", plan(task("walk")))
    writer.put_plan("ada", tomorrow)
    evening = NOW.replace(hour=23)
    async with push_running(servers.redis_url, now=lambda: evening) as push:
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.plan() == plan(task("walk"))
        zone = writer.command({"type": "profile.set", "time_zone": "Europe/Helsinki"})
        writer.carry_out("ada", zone)
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.plan() == tomorrow


async def test_events_follow_the_welcome_as_they_happen(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.event("ada")
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        assert await next_of(app) == app.welcome
        replaced = writer.put_plan("ada", plan(task("walk"))).events[0]
        event = await next_of(app)
        assert isinstance(replaced, PlanReplaced)
        assert event.event() == replaced
        assert event.event().previous_id == app.welcome.event_id


async def test_every_device_of_a_person_gets_every_event(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url) as push,
        open_app(push.url, token=token_of("ada")) as phone,
        open_app(push.url, token=coach_token("ada"), user_id="ada") as page,
    ):
        event_id = writer.event("ada")
        for app in (phone, page):
            assert (await events_until(app, event_id))[-1].event_id == event_id


async def test_a_client_resumes_by_its_last_id_and_gets_what_it_missed_then_what_comes(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push:
        async with open_app(push.url, token=token_of("ada")) as app:
            known = writer.event("ada")
            await events_until(app, known)
        missed = [writer.event("ada") for _ in range(3)]
        async with open_app(push.url, token=token_of("ada"), last_event_id=known) as app:
            assert fields_of((await next_of(app)).text) == {
                "type": "welcome",
                "user_id": "ada",
                "plan": None,
                "event_id": known,
                "proposals": [],
                "adaptations": [],
            }
            missed.append(writer.event("ada"))
            events = await events_until(app, missed[-1])
            assert [event.event_id for event in events] == missed
            assert_chain(events, after=known)


async def test_after_a_day_offline_a_client_still_resumes(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    known = writer.event("ada")
    missed = writer.event("ada")
    async with (
        push_running(servers.redis_url, now=lambda: NOW + dt.timedelta(hours=25)) as push,
        open_app(push.url, token=token_of("ada"), last_event_id=known) as app,
    ):
        events = await events_until(app, missed)
        assert [one.type for one in events] == ["welcome", "command.done"]


@pytest.mark.parametrize("last_event_id", ["1-1", "9999999999999-0"])
async def test_where_the_last_id_is_gone_the_whole_plan_comes_as_resync(
    servers: LocalServers, redis_client: redis.Redis, last_event_id: str
) -> None:
    writer = PlanWriter(redis_client)
    last = writer.put_plan("ada", plan(task("walk"))).events[-1].event_id
    async with push_running(servers.redis_url) as push:
        async with open_app(push.url, token=token_of("ada"), last_event_id=last_event_id) as app:
            assert (app.welcome.type, app.welcome.event_id) == ("resync", last)
            assert app.welcome.plan() == plan(task("walk"))
            assert_chain((await events_until(app, writer.event("ada")))[1:], after=last)
        assert push.count("daybeat_push_resyncs_total") == 1


async def test_a_trimmed_feed_leads_to_a_resync(servers: LocalServers, redis_client: redis.Redis) -> None:
    writer = PlanWriter(redis_client)
    known = writer.event("ada")
    last = [writer.event("ada") for _ in range(3)][-1]
    redis_client.xtrim(feed_key(partition_of("ada", PARTITIONS), "ada"), maxlen=1, approximate=False)
    async with (
        push_running(servers.redis_url) as push,
        open_app(push.url, token=token_of("ada"), last_event_id=known) as app,
    ):
        assert (app.welcome.type, app.welcome.event_id) == ("resync", last)


async def test_events_lost_from_the_live_stream_are_read_from_the_feed(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        # No await between these: the server runs in this loop and cannot read before the stream is trimmed.
        ids = [writer.event("ada") for _ in range(5)]
        redis_client.xtrim(live_key(partition_of("ada", PARTITIONS)), maxlen=0, approximate=False)
        await asyncio.sleep(0.2)
        ids.append(writer.event("ada"))
        events = await events_until(app, ids[-1])
        assert [event.event_id for event in events[1:]] == ids
        assert push.count("daybeat_push_rereads_total") == 1
        assert push.count("daybeat_push_resyncs_total") == 0


async def test_connecting_while_events_stream_in_never_skips_or_repeats_one(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    stop = threading.Event()
    written: list[str] = []

    def write_on() -> None:
        while not stop.is_set():
            written.append(writer.event("ada"))

    async with push_running(servers.redis_url) as push:
        thread = threading.Thread(target=write_on)
        thread.start()
        try:
            for attempt in range(30):
                last_event_id = written[-1] if attempt % 2 and written else None
                async with open_app(push.url, token=token_of("ada"), last_event_id=last_event_id) as app:
                    messages = [await next_of(app) for _ in range(20)]
                assert messages[0].type in {"welcome", "resync"}
                assert_chain(messages[1:], after=messages[0].event_id)
        finally:
            stop.set()
            thread.join()


async def test_what_was_written_while_no_push_server_ran_arrives_afterwards(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    received: list[Received] = []
    first_seen, second_seen = asyncio.Event(), asyncio.Event()

    async def listen(url: str) -> None:
        async for message in follow_person(url, token=token_of("ada")):
            received.append(message)
            first_seen.set()
            if len(received) > 1 and message.is_event:
                second_seen.set()

    async with push_running(servers.redis_url) as push:
        port = push.port
        listening = asyncio.create_task(listen(push.url))
        await asyncio.wait_for(first_seen.wait(), WITHIN_S)
    missed = writer.event("ada")
    async with push_running(servers.redis_url, port=port):
        await asyncio.wait_for(second_seen.wait(), WITHIN_S)
        listening.cancel()
    assert [(one.type, one.event_id) for one in received] == [
        ("welcome", "0-0"),
        ("welcome", "0-0"),
        ("command.done", missed),
    ]
    assert fields_of(received[1].text)["plan"] is None


async def test_a_stopping_server_says_goodbye(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        context = open_app(push.url, token=token_of("ada"))
        app = await context.__aenter__()
        await next_of(app)
    with pytest.raises(StreamClosedError) as closed:
        await next_of(app)
    assert closed.value.code == CloseCode.GOING_AWAY
    await context.__aexit__(None, None, None)
