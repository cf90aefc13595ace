"""``store``: slices of all partitions, gathered into few transactions."""

import time
from collections.abc import Sequence
from typing import Final, Protocol

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from typing_extensions import override

from dataflows.history_metrics import HistoryMetrics
from dataflows.history_rows import rows_of
from stores.history import EntryRows, Positions
from stores.stream_tail import Slice

TRANSACTION_BYTES_MAX: Final = 2**20
TRANSACTION_ENTRIES_MAX: Final = 8192
"""One transaction holds at most so much, in envelopes: some 10,000 rows, 0.1 s of the database's time."""

POSITIONS_HELD_S: Final = 1.0
"""How long positions may wait for rows to go with: ticks alone need no transaction twenty times a second."""


class Writer(Protocol):
    """Where the rows go: stores.history_writer.HistoryWriter."""

    def write(self, entries: Sequence[EntryRows], positions: Positions) -> bool:
        """Store the rows and positions, however long it takes; False: stopped before it was done."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class StorePartition(StatefulSinkPartition[Slice, None]):
    """The one partition of the sink.

    All 128 source partitions end here, because a transaction each would cost 128 times the commits.
    ``write_batch`` waits as long as the database does; the sources' queues are bounded, the rest stays in
    Redis.
    """

    def __init__(self, writer: Writer, metrics: HistoryMetrics) -> None:
        self._writer = writer
        self._metrics = metrics
        self._slices: list[Slice] = []
        self._positions: Positions = {}
        self._stored_s = time.monotonic()
        self._stopped = False

    @override
    def write_batch(self, values: list[Slice]) -> None:
        """Store the slices, each stream's in order; positions that bring no rows may wait for a second."""
        size_bytes = entries = 0
        for piece in values:
            self._slices.append(piece)
            size_bytes += piece.size_bytes
            entries += len(piece.entries)
            if size_bytes >= TRANSACTION_BYTES_MAX or entries >= TRANSACTION_ENTRIES_MAX:
                self._store()
                size_bytes = entries = 0
        self._store()

    @override
    def snapshot(self) -> None:
        """Store what is held: after a snapshot the sources may go on from behind it."""
        self._write(())

    @override
    def close(self) -> None:
        """Store what is held and let go of the database."""
        self._write(())
        self._writer.close()

    def _store(self) -> None:
        """Write what has been gathered; positions alone only if they were held for long enough."""
        rows = rows_of(self._slices, on_corrupt=self._metrics.corrupt.inc)
        for piece in self._slices:
            self._positions[piece.stream, piece.partition] = piece.last
        self._slices = []
        if rows or time.monotonic() - self._stored_s >= POSITIONS_HELD_S:
            self._write(rows)

    def _write(self, rows: Sequence[EntryRows]) -> None:
        if self._stopped or not self._positions:
            return
        began_s = time.monotonic()
        # Once a write was given up, nothing behind it may be stored: its positions would step over the gap.
        self._stopped = not self._writer.write(rows, self._positions)
        self._stored_s = time.monotonic()
        self._metrics.write.observe(self._stored_s - began_s)
        self._positions = {}


class StoreSink(FixedPartitionedSink[Slice, None]):
    """The history as a Bytewax sink."""

    def __init__(self, writer: Writer, metrics: HistoryMetrics) -> None:
        self._writer = writer
        self._metrics = metrics

    @override
    def list_parts(self) -> list[str]:
        """Return the one partition's key."""
        return ["history"]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: None) -> StorePartition:
        """Return the one partition; it resumes nothing, the database knows what it holds."""
        del step_id, for_part, resume_state
        return StorePartition(self._writer, self._metrics)
