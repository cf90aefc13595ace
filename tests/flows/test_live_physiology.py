"""The live flow over a real Redis: what it computes of the body is written, a changed baseline is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from schemas.commands import PutPlan
from schemas.frames import encode_frame
from schemas.ids import partition_of
from schemas.positions import Position
from stores.keys import feed_key
from stores.log import EntryKind, NewEntry, RedisLog
from support.beating import midnight, night, nights, worn
from support.dumps import (
    forget_all_but_the_log,
    identities,
    people_of,
    records_of,
)
from support.live_flow import run_flow
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Sent, frame_of
from support.scenario import command, plan_for

PARTITIONS = 4
FIRST = midnight("2026-03-01")
CHANGES = midnight("2026-03-12")
"""The twelfth day, on which the 7-day mean falls below the normal range."""
DAY = date(2026, 3, 12)
OF_THE_BODY = {"features", "hrv_days", "estimates", "wear"}
ENTRY_READINGS = 16

pytestmark = pytest.mark.servers


def life_of(user: str, *, falls: bool = True) -> list[Sent]:
    """Return a dozen nights, the last of them low, and on the twelfth day a crash of energy and a walk."""
    last_ms = 14.0 if falls else 45.0
    lived = nights(FIRST, [45.0] * 9 + [last_ms] * 2, user=user)
    told = Sent(CHANGES + 7 * HOUR_US, {"energy_level": 0.7}, user, "ring")
    *slept, morning = night(CHANGES, rmssd_ms=last_ms, user=user)
    # The reading that closes the night also says that energy has fallen by far.
    crash = replace(morning, values={**morning.values, "energy_level": 0.2})
    after_us = crash.time_us
    awake = worn(after_us, after_us + 40 * MINUTE_US, each_s=60, activity="rest", user=user)
    evening = Sent(CHANGES + 20 * HOUR_US, {"heart_rate_bpm": 61.0}, user)
    return [*lived, *slept, told, crash, *awake, evening]


def entries_of(users: Sequence[str] = ("ada", "bob"), *, size: int = ENTRY_READINGS) -> list[NewEntry]:
    """Return plans, then everybody's readings in frames of a few."""
    plans = [
        command(
            user, PARTITIONS, FIRST, PutPlan(command_id=f"put-{user}", plan=plan_for(user, DAY)).model_dump()
        )
        for user in users
    ]
    readings = []
    for user in users:
        lived = life_of(user, falls=user == "ada")
        readings += [
            NewEntry(
                partition_of(user, PARTITIONS),
                EntryKind.READINGS,
                encode_frame(frame_of(lived[begin : begin + size])),
            )
            for begin in range(0, len(lived), size)
        ]
    return plans + readings


def feed_of(client: redis.Redis, user: str) -> list[dict[str, object]]:
    """Return a person's events, oldest first."""
    rows: Any = client.xrange(feed_key(partition_of(user, PARTITIONS), user))
    events = [orjson.loads(fields[b"e"]) for _, fields in rows]
    assert [event["event_id"] for event in events] == [row_id.decode() for row_id, _ in rows]
    return events


def of_the_body(client: redis.Redis) -> list[bytes]:
    """Return what was computed of beats and heart rate, each record once, as SQL keeps it."""
    records = [one for one in records_of(client, PARTITIONS) if one["table"] in OF_THE_BODY]
    return sorted(set(identities(records)))


def test_the_flow_writes_what_it_computes_of_the_body(redis_client: redis.Redis, tmp_path: Path) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries_of())
    run_flow(redis_client, tmp_path, partitions=PARTITIONS)
    records = records_of(redis_client, PARTITIONS)
    assert len({orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in records}) == len(records)
    for user in ("ada", "bob"):
        rows = [one for one in records if one["user_id"] == user]
        by_table = {name: [one for one in rows if one["table"] == name] for name in OF_THE_BODY}
        # Each night's 24 minutes of beats are in 25 windows, of which two are half full.
        assert len(by_table["features"]) >= 12 * 25
        assert {one["device_id"] for one in by_table["features"]} == {"watch"}
        assert {one["method"] for one in by_table["features"]} == {"daybeat-windows-1"}
        days = by_table["hrv_days"]
        assert [one["day"] for one in days] == [f"2026-03-{day:02}" for day in range(1, 13)]
        assert {(one["measure"], one["slot"]) for one in days} == {("rmssd_ms", "asleep")}
        assert [one["have"] for one in days] == list(range(1, 13))
        assert by_table["wear"][0]["worn"] is False  # the first data of a device are no change
        # The ring gives energy on the last day, so that nobody estimates it from then on.
        estimated = [str(one["time"]) for one in by_table["estimates"] if one["energy_level"] is not None]
        assert [moment for moment in estimated if moment.startswith("2026-03-11")]
        assert [moment for moment in estimated if moment > "2026-03-12T07"] == []
        assert any(one["stress_level"] is not None for one in by_table["estimates"])
        assert any(one["readiness_score"] is not None for one in by_table["estimates"])
    statuses = {
        user: [one["status"] for one in records if one["table"] == "hrv_days" and one["user_id"] == user]
        for user in ("ada", "bob")
    }
    assert statuses["ada"] == [None] * 6 + ["within"] * 5 + ["below"]
    assert statuses["bob"] == [None] * 6 + ["within"] * 6


