"""A log in memory whose entries come at set times: what the live flow reads where it alone is measured."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from schemas.errors import InputError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.log import START, Entry, NewEntry

_LINGER_S: Final = 0.5
"""How long the flow goes on after the last entry."""


class DueEntry(NamedTuple):
    """An entry, and how long after the start it comes."""

    due_s: float
    entry: Entry


class MemoryLog:
    """Implements :class:`stores.log.Log` for one reader and one run; the clock starts with its first read.

    Args:
        entries: in order of their times.
        partitions: of the log; nothing comes before the reader asks for all of them.
        stop: set when all entries have come.
    """

    def __init__(self, entries: Sequence[DueEntry], *, partitions: int, stop: threading.Event) -> None:
        self._entries = entries
        self._partitions = partitions
        self._stop = stop
        self._next = 0
        self._began: float | None = None
        self._committed: dict[str, dict[PartitionId, EntryId]] = {}

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return self._partitions

    def read_from(self, after: Mapping[PartitionId, EntryId], *, limit: int, wait: timedelta) -> list[Entry]:
        """Return what has come since the last call; wait for it where there is nothing."""
        del limit
        if len(after) < self._partitions:
            time.sleep(wait.total_seconds())
            return []
        now = time.perf_counter()
        self._began = now if self._began is None else self._began
        elapsed_s = now - self._began
        first = self._next
        while self._next < len(self._entries) and self._entries[self._next].due_s <= elapsed_s:
            self._next += 1
        if first == self._next:
            self._wait(elapsed_s, wait.total_seconds())
        return [due.entry for due in self._entries[first : self._next]]

    def commit(self, consumer: str, positions: Mapping[PartitionId, EntryId]) -> None:
        """Keep the positions."""
        self._committed.setdefault(consumer, {}).update(positions)

    def committed(self, consumer: str) -> dict[PartitionId, EntryId]:
        """Return what was committed."""
        return dict(self._committed.get(consumer, {}))

    def check_resumable(self, after: Mapping[PartitionId, EntryId]) -> None:
        """Return: nothing is ever trimmed."""

    def read_range(self, partition: PartitionId, after: EntryId, upto: EntryId) -> Iterator[Entry]:
        """Yield nothing: every run begins at a checkpoint."""
        del partition, after, upto
        return iter(())

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        """Refuse.

        Raises:
            InputError: always; all entries are known from the start.
        """
        raise InputError(
            f"{len(entries)} entries too many", where="log of a bench", mend="give them when it is made"
        )

    def trim(self, *, consumers: Sequence[str], keep: timedelta) -> int:
        """Trim nothing."""
        del consumers, keep
        return 0

    def ends(self) -> dict[PartitionId, EntryId]:
        """Return the last entry of each partition."""
        return dict.fromkeys(map(PartitionId, range(self._partitions)), START) | {
            due.entry.partition: due.entry.entry_id for due in self._entries
        }

    def size_bytes(self) -> int:
        """Return the size of all entries."""
        return sum(len(due.entry.payload) for due in self._entries)

    def hours_left(self) -> float | None:
        """Return that this is not known."""
        return None

    def _wait(self, elapsed_s: float, longest_s: float) -> None:
        """Wait until the next entry is due, or end the run."""
        if self._next < len(self._entries):
            time.sleep(min(self._entries[self._next].due_s - elapsed_s, longest_s))
            return
        time.sleep(_LINGER_S)
        self._stop.set()
