"""Welltory exports: ``hrv_measurements.csv`` (many persons, a minute or two of beats each) and ``sleep.csv``.

Times are local and name no zone. A measurement's self-reported feelings (-2 to 2) stay as they are, in
``extra``; its tags are private and are not read. ``sleep_duration`` is in seconds, whatever the export's own
table says.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from ingest.device_messages import TimedReading
from ingest.recordings.lines import number_in, place, read_lines
from ingest.recordings.recording import Recording, recording_of
from schemas.errors import InputError
from schemas.ids import is_id
from schemas.measures import MEASURE_INDEX, MEASURES, RR_HIGH_MS, RR_LOW_MS
from schemas.readings import Reading, micros

DEVICE_ID: Final = "welltory"
_FEELINGS: Final = ("how_feel", "how_mood", "how_sleep")
_MEASUREMENT_COLUMNS: Final = frozenset({"user_code", "measurement_datetime", "rr_data"})
_SLEEP_COLUMNS: Final = frozenset({"user_code", "sleep_end", "sleep_duration"})

Row = dict[str, str]


def read_welltory(path: Path, *, time_zone: str) -> list[Recording]:
    """Return one recording for each person in an export, in order of their codes.

    Args:
        path: ``hrv_measurements.csv`` or ``sleep.csv``; they are told apart by their columns.
        time_zone: IANA zone of the file's local times.

    Raises:
        InputError: the file cannot be read, or a row is wrong; names file and line.
    """
    readings: dict[str, list[TimedReading]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    zone = ZoneInfo(time_zone)
    for where, row in _rows(path):
        is_measurement = "rr_data" in row
        moment = _local(row["measurement_datetime" if is_measurement else "sleep_end"], zone, where)
        reading = _measurement(row, where) if is_measurement else _sleep(row, where)
        if reading is None:
            left_out["nothing_measured"] += 1
        else:
            readings[_code(row, where)].append(TimedReading(micros(moment), reading))
    if not readings:
        raise InputError("holds no reading", where=str(path), mend="give a recording with data")
    return [
        recording_of(code, DEVICE_ID, time_zone, readings[code], left_out=+left_out, where=path)
        for code in sorted(readings)
    ]


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    lines = list(read_lines(path))
    reader = csv.DictReader(line for _, line in lines)
    columns = set(reader.fieldnames or ())
    if not (columns >= _MEASUREMENT_COLUMNS or columns >= _SLEEP_COLUMNS):
        raise InputError(
            "has neither the columns of hrv_measurements.csv nor of sleep.csv",
            where=place(path, 1),
            mend=f"its first line must name {', '.join(sorted(_MEASUREMENT_COLUMNS))}",
        )
    for row in reader:
        where = place(path, lines[reader.line_num - 1][0])
        if None in row or None in row.values():
            raise InputError(
                "has another number of fields than the first line", where=where, mend="correct it"
            )
        yield where, row


def _measurement(row: Row, where: str) -> Reading | None:
    rr_ms = [
        number_in(text, "a beat interval in ms", where=where) for text in row["rr_data"].split(",") if text
    ]
    reading: Reading = {"source": "app"}
    plausible = [one for one in rr_ms if RR_LOW_MS <= one <= RR_HIGH_MS]
    if plausible and len(plausible) == len(rr_ms):
        reading["rr_ms"] = plausible
    if (rmssd_ms := _bounded("hrv_rmssd_ms", row.get("rmssd", ""), where)) is not None:
        reading["hrv_rmssd_ms"] = rmssd_ms
    if (sdnn_ms := _bounded("hrv_sdnn_ms", row.get("sdnn", ""), where)) is not None:
        reading["hrv_sdnn_ms"] = sdnn_ms
    if (bpm := _bounded("heart_rate_bpm", row.get("bpm", ""), where)) is not None:
        reading["heart_rate_bpm"] = bpm
    if len(reading) == 1:
        return None
    feelings: dict[str, JsonValue] = {
        name: number_in(row[name], "a feeling from -2 to 2", where=where)
        for name in _FEELINGS
        if row.get(name)
    }
    if feelings:
        reading["extra"] = feelings
    return reading


def _sleep(row: Row, where: str) -> Reading | None:
    if not row["sleep_duration"]:
        return None
    minutes = number_in(row["sleep_duration"], "a number of seconds", where=where) / 60
    return {"sleep_minutes": round(minutes, 1), "source": "app"} if 0 <= minutes <= 1440 else None


def _bounded(measure: str, text: str, where: str) -> float | None:
    """Return a value within the bounds of its measure; None if it is not given, or out of them."""
    if not text:
        return None
    value = number_in(text, "a number", where=where)
    bounds = MEASURES[MEASURE_INDEX[measure]]
    is_above_low = value > bounds.low if bounds.low_is_open else value >= bounds.low
    return value if is_above_low and value <= bounds.high else None


def _local(text: str, zone: ZoneInfo, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text[:40]!r} is not a time", where=where, mend="write YYYY-MM-DD hh:mm:ss"
        ) from error
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _code(row: Row, where: str) -> str:
    if not is_id(row["user_code"]):
        raise InputError(f"{row['user_code'][:40]!r} is not an id", where=where, mend="correct user_code")
    return row["user_code"]
