"""Readings in memory, arranged in rounds: the first of each person, then the second of each, and so on.

People with more readings stand first, so a round is that of the first so many people, whose rows of a table
with columns (:class:`adaptation.columns.ColumnTable`) need no copying.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adaptation.backtest_facts import Facts, facts_of
from adaptation.pending import Field, Rows, join_rows, rows_of_frame
from schemas.frames import ReadingFrame
from schemas.positions import EntryId


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Readings of some people, each person's in order of arrival."""

    users: tuple[str, ...]
    """User of each row of a table of people, the one with the most readings first."""
    devices: tuple[tuple[str, str], ...]
    """User and device of each row of a table of devices."""
    zones: Mapping[str, str]
    """User → IANA zone, of those whose zone is known."""
    rows: Rows
    """Round after round; within a round in order of people."""
    ends: NDArray[np.int64]
    """(rounds,) where each round ends."""
    facts: Facts

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, frames: Sequence[ReadingFrame], zones: Mapping[str, str]) -> Self:
        """Return the readings of at least one frame; each person's come in order of their arrival."""
        users: dict[str, int] = {}
        devices: dict[tuple[str, str], int] = {}
        chunks = []
        for number, frame in enumerate(frames, 1):
            people = [users.setdefault(user, len(users)) for user in frame.users]
            pairs = zip(frame.users, frame.devices, strict=True)
            streams = [devices.setdefault(pair, len(devices)) for pair in pairs]
            chunks.append(rows_of_frame(EntryId(number, 0), frame, people, streams))
        return cls._arranged(tuple(users), tuple(devices), zones, join_rows(chunks))

    def rounds(self) -> Iterator[Rows]:
        """Yield the rounds; nothing is copied."""
        return _rounds(self.rows, self.ends)

    def of_people(self, chosen: NDArray[np.bool_]) -> Self:
        """Return the readings of some of the people.

        Args:
            chosen: (people,) whose.
        """
        if chosen.all():
            return self
        rows = self.rows.pick(np.flatnonzero(chosen[self.rows[Field.PERSON]]))
        return self._arranged(self.users, self.devices, self.zones, rows)

    @classmethod
    def _arranged(
        cls,
        users: Sequence[str],
        devices: Sequence[tuple[str, str]],
        zones: Mapping[str, str],
        rows: Rows,
    ) -> Self:
        """Return rows in which people and devices have any numbers, in rounds and numbered anew."""
        person = rows[Field.PERSON]
        counts = np.bincount(person, minlength=len(users))
        most_first = np.argsort(-counts, kind="stable")
        people = most_first[: int((counts > 0).sum())]
        number = np.empty(len(users), np.int64)
        number[most_first] = np.arange(len(users))
        by_person = np.argsort(number[person], kind="stable")
        lengths = counts[people]
        rank = np.arange(len(rows)) - np.repeat(lengths.cumsum() - lengths, lengths)
        order = by_person[np.argsort(rank, kind="stable")]
        picked = Rows(
            rows.fields.take(order, axis=1),
            np.ascontiguousarray(rows.values.T).take(order, axis=1).T,
            rows.beats,
        )
        picked.fields[Field.PERSON] = number[picked[Field.PERSON]]
        kept = _number_devices(picked)
        ends = np.bincount(rank).cumsum()
        return cls(
            users=tuple(users[one] for one in people.tolist()),
            devices=tuple(devices[one] for one in kept.tolist()),
            zones=zones,
            rows=picked,
            ends=ends,
            facts=facts_of(_rounds(picked, ends), len(people)),
        )


def _rounds(rows: Rows, ends: NDArray[np.int64]) -> Iterator[Rows]:
    start = 0
    for end in ends.tolist():
        yield Rows(rows.fields[:, start:end], rows.values[start:end], rows.beats)
        start = end


def _number_devices(rows: Rows) -> NDArray[np.int64]:
    """Number devices anew, in place; return what they were called.

    The first devices of all people come first: where everybody has one, it has its person's number.
    """
    called, first, inverse = np.unique(rows[Field.STREAM], return_index=True, return_inverse=True)
    person = rows[Field.PERSON][first]
    by_person = np.lexsort((first, person))
    starts = np.flatnonzero(np.diff(person[by_person], prepend=-1))
    which = np.empty(len(called), np.int64)
    which[by_person] = np.arange(len(called)) - np.repeat(starts, np.diff(starts, append=len(called)))
    order = np.lexsort((person, which))
    number = np.empty(len(called), np.int64)
    number[order] = np.arange(len(called))
    rows.fields[Field.STREAM] = number[inverse]
    return called[order]