def test_a_changed_baseline_stands_in_the_feed_before_what_the_same_reading_led_to(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries_of())
    run_flow(redis_client, tmp_path, partitions=PARTITIONS)
    feeds = {user: feed_of(redis_client, user) for user in ("ada", "bob")}
    told = ["plan.changed", "adaptation.applied"]
    assert [event["type"] for event in feeds["ada"]][-4:-1] == ["baseline.changed", *told]
    assert [event["type"] for event in feeds["ada"]].count("baseline.changed") == 1
    assert [event["type"] for event in feeds["bob"]][-3:-1] == told
    assert {feed[-1]["type"] for feed in feeds.values()} == {"adaptation.reverted"}  # in the evening
    assert "baseline.changed" not in {event["type"] for event in feeds["bob"]}

    changed, *others = feeds["ada"][-4:-1]
    assert [event["previous_id"] for event in feeds["ada"]] == [
        "0-0",
        *(event["event_id"] for event in feeds["ada"][:-1]),
    ]
    (decision,) = [
        one
        for one in records_of(redis_client, PARTITIONS)
        if one["table"] == "decisions" and one["user_id"] == "ada" and one["outcome"] == "applied"
    ]
    position = Position.parse(str(decision["position"]))
    assert [event["event_id"] for event in (changed, *others)] == [
        position.feed_id(slot) for slot in range(3)
    ]
    assert {event["time"] for event in (changed, *others)} == {decision["time"]}
    (day,) = [
        one for one in records_of(redis_client, PARTITIONS) if one["table"] == "hrv_days" and one["onset"]
    ]
    assert changed["baseline"] == {name: value for name, value in day.items() if name in changed["baseline"]}  # type: ignore[operator]
    assert (day["day"], day["status"]) == ("2026-03-12", "below")
    assert day["time"] == "2026-03-12T08:00:00Z"


def test_a_replay_from_the_beginning_tells_and_writes_nothing_twice(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries_of())
    run_flow(redis_client, tmp_path / "first", partitions=PARTITIONS)
    people, body = people_of(redis_client), of_the_body(redis_client)
    decided = [one for one in records_of(redis_client, PARTITIONS) if one["table"] == "decisions"]
    run_flow(redis_client, tmp_path / "again", partitions=PARTITIONS)
    assert people_of(redis_client) == people
    assert of_the_body(redis_client) == body
    assert [one for one in records_of(redis_client, PARTITIONS) if one["table"] == "decisions"] == decided


@pytest.mark.parametrize("share", [0.35, 0.9], ids=["between-nights", "before-the-change"])
def test_a_flow_that_stops_between_beats_goes_on_where_it_was(
    redis_client: redis.Redis, tmp_path: Path, share: float
) -> None:
    entries = entries_of(("ada",), size=3)
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    cut = round(share * len(entries))
    log.append(entries[:cut])
    run_flow(redis_client, tmp_path / "state", partitions=PARTITIONS)
    log.append(entries[cut:])
    run_flow(redis_client, tmp_path / "state", partitions=PARTITIONS)
    resumed, people = of_the_body(redis_client), people_of(redis_client)
    assert [event["type"] for event in feed_of(redis_client, "ada")].count("baseline.changed") == 1
    forget_all_but_the_log(redis_client)
    run_flow(redis_client, tmp_path / "unbroken", partitions=PARTITIONS)
    assert of_the_body(redis_client) == resumed
    assert people_of(redis_client) == people


def test_other_frames_give_the_same_windows_days_and_estimates(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    found = []
    for size in (1, 500):
        redis_client.flushdb()
        log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
        log.append(entries_of(("ada",), size=size))
        run_flow(redis_client, tmp_path / f"of-{size}", partitions=PARTITIONS, workers=1 + (size > 1))
        changed = [one for one in feed_of(redis_client, "ada") if one["type"] == "baseline.changed"]
        found.append((of_the_body(redis_client), [one["baseline"] for one in changed]))
    assert found[0] == found[1]
    assert len(found[0][1]) == 1


def test_late_nights_are_written_and_nobody_is_told(redis_client: redis.Redis, tmp_path: Path) -> None:
    late = [replace(one, delay_us=2 * DAY_US + SECOND_US) for one in life_of("ada")]
    entry = NewEntry(partition_of("ada", PARTITIONS), EntryKind.READINGS, encode_frame(frame_of(late)))
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append([entry])
    run_flow(redis_client, tmp_path, partitions=PARTITIONS)
    records = records_of(redis_client, PARTITIONS)
    assert [one["onset"] for one in records if one["table"] == "hrv_days"] == [False] * 11 + [True]
    assert {one["stress_level"] for one in records if one["table"] == "estimates"} == {None}
    assert feed_of(redis_client, "ada") == []
