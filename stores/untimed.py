"""Readings that came without a time: what tells them apart in table ``readings``.

The table's key is (user, time, device, digest). For a reading without a time, ``time`` is its arrival, which
a whole message shares, and equal values have equal digests. So the digest under which such a reading is
stored is mixed with what identifies it: its sequence number, or, if it has none either, its place in the log.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.frames import NO_SEQ, TIME_STAMPED_ON_ARRIVAL, ReadingFrame
from schemas.joined_frames import JoinedFrames
from schemas.positions import EntryId

_PLACE_SALT: Final = 0x6C6F672D706C6163
"""Keeps places in the log apart from sequence numbers."""


def identify_untimed(joined: JoinedFrames, entry_ids: Callable[[], Sequence[EntryId]]) -> ReadingFrame:
    """Return the rows of some log entries with the digests under which they are stored.

    Readings with a time keep theirs. The same entry always gives the same digests.

    Args:
        joined: the entries' frames.
        entry_ids: returns the id of the entry of each of these frames; asked only where it matters.
    """
    frame = joined.frame
    rows = np.flatnonzero((frame.flags & TIME_STAMPED_ON_ARRIVAL) != 0)
    if not len(rows):
        return frame
    ids = np.array(entry_ids(), np.uint64).reshape(-1, 2)[joined.frame_index[rows]]
    places = np.full(len(rows), _PLACE_SALT, np.uint64)
    for part in (ids[:, 0], ids[:, 1], joined.row_index[rows].astype(np.uint64)):
        places = _mix(places ^ part)
    seq = frame.seq[rows]
    known_by = np.where(seq == NO_SEQ, places, _mix(seq.astype(np.uint64)))
    digest = frame.digest.copy()
    digest[rows] ^= known_by
    return replace(frame, digest=digest)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-spread 64-bit numbers, one to one: the finaliser of SplitMix64 (Steele et al. 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
