"""What was read from the log and not yet applied: readings and commands in one order per person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.channels import FRAME_COLUMNS, TRACKED_MEASURES
from schemas.frames import ReadingFrame
from schemas.positions import EntryId, Position


class Field(IntEnum):
    """What is kept of a pending row besides its values; all are int64."""

    PERSON = 0
    STREAM = 1
    """Row of the device; ``COMMAND`` where the pending row is a command."""
    TIME_US = 2
    ARRIVAL_US = 3
    SEQ = 4
    DIGEST = 5
    """The 64 bits of the digest."""
    FLAGS = 6
    ENTRY_MS = 7
    ENTRY_SEQ = 8
    INDEX = 9
    ACTIVITY = 10
    """As in a frame: 0 where not given."""
    RR_START = 11
    """Where the row's RR intervals begin among those of ``Rows.beats``."""
    RR_COUNT = 12
    RR_US = 13
    """Sum of the row's RR intervals, µs."""


COMMAND: Final = -1


BEAT_UNITS_PER_MS: Final = 16
"""A kept RR interval is a whole number of these: whole ms are exact, and others off by 0.03 ms at most."""

_NO_BEATS: Final = np.zeros(0, np.uint16)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n pending rows; never changed."""

    fields: NDArray[np.int64]
    """(14, n), by ``Field``."""
    values: NDArray[np.float64]
    """(n, 9) measures in the order of ``TRACKED_MEASURES``, NaN where not given."""
    beats: NDArray[np.uint16] = field(default_factory=lambda: _NO_BEATS)
    """RR intervals of these rows, and perhaps of others, in sixteenths of a millisecond."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, field: Field) -> NDArray[np.int64]:
        column: NDArray[np.int64] = self.fields[field]
        return column

    def pick(self, rows: NDArray[np.int64]) -> Self:
        """Return the rows of these numbers."""
        return type(self)(self.fields.take(rows, axis=1), self.values.take(rows, axis=0), self.beats)

    def without(self, measures: Sequence[str], where: NDArray[np.bool_]) -> Self:
        """Return the rows without some measures in those places."""
        if not where.any():
            return self
        values = self.values.copy()
        columns = [TRACKED_MEASURES.index(measure) for measure in measures]
        values[where.nonzero()[0][:, np.newaxis], columns] = np.nan
        return type(self)(self.fields, values, self.beats)

    def with_own_beats(self) -> Self:
        """Return the rows with no other rows' intervals beside theirs."""
        counts, starts = self[Field.RR_COUNT], self[Field.RR_START]
        ends = counts.cumsum()
        if len(self.beats) == (ends[-1] if len(ends) else 0):
            return self
        fields = self.fields.copy()
        fields[Field.RR_START] = ends - counts
        picked = np.arange(ends[-1]) + np.repeat(starts - fields[Field.RR_START], counts)
        return type(self)(fields, self.values, self.beats[picked])

    def position(self, row: int) -> Position:
        """Return the place of one row in the log."""
        return Position(*self.fields[Field.ENTRY_MS : Field.INDEX + 1, row].tolist())


def rows_of_frame(entry_id: EntryId, frame: ReadingFrame, people: list[int], streams: list[int]) -> Rows:
    """Return a frame as pending rows.

    Args:
        entry_id: the frame's place in the log.
        frame: its readings.
        people: row of each reading's person.
        streams: row of each reading's device.
    """
    fields = np.empty((len(Field), len(frame)), np.int64)
    fields[Field.PERSON] = people
    fields[Field.STREAM] = streams
    fields[Field.TIME_US] = frame.time_us
    fields[Field.ARRIVAL_US] = frame.arrival_us
    fields[Field.SEQ] = frame.seq
    fields[Field.DIGEST] = frame.digest.view(np.int64)
    fields[Field.FLAGS] = frame.flags
    fields[Field.ENTRY_MS] = entry_id.ms
    fields[Field.ENTRY_SEQ] = entry_id.seq
    fields[Field.INDEX] = np.arange(len(frame))
    fields[Field.ACTIVITY] = frame.activity
    fields[Field.RR_START :] = 0
    values = frame.measures.take(FRAME_COLUMNS, axis=1)
    if not len(frame.rr_ms):
        return Rows(fields, values)
    fields[Field.RR_COUNT] = frame.rr_counts
    ends = fields[Field.RR_COUNT].cumsum()
    fields[Field.RR_START] = ends - fields[Field.RR_COUNT]
    # Whole numbers, so that a row's sum does not depend on what stands beside it in the frame.
    so_far_us = np.concatenate([[0], np.rint(frame.rr_ms * 1000).astype(np.int64).cumsum()])
    fields[Field.RR_US] = so_far_us[ends] - so_far_us[fields[Field.RR_START]]
    return Rows(fields, values, np.rint(frame.rr_ms * BEAT_UNITS_PER_MS).astype(np.uint16))


def row_of_command(entry_id: EntryId, person: int, arrival_us: int) -> Rows:
    """Return a command as a pending row: at index 0 of its entry."""
    fields = np.zeros((len(Field), 1), np.int64)
    fields[Field.PERSON] = person
    fields[Field.STREAM] = COMMAND
    fields[Field.TIME_US] = fields[Field.ARRIVAL_US] = arrival_us
    fields[Field.ENTRY_MS], fields[Field.ENTRY_SEQ] = entry_id
    return Rows(fields, np.full((1, len(TRACKED_MEASURES)), np.nan))


def join_rows(chunks: Sequence[Rows]) -> Rows:
    """Return the rows of at least one chunk, one after the other."""
    if len(chunks) == 1:
        return chunks[0]
    fields = np.concatenate([chunk.fields for chunk in chunks], axis=1)
    values = np.concatenate([chunk.values for chunk in chunks])
    beats = [chunk.beats for chunk in chunks]
    if any(map(len, beats)):
        before = np.cumsum([0, *map(len, beats[:-1])])
        fields[Field.RR_START] += np.repeat(before, [len(chunk) for chunk in chunks])
    return Rows(fields, values, np.concatenate(beats))


def split_rounds(rows: Rows, rounds_max: int) -> tuple[list[Rows], Rows | None]:
    """Return rounds with each person at most once, each person's rows in order, and what is left after them.

    The first round holds the first row of each person, the second the second ones, and so on. What is left
    after ``rounds_max`` rounds keeps its order.
    """
    person = rows[Field.PERSON]
    n = len(person)
    if n == 1 or len(set(person.tolist())) == n:
        return ([rows], None) if rounds_max > 0 else ([], rows)
    order = person.argsort(kind="stable")
    grouped = person[order]
    starts = np.flatnonzero(np.concatenate([[True], grouped[1:] != grouped[:-1]]))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - np.repeat(starts, np.diff(starts, append=n))
    by_round = rank.argsort(kind="stable")
    ends = np.bincount(rank).cumsum()[:rounds_max].tolist()
    rounds = [rows.pick(by_round[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    left = np.flatnonzero(rank >= rounds_max)
    return rounds, rows.pick(left).with_own_beats() if len(left) else None


def split_at(rows: Rows, entry_id: EntryId) -> tuple[Rows, Rows]:
    """Return the rows of entries before this one, and those behind it; both keep their order."""
    ms, seq = rows[Field.ENTRY_MS], rows[Field.ENTRY_SEQ]
    before = (ms < entry_id.ms) | ((ms == entry_id.ms) & (seq < entry_id.seq))
    return rows.pick(np.flatnonzero(before)), rows.pick(np.flatnonzero(~before))
