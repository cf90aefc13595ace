"""Series of one person and a glance at many, read from PostgreSQL for the page. The websocket needs none."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.rows import TupleRow

from schemas.readings import micros, moment_of
from stores.glance import Glance, read_glance
from stores.physiology import GIVEN, HrvDayShown, LevelPoints, Sources, WindowPoints, read_physiology
from stores.questions import Connection, Questions, rows_of

SHOWN_MEASURES: Final = ("heart_rate_bpm", "hrv_rmssd_ms", "energy_level", "stress_level")
WINDOW: Final = timedelta(hours=24)
RAW_SPAN: Final = timedelta(minutes=30)
"""A longer span is answered with means of a minute: a page has some thousand pixels, not 86,400."""

OVERLAP: Final = timedelta(minutes=10)
"""How far behind the cursor rows are looked for again: late readings, and decisions stored after readings."""

DECISIONS_MAX: Final = 200
BASELINE_AGE_MAX: Final = timedelta(days=30)
"""An older baseline is not drawn at the left edge of the window."""

# RMSSD is that of one device where it is known which, so that no two make one series.
_BINNED: Final = """
    SELECT date_bin('1 minute', time, 'epoch'::timestamptz), avg(heart_rate_bpm),
           avg(hrv_rmssd_ms) FILTER (WHERE %(hrv_device)s::text IS NULL OR device_id = %(hrv_device)s),
           avg(energy_level), avg(stress_level), max(arrival)
    FROM daybeat.readings WHERE user_id = %(user)s AND time > %(since)s
    GROUP BY 1 ORDER BY 1"""
_RAW: Final = """
    SELECT time, heart_rate_bpm,
           CASE WHEN %(hrv_device)s::text IS NULL OR device_id = %(hrv_device)s THEN hrv_rmssd_ms END,
           energy_level, stress_level, arrival
    FROM daybeat.readings WHERE user_id = %(user)s AND time > %(since)s AND arrival > %(after)s
    ORDER BY time"""
_BASELINES: Final = """
    SELECT measure, device_id, time, mean, sd, count FROM daybeat.baselines
    WHERE user_id = %(user)s AND slot = 'all_day' AND measure = ANY(%(measures)s) AND time > %(since)s
    UNION ALL (
    SELECT DISTINCT ON (measure, device_id) measure, device_id, time, mean, sd, count FROM daybeat.baselines
    WHERE user_id = %(user)s AND slot = 'all_day' AND measure = ANY(%(measures)s)
      AND time <= %(since)s AND time > %(oldest)s
    ORDER BY measure, device_id, time DESC)
    ORDER BY measure, time"""
_DECISIONS: Final = """
    SELECT decision_id, time, rule, outcome, why, firing_id, reason, evidence, confidence
    FROM daybeat.decisions WHERE user_id = %(user)s AND time > %(since)s
    ORDER BY time DESC, decision_id LIMIT %(limit)s"""

_Points = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class DecisionShown:
    """One row of the stream of decisions."""

    decision_id: str
    time: dt.datetime
    rule: str
    outcome: str
    why: str
    firing_id: str
    """The adaptation that it led to has the same id."""
    reason: str
    evidence: dict[str, object]
    confidence: float


@dataclass(frozen=True, slots=True)
class Series:
    """What is new of one person since a cursor. Gaps stay gaps."""

    next: float
    """The cursor for the next question: the latest arrival, ms since 1970 with µs behind the point."""
    measures: dict[str, _Points]
    """Measure → (time in ms, value), by time; a point at a time already known replaces it."""
    baselines: dict[str, list[tuple[int, float, float]]]
    """Measure → (time in ms, mean, standard deviation), by time."""
    decisions: list[DecisionShown]
    """Newest first; some may have been sent before."""
    sources: Sources
    """A change of these begins another picture: what came before it was of another device."""
    windows: WindowPoints
    """(end of the window in ms, lnRMSSD, good or low), by time; none where a device gives the RMSSD."""
    hrv_days: list[HrvDayShown]
    """The latest days of the source, at most seven, oldest first; always whole."""
    estimates: dict[str, LevelPoints]
    """Measure → (time in ms, level, confidence), by time; None where nothing can be said."""


class SeriesStore:
    """Reads the history for the page.

    Args:
        database_url: of PostgreSQL; nothing is opened before the first question.
        speed: how many seconds of Daybeat's clock pass in a real one.
        overlap: how far behind the cursor rows are looked for again.
    """

    def __init__(self, database_url: str, *, speed: float = 1.0, overlap: timedelta = OVERLAP) -> None:
        self._questions = Questions(database_url)
        self._speed = speed
        self._overlap = overlap

    async def close(self) -> None:
        """Give up all questions and close the connection."""
        await self._questions.close()

    async def series(self, user_id: str, *, after_ms: float | None, now: dt.datetime) -> Series:
        """Return what is new of a person.

        Args:
            user_id: the person.
            after_ms: ``next`` of the answer before; None: the last 24 h.
            now: the moment on Daybeat's clock.

        Raises:
            UnavailableError: PostgreSQL does not answer, or has not been migrated.
        """
        begin = now - WINDOW
        after = begin if after_ms is None else moment_of(round(after_ms * 1000))
        since = begin if after_ms is None else max(begin, after - self._overlap)
        # Whole minutes, so that a mean that was sent before is never replaced by one of a part.
        since = since.replace(second=0, microsecond=0)
        wanted = {
            "user": user_id,
            "since": since,
            "after": after,
            "measures": list(SHOWN_MEASURES),
            "oldest": since - BASELINE_AGE_MAX,
            "limit": DECISIONS_MAX,
        }
        readings_query = _BINNED if now - after > RAW_SPAN else _RAW

        async def ask(connection: Connection) -> Series:
            body = await read_physiology(connection, user_id, begin=begin, since=since, now=now)
            source = body.sources.hrv
            device = source.device_id if source is not None and source.measure == GIVEN else None
            readings = await rows_of(connection, readings_query, {**wanted, "hrv_device": device})
            baselines = await rows_of(connection, _BASELINES, wanted)
            decisions = await rows_of(connection, _DECISIONS, wanted)
            return Series(
                next=max([micros(after), *(micros(row[-1]) for row in readings)]) / 1000,
                measures=_measures(readings),
                baselines=_baselines(baselines),
                decisions=[DecisionShown(*row) for row in decisions],
                sources=body.sources,
                windows=body.windows,
                hrv_days=body.hrv_days,
                estimates=body.estimates,
            )

        return await self._questions.answer(ask)

    async def glance(self, user_ids: Collection[str] | None, *, now: dt.datetime) -> Glance:
        """Return people at a glance; None: all who sent readings in the last 24 h (at most 200).

        Raises:
            UnavailableError: PostgreSQL does not answer, or has not been migrated.
        """

        async def ask(connection: Connection) -> Glance:
            return await read_glance(connection, user_ids, now=now, speed=self._speed)

        return await self._questions.answer(ask)


def _measures(rows: list[TupleRow]) -> dict[str, _Points]:
    measures: dict[str, _Points] = {name: [] for name in SHOWN_MEASURES}
    for row in rows:
        time_ms = _ms(row[0])
        for name, value in zip(SHOWN_MEASURES, row[1:], strict=False):
            if value is not None:
                measures[name].append((time_ms, round(value, 3)))
    return measures


def _baselines(rows: list[TupleRow]) -> dict[str, list[tuple[int, float, float]]]:
    """Return each measure's baseline of the device that has the most values: devices are never pooled."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for measure, device, _, _, _, count in rows:
        counts[measure][device] = max(count, counts[measure].get(device, 0))
    chosen = {measure: max(sorted(devices), key=devices.__getitem__) for measure, devices in counts.items()}
    baselines: defaultdict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for measure, device, time, mean, sd, _ in rows:
        if device == chosen[measure]:
            baselines[measure].append((_ms(time), round(mean, 4), round(sd, 4)))
    return dict(baselines)


def _ms(moment: dt.datetime) -> int:
    return micros(moment) // 1000
