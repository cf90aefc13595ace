"""Garmin logs: one event a line, ``time;TYPE;value``, as a watch app writes them.

``HEART_RATE_VARIABILITY`` is one beat interval in ms, stamped on arrival; ``STRESS`` is 0-100; ``STEPS``
counts since midnight. A heart rate or stress below zero means "not measured" and is left out, and so are
types that no measure stands for (calories, ascent, intensity minutes).
"""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ingest.device_messages import TimedReading
from ingest.recordings.beat_groups import Beat, group_beats, is_plausible
from ingest.recordings.lines import number_in, place, read_lines
from ingest.recordings.recording import Recording, recording_of
from schemas.errors import InputError
from schemas.readings import Reading, micros

DEVICE_ID: Final = "garmin"

PAUSE_LONGEST: Final = timedelta(seconds=3)
"""Stamps are those of arrival, so only a longer pause between two beats is a gap."""

_MEND: Final = "each line is TIME;TYPE;VALUE, with an RFC 3339 time"


def read_garmin(path: Path, *, user_id: str) -> Recording:
    """Return the recording in a Garmin log.

    Raises:
        InputError: the file cannot be read, or a line is not of that form; names file and line.
    """
    left_out: Counter[str] = Counter()
    readings: list[TimedReading] = []
    beats: list[Beat] = []
    steps_before: float | None = None
    offset: timedelta | None = None
    for number, line in read_lines(path):
        where = place(path, number)
        moment, kind, value = _parse(line, where)
        time_us, offset = micros(moment), moment.utcoffset()
        if kind == "HEART_RATE_VARIABILITY":
            beats.append(Beat(time_us, value))
            continue
        reading = _reading(kind, value, steps_before)
        if kind == "STEPS":
            steps_before = value
        if reading is None:
            left_out[kind.lower()] += 1
        else:
            readings.append(TimedReading(time_us, reading))
    plausible = [beat for beat in beats if is_plausible(beat)]
    left_out["beat_out_of_bounds"] += len(beats) - len(plausible)
    readings += group_beats(plausible, follows=_follows, time_of="receipt")
    zone = _zone_of(offset or timedelta(0))
    return recording_of(user_id, DEVICE_ID, zone, readings, left_out=+left_out, where=path)


def _parse(line: str, where: str) -> tuple[datetime, str, float]:
    fields = line.split(";")
    if len(fields) != 3:
        raise InputError(f"has {len(fields)} fields between semicolons, not 3", where=where, mend=_MEND)
    try:
        moment = datetime.fromisoformat(fields[0])
    except ValueError as error:
        raise InputError(f"{fields[0][:40]!r} is not a time", where=where, mend=_MEND) from error
    if moment.tzinfo is None:
        raise InputError(f"{fields[0]!r} has no offset from UTC", where=where, mend=_MEND)
    return moment, fields[1], number_in(fields[2], "a number", where=where)


def _reading(kind: str, value: float, steps_before: float | None) -> Reading | None:
    """Return the reading of one event that is not a beat; None where there is nothing to report."""
    if kind == "HEART_RATE" and 20 <= value <= 250:
        return {"heart_rate_bpm": value, "source": "wearable"}
    if kind == "STRESS" and 0 <= value <= 100:
        return {"stress_level": value / 100, "source": "wearable"}
    if kind == "STEPS" and steps_before is not None:
        # The count starts anew at midnight; then all of it is new.
        walked = value - steps_before if value >= steps_before else value
        return {"steps": walked, "source": "wearable"}
    return None


def _follows(before: Beat, beat: Beat) -> bool:
    return beat.time_us - before.time_us <= PAUSE_LONGEST // timedelta(microseconds=1)


def _zone_of(offset: timedelta) -> str:
    """Return the zone of fixed offset that a log's times were written in."""
    hours = round(offset / timedelta(hours=1))
    # The sign of these names is that of POSIX: west of Greenwich is positive.
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"
