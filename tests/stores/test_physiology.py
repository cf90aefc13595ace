"""What a page reads of a person's physiology: one source of HRV, its windows and days, estimated levels."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest

from daybeat.servers import LocalServers
from schemas.records import Record
from stores.physiology import HrvSource
from stores.series import Series, SeriesStore
from support.physiology_rows import DAY, estimate, hrv_day, learning_day, put_records, window

pytestmark = pytest.mark.servers

NOW = dt.datetime.combine(DAY, dt.time(12), dt.UTC)


def ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def ago(**span: float) -> dt.datetime:
    return NOW - dt.timedelta(**span)


@pytest.fixture
async def store(servers: LocalServers) -> AsyncIterator[SeriesStore]:
    store = SeriesStore(servers.database_url)
    yield store
    await store.close()


async def series_with(store: SeriesStore, database: psycopg.Connection, records: Sequence[Record]) -> Series:
    put_records(database, records)
    return await store.series("ada", after_ms=None, now=NOW)


def nights(count: int, *, ends: dt.date = DAY, **fields: Any) -> list[Record]:
    return [hrv_day(ends - dt.timedelta(days=number), **fields) for number in range(count)]


async def test_the_latest_seven_days_of_the_source_come_oldest_first_and_always_whole(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    first = await series_with(store, database, [*nights(9), *nights(3, user_id="bob")])
    again = await store.series("ada", after_ms=ms(NOW), now=NOW)
    assert [one.day for one in first.hrv_days] == [DAY - dt.timedelta(days=6 - n) for n in range(7)]
    assert again.hrv_days == first.hrv_days
    assert first.sources.hrv == HrvSource("rmssd_ms", "strap", "asleep")
    known = hrv_day().model_dump(exclude={"table", "user_id"})
    assert {name: getattr(first.hrv_days[-1], name) for name in known} == known


SDNN: Any = {"measure": "hrv_sdnn_ms", "device_id": "phone"}
GIVEN: Any = {"measure": "hrv_rmssd_ms", "device_id": "ring"}
MORNING: Any = {"slot": "morning", "device_id": "chest"}


@pytest.mark.parametrize(
    ("records", "chosen"),
    [
        pytest.param(nights(2, **GIVEN), HrvSource("hrv_rmssd_ms", "ring", "asleep"), id="the only one"),
        pytest.param(
            [*nights(2, **GIVEN), *nights(2)], HrvSource("rmssd_ms", "strap", "asleep"), id="computed"
        ),
        pytest.param(
            [*nights(2, **GIVEN), learning_day(4)],
            HrvSource("hrv_rmssd_ms", "ring", "asleep"),
            id="with a range, before a computed one that is learning",
        ),
        pytest.param(
            [*nights(2, **MORNING), *nights(2)], HrvSource("rmssd_ms", "strap", "asleep"), id="asleep"
        ),
        pytest.param(
            [*nights(2, device_id="long", have=60, need=60), *nights(2)],
            HrvSource("rmssd_ms", "long", "asleep"),
            id="known for longer",
        ),
        pytest.param(
            [
                *nights(2, device_id="put-away", have=60, need=60, ends=DAY - dt.timedelta(days=7)),
                *nights(2),
            ],
            HrvSource("rmssd_ms", "strap", "asleep"),
            id="in use",
        ),
        pytest.param(
            [*nights(2, ends=DAY - dt.timedelta(days=29))],
            HrvSource("rmssd_ms", "strap", "asleep"),
            id="of the last thirty days",
        ),
        pytest.param([*nights(2, ends=DAY - dt.timedelta(days=30))], None, id="not older ones"),
        pytest.param([*nights(2, **SDNN)], None, id="no SDNN beside RMSSD"),
        pytest.param(
            [*nights(2, **GIVEN), window(NOW, 4.0)],
            HrvSource("hrv_rmssd_ms", "ring", "asleep"),
            id="with days, before windows without",
        ),
        pytest.param(
            [window(NOW - dt.timedelta(minutes=n), 4.0, device_id="a" if n == 9 else "b") for n in range(10)],
            HrvSource("rmssd_ms", "b", None),
            id="without days the one with most windows",
        ),
        pytest.param(
            [window(NOW, None, quality="rejected", quality_reason="artefacts")],
            None,
            id="no rejected windows",
        ),
    ],
)
async def test_one_source_of_hrv_is_chosen(
    store: SeriesStore, database: psycopg.Connection, records: list[Record], chosen: HrvSource | None
) -> None:
    series = await series_with(store, database, records)
    assert series.sources.hrv == chosen
    assert {(one.measure, one.device_id, one.slot) for one in series.hrv_days} <= {
        (chosen.measure, chosen.device_id, chosen.slot) if chosen else None
    }


async def test_windows_are_those_of_the_source_without_rejected_ones_and_come_again_for_a_while(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    records = [
        *nights(3),
        window(ago(hours=25), 3.0),
        window(ago(hours=2), 3.91234),
        window(ago(minutes=3), 3.8, quality="low", quality_reason="artefacts"),
        window(ago(minutes=2), None, quality="rejected", quality_reason="artefacts"),
        window(ago(minutes=2), 4.5, device_id="other"),
        window(ago(minutes=1), 4.0, window_seconds=60),
        window(ago(minutes=1), 4.1),
    ]
    series = await series_with(store, database, records)
    late = [(ms(ago(minutes=3)), 3.8, "low"), (ms(ago(minutes=1)), 4.1, "good")]
    assert series.windows == [(ms(ago(hours=2)), 3.9123, "good"), *late]
    assert (await store.series("ada", after_ms=ms(NOW), now=NOW)).windows == late


async def test_where_a_device_gives_the_hrv_its_values_come_alone(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    for device, rmssd_ms, heart_rate_bpm in (("ring", 40.0, 60.0), ("watch", 90.0, 70.0)):
        database.execute(
            "INSERT INTO daybeat.readings (time, user_id, device_id, digest, arrival,"
            " time_stamped_on_arrival, heart_rate_bpm, hrv_rmssd_ms)"
            " VALUES (%s, 'ada', %s, 1, %s, false, %s, %s)",
            (ago(minutes=3), device, ago(minutes=3), heart_rate_bpm, rmssd_ms),
        )
    pooled = await store.series("ada", after_ms=None, now=NOW)
    assert pooled.measures["hrv_rmssd_ms"] == [(ms(ago(minutes=3)), 65.0)]
    given = await series_with(store, database, [*nights(3, **GIVEN), window(ago(minutes=3), 4.1)])
    assert given.measures["hrv_rmssd_ms"] == [(ms(ago(minutes=3)), 40.0)]
    assert given.measures["heart_rate_bpm"] == [(ms(ago(minutes=3)), 65.0)]
    assert given.windows == []
    raw = await store.series("ada", after_ms=ms(ago(minutes=4)), now=NOW)
    assert raw.measures["hrv_rmssd_ms"] == [(ms(ago(minutes=3)), 40.0)]


async def test_before_the_first_day_a_given_hrv_is_that_of_the_device_with_a_baseline(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    for device, count in (("ring", 10), ("watch", 90)):
        database.execute(
            "INSERT INTO daybeat.baselines (time, user_id, device_id, measure, slot, mean, sd, count, since)"
            " VALUES (%s, 'ada', %s, 'hrv_rmssd_ms', 'all_day', 40, 4, %s, %s)",
            (ago(hours=1), device, count, ago(days=1)),
        )
    series = await store.series("ada", after_ms=None, now=NOW)
    assert series.sources.hrv == HrvSource("hrv_rmssd_ms", "watch", None)


async def test_estimates_are_means_of_a_minute_of_one_device_and_silence_is_told(
    store: SeriesStore, database: psycopg.Connection
) -> None:
    minute = ago(minutes=30)
    records = [
        estimate(minute, 0.2, 0.61),
        estimate(minute + dt.timedelta(seconds=30), 0.4, 0.61, stress_confidence=0.8),
        estimate(minute + dt.timedelta(minutes=1), None, 0.6),
        estimate(minute + dt.timedelta(minutes=2), None, None),
        estimate(minute, 0.9, 0.9, device_id="other"),
        estimate(minute, 0.9, 0.9, user_id="bob"),
        estimate(ago(hours=25), 0.1, 0.1),
    ]
    series = await series_with(store, database, records)
    at = ms(minute)
    assert series.sources.estimates == "strap"
    assert series.estimates == {
        "stress_level": [(at, 0.3, 0.7), (at + 60_000, None, None), (at + 120_000, None, None)],
        "energy_level": [(at, 0.61, 0.6), (at + 60_000, 0.6, 0.6), (at + 120_000, None, None)],
    }
