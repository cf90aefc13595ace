"""From slices of streams to rows: pure, and whatever cannot be read becomes a dead letter."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import structlog

from schemas.dead_letters import DeadLetter
from schemas.errors import DaybeatError, InputError
from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    ReadingFrame,
)
from schemas.joined_frames import decode_frames
from schemas.measures import ACTIVITIES, SOURCES
from schemas.positions import EntryId
from schemas.records import RECORDS
from stores.envelope import open_envelope
from stores.history import EntryRows
from stores.letter_rows import letter_of, letter_row
from stores.log import EntryKind
from stores.stream_tail import RawEntry, Slice, StreamName
from stores.untimed import identify_untimed

CORRUPT_ENTRY: Final = "corrupt_entry"
"""Reason code of a dead letter that holds an entry which is not as it was written."""

_NOTHING_TO_STORE: Final = frozenset(
    kind.value.encode() for kind in (EntryKind.TICK, EntryKind.COMMAND, EntryKind.RULES)
)
"""Time is no row; what commands and rules led to comes through the decisions."""

_READINGS: Final = EntryKind.READINGS.value.encode()

_FLAGS_MAX: Final = TIME_STAMPED_ON_ARRIVAL | CONTACT_GIVEN | CONTACT | TIME_OF_RECEIPT

_UNREADABLE: Final = (DaybeatError, ValueError, LookupError, TypeError, AttributeError)
"""Bytes that pass the checksum can still be no frame: another release's, or somebody else's."""


class _Located(NamedTuple):
    """An entry and where it stands."""

    piece: Slice
    entry: RawEntry

    @property
    def entry_id(self) -> EntryId:
        return EntryId.parse(self.entry[0])

    @property
    def envelope(self) -> bytes:
        return self.entry[1].get(b"d", b"")


def rows_of(slices: Sequence[Slice], *, on_corrupt: Callable[[], None]) -> list[EntryRows]:
    """Return what the slices' entries bring to the history; ``on_corrupt`` hears of each unreadable one.

    The readings of all slices come as one frame.
    """
    readings: list[_Located] = []
    others: list[_Located] = []
    for piece in slices:
        for entry in piece.entries:
            kind = entry[1].get(b"k")
            if kind == _READINGS:
                readings.append(_Located(piece, entry))
            elif kind not in _NOTHING_TO_STORE:
                others.append(_Located(piece, entry))
    rows = [_rows_alone(one, on_corrupt) for one in others]
    if readings:
        try:
            rows.append(_rows_together(readings, on_corrupt))
        except _UNREADABLE:
            rows += [_rows_alone(one, on_corrupt) for one in readings]
    return rows


def _rows_together(readings: Sequence[_Located], on_corrupt: Callable[[], None]) -> EntryRows:
    joined = decode_frames([open_envelope(fields[b"d"], where="log") for _, (_, fields) in readings])
    _check(joined.frame)
    first = readings[0]
    return EntryRows(
        first.piece.stream,
        first.piece.partition,
        first.entry_id,
        frame=identify_untimed(joined, lambda: [one.entry_id for one in readings]),
        apart=(lambda: [_rows_alone(one, on_corrupt) for one in readings]) if len(readings) > 1 else None,
    )


def _rows_alone(one: _Located, on_corrupt: Callable[[], None]) -> EntryRows:
    try:
        if one.entry[1].get(b"k") == _READINGS:
            return _rows_together([one], on_corrupt)
        return _rows_of_decisions(one) if one.piece.stream is StreamName.DECISIONS else _rows_of_letter(one)
    except _UNREADABLE as error:
        on_corrupt()
        return _corrupt_rows(one, error)


def _rows_of_letter(one: _Located) -> EntryRows:
    EntryKind((one.entry[1][b"k"]).decode())
    letter = DeadLetter.model_validate_json(open_envelope(one.envelope, where="log"))
    return EntryRows(one.piece.stream, one.piece.partition, one.entry_id, letter=letter_row(letter))


def _rows_of_decisions(one: _Located) -> EntryRows:
    records = RECORDS.validate_json(open_envelope(one.envelope, where="decisions"))
    return EntryRows(one.piece.stream, one.piece.partition, one.entry_id, records=records)


def _check(frame: ReadingFrame) -> None:
    """Return if the columns agree with each other; else one bad entry would stop all others.

    Raises:
        InputError: they do not.
    """
    n = len(frame.time_us)
    if not len(frame.users) == len(frame.devices) == len(frame.extra) == n:
        raise InputError(f"a frame of {n} rows has another number of ids", where="log")
    if int(frame.rr_counts.sum(dtype="i8")) != len(frame.rr_ms):
        raise InputError("a frame's RR intervals do not add up", where="log")
    if n and (frame.activity.max() > len(ACTIVITIES) or frame.source.max() > len(SOURCES)):
        raise InputError("a frame holds unknown activities or sources", where="log")
    if n and (frame.flags.max() > _FLAGS_MAX or ((frame.flags & (CONTACT | CONTACT_GIVEN)) == CONTACT).any()):
        raise InputError("a frame holds unknown flags, or a contact that nobody gave", where="log")


def _corrupt_rows(one: _Located, error: Exception) -> EntryRows:
    kind = type(error).__name__
    letter = letter_of(
        one.piece.stream,
        one.piece.partition,
        one.entry_id,
        reason=CORRUPT_ENTRY,
        # The texts of other errors may quote what they could not read.
        detail=error.what if isinstance(error, DaybeatError) else kind,
        payload=one.envelope,
    )
    structlog.get_logger().error("corrupt_entry", place=letter.topic, error=kind)
    return EntryRows(one.piece.stream, one.piece.partition, one.entry_id, letter=letter)
