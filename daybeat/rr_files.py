"""Files of RR intervals: one in ms a line, or beside it the time at which it ended.

Columns are set apart by comma, semicolon, tab or spaces; one line of names may stand above them. Times are
seconds or milliseconds since any moment, or RFC 3339. Ten million lines are read in blocks, and only a block
that does not read as numbers, or whose numbers make no sense, is looked at line by line.
"""

import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from daybeat.rr_lines import FORMS, NUMBER_MAX, RR_MAX_MS, Layout, is_header, layout_of, parse_lines, stamp_ms
from daybeat.text_input import name_of, open_text
from schemas.errors import InputError

BLOCK_CHARACTERS: Final = 1 << 22
"""Characters that are read at once: what reading takes beside the numbers themselves."""
LINE_CHARACTERS_MAX: Final = 1 << 16
"""A longer line is no line of numbers."""
SECONDS_MAX: Final = 10.0
"""A median RR interval below it is in seconds, not in ms (ours): no heart beats 100 times a second."""
UNIT_FACTOR: Final = 3.0
"""How far the median step between times may be from the median RR interval in the same unit (ours)."""
_UNIT_BEATS: Final = 1 << 20
"""Beats at the start of a file that tell the unit of its times."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RrFile:
    """RR intervals of a file, at least two."""

    rr_ms: Floats
    """(n,) above 0."""
    end_ms: Floats | None
    """(n,) when each ended, ms since the file's own origin (1970 in UTC for RFC 3339), ascending; None in a
    file without times."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """What was read so far; arrays that grow in place."""

    rr_ms: "array[float]" = field(default_factory=lambda: array("d"))
    times: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, table: Floats) -> None:
        self.rr_ms.frombytes(table[:, -1].tobytes())
        if table.shape[1] == 2:
            self.times.frombytes(table[:, 0].tobytes())

    @property
    def latest(self) -> float:
        return self.times[-1] if self.times else -math.inf


def read_rr_file(source: str) -> RrFile:
    """Return the RR intervals in a file, or in standard input for ``-``.

    Raises:
        InputError: it cannot be read, or holds something else; names file and line.
    """
    name = name_of(source)
    columns = _Columns()
    with open_text(source) as file:
        first, line = _first_data(file, name)
        layout = layout_of(line, place=f"{name}:{first}")
        for number, text in _blocks(file, first, line, name):
            columns.add(_parse(text, number, layout, columns.latest, name))
    rr_ms = np.frombuffer(columns.rr_ms)
    if len(rr_ms) < 2:
        raise InputError("holds one RR interval", where=name, mend="HRV needs two or more")
    _check_unit(rr_ms, f"{name}:{first}", layout.columns)
    if layout.columns == 1:
        return RrFile(rr_ms, None)
    end_ms = np.frombuffer(columns.times)
    if not layout.has_stamps and _times_are_seconds(rr_ms, end_ms, name):
        end_ms *= 1000
    return RrFile(rr_ms, end_ms)


def _first_data(file: TextIO, name: str) -> tuple[int, str]:
    """Return number and text of the first line that is neither empty nor the header."""
    has_header = False
    number = 0
    while line := file.readline(LINE_CHARACTERS_MAX):
        number += 1
        if not line.strip():
            continue
        if has_header or not is_header(line):
            return number, line
        has_header = True
    raise InputError("holds no RR interval" if has_header else "is empty", where=name, mend=FORMS)


def _blocks(file: TextIO, number: int, begun: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield whole lines, many at a time, with the number of the first; ``begun`` was read before."""
    while text := file.read(BLOCK_CHARACTERS):
        text = begun + text
        end = text.rfind("\n") + 1
        if len(text) - end > LINE_CHARACTERS_MAX:
            number += text.count("\n", 0, end)
            raise InputError(
                f"is longer than {LINE_CHARACTERS_MAX:,} characters", where=f"{name}:{number}", mend=FORMS
            )
        yield number, text[:end]
        number += text.count("\n", 0, end)
        begun = text[end:]
    yield number, begun


def _parse(text: str, number: int, layout: Layout, latest: float, name: str) -> Floats:
    """Return (k, columns) numbers of the lines; times come after ``latest``."""
    if not text or text.isspace():
        return np.empty((0, layout.columns))
    table = _parse_stamped(text, layout) if layout.has_stamps else _parse_numbers(text, layout)
    if table is None or not _makes_sense(table, latest):
        return parse_lines(text, number, layout, latest, name)
    return table


def _parse_numbers(text: str, layout: Layout) -> Floats | None:
    try:
        table = np.loadtxt(io.StringIO(text), delimiter=layout.separator, comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == layout.columns else None


def _parse_stamped(text: str, layout: Layout) -> Floats | None:
    lines = [line.rsplit(layout.separator, 1) for line in text.split("\n") if line]
    try:
        # Without an offset from UTC there is no difference to the epoch: a TypeError.
        times = [stamp_ms(stamp) for stamp, _ in lines]
        return np.column_stack([times, np.array([rr for _, rr in lines], dtype=np.float64)])
    except (ValueError, TypeError):
        return None


def _makes_sense(table: Floats, latest: float) -> bool:
    rr_ms, times = table[:, -1], table[:, 0]
    is_sound = bool(np.all((rr_ms > 0) & (rr_ms < RR_MAX_MS)))  # NaN and infinity are neither
    if table.shape[1] == 1:
        return is_sound
    is_in_order = times[0] > latest and bool(np.all(times[1:] > times[:-1]))
    return is_sound and is_in_order and times[0] > -NUMBER_MAX and times[-1] < NUMBER_MAX


def _check_unit(rr_ms: Floats, place: str, column: int) -> None:
    if np.count_nonzero(rr_ms < SECONDS_MAX) * 2 > len(rr_ms):
        raise InputError(
            f"most RR intervals are below {SECONDS_MAX:g}, such as {rr_ms[0]:g}: these look like seconds",
            where=place,
            mend="multiply "
            + ("them" if column == 1 else f"column {column}")
            + " by 1000, for they are read as ms",
        )


def _times_are_seconds(rr_ms: Floats, times: Floats, name: str) -> bool:
    """Tell the unit of times by their steps: about one interval each.

    Raises:
        InputError: neither seconds nor ms fit, or the column is an index.
    """
    steps, intervals_ms = np.diff(times[:_UNIT_BEATS]), rr_ms[1:_UNIT_BEATS]
    if np.all(steps == 1) and np.any(intervals_ms != 1000):
        raise InputError("column 1 counts the lines", where=name, mend="give times, or the intervals alone")
    step, interval_ms = float(np.median(steps)), float(np.median(intervals_ms))
    for unit_ms in (1.0, 1000.0):
        if 1 / UNIT_FACTOR <= step * unit_ms / interval_ms <= UNIT_FACTOR:
            return unit_ms > 1
    raise InputError(
        f"times step by {step:g} where RR intervals are {interval_ms:g} ms (medians): neither seconds nor ms",
        where=name,
        mend="column 1 is the time at which an interval ended, column 2 the interval in ms",
    )
