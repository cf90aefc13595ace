"""Lines of RR intervals one by one: what columns they have, and what is wrong with one."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InputError

FORMS: Final = "give one RR interval in ms a line, or the time at which it ended and the interval"
"""What a file may hold, in errors."""
RR_MAX_MS: Final = 86_400_000.0
"""An RR interval of a day or more is a time in the wrong column. What is merely too long is an artefact."""
NUMBER_MAX: Final = 1e19
"""No time is as large, not even in nanoseconds since 1970."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER_BEGINS: Final = re.compile(r"[-+.\d]")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the first line with an interval shows of all others."""

    separator: str | None
    """None: spaces."""
    columns: int
    has_stamps: bool
    """Whether the first of two columns is RFC 3339."""

    def split(self, line: str) -> list[str]:
        """Return the fields of a line, without quotes."""
        # A stamp may have a space between date and time.
        fields = (
            line.rsplit(None, 1) if self.has_stamps and not self.separator else line.split(self.separator)
        )
        return [one.strip().strip('"') for one in fields]


def is_header(line: str) -> bool:
    """Tell whether the last field is a name."""
    last = re.split(r"[;,\s]", line.strip())[-1].strip('"')
    return not _NUMBER_BEGINS.match(last) and last.lower() not in {"nan", "inf", "infinity"}


def layout_of(line: str, *, place: str) -> Layout:
    """Return the layout of a file, as its first line with an interval shows it.

    Raises:
        InputError: it has more than two columns; ``place`` names the line.
    """
    separator = next((one for one in ";\t," if one in line), None)
    has_stamps = _STAMP.match(line.strip().strip('"')) is not None
    columns = len(Layout(separator, 0, has_stamps).split(line.strip()))
    if columns > 2:
        raise InputError(f"has {columns} columns", where=place, mend=FORMS)
    return Layout(separator, columns, has_stamps)


def stamp_ms(text: str) -> float:
    """Return ms since 1970 in UTC.

    Raises:
        ValueError: it is not RFC 3339.
        TypeError: it has no offset from UTC.
    """
    return (datetime.fromisoformat(text) - _EPOCH) / _MILLISECOND


def parse_lines(text: str, number: int, layout: Layout, latest: float, name: str) -> Floats:
    """Return (k, columns) numbers of lines; those that are empty are left out.

    Args:
        text: the lines.
        number: that of the first in the file.
        layout: what each of them should have.
        latest: time of the line before them.
        name: how errors name the file.

    Raises:
        InputError: a line is bad; names it.
    """
    rows = []
    for at, line in enumerate(text.split("\n"), start=number):
        if line.strip():
            row = _parse_line(line, layout, f"{name}:{at}")
            if layout.columns == 2:
                _check_order(row[0], latest, layout, f"{name}:{at}")
            latest = row[0]
            rows.append(row)
    return np.array(rows)


def _parse_line(line: str, layout: Layout, place: str) -> list[float]:
    fields = layout.split(line.strip())
    if len(fields) != layout.columns:
        raise InputError(
            f"has {_count(len(fields))}, while the first line has {_count(layout.columns)}",
            where=place,
            mend=FORMS,
        )
    rr_ms = _number(fields[-1], "an RR interval", place)
    if not 0 < rr_ms < RR_MAX_MS:
        raise InputError(
            f"an RR interval of {rr_ms:g} ms",
            where=place,
            mend="it is above 0 and shorter than a day: correct the line or leave it out",
        )
    if layout.columns == 1:
        return [rr_ms]
    return [_stamp(fields[0], place) if layout.has_stamps else _number(fields[0], "a time", place), rr_ms]


def _count(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns} columns"


def _number(text: str, what: str, place: str) -> float:
    try:
        value = float(text.replace("_", "?"))  # Python reads 8_00, which no file means
    except ValueError:
        raise InputError(
            f"{text[:40]!r} is not a number" if text else "has an empty field",
            where=place,
            mend=f"write {what} like 812 or 812.5, or leave the line out",
        ) from None
    if not abs(value) < NUMBER_MAX:  # nor is NaN
        raise InputError(
            f"{text[:40]!r} is no measured number", where=place, mend=f"leave lines without {what} out"
        )
    return value


def _stamp(text: str, place: str) -> float:
    try:
        return stamp_ms(text)
    except (ValueError, TypeError):
        raise InputError(
            f"{text[:40]!r} is not a time with an offset from UTC",
            where=place,
            mend="write it like 2026-11-20T08:00:00.250+01:00",
        ) from None


def _check_order(time: float, latest: float, layout: Layout, place: str) -> None:
    if time == latest:
        raise InputError("has the same time as the line before it", where=place, mend="give each beat once")
    if time < latest:
        by = f"{latest - time:.15g}" + (" ms" if layout.has_stamps else "")
        raise InputError(
            f"its time is {by} before that of the line before it",
            where=place,
            mend="sort the lines by time; write decimals with a point",
        )
