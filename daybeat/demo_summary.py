"""What a demo came to, counted in SQL and in what was pushed; and what must hold of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import psycopg
from typing_extensions import TypedDict

from adaptation.rules import builtin_rules

Connection = psycopg.Connection[tuple[Any, ...]]
PlanVersion = tuple[str, str, int]
"""User, local date and version of a plan."""

_ACTED: Final = ("fired", "applied", "proposed", "withheld")
"""Outcomes of a rule that fired and was not suppressed."""


class Percentiles(TypedDict):
    """Milliseconds; None where nothing was measured."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The figures of one run, as ``--json`` prints them. History is not counted."""

    readings_published: int
    readings_stored: int
    readings_dead_lettered: int
    duplicates_stored: int
    rules_fired: dict[str, int]
    plans_rewritten: int
    events_pushed: int
    publish_to_push_ms: Percentiles
    seconds: float
    """From the first live message until all was stored and pushed, in real time."""


@dataclass(frozen=True, slots=True)
class StoredFigures:
    """What SQL says of a run."""

    readings: int
    dead_lettered: int
    duplicates: int
    rules_fired: dict[str, int]
    plans_rewritten: frozenset[PlanVersion]


def stored_figures(connection: Connection, *, history_seq: int, live_seq: int) -> StoredFigures:
    """Return what is stored of a run.

    Its readings are numbered from ``history_seq``, the live ones from ``live_seq``; decisions and plans count
    if a live reading caused them.
    """
    readings, duplicates = _one_row(
        connection,
        """
        SELECT count(*) FILTER (WHERE seq >= %(live)s),
               count(*) - count(DISTINCT (user_id, device_id, seq))
        FROM daybeat.readings WHERE seq >= %(history)s
        """,
        {"live": live_seq, "history": history_seq},
    )
    fired = connection.execute(
        """
        SELECT rule, count(DISTINCT firing_id) FROM daybeat.decisions
        WHERE outcome = ANY(%s) AND (evidence -> 'reading' ->> 'seq')::bigint >= %s
        GROUP BY rule ORDER BY rule
        """,
        (list(_ACTED), live_seq),
    ).fetchall()
    rewritten = connection.execute(
        """
        SELECT user_id, plan_date::text, version FROM daybeat.plan_versions
        WHERE cause IN (
            SELECT adaptation_id FROM daybeat.adaptations
            WHERE (evidence -> 'reading' ->> 'seq')::bigint >= %s
        )
        """,
        (live_seq,),
    ).fetchall()
    letters = connection.execute("SELECT detail, payload FROM daybeat.dead_letters").fetchall()
    return StoredFigures(
        readings=readings,
        dead_lettered=sum(_refused_live(detail, payload, live_seq) for detail, payload in letters),
        duplicates=duplicates,
        rules_fired=dict.fromkeys((rule.name for rule in builtin_rules().rules), 0) | dict(fired),
        plans_rewritten=frozenset(rewritten),
    )


def profiles_since(connection: Connection, moment_us: int) -> int:
    """Return how many people's profiles were set at or after a moment (µs since 1970 UTC)."""
    moment = datetime.fromtimestamp(moment_us / 1e6, UTC)
    (count,) = _one_row(connection, "SELECT count(*) FROM daybeat.profiles WHERE time >= %s", (moment,))
    return int(count)


def broken_conditions(
    summary: DemoSummary,
    *,
    rewritten: frozenset[PlanVersion],
    pushed: frozenset[PlanVersion],
    shown_rules: Collection[str],
) -> list[str]:
    """Return a sentence for everything that should hold of a run and does not.

    Args:
        summary: of the run.
        rewritten: plans that a live reading changed.
        pushed: those of them that were pushed.
        shown_rules: rules that the day was made for.
    """
    broken = []
    arrived = summary.readings_stored + summary.readings_dead_lettered
    if summary.readings_published != arrived:
        broken.append(
            f"{summary.readings_published} readings were published, but {summary.readings_stored} are stored "
            f"and {summary.readings_dead_lettered} are dead letters."
        )
    if summary.duplicates_stored:
        broken.append(f"{summary.duplicates_stored} readings are stored twice.")
    if unpushed := rewritten - pushed:
        user_id, date, version = min(unpushed)
        broken.append(
            f"{len(unpushed)} of {len(rewritten)} rewritten plans were not pushed, "
            f"such as version {version} of {user_id}'s plan for {date}."
        )
    silent = sorted(rule for rule in shown_rules if not summary.rules_fired.get(rule))
    if silent:
        broken.append(f"These rules did not fire: {', '.join(silent)}.")
    return broken


def _refused_live(detail: str, payload: bytes, live_seq: int) -> int:
    """Return how many live readings a dead letter of the gateway holds; 0 for letters of another kind."""
    try:
        readings = orjson.loads(payload)
        is_live = readings[0]["seq"] >= live_seq
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return 0
    if not is_live:
        return 0
    return len(readings) if detail.startswith("message") else detail.count("; ") + 1


def _one_row(connection: Connection, query: str, parameters: Any) -> tuple[Any, ...]:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None  # noqa: S101  # an aggregate always has one
    return row
