"""Writing to the history for as long as it takes: the database may be away for hours, and nothing is lost.

What passes by itself (no connection, restart, full disk) is tried again for ever, with growing pauses. What
the database refuses is halved until the row that it refuses stands alone; that row becomes a dead letter.
"""

import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import psycopg
import structlog

from schemas.errors import DaybeatError
from schemas.frames import encode_frame
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import backoff_pauses_s
from stores.frame_pieces import halve_frame
from stores.history import EntryRows, HistoryStore, Positions, RowCount
from stores.letter_rows import letter_of
from stores.stream_tail import StreamName

REFUSED_BY_DATABASE: Final = "refused_by_database"
"""Reason code of a dead letter whose row PostgreSQL would not take."""

PAUSE_LONGEST_S: Final = 5.0
"""The longest pause between two tries, in seconds: so soon the rows catch up once the database is back."""

_FAILURES_SAID: Final = (1, 10, 60)
"""Which failures in a row are logged; from the last on, every so many (about five minutes)."""

_KEEPALIVE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""In seconds: a database whose machine went away is noticed within half a minute."""

_TOO_MUCH: Final = psycopg.errors.OutOfMemory
"""Also when one transaction touches more chunks than there are locks: smaller ones pass."""

_REFUSED: Final = (psycopg.DataError, psycopg.IntegrityError)


class WriterObserver(Protocol):
    """Who hears of what the writer does."""

    def stored(self, counts: Mapping[str, RowCount]) -> None:
        """Take note of a transaction that was committed, with its rows by table."""
        ...

    def database_is_up(self, up: bool) -> None:  # noqa: FBT001  # the one fact there is to tell
        """Take note of whether the database serves us."""
        ...


class HistoryWriter:
    """The one writer of the history. ``write`` belongs to one thread, everything else to any."""

    def __init__(self, database_url: str, *, stop: threading.Event, observer: WriterObserver) -> None:
        self._database_url = database_url
        self._stop = stop
        self._observer = observer
        self._connection: psycopg.Connection[Any] | None = None
        self._store: HistoryStore | None = None
        self._stored: Positions = {}
        self._lock = threading.Lock()
        self._busy_since_s: float | None = None
        self._failures = 0
        self._pauses = backoff_pauses_s(PAUSE_LONGEST_S)

    def write(
        self, entries: Sequence[EntryRows], positions: Mapping[tuple[StreamName, PartitionId], EntryId]
    ) -> bool:
        """Store the rows and positions and tell whether that was done.

        It is not done only where ``stop`` was set while the database was away: the rows stay in the streams.
        """
        if not self._write_halving(entries, positions):
            return False
        with self._lock:
            self._stored.update(positions)
        return True

    def stored_positions(self) -> Positions:
        """Return the positions whose transactions were committed by this writer."""
        with self._lock:
            return dict(self._stored)

    def busy_s(self) -> float:
        """Return for how long the present try to write has been under way, in seconds; 0 if there is none."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def sever(self) -> None:
        """Cut the connection: a write that waits for a database that says nothing ends with an error."""
        connection = self._connection
        if connection is None or connection.closed:
            return
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error) as error:
            structlog.get_logger().info("connection_already_gone", error=type(error).__name__)

    def close(self) -> None:
        """Close the connection."""
        self._store = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_halving(
        self, entries: Sequence[EntryRows], positions: Mapping[tuple[StreamName, PartitionId], EntryId]
    ) -> bool:
        """Write all at once, or else in parts, the positions last: parts that come twice change nothing."""
        while True:
            try:
                counts = self._write_once(entries, positions)
            except (*_REFUSED, _TOO_MUCH) as error:
                parts = _parts(entries)
                if parts is not None:
                    return all(self._write_halving(part, {}) for part in parts) and self._write_halving(
                        (), positions
                    )
                letter = _letter_instead(entries, error)
                if letter is not None:
                    entries = (letter,)
                elif not self._wait_after(error):
                    return False
            except (psycopg.Error, DaybeatError) as error:
                if not self._wait_after(error):
                    return False
            else:
                self._succeeded(counts)
                return True

    def _write_once(
        self, entries: Sequence[EntryRows], positions: Mapping[tuple[StreamName, PartitionId], EntryId]
    ) -> dict[str, RowCount]:
        self._busy_since_s = time.monotonic()
        try:
            return self._opened_store().write(entries, positions)
        finally:
            self._busy_since_s = None

    def _opened_store(self) -> HistoryStore:
        if self._store is None or self._connection is None or self._connection.closed:
            self.close()
            self._connection = psycopg.connect(self._database_url, autocommit=True, **_KEEPALIVE)
            self._store = HistoryStore.open(self._connection)
        return self._store

    def _succeeded(self, counts: Mapping[str, RowCount]) -> None:
        if self._failures:
            structlog.get_logger().info("history_database_is_back", failures=self._failures)
            self._pauses = backoff_pauses_s(PAUSE_LONGEST_S)
        self._failures = 0
        self._observer.database_is_up(True)
        self._observer.stored(counts)

    def _wait_after(self, error: Exception) -> bool:
        """Drop the connection and pause before the next try; tell whether there is to be one."""
        self._failures += 1
        self._observer.database_is_up(False)
        self.close()
        if self._failures in _FAILURES_SAID or self._failures % _FAILURES_SAID[-1] == 0:
            # The text of an error of PostgreSQL may quote values of rows; its class and code do not.
            structlog.get_logger().warning(
                "history_database_is_away",
                error=type(error).__name__,
                sqlstate=getattr(error, "sqlstate", None),
                failures=self._failures,
                mend="rows wait in the log and are stored once it is back; see daybeat doctor",
            )
        return not self._stop.wait(next(self._pauses))


def _parts(entries: Sequence[EntryRows]) -> tuple[Sequence[EntryRows], ...] | None:
    """Return the rows in smaller parts; None if there is only one row, or none."""
    if len(entries) > 1:
        middle = len(entries) // 2
        return entries[:middle], entries[middle:]
    if not entries:
        return None
    entry = entries[0]
    if entry.apart is not None:
        return (entry.apart(),)
    if entry.frame is not None and len(entry.frame) > 1:
        first, second = halve_frame(entry.frame)
        return (replace(entry, frame=first),), (replace(entry, frame=second),)
    if len(entry.records) > 1:
        middle = len(entry.records) // 2
        return (
            (replace(entry, records=entry.records[:middle]),),
            (replace(entry, records=entry.records[middle:]),),
        )
    return None


def _letter_instead(entries: Sequence[EntryRows], error: psycopg.Error) -> EntryRows | None:
    """Return a dead letter in place of the one row that is refused; None if that is no remedy."""
    if not entries or isinstance(error, _TOO_MUCH):
        return None
    entry = entries[0]
    if entry.letter is not None and entry.letter.reason == REFUSED_BY_DATABASE:
        return None
    letter = letter_of(
        entry.stream,
        entry.partition,
        entry.entry_id,
        reason=REFUSED_BY_DATABASE,
        detail=f"SQLSTATE {error.sqlstate}" if error.sqlstate else type(error).__name__,
        payload=_bytes_of(entry),
    )
    structlog.get_logger().error("row_refused_by_database", place=letter.topic, sqlstate=error.sqlstate)
    return EntryRows(entry.stream, entry.partition, entry.entry_id, letter=letter)


def _bytes_of(entry: EntryRows) -> bytes:
    if entry.frame is not None:
        return encode_frame(entry.frame)
    if entry.letter is not None:
        return entry.letter.payload
    return b"".join(record.model_dump_json().encode() for record in entry.records)
