"""What was read from the log and not yet applied: readings and commands in one order per person."""

from collections.abc import Sequence
from dataclasses import dataclass
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


COMMAND: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n pending rows; never changed."""

    fields: NDArray[np.int64]
    """(10, n), by ``Field``."""
    values: NDArray[np.float64]
    """(n, 9) measures in the order of ``TRACKED_MEASURES``, NaN where not given."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, field: Field) -> NDArray[np.int64]:
        column: NDArray[np.int64] = self.fields[field]
        return column

    def pick(self, rows: NDArray[np.int64]) -> Self:
        """Return the rows of these numbers."""
        return type(self)(self.fields.take(rows, axis=1), self.values.take(rows, axis=0))

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
    return Rows(fields, frame.measures.take(FRAME_COLUMNS, axis=1))


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
    return Rows(
        np.concatenate([chunk.fields for chunk in chunks], axis=1),
        np.concatenate([chunk.values for chunk in chunks]),
    )


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
    return rounds, rows.pick(left) if len(left) else None
