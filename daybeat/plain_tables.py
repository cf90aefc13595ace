"""Tables of plain text: a line a row, columns set apart by spaces, for eyes, awk and spreadsheets alike."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

UNKNOWN: Final = "–"
"""What stands where a value cannot be computed."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    decimals: int | None = None
    """Of floats, which are set to the right; None for text, which is set to the left."""
    width: int = 0
    """Characters; at least those of the name."""


def cell(value: object, decimals: int | None) -> str:
    """Return a value as text: floats with ``decimals``, :data:`UNKNOWN` for None, NaN and empty text.

    >>> cell(4.61812, 4), cell(7, None), cell(float("nan"), 2)
    ('4.6181', '7', '–')
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    return f"{value:.{decimals}f}" if isinstance(value, float) and decimals is not None else str(value)


def write_header(columns: Sequence[Column]) -> None:
    """Write the names of the columns to standard output."""
    _write_line(columns, [column.name for column in columns])


def write_rows(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Write rows to standard output."""
    for row in rows:
        _write_line(columns, [cell(one, column.decimals) for column, one in zip(columns, row, strict=True)])


def _write_line(columns: Sequence[Column], cells: Sequence[str]) -> None:
    set_out = [
        text.ljust(_width(column)) if column.decimals is None else text.rjust(_width(column))
        for column, text in zip(columns, cells, strict=True)
    ]
    sys.stdout.write("  ".join(set_out).rstrip() + "\n")


def _width(column: Column) -> int:
    return max(column.width, len(column.name))
