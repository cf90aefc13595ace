"""The history in SQL: rows and the positions they came from, in one transaction.

Readings go by binary COPY into a temporary table and from there, without repeats, into ``readings``; records
go straight into their tables. Everything is told apart by its key, so writing again changes nothing.
The positions in the database are the authority on how far the history has come: they cannot run ahead of the
rows, also not when the database is restored to an older state.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg

from schemas.frames import ReadingFrame
from schemas.ids import PartitionId
from schemas.joined_frames import join_frames
from schemas.positions import EntryId
from schemas.records import Record
from stores.copy_rows import READING_COLUMNS, copy_rows, has_untimed_rows
from stores.letter_rows import LetterRow
from stores.migrations import check_migrated
from stores.record_rows import (
    LETTER_INSERT,
    PROFILE_INSERT,
    RECORD_INSERTS,
    TableInsert,
    latest_profiles,
)
from stores.stream_tail import StreamName

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

FLOW: Final = "history"
"""Name of the flow in table ``positions`` and among the log's consumers."""

Positions = dict[tuple[StreamName, PartitionId], EntryId]
"""Up to where each stream is stored."""


@dataclass(frozen=True, slots=True)
class EntryRows:
    """What one entry of a stream brings to the history, or the readings of several entries."""

    stream: StreamName
    partition: PartitionId
    entry_id: EntryId
    frame: ReadingFrame | None = None
    records: Sequence[Record] = ()
    letter: LetterRow | None = None
    apart: Callable[[], Sequence["EntryRows"]] | None = None
    """For several entries (named after the first): returns the same rows entry by entry."""


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows of a table were given, and how many of them were new."""

    given: int
    stored: int


class HistoryStore:
    """The history over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, connection: Connection) -> Self:
        """Return the history kept in the database of ``connection``, which must be in autocommit mode.

        Raises:
            MigrationError: its schema is not the one of this release.
        """
        check_migrated(connection)
        connection.execute("SET application_name = 'daybeat history'")
        connection.execute(_CREATE_STAGED)
        return cls(connection)

    def positions(self) -> Positions:
        """Return up to where each stream is stored; streams of which nothing is stored are left out."""
        rows = self._connection.execute(
            "SELECT stream, partition, entry_ms, entry_seq FROM daybeat.positions WHERE flow = %s", (FLOW,)
        ).fetchall()
        return {
            (StreamName(stream), PartitionId(partition)): EntryId(ms, seq)
            for stream, partition, ms, seq in rows
        }

    def write(
        self, entries: Sequence[EntryRows], positions: Mapping[tuple[StreamName, PartitionId], EntryId]
    ) -> dict[str, RowCount]:
        """Store the rows and positions in one transaction; return the counts by table.

        Positions only ever advance: those that lie before the stored ones are left out.
        """
        counts: dict[str, RowCount] = {}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            frames = [entry.frame for entry in entries if entry.frame is not None and len(entry.frame)]
            if frames:
                counts["readings"] = _write_readings(cursor, join_frames(frames))
            for insert, rows in _records_by_table(entries):
                cursor.execute(insert.statement.encode(), insert.arguments(rows))
                counts[insert.table] = RowCount(len(rows), cursor.rowcount)
            if positions:
                _write_positions(cursor, positions)
        return counts


def _write_readings(cursor: Cursor, frame: ReadingFrame) -> RowCount:
    with cursor.copy(_COPY_STAGED) as copy:
        copy.write(copy_rows(frame))
    if has_untimed_rows(frame):
        cursor.execute(_DROP_KNOWN_UNTIMED)
    cursor.execute(_INSERT_STAGED)
    return RowCount(len(frame), cursor.rowcount)


def _records_by_table(entries: Sequence[EntryRows]) -> list[tuple[TableInsert, Sequence[object]]]:
    by_table: defaultdict[str, list[Record]] = defaultdict(list)
    for entry in entries:
        for record in entry.records:
            by_table[record.table].append(record)
    letters = [entry.letter for entry in entries if entry.letter is not None]
    found: list[tuple[TableInsert, Sequence[object]]] = [
        (insert, by_table[table]) for table, insert in RECORD_INSERTS.items() if table in by_table
    ]
    if by_table["profiles"]:
        found.append((PROFILE_INSERT, latest_profiles(by_table["profiles"])))
    if letters:
        found.append((LETTER_INSERT, letters))
    return found


def _write_positions(cursor: Cursor, positions: Mapping[tuple[StreamName, PartitionId], EntryId]) -> None:
    keys = sorted(positions)
    cursor.execute(
        _UPSERT_POSITIONS,
        {
            "flow": FLOW,
            "stream": [stream.value for stream, _ in keys],
            "partition": [partition for _, partition in keys],
            "ms": [positions[key].ms for key in keys],
            "seq": [positions[key].seq for key in keys],
        },
    )


_COLUMNS: Final = ", ".join(READING_COLUMNS)

_CREATE_STAGED: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS staged_readings (LIKE daybeat.readings) ON COMMIT DELETE ROWS"
)
_COPY_STAGED: Final = f"COPY staged_readings ({_COLUMNS}) FROM STDIN (FORMAT binary)".encode()

_INSERT_STAGED: Final = (
    f"INSERT INTO daybeat.readings ({_COLUMNS}) SELECT {_COLUMNS} FROM staged_readings"  # noqa: S608
    " ON CONFLICT DO NOTHING"
).encode()

_DROP_KNOWN_UNTIMED: Final = b"""
WITH new AS (
    INSERT INTO daybeat.untimed_readings (user_id, device_id, seq, time, digest)
    SELECT DISTINCT ON (user_id, device_id, seq) user_id, device_id, seq, time, digest
    FROM staged_readings
    WHERE time_stamped_on_arrival AND seq IS NOT NULL
    ORDER BY user_id, device_id, seq, time, digest
    ON CONFLICT DO NOTHING
    RETURNING user_id, device_id, seq, time, digest
)
DELETE FROM staged_readings AS staged
WHERE time_stamped_on_arrival AND seq IS NOT NULL AND NOT EXISTS (
    SELECT FROM new
    WHERE new.user_id = staged.user_id AND new.device_id = staged.device_id AND new.seq = staged.seq
        AND new.time = staged.time AND new.digest = staged.digest
)
"""
"""Leaves of the readings without a time those whose (user, device, seq) was never seen before."""

_UPSERT_POSITIONS: Final = """
INSERT INTO daybeat.positions AS known (flow, stream, partition, entry_ms, entry_seq)
SELECT %(flow)s, *
FROM unnest(%(stream)s::text[], %(partition)s::integer[], %(ms)s::bigint[], %(seq)s::bigint[])
ON CONFLICT (flow, stream, partition) DO UPDATE
SET entry_ms = excluded.entry_ms, entry_seq = excluded.entry_seq, updated_at = now()
WHERE (known.entry_ms, known.entry_seq) < (excluded.entry_ms, excluded.entry_seq)
"""
