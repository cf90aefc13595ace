"""What a page reads of the history: points, bands, decisions, people, compared with the rows put in."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterable

import psycopg
import pytest
from psycopg.types.json import Jsonb

from daybeat.servers import LocalServers
from schemas.errors import UnavailableError
from stores.glance import StoredFigures
from stores.physiology import Sources
from stores.series import DECISIONS_MAX, WINDOW, SeriesStore

pytestmark = pytest.mark.servers

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def ago(**span: float) -> dt.datetime:
    return NOW - dt.timedelta(**span)


@pytest.fixture
async def store(servers: LocalServers) -> AsyncIterator[SeriesStore]:
    store = SeriesStore(servers.database_url)
    yield store
    await store.close()


def put_readings(
    database: psycopg.Connection,
    rows: Iterable[tuple[dt.datetime, dict[str, float]]],
    *,
    user: str = "ada",
    device: str = "watch",
    delay: dt.timedelta = dt.timedelta(0),
) -> None:
    for number, (time, values) in enumerate(rows):
        database.execute(
            "INSERT INTO daybeat.readings"
            " (time, user_id, device_id, digest, arrival, time_stamped_on_arrival,"
            " heart_rate_bpm, hrv_rmssd_ms, energy_level, stress_level)"
            " VALUES (%s, %s, %s, %s, %s, false, %s, %s, %s, %s)",
            (
                time,
                user,
                device,
                number,
                time + delay,
                *(values.get(name) for name in ("hr", "rmssd", "energy", "stress")),
            ),
        )


def put_decision(
    database: psycopg.Connection, number: int, time: dt.datetime, *, user: str = "ada", **fields: str
) -> None:
    row = {"rule": "energy_drop", "outcome": "applied", "why": "", "firing_id": f"firing-{number}", **fields}
    database.execute(
        "INSERT INTO daybeat.decisions (time, decision_id, user_id, rule, outcome, why, firing_id, position,"
        " reason, evidence, confidence, propensity)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, '1-0-0', 'Because.', %s, 0.8, 1)",
        (time, f"decision-{number}", user, *row.values(), Jsonb({"values": [number]})),
    )


def put_adaptation(
    database: psycopg.Connection,
    user: str,
    action: str,
    *,
    kind: str = "protective",
    time: dt.datetime = NOW - dt.timedelta(hours=1),
    expires: dt.datetime = NOW + dt.timedelta(hours=1),
    status: str = "applied",
) -> None:
    database.execute(
        "INSERT INTO daybeat.adaptations"
        " (time, adaptation_id, user_id, rule, kind, action, status, plan_date,"
        " task_id, original_task, adapted_task, reason, evidence, confidence, propensity, expires_at)"
        " VALUES (%s, %s, %s, 'r', %s, %s, %s, %s, 't', '{}', '{}', '', '{}', 1, 1, %s)",
        (time, f"{user}-{action}-{ms(time)}", user, kind, action, status, NOW.date(), expires),
    )


async def test_a_person_without_history_has_empty_series(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    del database
    series = await store.series("ada", after_ms=None, now=NOW)
    assert not any(series.measures.values())
    assert (series.baselines, series.decisions) == ({}, [])
    assert (series.sources, series.windows, series.hrv_days) == (Sources(None, None), [], [])
    assert not any(series.estimates.values())
    assert series.next == ms(NOW - WINDOW)


async def test_the_last_day_comes_as_means_of_a_minute_and_gaps_stay_gaps(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    minute = ago(hours=3)
    put_readings(
        database,
        [
            (ago(hours=25), {"hr": 200}),
            (minute + dt.timedelta(seconds=1), {"hr": 60, "stress": 0.5}),
            (minute + dt.timedelta(seconds=59), {"hr": 70}),
            (minute + dt.timedelta(minutes=10), {"hr": 80, "rmssd": 41.5, "energy": 0.25}),
        ],
    )
    series = await store.series("ada", after_ms=None, now=NOW)
    assert series.measures == {
        "heart_rate_bpm": [(ms(minute), 65.0), (ms(minute) + 600_000, 80.0)],
        "hrv_rmssd_ms": [(ms(minute) + 600_000, 41.5)],
        "energy_level": [(ms(minute) + 600_000, 0.25)],
        "stress_level": [(ms(minute), 0.5)],
    }


async def test_the_cursor_brings_every_reading_once_whatever_the_order_of_arrival(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    put_readings(database, [(ago(seconds=30), {"hr": 60})], delay=dt.timedelta(microseconds=123_457))
    first = await store.series("ada", after_ms=None, now=NOW)
    put_readings(database, [(ago(seconds=20), {"hr": 61}), (ago(seconds=10), {"hr": 62})])
    put_readings(
        database, [(ago(minutes=5), {"hr": 50})], device="late", delay=dt.timedelta(minutes=4, seconds=58)
    )
    second = await store.series("ada", after_ms=first.next, now=NOW)
    third = await store.series("ada", after_ms=second.next, now=NOW)
    assert second.measures["heart_rate_bpm"] == [
        (ms(ago(minutes=5)), 50.0),
        (ms(ago(seconds=20)), 61.0),
        (ms(ago(seconds=10)), 62.0),
    ]
    assert third.measures["heart_rate_bpm"] == []
    assert third.next == second.next == ms(ago(seconds=2))


async def test_a_page_that_was_away_for_long_gets_means_again(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    put_readings(database, [(ago(hours=2, seconds=-number), {"hr": 60 + number}) for number in range(10)])
    series = await store.series("ada", after_ms=ms(ago(hours=2)), now=NOW)
    assert series.measures["heart_rate_bpm"] == [(ms(ago(hours=2)), 64.5)]


async def test_the_band_is_of_one_device_and_reaches_the_left_edge(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    rows = [
        (ago(hours=40), "watch", "hrv_rmssd_ms", "all_day", 40.0, 4.0, 90),
        (ago(hours=30), "watch", "hrv_rmssd_ms", "all_day", 41.0, 4.1, 95),
        (ago(hours=2), "watch", "hrv_rmssd_ms", "all_day", 42.0, 4.2, 100),
        (ago(hours=2), "ring", "hrv_rmssd_ms", "all_day", 99.0, 9.9, 10),
        (ago(hours=2), "watch", "hrv_rmssd_ms", "night", 88.0, 8.8, 100),
        (ago(hours=1), "ring", "energy_level", "all_day", 0.5, 0.1, 3),
        (ago(hours=1), "ring", "steps", "all_day", 100.0, 10.0, 3),
    ]
    for time, device, measure, slot, mean, sd, count in rows:
        database.execute(
            "INSERT INTO daybeat.baselines (time, user_id, device_id, measure, slot, mean, sd, count, since)"
            " VALUES (%s, 'ada', %s, %s, %s, %s, %s, %s, %s)",
            (time, device, measure, slot, mean, sd, count, ago(days=20)),
        )
    series = await store.series("ada", after_ms=None, now=NOW)
    assert series.baselines == {
        "hrv_rmssd_ms": [(ms(ago(hours=30)), 41.0, 4.1), (ms(ago(hours=2)), 42.0, 4.2)],
        "energy_level": [(ms(ago(hours=1)), 0.5, 0.1)],
    }


async def test_decisions_come_newest_first_with_reason_and_evidence(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    for number in range(DECISIONS_MAX + 5):
        put_decision(database, number, ago(minutes=number))
    put_decision(database, 9999, ago(minutes=1), user="bob")
    decisions = (await store.series("ada", after_ms=None, now=NOW)).decisions
    assert [one.decision_id for one in decisions] == [f"decision-{number}" for number in range(DECISIONS_MAX)]
    newest = decisions[0]
    assert (newest.rule, newest.outcome, newest.reason) == ("energy_drop", "applied", "Because.")
    assert (newest.evidence, newest.confidence, newest.time) == ({"values": [0]}, 0.8, NOW)


async def test_a_decision_stored_behind_its_readings_is_not_missed(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    put_readings(database, [(ago(seconds=1), {"hr": 60})])
    cursor = (await store.series("ada", after_ms=None, now=NOW)).next
    put_decision(database, 1, ago(minutes=3))
    assert [one.decision_id for one in (await store.series("ada", after_ms=cursor, now=NOW)).decisions] == [
        "decision-1"
    ]


async def test_people_are_told_in_a_word_and_a_line(store: SeriesStore, database: psycopg.Connection) -> None:
    for user in ("calm", "eased", "resting", "keen", "over", "declined", "lot"):
        put_readings(database, [(ago(minutes=7), {"hr": 60}), (ago(minutes=6), {"hr": 70})], user=user)
    put_adaptation(database, "eased", "switch_to_recovery", time=ago(hours=3))
    put_adaptation(database, "eased", "reduce_intensity")
    put_adaptation(database, "resting", "prioritize_recovery")
    put_adaptation(database, "keen", "upgrade", kind="upgrading")
    put_adaptation(database, "lot", "reduce_intensity", status="withheld")
    put_adaptation(database, "over", "reduce_intensity", expires=ago(minutes=1))
    put_adaptation(database, "declined", "upgrade", kind="upgrading", time=ago(minutes=30))
    put_decision(
        database,
        1,
        ago(minutes=29),
        user="declined",
        outcome="declined",
        firing_id=f"declined-upgrade-{ms(ago(minutes=30))}",
    )
    people = (await store.glance(None, now=NOW)).people
    assert {one.user_id: one.state for one in people} == {
        "calm": "steady",
        "declined": "steady",
        "eased": "easing",
        "keen": "ready",
        "lot": "steady",
        "over": "steady",
        "resting": "recovering",
    }
    assert [one.user_id for one in people] == sorted(one.user_id for one in people)
    assert people[0].spark == [(ms(ago(minutes=10)), 65.0)]


async def test_only_the_people_asked_for_are_told_of(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    for user in ("ada", "bob", "eve"):
        put_readings(database, [(ago(minutes=7), {"hr": 60})], user=user)
    people = (await store.glance({"eve", "ada", "unknown"}, now=NOW)).people
    assert [(one.user_id, len(one.spark)) for one in people] == [("ada", 1), ("eve", 1), ("unknown", 0)]


async def test_everyone_means_those_with_readings_of_the_last_day(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    for number in range(30):
        put_readings(database, [(ago(hours=1), {"hr": 60})] * 1, user=f"person-{number:02}")
    put_readings(database, [(ago(hours=25), {"hr": 60})], user="long-gone")
    assert [one.user_id for one in (await store.glance(None, now=NOW)).people] == [
        f"person-{number:02}" for number in range(30)
    ]


@pytest.mark.parametrize("speed", [1.0, 1440.0])
async def test_the_rate_is_that_of_real_seconds_whatever_the_clocks_speed(
    servers: LocalServers, database: psycopg.Connection, speed: float
) -> None:
    def real_ago(seconds: float) -> dt.datetime:
        return NOW - dt.timedelta(seconds=seconds * speed)

    for user in ("ada", "bob", "eve"):
        put_readings(database, [(real_ago(12.01 - step / 2), {"hr": 60}) for step in range(26)], user=user)
    # Of 26 readings in 12.5 s the first lies before the span; the last five have perhaps not all been stored.
    put_readings(
        database, [(real_ago(12.01), {"hr": 60})], device="late", delay=real_ago(5) - real_ago(12.01)
    )
    put_readings(database, [(ago(days=2), {"hr": 60})], device="history", delay=real_ago(5) - ago(days=2))
    store = SeriesStore(servers.database_url, speed=speed)
    figures = (await store.glance({"ada", "eve"}, now=NOW)).figures
    await store.close()
    assert figures.readings_per_s == (20 + 20 + 1) / 10


async def test_the_day_s_rules_and_rewritten_plans_are_those_of_the_people_asked_for(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    def put_version(cause: str, time: dt.datetime, *, user: str = "ada", days: int = 0) -> None:
        database.execute(
            "INSERT INTO daybeat.plan_versions (user_id, plan_date, version, position, time, cause, patch)"
            " VALUES (%s, %s, (SELECT count(*) FROM daybeat.plan_versions), '1-0-0', %s, %s, '[]')",
            (user, time.date() + dt.timedelta(days=days), time, cause),
        )

    outcomes = ("applied", "proposed", "withheld", "suppressed", "declined", "expired")
    for number, outcome in enumerate(outcomes):
        put_decision(database, number, ago(hours=1 + number), outcome=outcome)
    put_version("firing-0", ago(hours=1))
    put_version("firing-0", ago(hours=1), days=1)
    put_decision(database, 10, ago(hours=26), firing_id="yesterday-s", outcome="proposed")
    put_decision(database, 11, ago(hours=23), firing_id="yesterday-s", outcome="accepted")
    put_version("yesterday-s", ago(hours=23))
    put_decision(database, 12, ago(hours=25))
    put_version("firing-12", ago(hours=25))
    put_version("a-command-s", ago(hours=2))
    put_decision(database, 13, ago(minutes=30), firing_id="firing-0", outcome="accepted")
    put_version("firing-0", ago(minutes=30), days=2)  # its marks changed: the day stayed as it was
    put_decision(database, 20, ago(hours=1), user="bob")
    put_version("firing-20", ago(hours=1), user="bob")
    assert (await store.glance({"ada"}, now=NOW)).figures == StoredFigures(0.0, 3, 3)
    assert (await store.glance({"ada", "bob"}, now=NOW)).figures == StoredFigures(0.0, 4, 4)
    assert (await store.glance(set(), now=NOW)).figures == StoredFigures(0.0, 0, 0)


async def test_a_frozen_database_is_given_up_in_time_and_asked_again_when_it_wakes(
    store: SeriesStore, servers: LocalServers, database: psycopg.Connection
) -> None:
    put_readings(database, [(ago(minutes=1), {"hr": 60})])
    await store.series("ada", after_ms=None, now=NOW)
    servers.postgres.pause()
    try:
        async with asyncio.timeout(30):
            with pytest.raises(UnavailableError):
                await store.series("ada", after_ms=None, now=NOW)
    finally:
        servers.postgres.resume()
    async with asyncio.timeout(40):
        while True:
            try:
                series = await store.series("ada", after_ms=None, now=NOW)
                break
            except UnavailableError:
                await asyncio.sleep(0.2)
    assert series.measures["heart_rate_bpm"]


async def test_a_missing_server_is_named_without_its_password() -> None:
    store = SeriesStore("postgresql://daybeat:hush@127.0.0.1:1/daybeat")
    with pytest.raises(UnavailableError) as unavailable:
        await store.glance({"ada"}, now=NOW)
    assert "127.0.0.1:1" in str(unavailable.value)
    assert "hush" not in str(unavailable.value)
    await store.close()
