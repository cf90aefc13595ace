import datetime as dt

import pytest
import redis

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from schemas.positions import Position
from schemas.records import BaselineRow
from schemas.situations import Decided, Situation
from stores.plans import (
    FEED_ENTRIES_MAX,
    LoadedSituation,
    PlanStore,
    PlanWrite,
    SituationRequest,
    WriteResult,
)
from support.adapting import DAY, NOW, SEEDS, command, firing, firings_at, plan, position_at, task
from support.plan_state import check_person, everything, feed_of, plan_of, records_in
from support.plan_writing import (
    ADA,
    DATES,
    FEED_KEY,
    PARTITIONS,
    PERSON_KEY,
    TOMORROW,
    carry_out,
    fire,
    load,
    put,
    two_tasks,
)

pytestmark = pytest.mark.servers


@pytest.fixture
def store(redis_client: redis.Redis) -> PlanStore:
    return PlanStore(redis_client, PARTITIONS, patience=dt.timedelta(seconds=20))


def test_of_an_unknown_person_nothing_is_known(store: PlanStore) -> None:
    loaded = load(store, command_id="c")
    assert loaded == LoadedSituation(Situation("ada", loaded.situation.person, {}, "0-0"), None, None)


def test_what_is_written_is_loaded_again(store: PlanStore, redis_client: redis.Redis) -> None:
    put(store, two_tasks())
    loaded = load(store)
    write = fire(loaded, firing(), position_at(NOW, 5))
    assert store.write([write]) == [WriteResult.WRITTEN]
    again = load(store)
    assert again.situation == loaded.situation.after(write.decided)
    assert again.applied == position_at(NOW, 5)
    assert check_person(redis_client, ADA, "ada", "2026-11-20") == 2


def test_requests_are_answered_in_order_whatever_they_ask_for(store: PlanStore) -> None:
    for index, user in enumerate(("ada", "bob", "eve")):
        put(store, two_tasks(user), index)
    ada, bob, eve, nobody = store.load(
        [
            SituationRequest("ada"),
            SituationRequest("bob", (TOMORROW, DAY), "plan-put-1"),
            SituationRequest("eve", (DAY,)),
            SituationRequest("nobody", DATES, "x"),
        ]
    )
    assert [one.situation.user_id for one in (ada, bob, eve, nobody)] == ["ada", "bob", "eve", "nobody"]
    assert [list(one.situation.plans) for one in (ada, bob, eve, nobody)] == [[], [DAY], [DAY], []]
    assert [one.recorded is not None for one in (ada, bob, eve, nobody)] == [False, True, False, False]


@pytest.mark.parametrize("back", [0, 1, 4], ids=["the-same", "one-before", "the-first"])
def test_a_position_that_is_not_greater_writes_nothing(
    store: PlanStore, redis_client: redis.Redis, back: int
) -> None:
    put(store, two_tasks())
    loaded = load(store)
    assert store.write([fire(loaded, firing(), position_at(NOW, 5))]) == [WriteResult.WRITTEN]
    before = everything(redis_client)
    for expected in (loaded, load(store)):
        replay = fire(expected, firing("stress_spike"), position_at(NOW, 5 - back))
        assert store.write([replay]) == [WriteResult.REPLAYED]
    assert everything(redis_client) == before


@pytest.mark.parametrize(
    ("applied", "position", "result"),
    [
        ("9-0-0", "10-0-0", "written"),  # as numbers, not as text
        ("10-9-0", "10-10-0", "written"),
        ("10-0-9", "10-0-10", "written"),
        ("10-0-10", "10-0-9", "replayed"),
        ("10-1-0", "10-0-99", "replayed"),
        ("11-0-0", "10-99-99", "replayed"),
    ],
)
def test_positions_are_compared_as_numbers(
    store: PlanStore, applied: str, position: str, result: str
) -> None:
    empty = Decided(at=NOW, person=Situation("ada", load(store).situation.person, {}).person)
    first = PlanWrite("ada", Position.parse(applied), None, empty)
    assert store.write([first]) == [WriteResult.WRITTEN]
    second = PlanWrite("ada", Position.parse(position), Position.parse(applied), empty)
    assert store.write([second]) == [WriteResult(result)]


