"""What a slice of the log brings to the history; a frame that cannot be meant takes nothing else with it."""

from dataclasses import replace

import numpy as np
import pytest

from dataflows.history_rows import CORRUPT_ENTRY, rows_of
from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    encode_frame,
)
from schemas.ids import PartitionId
from stores.envelope import seal
from stores.log_entries import EntryKind
from stores.stream_tail import RawEntry, Slice, StreamName
from support.history_rows import frame_of_rows, random_rows

ALL = TIME_STAMPED_ON_ARRIVAL | CONTACT_GIVEN | CONTACT | TIME_OF_RECEIPT


def _entry(number: int, flags: int) -> RawEntry:
    frame = frame_of_rows(random_rows(2, seed=number))
    frame = replace(frame, flags=np.array([flags, 0], np.uint8))
    return f"1-{number}".encode(), {b"k": b"readings", b"d": seal(encode_frame(frame))}


def _slice(*entries: RawEntry) -> Slice:
    size = sum(len(fields[b"d"]) for _, fields in entries)
    return Slice(StreamName.LOG, PartitionId(0), entries, size_bytes=size)


@pytest.mark.parametrize("flags", [0, CONTACT_GIVEN, CONTACT_GIVEN | CONTACT, TIME_OF_RECEIPT, ALL])
def test_frames_with_flags_of_this_release_are_stored(flags: int) -> None:
    found = rows_of([_slice(_entry(1, flags))], on_corrupt=pytest.fail)
    assert [len(one.frame) for one in found if one.frame is not None] == [2]


@pytest.mark.parametrize("flags", [CONTACT, CONTACT | TIME_OF_RECEIPT, ALL + 1], ids=str)
def test_a_frame_with_flags_that_cannot_be_meant_is_a_dead_letter_and_its_neighbours_are_stored(
    flags: int,
) -> None:
    corrupt: list[None] = []
    found = rows_of(
        [_slice(_entry(1, 0), _entry(2, flags), _entry(3, 0))], on_corrupt=lambda: corrupt.append(None)
    )
    assert [len(one.frame) for one in found if one.frame is not None] == [2, 2]
    assert [one.letter.reason for one in found if one.letter is not None] == [CORRUPT_ENTRY]
    assert len(corrupt) == 1


@pytest.mark.parametrize("kind", [EntryKind.TICK, EntryKind.COMMAND, EntryKind.RULES])
def test_an_entry_that_only_the_live_flow_reads_brings_nothing(kind: EntryKind) -> None:
    entry = (b"1-1", {b"k": kind.value.encode(), b"d": seal(b"{}")})
    assert rows_of([_slice(entry)], on_corrupt=pytest.fail) == []
