"""Series of one person and a glance at many, read from PostgreSQL for the page. The websocket needs none."""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import psycopg
import structlog
from psycopg.rows import TupleRow

from schemas.errors import InputError, UnavailableError
from schemas.readings import micros, moment_of
from stores.cancelling import cancel_all
from stores.connections import without_password

SHOWN_MEASURES: Final = ("heart_rate_bpm", "hrv_rmssd_ms", "energy_level", "stress_level")
WINDOW: Final = timedelta(hours=24)
RAW_SPAN: Final = timedelta(minutes=30)
"""A longer span is answered with means of a minute: a page has some thousand pixels, not 86,400."""

OVERLAP: Final = timedelta(minutes=10)
"""How far behind the cursor rows are looked for again: late readings, and decisions stored after readings."""

DECISIONS_MAX: Final = 200
PEOPLE_MAX: Final = 200
SPARK_SPAN: Final = timedelta(hours=6)
SPARK_BIN: Final = timedelta(minutes=5)
BASELINE_AGE_MAX: Final = timedelta(days=30)
"""An older baseline is not drawn at the left edge of the window."""

ANSWER_S: Final = 5.0
"""A question that takes longer is given up; a page asks again."""

CONNECT_S: Final = 3

_BINNED: Final = """
    SELECT date_bin('1 minute', time, 'epoch'::timestamptz), avg(heart_rate_bpm), avg(hrv_rmssd_ms),
           avg(energy_level), avg(stress_level), max(arrival)
    FROM daybeat.readings WHERE user_id = %(user)s AND time > %(since)s
    GROUP BY 1 ORDER BY 1"""