def test_what_was_decided_on_an_older_situation_is_a_conflict(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    stale = load(store)
    assert carry_out(store, command("task.start", task_id="a"), 3)[0] is WriteResult.WRITTEN
    before = everything(redis_client)
    assert store.write([fire(stale, firing(), position_at(NOW, 5))]) == [WriteResult.CONFLICT]
    assert everything(redis_client) == before
    # Decided again on what stands there now, the started task is left alone.
    write = fire(load(store), firing(), position_at(NOW, 5))
    assert write.decided.plans == ()
    assert store.write([write]) == [WriteResult.WRITTEN]


def test_a_second_flow_that_is_late_changes_nothing(store: PlanStore, redis_client: redis.Redis) -> None:
    put(store, two_tasks())
    zombie = load(store)
    for index, rule in ((5, "energy_drop"), (6, "stress_spike"), (7, "energy_surge")):
        loaded = load(store)
        assert store.write([fire(loaded, firing(rule), position_at(NOW, index))]) == [WriteResult.WRITTEN]
    before = everything(redis_client)
    results = store.write(
        [
            fire(zombie, firing("energy_drop"), position_at(NOW, 5)),
            fire(zombie, firing("stress_spike"), position_at(NOW, 6)),
            fire(zombie, firing("sleep_debt"), position_at(NOW, 8)),
        ]
    )
    assert results == [WriteResult.REPLAYED, WriteResult.REPLAYED, WriteResult.CONFLICT]
    assert everything(redis_client) == before


def test_a_hundred_firings_at_once_in_one_batch(store: PlanStore, redis_client: redis.Redis) -> None:
    put(
        store,
        plan(*(task(f"t{n}", f"{10 + n // 6}:{10 * (n % 6):02}", 9, description="") for n in range(24))),
    )
    loaded = load(store)
    names = SEEDS
    state, applied, writes = loaded.situation, loaded.applied, []
    for number in range(1, 101):
        one = firing(names[number % len(names)], number=number)
        position = position_at(NOW, number)
        decided = decide_reading(state, firings_at(one, position=position))
        writes.append(PlanWrite("ada", position, applied, decided))
        state, applied = state.after(decided), position
    assert store.write(writes) == [WriteResult.WRITTEN] * 100
    assert load(store).situation == state
    rows = [row for row in records_in(redis_client, ADA) if row["table"] == "decisions"]
    assert len(rows) == len({row["decision_id"] for row in rows}) == 100
    changed = [row["rule"] for row in rows if row["outcome"] == "applied"]
    assert len(changed) == len(set(changed)) <= 3
    assert check_person(redis_client, ADA, "ada", "2026-11-20") == 1 + len(changed)
    assert store.write(writes) == [WriteResult.REPLAYED] * 100


def test_a_repeated_command_finds_its_outcome_for_seven_days(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    entry = command("task.start", task_id="a")
    first, decided = carry_out(store, entry, 3)
    ttl_ms = redis_client.hpttl(f"daybeat:{{{ADA}}}:commands:ada", entry.command.command_id)[0]
    assert 7 * 86_400_000 - 60_000 < ttl_ms <= 7 * 86_400_000
    redis_client.hpexpire(f"daybeat:{{{ADA}}}:commands:ada", 1000_000, entry.command.command_id)
    repeated, again = carry_out(store, entry, 4)
    assert (first, repeated) == (WriteResult.WRITTEN, WriteResult.WRITTEN)
    assert again.outcome == decided.outcome
    assert [event["type"] for event in feed_of(redis_client, ADA, "ada")] == [
        "plan.replaced",
        "command.done",
        "task.changed",
        "command.done",
        "command.done",
    ]
    plan_now = plan_of(redis_client, ADA, "ada", "2026-11-20")
    assert plan_now is not None
    assert plan_now["version"] == 2
    # The repeat does not prolong it.
    assert redis_client.hpttl(f"daybeat:{{{ADA}}}:commands:ada", entry.command.command_id)[0] <= 1000_000


def test_a_declined_proposal_leaves_the_plan_as_it_was_byte_for_byte(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    one = firing("energy_surge")
    store.write([fire(load(store), one, position_at(NOW, 5))])
    before = redis_client.get(f"daybeat:{{{ADA}}}:plan:ada:2026-11-20")
    carry_out(store, command("adaptation.decline", adaptation_id=one.firing_id), 6)
    assert redis_client.get(f"daybeat:{{{ADA}}}:plan:ada:2026-11-20") == before
    assert [event["type"] for event in feed_of(redis_client, ADA, "ada")][2:] == [
        "adaptation.proposed",
        "adaptation.noted",
        "command.done",
    ]


def test_the_feed_is_bounded_and_everything_but_the_person_expires(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    loaded = load(store)
    state, applied, writes = loaded.situation, loaded.applied, []
    for number in range(1, FEED_ENTRIES_MAX + 20):
        position = position_at(NOW, number)
        entry = command("task.skip", task_id="none", number=number)
        decided = decide_command(state, entry, position, time_zone="UTC", recorded=None)
        writes.append(PlanWrite("ada", position, applied, decided, entry.command.command_id))
        state, applied = state.after(decided), position
    assert set(store.write(writes)) == {WriteResult.WRITTEN}
    feed = feed_of(redis_client, ADA, "ada")
    assert len(feed) == FEED_ENTRIES_MAX
    assert feed[-1]["event_id"] == state.feed_last
    assert 7 * 86_400 - 60 < redis_client.ttl(FEED_KEY) <= 7 * 86_400
    assert 14 * 86_400 - 60 < redis_client.ttl(f"daybeat:{{{ADA}}}:plan:ada:2026-11-20") <= 14 * 86_400
    assert redis_client.ttl(PERSON_KEY) == -1


@pytest.mark.parametrize(("days", "kept_days"), [(-100, 2), (-5, 9), (1, 15), (30, 44), (5000, 400)])
def test_a_plan_is_kept_for_two_weeks_after_its_date(
    store: PlanStore, redis_client: redis.Redis, days: int, kept_days: int
) -> None:
    day = DAY + dt.timedelta(days=days)
    put(store, plan(task("a", day=day), day=day))
    ttl_s = redis_client.ttl(f"daybeat:{{{ADA}}}:plan:ada:{day}")
    assert kept_days * 86_400 - 60 < ttl_s <= kept_days * 86_400


def test_records_without_a_plan_go_to_the_same_stream(store: PlanStore, redis_client: redis.Redis) -> None:
    row = BaselineRow(
        time=NOW,
        user_id="ada",
        device_id="watch",
        measure="hrv_rmssd_ms",
        slot="all_day",
        mean=44.0,
        sd=6.0,
        count=21,
        since=NOW,
    )
    store.append_records([row, row])
    store.append_records([])
    assert records_in(redis_client, ADA) == [row.model_dump(mode="json")] * 2


def test_the_script_is_loaded_again_when_redis_has_forgotten_it(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    redis_client.script_flush()
    assert store.write([fire(load(store), firing(), position_at(NOW, 5))]) == [WriteResult.WRITTEN]
    assert check_person(redis_client, ADA, "ada", "2026-11-20") == 2
