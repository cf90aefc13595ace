"""Retention: readings, and what is computed of them, are dropped at a given age, chunk by chunk.

Decisions and running baselines stay.
"""

from datetime import timedelta
from typing import Any, Final

import psycopg

from stores.migrations import Tier, detect_tier

_TABLES: Final = ("readings", "features", "hrv_days", "estimates", "wear")

_SPLIT_BY_DAY: Final = frozenset({"hrv_days"})
"""Chunks of these are named by a date, those of the others by a moment."""

_CHUNKS_AT_ONCE: Final = 100
"""A transaction that drops thousands of chunks runs out of locks."""


def apply_retention(connection: psycopg.Connection[tuple[Any, ...]], keep: timedelta) -> int:
    """Make the database keep readings and what is computed of them for ``keep``; return how many chunks went.

    Community: sets the retention policy, and TimescaleDB drops chunks by itself (0 is returned).
    Apache: drops the chunks that are too old now; to be called about once a day.
    ``connection`` must be in autocommit mode.
    """
    tier, _ = detect_tier(connection)
    if tier is Tier.COMMUNITY:
        for table in _TABLES:
            _set_policy(connection, table, keep)
        dropped = 0
    else:
        dropped = sum(_drop_chunks(connection, table, keep) for table in _TABLES)
    connection.execute("DELETE FROM daybeat.untimed_readings WHERE time < now() - %s::interval", (keep,))
    return dropped


def _set_policy(connection: psycopg.Connection[tuple[Any, ...]], table: str, keep: timedelta) -> None:
    name = f"daybeat.{table}"
    with connection.transaction():
        connection.execute("SELECT remove_retention_policy(%s::regclass, if_exists => true)", (name,))
        connection.execute(
            "SELECT add_retention_policy(%s::regclass, drop_after => %s::interval)", (name, keep)
        )


def _drop_chunks(connection: psycopg.Connection[tuple[Any, ...]], table: str, keep: timedelta) -> int:
    ends = [
        end
        for (end,) in connection.execute(
            "SELECT range_end FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = 'daybeat' AND hypertable_name = %s"
            " AND range_end <= now() - %s::interval ORDER BY range_end",
            (table, keep),
        )
    ]
    borders = ends[_CHUNKS_AT_ONCE - 1 :: _CHUNKS_AT_ONCE]
    if len(ends) % _CHUNKS_AT_ONCE:
        borders.append(ends[-1])
    statement = _DROP_BY_DAY if table in _SPLIT_BY_DAY else _DROP
    for border in borders:
        # The catalogue gives a date as its midnight in UTC.
        connection.execute(statement, (f"daybeat.{table}", border))
    return len(ends)


_DROP: Final = "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)"
_DROP_BY_DAY: Final = (
    "SELECT drop_chunks(%s::regclass, older_than => (%s::timestamptz AT TIME ZONE 'UTC')::date)"
)
