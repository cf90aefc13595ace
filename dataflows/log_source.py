"""``read_log``: the log's partitions as the live flow's source.

One thread a process reads all partitions and fills queues, bounded in all; ``next_batch`` only drains,
because a source that waits stops every operator of its worker. The first ``next_batch`` after a
``snapshot()`` means that the snapshot is durable on all workers: that is when a position is reported as
committed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from schemas.errors import BusyError, UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import backoff_pauses_s
from stores.log import START, Entry, Log

IDLE_WAIT: Final = timedelta(milliseconds=4)
"""How long an empty partition sleeps: 64 partitions then cost about 5 % of a core, and 2 ms on average."""

QUEUED_ENTRIES_MAX: Final = 20_000
"""Entries held in memory before the reader waits for the flow."""

READ_ENTRIES_MAX: Final = 256
"""Entries of one partition in one read."""

_READ_WAIT: Final = timedelta(milliseconds=200)

Batch = tuple[str, list[Entry]]
"""The partition's key and some of its entries, in order."""


def partition_key(partition: PartitionId) -> str:
    """Return the key of a partition; keys sort as their numbers do.

    >>> partition_key(PartitionId(7))
    '0007'
    """
    return f"{partition:04d}"


@dataclass
class LogReader:
    """Reads partitions in a thread of its own, from positions given by the flow."""

    log: Log
    stop: threading.Event
    on_commit: Callable[[Mapping[PartitionId, EntryId]], None]
    """Called in the reader's thread with positions whose snapshot is durable."""
    _queues: dict[PartitionId, deque[Entry]] = field(default_factory=dict)
    _after: dict[PartitionId, EntryId] = field(default_factory=dict)
    _added: dict[PartitionId, EntryId] = field(default_factory=dict)
    _committed: dict[PartitionId, EntryId] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _failure: BaseException | None = None

    def add(self, partition: PartitionId, after: EntryId) -> "deque[Entry]":
        """Return the queue into which the partition's entries after ``after`` will come."""
        queue: deque[Entry] = deque()
        with self._lock:
            self._queues[partition] = queue
            self._added[partition] = after
        return queue

    def start(self) -> None:
        """Begin to read; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="read_log", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait until the thread has ended; ``stop`` must be set."""
        if self._thread is not None:
            self._thread.join()

    def committed(self, partition: PartitionId, position: EntryId) -> None:
        """Take note that everything up to ``position`` is durable; reported with the next read."""
        with self._lock:
            self._committed[partition] = position

    @property
    def failure(self) -> BaseException | None:
        """What ended the thread; None while it reads."""
        return self._failure

    def check(self) -> None:
        """Raise in the flow what ended the reader's thread."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        logger = structlog.get_logger()
        pauses, away = backoff_pauses_s(), False
        while not self.stop.is_set():
            try:
                if away:
                    # Redis may have come back in an older state: reading on would wait there in silence.
                    self.log.check_resumable(self._after)
                self._step()
            except (UnavailableError, BusyError) as error:
                if not away:
                    logger.warning("log_not_readable", error=str(error))
                away = True
                self.stop.wait(next(pauses))
            except BaseException as error:  # noqa: BLE001  # handed to the flow, which ends with it
                self._failure = error
                return
            else:
                if away:
                    logger.info("log_readable_again")
                    pauses, away = backoff_pauses_s(), False

    def _step(self) -> None:
        with self._lock:
            added, self._added = self._added, {}
            committed, self._committed = self._committed, {}
            queued = sum(len(queue) for queue in self._queues.values())
        self._after |= added
        if added:
            # Where a flow resumes further back than it had committed, nothing may be trimmed in front of it.
            self.on_commit(added)
            self.log.check_resumable(self._after)
        if committed:
            # Lost if Redis is away or full just now; the next epoch commits further on.
            self.on_commit(committed)
        if queued >= QUEUED_ENTRIES_MAX or not self._after:
            time.sleep(IDLE_WAIT.total_seconds())
            return
        for entry in self.log.read_from(self._after, limit=READ_ENTRIES_MAX, wait=_READ_WAIT):
            self._after[entry.partition] = entry.entry_id
            self._queues[entry.partition].append(entry)


class PauseClock:
    """Measures how long an epoch's end keeps the sources from reading.

    The flow takes its snapshots between two polls of the sources. So after the first snapshot of an epoch the
    longest gap between polls is looked for, over two rounds of all partitions, and reported in seconds. It
    includes whatever else the flow did in that gap.
    """

    def __init__(self, observe: Callable[[float], None], *, partitions: int) -> None:
        self._observe = observe
        self._watched = 2 * partitions
        self._left = 0
        self._longest = 0.0
        self._polled = 0.0

    def snapshot_taken(self) -> None:
        """Take note of a source's snapshot; the first of an epoch starts the watch."""
        if not self._left:
            self._left = self._watched
            self._longest = 0.0
            self._polled = time.perf_counter()

    def polled(self) -> None:
        """Take note of a poll of one partition."""
        if not self._left:
            return
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._polled)
        self._polled = now
        self._left -= 1
        if not self._left:
            self._observe(self._longest)


class LogPartition(StatefulSourcePartition[Batch, str]):
    """One partition of the log: whole entries in order, replayable from any position that is still kept."""

    def __init__(self, partition: PartitionId, after: EntryId, reader: LogReader, pause: PauseClock) -> None:
        self._partition = partition
        self._key = partition_key(partition)
        self._position = after
        self._snapshot: EntryId | None = None
        self._reader = reader
        self._pause = pause
        self._queue = reader.add(partition, after)

    def next_batch(self) -> list[Batch]:
        """Return what has come, at once, as one item."""
        self._pause.polled()
        if self._snapshot is not None:
            self._reader.committed(self._partition, self._snapshot)
            self._snapshot = None
        if self._reader.stop.is_set():
            raise StopIteration
        self._reader.check()
        queue = self._queue
        if not queue:
            return []
        entries = [queue.popleft() for _ in range(len(queue))]
        self._position = entries[-1].entry_id
        return [(self._key, entries)]

    def next_awake(self) -> datetime | None:
        """Return a moment shortly ahead while nothing has come; None (at once) otherwise."""
        return None if self._queue else datetime.now(UTC) + IDLE_WAIT

    def snapshot(self) -> str:
        """Return the id of the last entry that was handed on."""
        self._pause.snapshot_taken()
        self._snapshot = self._position
        return str(self._position)


class LogSource(FixedPartitionedSource[Batch, str]):
    """All partitions of the log."""

    def __init__(self, reader: LogReader, pause: PauseClock) -> None:
        self._reader = reader
        self._pause = pause
        self._partitions = {
            partition_key(PartitionId(number)): PartitionId(number) for number in range(reader.log.partitions)
        }

    def list_parts(self) -> list[str]:
        """Return the keys of all partitions."""
        return list(self._partitions)

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> LogPartition:
        """Return the partition, to be read after the resumed position."""
        del step_id
        after = EntryId.parse(resume_state) if resume_state else START
        part = LogPartition(self._partitions[for_part], after, self._reader, self._pause)
        self._reader.start()
        return part
