"""Timers by the partition's clock: when something that runs out falls due, and at which place of the log.

The clock is the largest tick or arrival so far. A deadline falls due at the first entry of the log that moves
the clock up to it, behind the readings of that entry: so it has one place in its person's order, whatever was
read at once, and also for a person who sends nothing. After an outage what ran out meanwhile falls due at the
first entries behind it, once and in order.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.pending import Field, Rows
from schemas.positions import EntryId, Position

_PLACE: Final = [Field.PERSON, Field.ENTRY_MS, Field.ENTRY_SEQ]


class Deadline(NamedTuple):
    """Something of one person runs out."""

    due_us: int
    person: int
    """Row of the person."""
    set_at: EntryId
    """The entry at which it was set: it falls due there or later."""


class TakenEntry(NamedTuple):
    """An entry of the log that was taken, and is not yet applied to everybody."""

    entry: EntryId
    end_index: int
    """The index behind its readings or its command: the place of timers that fall due by it."""
    clock_us: int
    """The partition's clock once it was taken."""


class Due(NamedTuple):
    """All that has run out for one person at one place of the log."""

    person: int
    position: Position
    clock_us: int


@dataclass(frozen=True, slots=True, eq=False)
class SavedTimers:
    """An immutable copy."""

    deadlines: NDArray[np.int64]
    """(d, 4) time, person, and the two parts of the entry's id."""
    taken: NDArray[np.int64]
    """(t, 4) the two parts of the entry's id, index behind its readings, clock."""


class Timers:
    """The clock of one partition, and the deadlines of its people."""

    def __init__(self) -> None:
        self.clock_us = 0
        """The largest tick or arrival so far, µs since 1970 UTC."""
        self._deadlines: list[Deadline] = []
        """A heap: whether anything is due is one comparison, however many people there are."""
        self._taken: list[TakenEntry] = []

    def take(self, entry_id: EntryId, end_index: int, arrival_us: int) -> None:
        """Move the clock by an entry of the log, the next in its order.

        Args:
            entry_id: its place.
            end_index: how many readings it holds; 1 for a command, 0 for other entries.
            arrival_us: its tick, or the latest arrival in it.
        """
        self.clock_us = max(self.clock_us, arrival_us)
        self._taken.append(TakenEntry(entry_id, end_index, self.clock_us))

    def set_deadline(self, deadline: Deadline) -> None:
        """Let something run out. A person may have many deadlines; those due at one place are told once."""
        heappush(self._deadlines, deadline)

    @property
    def are_due(self) -> bool:
        """Whether a deadline is behind the clock."""
        return bool(self._deadlines) and self._deadlines[0].due_us <= self.clock_us

    def fall_due(self, following: Sequence[Rows], *, before: EntryId | None) -> list[Due]:
        """Return what falls due before rows that are applied next, of each person in order.

        Args:
            following: rows that are still to be applied, of each person the next one first: what falls due
                at its entry or later waits.
            before: what falls due at this entry or later waits, whoever's it is; None: nothing does.
        """
        if not self.are_due:
            return []
        next_entries = _next_entries(following)
        found: dict[tuple[int, EntryId], Due] = {}
        waiting: list[Deadline] = []
        while self._deadlines and self._deadlines[0].due_us <= self.clock_us:
            deadline = heappop(self._deadlines)
            taken = self._falls_due_at(deadline)
            follows = next_entries.get(deadline.person)
            limits = [limit for limit in (follows, before) if limit is not None]
            if any(limit <= taken.entry for limit in limits):
                waiting.append(deadline)
            else:
                position = Position(*taken.entry, taken.end_index)
                found[deadline.person, taken.entry] = Due(deadline.person, position, taken.clock_us)
        for deadline in waiting:
            heappush(self._deadlines, deadline)
        return list(found.values())

    def forget_before(self, entry_id: EntryId | None) -> None:
        """Forget the entries before this one, which are applied to everybody; None: all are."""
        if entry_id is None:
            self._taken.clear()
        else:
            self._taken = [taken for taken in self._taken if taken.entry >= entry_id]

    def save(self) -> SavedTimers:
        """Return a copy; sorted, so that it does not tell how its deadlines came."""
        deadlines = [(one.due_us, one.person, *one.set_at) for one in sorted(self._deadlines)]
        taken = [(*one.entry, one.end_index, one.clock_us) for one in self._taken]
        return SavedTimers(_of_four(deadlines), _of_four(taken))

    @classmethod
    def resume(cls, clock_us: int, saved: SavedTimers) -> Self:
        """Return timers that go on where the clock stood and ``saved`` was copied."""
        timers = cls()
        timers.clock_us = clock_us
        timers._deadlines = [
            Deadline(due_us, person, EntryId(ms, seq)) for due_us, person, ms, seq in saved.deadlines.tolist()
        ]
        timers._taken = [
            TakenEntry(EntryId(ms, seq), end_index, clock_us)
            for ms, seq, end_index, clock_us in saved.taken.tolist()
        ]
        return timers

    def _falls_due_at(self, deadline: Deadline) -> TakenEntry:
        """Return the entry at which a deadline behind the clock falls due."""
        moved_to = bisect_left(self._taken, deadline.due_us, key=lambda taken: taken.clock_us)
        set_at = bisect_left(self._taken, deadline.set_at, key=lambda taken: taken.entry)
        return self._taken[max(moved_to, set_at)]


def _next_entries(following: Sequence[Rows]) -> Mapping[int, EntryId]:
    """Return the entry of each person's first row."""
    found: dict[int, EntryId] = {}
    for rows in following:
        for person, ms, seq in rows.fields[_PLACE].T.tolist():
            found.setdefault(person, EntryId(ms, seq))
    return found


def _of_four(rows: list[tuple[int, int, int, int]]) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, 4)