_RAW: Final = """
    SELECT time, heart_rate_bpm, hrv_rmssd_ms, energy_level, stress_level, arrival
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
# From person to person by the index, instead of reading every row of the day.
_EVERYONE: Final = """
    WITH RECURSIVE person (user_id) AS (
        (SELECT user_id FROM daybeat.readings WHERE time > %(since)s ORDER BY user_id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.user_id FROM daybeat.readings r
                WHERE r.time > %(since)s AND r.user_id > person.user_id ORDER BY r.user_id LIMIT 1)
        FROM person WHERE person.user_id IS NOT NULL)
    SELECT user_id FROM person WHERE user_id IS NOT NULL LIMIT %(limit)s"""
_SPARKS: Final = """
    SELECT user_id, date_bin(%(bin)s, time, 'epoch'::timestamptz), avg(heart_rate_bpm)
    FROM daybeat.readings
    WHERE user_id = ANY(%(users)s) AND time > %(since)s AND heart_rate_bpm IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2"""
_STANDING: Final = """
    SELECT DISTINCT ON (a.user_id) a.user_id, a.kind, a.action FROM daybeat.adaptations a
    WHERE a.user_id = ANY(%(users)s) AND a.time > %(since)s AND a.time <= %(now)s AND a.expires_at > %(now)s
      AND NOT EXISTS (
        SELECT FROM daybeat.decisions d
        WHERE d.user_id = a.user_id AND d.time >= a.time AND d.firing_id = a.adaptation_id
          AND d.outcome IN ('declined', 'undone', 'expired'))
    ORDER BY a.user_id, a.time DESC"""

_Answer = TypeVar("_Answer")
_Connection = psycopg.AsyncConnection[TupleRow]
_Points = list[tuple[int, float]]

_logger = structlog.get_logger()


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


@dataclass(frozen=True, slots=True)
class PersonGlance:
    """One person at a glance."""

    user_id: str
    state: str
    """steady, easing, recovering or ready."""
    spark: _Points
    """(time in ms, mean heart rate in beats/min) of the last hours."""


class SeriesStore:
    """Reads the history for the page, over one connection that is opened when needed."""

    def __init__(self, database_url: str, *, overlap: timedelta = OVERLAP) -> None:
        self._url = database_url
        self._overlap = overlap
        self._connection: _Connection | None = None
        self._turn = asyncio.Lock()
        self._questions: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Give up all questions and close the connection."""
        await cancel_all(self._questions)
        await self._disconnect()

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

        async def ask(connection: _Connection) -> Series:
            readings = await _rows(connection, readings_query, wanted)
            baselines = await _rows(connection, _BASELINES, wanted)
            decisions = await _rows(connection, _DECISIONS, wanted)
            return Series(
                next=max([micros(after), *(micros(row[-1]) for row in readings)]) / 1000,
                measures=_measures(readings),
                baselines=_baselines(baselines),
                decisions=[DecisionShown(*row) for row in decisions],
            )

        return await self._answer(ask)

    async def people(self, user_ids: Collection[str] | None, *, now: dt.datetime) -> list[PersonGlance]:
        """Return people at a glance, by id; None: all who sent readings in the last 24 h (at most 200).

        Raises:
            UnavailableError: PostgreSQL does not answer, or has not been migrated.
        """

        async def ask(connection: _Connection) -> list[PersonGlance]:
            if user_ids is None:
                wanted = {"since": now - WINDOW, "limit": PEOPLE_MAX}
                users = [row[0] for row in await _rows(connection, _EVERYONE, wanted)]
            else:
                users = sorted(user_ids)[:PEOPLE_MAX]
            spark = {"users": users, "since": now - SPARK_SPAN, "bin": SPARK_BIN}
            standing = {"users": users, "since": now - WINDOW, "now": now}
            return _glances(
                users, await _rows(connection, _SPARKS, spark), await _rows(connection, _STANDING, standing)
            )

        return await self._answer(ask)

    async def _answer(self, ask: Callable[[_Connection], Awaitable[_Answer]]) -> _Answer:
        question = asyncio.create_task(self._ask_in_turn(ask))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)
        done, _ = await asyncio.wait({question}, timeout=ANSWER_S)
        if not done:
            # Giving up politely can itself take seconds with a frozen server: that is left to the task.
            question.cancel()
            raise self._unavailable(f"PostgreSQL did not answer for {ANSWER_S:g} s")
        return question.result()

    async def _ask_in_turn(self, ask: Callable[[_Connection], Awaitable[_Answer]]) -> _Answer:
        async with self._turn:
            try:
                return await ask(await self._connect())
            except psycopg.errors.UndefinedTable as error:
                raise UnavailableError(
                    "the tables are missing", where=without_password(self._url), mend="run: daybeat migrate"
                ) from error
            except psycopg.OperationalError as error:
                await self._disconnect()
                raise self._unavailable("PostgreSQL cannot be reached") from error
            except asyncio.CancelledError:
                await self._disconnect()
                raise

    async def _connect(self) -> _Connection:
        if self._connection is None or self._connection.closed:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=CONNECT_S
                )
            except psycopg.ProgrammingError as error:
                raise InputError(
                    "not an address of PostgreSQL",
                    where=without_password(self._url),
                    mend="write it like postgresql://user@127.0.0.1:5432/daybeat",
                ) from error
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("SET TIME ZONE 'UTC'")
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _unavailable(self, what: str) -> UnavailableError:
        return UnavailableError(
            what, where=without_password(self._url), mend="start it; plans and events go on without it"
        )


async def _rows(connection: _Connection, query: str, values: dict[str, object]) -> list[TupleRow]:
    cursor = await connection.execute(query, values)
    return await cursor.fetchall()


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


def _glances(users: list[str], sparks: list[TupleRow], standing: list[TupleRow]) -> list[PersonGlance]:
    points: defaultdict[str, _Points] = defaultdict(list)
    for user_id, time, value in sparks:
        points[user_id].append((_ms(time), round(value, 1)))
    states = {user_id: _state(kind, action) for user_id, kind, action in standing}
    return [PersonGlance(user_id, states.get(user_id, "steady"), points[user_id]) for user_id in users]


def _state(kind: str, action: str) -> str:
    if kind == "upgrading":
        return "ready"
    return "recovering" if "recovery" in action else "easing"


def _ms(moment: dt.datetime) -> int:
    return micros(moment) // 1000
