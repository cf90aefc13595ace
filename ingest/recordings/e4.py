"""Empatica E4: a folder with ``HR.csv`` and ``IBI.csv``.

``HR.csv`` has the unix start, the rate in Hz, then one heart rate a line. ``IBI.csv`` has the unix start,
then ``offset,duration`` in seconds for each interval that was detected, with gaps; the offset is its end.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingest.device_messages import TimedReading
from ingest.recordings.beat_groups import Beat, follows_exactly, group_beats, is_plausible
from ingest.recordings.lines import number_in, place, read_lines
from ingest.recordings.recording import Recording, recording_of
from schemas.errors import InputError

DEVICE_ID: Final = "e4"
_RATE_HZ_MAX: Final = 64.0


def read_e4(path: Path, *, user_id: str) -> Recording:
    """Return the recording in a folder of E4 files, or in one of the files alone.

    Raises:
        InputError: a file cannot be read or has another form; names file and line.
    """
    files = [path] if path.is_file() else [path / name for name in ("HR.csv", "IBI.csv")]
    present = [file for file in files if file.is_file()]
    if not present:
        raise InputError("holds neither HR.csv nor IBI.csv", where=str(path), mend="give an E4 folder")
    left_out: Counter[str] = Counter()
    readings: list[TimedReading] = []
    for file in present:
        if file.name.startswith("IBI"):
            readings += _read_beats(file, left_out)
        elif file.name.startswith("HR"):
            readings += _read_heart_rate(file, left_out)
        else:
            raise InputError("is neither HR.csv nor IBI.csv", where=str(file), mend="give an E4 folder")
    return recording_of(user_id, DEVICE_ID, "UTC", readings, left_out=+left_out, where=path)


def _read_heart_rate(path: Path, left_out: Counter[str]) -> Iterator[TimedReading]:
    lines = read_lines(path)
    start_s = _first_number(lines, path, "the unix time of the start")
    rate_hz = _first_number(lines, path, "a sampling rate in Hz")
    if not 0 < rate_hz <= _RATE_HZ_MAX:
        raise InputError(
            f"{rate_hz:g} is not a sampling rate in Hz", where=place(path, 2), mend="line 2 is the rate"
        )
    for index, (number, line) in enumerate(lines):
        bpm = number_in(line, "a heart rate", where=place(path, number))
        if 20 <= bpm <= 250:
            time_us = round((start_s + index / rate_hz) * 1e6)
            yield TimedReading(time_us, {"heart_rate_bpm": bpm, "source": "wearable"})
        else:
            left_out["heart_rate_out_of_bounds"] += 1


def _read_beats(path: Path, left_out: Counter[str]) -> Iterator[TimedReading]:
    lines = read_lines(path)
    start_s = _first_number(lines, path, "the unix time of the start")
    beats = [_parse_beat(line, start_s, place(path, number)) for number, line in lines]
    plausible = [beat for beat in beats if is_plausible(beat)]
    left_out["beat_out_of_bounds"] += len(beats) - len(plausible)
    return group_beats(plausible, follows=follows_exactly)


def _parse_beat(line: str, start_s: float, where: str) -> Beat:
    fields = line.split(",")
    if len(fields) != 2:
        raise InputError(f"has {len(fields)} fields, not 2", where=where, mend="lines are OFFSET,DURATION")
    offset_s, duration_s = (number_in(field, "a number of seconds", where=where) for field in fields)
    return Beat(round((start_s + offset_s) * 1e6), round(duration_s * 1000, 3))


def _first_number(lines: Iterator[tuple[int, str]], path: Path, what: str) -> float:
    number, line = next(lines, (1, ""))
    return number_in(line.partition(",")[0], what, where=place(path, number))
