"""``read_log`` and ``read_decisions``: streams as Bytewax sources for the history flow.

One thread a source reads all its partitions and fills a bounded queue for each; ``next_batch`` only drains.
The position to resume from comes from the database, not from Bytewax's own snapshot: it was changed in the
same transaction as the rows, so it is right also where a recovery folder was lost or is an old copy, or where
the database was restored to an older state.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import redis
import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from typing_extensions import override

from dataflows.log_source import partition_key
from schemas.errors import UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import backoff_pauses_s
from stores.stream_tail import Slice, StreamName, read_slices

AWAKE_EVERY: Final = timedelta(milliseconds=50)
"""All groups look into their queues at the same moments, so that what came becomes one transaction."""

GROUPS: Final = 8
"""Partitions are polled in so many groups: 128 sources of their own cost 5 % of a core when nothing comes."""

QUEUED_BYTES_MAX: Final = 64 * 2**20
"""Bytes held in memory before the reader waits for the database."""

READ_BYTES: Final = 8 * 2**20
"""About so much is fetched in one read of all partitions."""

_READ_PAUSE_S: Final = 0.04
"""Between two reads of streams that are not behind: each read costs about 0.1 ms however little it brings."""

_LIMIT_FIRST: Final = 32
_LIMIT_MAX: Final = 512
"""Entries of one partition in one read."""

Keyed = tuple[str, Slice]


class StreamReader:
    """Reads one stream of all partitions in a thread of its own, from positions that are given to it."""

    def __init__(
        self,
        client: redis.Redis,
        stream: StreamName,
        after: Mapping[PartitionId, EntryId],
        *,
        check_resumable: Callable[[Mapping[PartitionId, EntryId]], None],
        stop: threading.Event,
    ) -> None:
        self.stop = stop
        self._client = client
        self._stream = stream
        self._after = dict(after)
        self._check_resumable = check_resumable
        self._queues: dict[PartitionId, deque[Slice]] = {partition: deque() for partition in after}
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._limit = _LIMIT_FIRST
        self.failure: BaseException | None = None
        """What ended the thread before its time."""
        self._thread: threading.Thread | None = None

    @property
    def partitions(self) -> list[PartitionId]:
        """The partitions it reads."""
        return list(self._queues)

    def start(self) -> None:
        """Begin to read; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"read_{self._stream}", daemon=True)
            self._thread.start()

    def take(self, partition: PartitionId) -> list[Slice]:
        """Return what has come of a partition, without waiting.

        Raises:
            BaseException: whatever ended the thread.
        """
        if self.failure is not None:
            raise self.failure
        queue = self._queues[partition]
        if not queue:
            return []
        taken = [queue.popleft() for _ in range(len(queue))]
        with self._lock:
            self._queued_bytes -= sum(piece.size_bytes for piece in taken)
        return taken

    def _run(self) -> None:
        pauses = backoff_pauses_s()
        away = False
        while not self.stop.is_set():
            try:
                if away:
                    # Redis may have come back in an older state: reading on would wait there in silence.
                    self._check_resumable(self._after)
                self._read()
            except UnavailableError as error:
                if not away:
                    structlog.get_logger().warning(
                        "history_cannot_read", stream=self._stream.value, error=str(error)
                    )
                away = True
                self.stop.wait(next(pauses))
            except BaseException as error:  # noqa: BLE001  # handed to the flow, which ends with it
                self.failure = error
                return
            else:
                if away:
                    structlog.get_logger().info("history_reads_again", stream=self._stream.value)
                    away, pauses = False, backoff_pauses_s()

    def _read(self) -> None:
        if self._queued_bytes >= QUEUED_BYTES_MAX:
            self.stop.wait(_READ_PAUSE_S)
            return
        slices = read_slices(self._client, self._stream, self._after, limit=self._limit)
        read_bytes = sum(piece.size_bytes for piece in slices)
        with self._lock:
            self._queued_bytes += read_bytes
        for piece in slices:
            self._after[piece.partition] = piece.last
            self._queues[piece.partition].append(piece)
        if not any(len(piece.entries) == self._limit for piece in slices):
            self.stop.wait(_READ_PAUSE_S)
        entries = sum(len(piece.entries) for piece in slices)
        if read_bytes:
            fitting = READ_BYTES * entries // read_bytes // len(self._queues)
            self._limit = min(_LIMIT_MAX, max(1, fitting))


class PartitionGroup(StatefulSourcePartition[Keyed, None]):
    """Some partitions of a stream."""

    def __init__(self, reader: StreamReader, partitions: Sequence[PartitionId]) -> None:
        self._reader = reader
        self._partitions = partitions

    @override
    def next_batch(self) -> list[Keyed]:
        """Return what has come; ends when the flow is to stop."""
        if self._reader.stop.is_set():
            raise StopIteration
        return [
            (partition_key(partition), piece)
            for partition in self._partitions
            for piece in self._reader.take(partition)
        ]

    @override
    def next_awake(self) -> datetime | None:
        """Return the next of the moments that all groups share."""
        interval_s = AWAKE_EVERY.total_seconds()
        return datetime.fromtimestamp((time.time() // interval_s + 1) * interval_s, UTC)

    @override
    def snapshot(self) -> None:
        """Return nothing: the database knows the positions (see above)."""


class StreamSource(FixedPartitionedSource[Keyed, None]):
    """One stream of all partitions."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._groups = {
            f"{number:02d}": reader.partitions[number::GROUPS]
            for number in range(min(GROUPS, len(reader.partitions)))
        }

    @override
    def list_parts(self) -> list[str]:
        """Return the keys of all groups."""
        return list(self._groups)

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: None) -> PartitionGroup:
        """Return the group, to be read after the reader's positions."""
        del step_id, resume_state
        self._reader.start()
        return PartitionGroup(self._reader, self._groups[for_part])
