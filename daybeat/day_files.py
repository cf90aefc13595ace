"""Files of days: CSV with a header, and of its columns ``date`` and ``rmssd_ms``."""

import csv
import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

from daybeat.text_input import name_of, open_text
from schemas.errors import InputError
from schemas.measures import MEASURE_INDEX, MEASURES

DATE_COLUMN: Final = "date"
RMSSD_COLUMN: Final = "rmssd_ms"
RMSSD_MAX_MS: Final = MEASURES[MEASURE_INDEX["hrv_rmssd_ms"]].high
"""Largest RMSSD that the contract takes, ms."""
RMSSD_MIN_MS: Final = 1.0
"""Smallest that is taken for ms; what is lower is in seconds (ours; Health Connect's bound too)."""
LN_MAX: Final = 6.0
"""If no value is above it, they may be logarithms (ours: its exponential, 403 ms, is no RMSSD)."""

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FORM: Final = f"the first line names the columns, among them {DATE_COLUMN} and {RMSSD_COLUMN}"


@dataclass(frozen=True, slots=True)
class DayFile:
    """Days of a file, ascending."""

    days: list[dt.date] = field(default_factory=list)
    rmssd_ms: list[float | None] = field(default_factory=list)
    """None on a day without a value."""

    @property
    def may_be_logarithms(self) -> bool:
        """Whether all values are as small as ln RMSSD, and some heart's RMSSD in ms."""
        values = [value for value in self.rmssd_ms if value is not None]
        return bool(values) and max(values) <= LN_MAX


class _Columns(NamedTuple):
    """Where a row has what is read of it."""

    date: int
    rmssd_ms: int
    names: int


def read_day_file(source: str) -> DayFile:
    """Return the days in a CSV file, or in standard input for ``-``.

    Commas, semicolons or tabs set the columns apart. An empty value is a day without one.

    Raises:
        InputError: it cannot be read, or holds something else; names file and line.
    """
    name = name_of(source)
    found = DayFile()
    with open_text(source) as file:
        lines = _rows(file, name)
        number, header = next(lines, (1, []))
        columns = _columns(header, f"{name}:{number}" if header else name)
        for number, row in lines:
            place = f"{name}:{number}"
            if len(row) != columns.names:
                how_many = "1 column" if len(row) == 1 else f"{len(row)} columns"
                raise InputError(
                    f"has {how_many}, while the header has {columns.names}", where=place, mend=_FORM
                )
            found.days.append(_date(row[columns.date], found.days, place))
            found.rmssd_ms.append(_rmssd(row[columns.rmssd_ms], place))
    if not found.days:
        raise InputError("holds no day", where=name, mend="give a line for each day below the header")
    return found


def _rows(file: Iterator[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their line numbers."""
    first = ""
    before = 0
    for first in file:
        before += 1
        if first.strip():
            break
    separator = max(",;\t", key=first.count)
    reader = csv.reader(chain([first], file), delimiter=separator)
    try:
        for row in reader:
            if any(one.strip() for one in row):
                yield before - 1 + reader.line_num, [one.strip() for one in row]
    except csv.Error as error:
        raise InputError(
            f"is not CSV ({error})", where=f"{name}:{before - 1 + reader.line_num}", mend=_FORM
        ) from error


def _columns(header: Sequence[str], place: str) -> _Columns:
    if not header:
        raise InputError("is empty", where=place, mend=_FORM)
    names = [one.lower() for one in header]
    for wanted in (DATE_COLUMN, RMSSD_COLUMN):
        if names.count(wanted) != 1:
            found = ", ".join(header)[:80]
            how_many = "no" if wanted not in names else "more than one"
            raise InputError(f"{how_many} column is named {wanted} (found: {found})", where=place, mend=_FORM)
    return _Columns(names.index(DATE_COLUMN), names.index(RMSSD_COLUMN), len(names))


def _date(text: str, before: Sequence[dt.date], place: str) -> dt.date:
    day = _day(text)
    if day is None:
        raise InputError(
            f"{text[:40]!r} is not a date", where=place, mend="write dates like 2026-11-20, without a time"
        )
    if before and day == before[-1]:
        raise InputError(f"{day} is given twice", where=place, mend="give one value a day")
    if before and day < before[-1]:
        raise InputError(f"{day} stands below {before[-1]}", where=place, mend="sort the lines by date")
    return day


def _day(text: str) -> dt.date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _rmssd(text: str, place: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace("_", "?"))  # Python reads 4_0, which no file means
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{text[:40]!r} is not a number",
            where=place,
            mend="write 42 or 42.5, or nothing if there is none",
        )
    if value <= 0 or value > RMSSD_MAX_MS:
        raise InputError(
            f"an RMSSD of {value:g} ms",
            where=place,
            mend=f"it is above 0 and up to {RMSSD_MAX_MS:g}: correct it, or leave it empty",
        )
    if value < RMSSD_MIN_MS:
        raise InputError(
            f"an RMSSD of {value:g} ms looks like seconds", where=place, mend="multiply the column by 1000"
        )
    return value
