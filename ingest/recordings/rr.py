"""Plain lists of RR intervals: one in ms a line, without times."""

from collections import Counter
from pathlib import Path
from typing import Final

from ingest.recordings.beat_groups import Beat, follows_exactly, group_beats
from ingest.recordings.lines import number_in, place, read_lines
from ingest.recordings.recording import Recording, recording_of
from schemas.errors import InputError
from schemas.measures import RR_HIGH_MS, RR_LOW_MS

DEVICE_ID: Final = "rr"


def read_rr(path: Path, *, user_id: str, time_zone: str, start_us: int) -> Recording:
    """Return the recording in a file of RR intervals, whose first beat begins at ``start_us``.

    Raises:
        InputError: the file cannot be read, or a line is not an interval; names file and line.
    """
    beats: list[Beat] = []
    elapsed_ms = 0.0
    for number, line in read_lines(path):
        rr_ms = number_in(line, "an RR interval in ms", where=place(path, number))
        if not RR_LOW_MS <= rr_ms <= RR_HIGH_MS:
            raise InputError(
                f"{rr_ms:g} ms is no RR interval",
                where=place(path, number),
                mend=f"intervals are in ms, from {RR_LOW_MS:g} to {RR_HIGH_MS:g}",
            )
        elapsed_ms += rr_ms
        beats.append(Beat(start_us + round(elapsed_ms * 1000), rr_ms))
    readings = list(group_beats(beats, follows=follows_exactly))
    return recording_of(user_id, DEVICE_ID, time_zone, readings, left_out=Counter(), where=path)
