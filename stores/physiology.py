"""What is computed of one person, for the page: HRV windows and days, estimated levels. Sources never mix."""

import datetime as dt
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.rows import TupleRow, class_row

from schemas.readings import micros
from stores.questions import Connection, rows_of

COMPUTED: Final = "rmssd_ms"
"""RMSSD computed here from beats."""
GIVEN: Final = "hrv_rmssd_ms"
"""RMSSD as a device gives it."""
ESTIMATED_MEASURES: Final = ("stress_level", "energy_level")

HRV_DAYS: Final = 7
"""The days of the 7-day mean."""
HRV_AGE_MAX: Final = timedelta(days=30)
"""An older day, or older RMSSD of a device, says nothing about today any more."""
HRV_SOURCE_REST: Final = timedelta(days=7)
"""A source that has had no day for so long, while another one had, is not in use any more."""

WindowPoints = list[tuple[int, float, str]]
LevelPoints = list[tuple[int, float | None, float | None]]

_LATEST_DAYS: Final = """
    SELECT DISTINCT ON (device_id, measure, slot) measure, device_id, slot, day, maturity, have
    FROM daybeat.hrv_days
    WHERE user_id = %(user)s AND measure = ANY(%(hrv)s) AND day > %(oldest)s::date
    ORDER BY device_id, measure, slot, day DESC"""
_DAYS: Final = """
    SELECT * FROM (
        SELECT time, day, device_id, measure, slot, values, ln_value, heart_rate_bpm, mean7, cv7, normal_low,
               normal_high, have, need, maturity, status, onset
        FROM daybeat.hrv_days
        WHERE user_id = %(user)s AND device_id = %(device)s AND measure = %(measure)s AND slot = %(slot)s
          AND day > %(oldest)s::date
        ORDER BY day DESC LIMIT %(days)s) latest
    ORDER BY day"""
_WINDOW_DEVICE: Final = """
    SELECT device_id FROM daybeat.features
    WHERE user_id = %(user)s AND time > %(begin)s AND quality <> 'rejected' AND ln_rmssd IS NOT NULL
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"""
# Where windows of several lengths or methods end at one moment, the longest and latest counts.
_WINDOWS: Final = """
    SELECT DISTINCT ON (time) time, ln_rmssd, quality FROM daybeat.features
    WHERE user_id = %(user)s AND device_id = %(device)s AND time > %(since)s
      AND quality <> 'rejected' AND ln_rmssd IS NOT NULL
    ORDER BY time, window_seconds DESC, method DESC"""
_GIVEN_DEVICE: Final = """
    SELECT device_id FROM daybeat.baselines
    WHERE user_id = %(user)s AND slot = 'all_day' AND measure = %(given)s AND time > %(oldest)s
    GROUP BY 1 ORDER BY max(count) DESC, 1 LIMIT 1"""
_ESTIMATE_DEVICE: Final = """
    SELECT device_id FROM daybeat.estimates WHERE user_id = %(user)s AND time > %(begin)s
    GROUP BY 1 ORDER BY count(stress_level) + count(energy_level) DESC, 1 LIMIT 1"""
_ESTIMATES: Final = """
    SELECT date_bin('1 minute', time, 'epoch'::timestamptz), avg(stress_level), avg(stress_confidence),
           avg(energy_level), avg(energy_confidence)
    FROM daybeat.estimates WHERE user_id = %(user)s AND device_id = %(device)s AND time > %(since)s
      AND readiness_score IS NULL
    GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class HrvSource:
    """Where a person's HRV is taken from: one measure of one device in one slot of the day."""

    measure: str
    """``rmssd_ms`` is computed here from beats, ``hrv_rmssd_ms`` is given by the device."""
    device_id: str
    slot: str | None
    """asleep or morning; None before the first day."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Which of a person's devices is shown; another one would make another picture."""

    hrv: HrvSource | None
    estimates: str | None
    """The device whose heart rate and beats the estimates are made of."""


@dataclass(frozen=True, slots=True)
class HrvDayShown:
    """One row of table ``hrv_days`` (:class:`schemas.records.HrvDay` explains the fields)."""

    time: dt.datetime
    day: dt.date
    device_id: str
    measure: str
    slot: str
    values: int
    ln_value: float
    heart_rate_bpm: float | None
    mean7: float | None
    cv7: float | None
    normal_low: float | None
    normal_high: float | None
    have: int
    need: int
    maturity: str
    status: str | None
    onset: bool


