"""Records and dead letters as rows of SQL: which columns they fill, and the statement that inserts them.

A statement takes one array per column (``unnest``): a round trip a table, whatever the number of rows. The
arrays go as binary: as text, quoting the documents in them took more than half of the history flow's time.
Repeats are told by the tables' keys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.plan import Model
from schemas.records import Record


@dataclass(frozen=True, slots=True)
class TableInsert:
    """How rows come into one table."""

    table: str
    columns: Mapping[str, str]
    """Name of each column → its SQL type; a record's field has the name of its column."""
    on_conflict: str = "DO NOTHING"

    @property
    def statement(self) -> str:
        """The INSERT; its arguments are arrays, named like the columns."""
        names = ", ".join(self.columns)
        arrays = ", ".join(f"%({name})b::{_array_type(kind)}" for name, kind in self.columns.items())
        values = ", ".join(
            f"{name}::jsonb" if kind == "jsonb" else name for name, kind in self.columns.items()
        )
        return (
            f"INSERT INTO daybeat.{self.table} ({names}) SELECT {values} FROM unnest({arrays})"  # noqa: S608
            f" AS given ({names}) ON CONFLICT {self.on_conflict}"
        )

    def arguments(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the statement's arguments for ``rows``: each row's fields, column by column."""
        return {
            name: [_CONVERTERS.get(kind, _as_it_is)(getattr(row, name)) for row in rows]
            for name, kind in self.columns.items()
        }


_TEXT: Final = "text"
_TIME: Final = "timestamptz"
_NUMBER: Final = "double precision"

RECORD_INSERTS: Final = {
    insert.table: insert
    for insert in (
        TableInsert(
            "baselines",
            {
                "time": _TIME,
                "user_id": _TEXT,
                "device_id": _TEXT,
                "measure": _TEXT,
                "slot": _TEXT,
                "mean": _NUMBER,
                "sd": _NUMBER,
                "count": "integer",
                "since": _TIME,
            },
        ),
        TableInsert(
            "features",
            {
                "time": _TIME,
                "user_id": _TEXT,
                "device_id": _TEXT,
                "window_seconds": "integer",
                "beats": "integer",
                "coverage": _NUMBER,
                "artefact_share": _NUMBER,
                "quality": _TEXT,
                "quality_reason": _TEXT,
                "rmssd_ms": _NUMBER,
                "ln_rmssd": _NUMBER,
                "sdnn_ms": _NUMBER,
                "pnn50_percent": _NUMBER,
                "mean_heart_rate_bpm": _NUMBER,
                "stress_index": _NUMBER,
                "method": _TEXT,
            },
        ),
        TableInsert(
            "hrv_days",
            {
                "day": "date",
                "user_id": _TEXT,
                "device_id": _TEXT,
                "measure": _TEXT,
                "slot": _TEXT,
                "time": _TIME,
                "values": "integer",
                "ln_value": _NUMBER,
                "heart_rate_bpm": _NUMBER,
                "mean7": _NUMBER,
                "cv7": _NUMBER,
                "normal_low": _NUMBER,
                "normal_high": _NUMBER,
                "have": "integer",
                "need": "integer",
                "maturity": _TEXT,
                "status": _TEXT,
                "onset": "boolean",
            },
        ),
        TableInsert(
            "estimates",
            {
                "time": _TIME,
                "user_id": _TEXT,
                "device_id": _TEXT,
                "stress_level": _NUMBER,
                "stress_confidence": _NUMBER,
                "energy_level": _NUMBER,
                "energy_confidence": _NUMBER,
                "readiness_score": _NUMBER,
                "readiness_confidence": _NUMBER,
                "method": _TEXT,
            },
        ),
        TableInsert(
            "wear",
            {"time": _TIME, "user_id": _TEXT, "device_id": _TEXT, "worn": "boolean", "reason": _TEXT},
        ),
        TableInsert(
            "decisions",
            {
                "time": _TIME,
                "decision_id": _TEXT,
                "user_id": _TEXT,
                "rule": _TEXT,
                "outcome": _TEXT,
                "why": _TEXT,
                "firing_id": _TEXT,
                "position": _TEXT,
                "reason": _TEXT,
                "evidence": "jsonb",
                "confidence": _NUMBER,
                "propensity": _NUMBER,
            },
        ),
        TableInsert(
            "adaptations",
            {
                "time": _TIME,
                "adaptation_id": _TEXT,
                "user_id": _TEXT,
                "rule": _TEXT,
                "kind": _TEXT,
                "action": _TEXT,
                "status": _TEXT,
                "plan_date": "date",
                "task_id": _TEXT,
                "original_task": "jsonb",
                "adapted_task": "jsonb",
                "reason": _TEXT,
                "evidence": "jsonb",
                "confidence": _NUMBER,
                "propensity": _NUMBER,
                "expires_at": _TIME,
            },
        ),
        TableInsert(
            "task_events",
            {
                "time": _TIME,
                "event_id": _TEXT,
                "user_id": _TEXT,
                "plan_date": "date",
                "task_id": _TEXT,
                "event": _TEXT,
                "rating": "smallint",
                "reason": _TEXT,
                "changes": "jsonb",
            },
        ),
        TableInsert(
            "plan_versions",
            {
                "user_id": _TEXT,
                "plan_date": "date",
                "version": "integer",
                "position": _TEXT,
                "time": _TIME,
                "cause": _TEXT,
                "patch": "jsonb",
                "plan": "jsonb",
            },
        ),
    )
}
"""The tables of the records that are inserted as they are, by name."""

_AFTER: Final = (
    "string_to_array({one}.position, '-')::bigint[] > string_to_array({other}.position, '-')::bigint[]"
)

PROFILE_INSERT: Final = TableInsert(
    "profiles",
    {"user_id": _TEXT, "time": _TIME, "position": _TEXT, "profile": "jsonb"},
    on_conflict=(
        "(user_id) DO UPDATE SET time = excluded.time, position = excluded.position,"
        " profile = excluded.profile WHERE " + _AFTER.format(one="excluded", other="profiles")
    ),
)
"""Only the latest profile is kept; one from an earlier place in the log changes nothing."""

LETTER_INSERT: Final = TableInsert(
    "dead_letters",
    {
        "letter_id": "uuid",
        "time": _TIME,
        "topic": _TEXT,
        "reason": _TEXT,
        "detail": _TEXT,
        "payload": "bytea",
    },
)


def latest_profiles(records: Sequence[Record]) -> list[Record]:
    """Return the last record of each person: one statement may not change a row twice."""
    return list({record.user_id: record for record in records}.values())


def _as_it_is(value: object) -> object:
    return value


def _plain_text(value: object) -> str | None:
    # An enumeration's member would be sent by its name.
    return None if value is None else str(value)


def _array_type(kind: str) -> str:
    return "text[]" if kind == "jsonb" else f"{kind}[]"


def _json_text(value: object) -> str | None:
    """Return a document as JSON text; None stays NULL, not the JSON null."""
    if value is None:
        return None
    if isinstance(value, Model):
        return value.model_dump_json()
    return orjson.dumps(value).decode()


_CONVERTERS: Final[Mapping[str, Callable[[object], object]]] = {"jsonb": _json_text, _TEXT: _plain_text}
