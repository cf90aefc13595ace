"""Positions in the log, and the feed ids that are derived from them."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

SLOTS_PER_INDEX: Final = 8
"""Feed events that one reading, command or timer may cause; each has an id of its own."""

INDEX_RANGE: Final = 2**20
"""Indexes per log entry in a feed id (so 131,072 readings or timers of 8 slots each)."""


class EntryId(NamedTuple):
    """The id of one log entry: milliseconds and sequence, as Redis Streams give it."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Return the entry id written as ``ms-seq``.

        >>> EntryId.parse("1700000000000-3")
        EntryId(ms=1700000000000, seq=3)
        """
        ms, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(ms), int(seq or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """The place of one reading, command or timer: the log entry's id and the index inside it.

    Positions of one person are totally ordered, and the same log gives the same positions: live,
    after a crash and in a backtest.
    """

    ms: int
    seq: int
    index: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position written as ``ms-seq-index``."""
        ms, seq, index = text.split("-")
        return cls(int(ms), int(seq), int(index))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}-{self.index}"

    @property
    def entry(self) -> EntryId:
        """The log entry that this position lies in."""
        return EntryId(self.ms, self.seq)

    def feed_id(self, slot: int) -> str:
        """Return the feed id of this position's event number ``slot`` (0 ≤ slot < 8).

        >>> Position(1700000000000, 2, 5).feed_id(1)
        '1700000000000-2097193'
        """
        if not 0 <= slot < SLOTS_PER_INDEX:
            msg = f"slot {slot} is outside 0…{SLOTS_PER_INDEX - 1}"
            raise ValueError(msg)
        return f"{self.ms}-{self.seq * INDEX_RANGE + self.index * SLOTS_PER_INDEX + slot}"