@dataclass(frozen=True, slots=True)
class Physiology:
    """The part of a person's series that is computed here. Gaps stay gaps."""

    sources: Sources
    windows: WindowPoints
    """(end of the window in ms, lnRMSSD, good or low), by time; none where a device gives the RMSSD."""
    hrv_days: list[HrvDayShown]
    """The latest days of the source, at most seven, oldest first."""
    estimates: dict[str, LevelPoints]
    """Measure → (time in ms, level, confidence), means of a minute; None where nothing can be said."""


async def read_physiology(
    connection: Connection, user_id: str, *, begin: dt.datetime, since: dt.datetime, now: dt.datetime
) -> Physiology:
    """Return what is new of a person's physiology since ``since``.

    Args:
        connection: to the history.
        user_id: the person.
        begin: where the picture begins: what the device is chosen by.
        since: where the answer begins, in it; a whole minute.
        now: the moment on Daybeat's clock.
    """
    wanted: dict[str, object] = {
        "user": user_id,
        "begin": begin,
        "since": since,
        "oldest": now - HRV_AGE_MAX,
        "hrv": [COMPUTED, GIVEN],
        "given": GIVEN,
    }
    source = await _hrv_source(connection, wanted)
    estimating = await _first(connection, _ESTIMATE_DEVICE, wanted)
    return Physiology(
        sources=Sources(source, estimating),
        windows=await _windows(connection, source, wanted),
        hrv_days=await _days(connection, source, wanted),
        estimates=await _estimates(connection, estimating, wanted),
    )


async def _hrv_source(connection: Connection, wanted: dict[str, object]) -> HrvSource | None:
    """Return the source that has days; without any, the one that has windows; else the device's own RMSSD."""
    latest = await rows_of(connection, _LATEST_DAYS, wanted)
    if latest:
        newest: dt.date = max(day for *_, day, _, _ in latest)
        measure, device, slot, *_ = max(sorted(latest), key=lambda row: _rank(row, newest))
        return HrvSource(measure, device, slot)
    if (device := await _first(connection, _WINDOW_DEVICE, wanted)) is not None:
        return HrvSource(COMPUTED, device, None)
    if (device := await _first(connection, _GIVEN_DEVICE, wanted)) is not None:
        return HrvSource(GIVEN, device, None)
    return None


def _rank(row: TupleRow, newest: dt.date) -> tuple[object, ...]:
    """Return what makes a source better: in use, with a range, computed, asleep, known for longer."""
    measure, _, slot, day, maturity, have = row
    return (
        day > newest - HRV_SOURCE_REST,
        maturity != "learning",
        measure == COMPUTED,
        slot == "asleep",
        have,
    )


async def _windows(
    connection: Connection, source: HrvSource | None, wanted: dict[str, object]
) -> WindowPoints:
    if source is None or source.measure != COMPUTED:
        return []
    rows = await rows_of(connection, _WINDOWS, {**wanted, "device": source.device_id})
    return [(_ms(time), round(ln_rmssd, 4), quality) for time, ln_rmssd, quality in rows]


async def _days(
    connection: Connection, source: HrvSource | None, wanted: dict[str, object]
) -> list[HrvDayShown]:
    if source is None or source.slot is None:
        return []
    of_source = {"measure": source.measure, "device": source.device_id, "slot": source.slot, "days": HRV_DAYS}
    async with connection.cursor(row_factory=class_row(HrvDayShown)) as cursor:
        await cursor.execute(_DAYS, {**wanted, **of_source})
        return await cursor.fetchall()


async def _estimates(
    connection: Connection, device: str | None, wanted: dict[str, object]
) -> dict[str, LevelPoints]:
    rows = await rows_of(connection, _ESTIMATES, {**wanted, "device": device}) if device is not None else []
    points: dict[str, LevelPoints] = {name: [] for name in ESTIMATED_MEASURES}
    for time, *levels in rows:
        for index, name in enumerate(ESTIMATED_MEASURES):
            level, confidence = levels[2 * index : 2 * index + 2]
            points[name].append((_ms(time), _rounded(level), _rounded(confidence)))
    return points


async def _first(connection: Connection, query: str, wanted: dict[str, object]) -> str | None:
    rows = await rows_of(connection, query, wanted)
    return rows[0][0] if rows else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _ms(moment: dt.datetime) -> int:
    return micros(moment) // 1000
