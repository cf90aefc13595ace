"""Taking rows out of a frame."""

import numpy as np

from schemas.frames import ReadingFrame


def halve_frame(frame: ReadingFrame) -> tuple[ReadingFrame, ReadingFrame]:
    """Return the first and the second half of the rows, in order; the second is the longer by at most one."""
    middle = len(frame) // 2
    return _take_rows(frame, 0, middle), _take_rows(frame, middle, len(frame))


def _take_rows(frame: ReadingFrame, start: int, end: int) -> ReadingFrame:
    rr_start = int(frame.rr_counts[:start].sum(dtype=np.int64))
    rr_end = rr_start + int(frame.rr_counts[start:end].sum(dtype=np.int64))
    return ReadingFrame(
        users=frame.users[start:end],
        devices=frame.devices[start:end],
        time_us=frame.time_us[start:end],
        arrival_us=frame.arrival_us[start:end],
        seq=frame.seq[start:end],
        digest=frame.digest[start:end],
        flags=frame.flags[start:end],
        activity=frame.activity[start:end],
        source=frame.source[start:end],
        measures=frame.measures[start:end],
        rr_counts=frame.rr_counts[start:end],
        rr_ms=frame.rr_ms[rr_start:rr_end],
        extra=frame.extra[start:end],
    )
