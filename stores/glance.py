"""People at a glance: a word and a line for each, and the figures of them all."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.rows import TupleRow

from schemas.readings import micros
from stores.questions import Connection, rows_of

DAY: Final = timedelta(hours=24)
PEOPLE_MAX: Final = 200
SPARK_SPAN: Final = timedelta(hours=6)
SPARK_BIN: Final = timedelta(minutes=5)

RATE_S: Final = 10.0
"""Real seconds over which arriving readings are counted."""

RATE_BEHIND_S: Final = 2.0
"""Real seconds by which that span ends before now: what has just arrived may not be stored yet."""

LATE_MAX: Final = timedelta(minutes=10)
"""How much older than its arrival a reading may be to be counted, at least: the table is ordered by the time
of the measure, and one without this bound would be read from its beginning."""

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
      AND a.status <> 'withheld' AND NOT EXISTS (
        SELECT FROM daybeat.decisions d
        WHERE d.user_id = a.user_id AND d.time >= a.time AND d.firing_id = a.adaptation_id
          AND d.outcome IN ('declined', 'undone', 'expired'))
    ORDER BY a.user_id, a.time DESC"""
_ARRIVED: Final = """
    SELECT count(*) FROM daybeat.readings
    WHERE user_id = ANY(%(users)s) AND time > %(oldest)s AND arrival > %(since)s AND arrival <= %(until)s"""
# A plan's version and the decision that led to it have the same time: that of their cause's arrival. What is
# accepted after it was applied changes marks, not the day.
_CHANGED: Final = """
    WITH decided AS (
        SELECT user_id, time, firing_id, outcome FROM daybeat.decisions
        WHERE user_id = ANY(%(users)s) AND time > %(since)s AND time <= %(now)s)
    SELECT
        (SELECT count(*) FROM decided WHERE outcome IN ('fired', 'applied', 'proposed', 'withheld')),
        (SELECT count(*) FROM daybeat.plan_versions v JOIN decided d
            ON v.user_id = d.user_id AND v.cause = d.firing_id AND v.time = d.time
         WHERE v.plan_date >= %(oldest_date)s AND (d.outcome = 'applied' OR (d.outcome = 'accepted'
            AND EXISTS (SELECT FROM daybeat.decisions p
                        WHERE p.firing_id = d.firing_id AND p.outcome = 'proposed'))))"""


@dataclass(frozen=True, slots=True)
class PersonGlance:
    """One person at a glance."""

    user_id: str
    state: str
    """steady, easing, recovering or ready."""
    spark: list[tuple[int, float]]
    """(time in ms, mean heart rate in beats/min) of the last hours."""


@dataclass(frozen=True, slots=True)
class StoredFigures:
    """What was stored of the people in a glance."""

    readings_per_s: float
    """Readings that arrived in a real second, over the last ten or so."""
    rules_fired: int
    """In the last 24 h; those that were suppressed are not counted."""
    plans_rewritten: int
    """New versions of plans that rules led to in the last 24 h, by themselves or by an accepted proposal."""


@dataclass(frozen=True, slots=True)
class Glance:
    """People at a glance, by id."""

    people: list[PersonGlance]
    figures: StoredFigures


async def read_glance(
    connection: Connection, user_ids: Collection[str] | None, *, now: dt.datetime, speed: float
) -> Glance:
    """Return people at a glance, at most 200.

    Args:
        connection: to the history.
        user_ids: whom; None: all who sent readings in the last 24 h.
        now: the moment on Daybeat's clock.
        speed: how many of its seconds pass in a real one.
    """
    users = await _everyone(connection, now) if user_ids is None else sorted(user_ids)[:PEOPLE_MAX]
    spark = {"users": users, "since": now - SPARK_SPAN, "bin": SPARK_BIN}
    standing = {"users": users, "since": now - DAY, "now": now}
    return Glance(
        _people(
            users, await rows_of(connection, _SPARKS, spark), await rows_of(connection, _STANDING, standing)
        ),
        await _figures(connection, users, now=now, speed=speed),
    )


async def _everyone(connection: Connection, now: dt.datetime) -> list[str]:
    wanted = {"since": now - DAY, "limit": PEOPLE_MAX}
    return [row[0] for row in await rows_of(connection, _EVERYONE, wanted)]


async def _figures(
    connection: Connection, users: list[str], *, now: dt.datetime, speed: float
) -> StoredFigures:
    until = now - timedelta(seconds=RATE_BEHIND_S * speed)
    since = until - timedelta(seconds=RATE_S * speed)
    arrived = {"users": users, "since": since, "until": until, "oldest": since - max(LATE_MAX, until - since)}
    # What is rewritten is a plan of yesterday or later, in any zone: this much of the table's key is enough.
    oldest_date = (now - DAY).date() - timedelta(days=2)
    changed = {"users": users, "since": now - DAY, "now": now, "oldest_date": oldest_date}
    ((readings,),) = await rows_of(connection, _ARRIVED, arrived)
    ((fired, rewritten),) = await rows_of(connection, _CHANGED, changed)
    return StoredFigures(round(readings / RATE_S, 1), fired, rewritten)


def _people(users: list[str], sparks: list[TupleRow], standing: list[TupleRow]) -> list[PersonGlance]:
    points: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for user_id, time, value in sparks:
        points[user_id].append((micros(time) // 1000, round(value, 1)))
    states = {user_id: _state(kind, action) for user_id, kind, action in standing}
    return [PersonGlance(user_id, states.get(user_id, "steady"), points[user_id]) for user_id in users]


def _state(kind: str, action: str) -> str:
    if kind == "upgrading":
        return "ready"
    return "recovering" if "recovery" in action else "easing"
