"""Frames as rows of PostgreSQL's binary COPY, built by NumPy: no Python per row.

A row's layout depends on which columns are NULL and on the lengths of its texts and arrays. Rows of one
shape have the same layout, so each shape is one structured array that is filled by columns and written as
it lies in memory. Typical traffic has a handful of shapes.

Reference: PostgreSQL 17 documentation, COPY, "Binary Format".
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    NO_SEQ,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    ReadingFrame,
)
from schemas.measures import ACTIVITIES, MEASURE_NAMES, SOURCES

READING_COLUMNS: Final = (
    "time",
    "user_id",
    "device_id",
    "digest",
    "seq",
    "arrival",
    "time_stamped_on_arrival",
    *MEASURE_NAMES,
    "activity",
    "source",
    "rr_ms",
    "extra",
    "contact",
    "time_of_receipt",
)
"""Columns of table ``readings`` in the order of the rows."""

COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TAIL: Final = b"\xff\xff"

_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in µs since 1970: PostgreSQL counts from there."""

_NULL: Final = -1
_FLOAT8_OID: Final = 701
_RR_HEAD: Final = np.dtype([("ndim", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("n", ">i4"), ("low", ">i4")])
_RR_ITEM: Final = np.dtype([("length", ">i4"), ("value", ">f8")])
_JSONB_VERSION: Final = b"\x01"


def has_untimed_rows(frame: ReadingFrame) -> bool:
    """Tell whether a row came without a time and is known by its sequence number alone."""
    return bool((_is_set(frame.flags, TIME_STAMPED_ON_ARRIVAL) & (frame.seq != NO_SEQ)).any())


def copy_rows(frame: ReadingFrame) -> bytes:
    """Return the frame's rows in the binary COPY format, with its head and tail; their order is not kept."""
    columns = _columns_of(frame)
    shapes = _shapes_of(frame, columns)
    order = np.lexsort(shapes.T[::-1])
    sorted_shapes = shapes[order]
    borders = np.flatnonzero((sorted_shapes[1:] != sorted_shapes[:-1]).any(axis=1)) + 1
    parts = [_rows_of_shape(frame, columns, rows) for rows in np.split(order, borders) if len(rows)]
    return b"".join((COPY_HEAD, *parts, COPY_TAIL))


class _Columns(NamedTuple):
    """A frame's columns as the rows need them."""

    users: NDArray[np.bytes_]
    devices: NDArray[np.bytes_]
    user_lengths: NDArray[np.int64]
    device_lengths: NDArray[np.int64]
    extra_lengths: NDArray[np.int64]
    rr_starts: NDArray[np.int64]
    """(n,) index of each row's first RR interval."""
    given: NDArray[np.bool_]
    """(n, measures) whether a measure is given."""


def _columns_of(frame: ReadingFrame) -> _Columns:
    users = np.array(frame.users, dtype=np.bytes_)
    devices = np.array(frame.devices, dtype=np.bytes_)
    counts = frame.rr_counts.astype(np.int64)
    return _Columns(
        users=users,
        devices=devices,
        user_lengths=np.strings.str_len(users).astype(np.int64),
        device_lengths=np.strings.str_len(devices).astype(np.int64),
        extra_lengths=np.fromiter(map(len, frame.extra), np.int64, len(frame)),
        rr_starts=np.cumsum(counts) - counts,
        given=~np.isnan(frame.measures),
    )


def _shapes_of(frame: ReadingFrame, columns: _Columns) -> NDArray[np.int64]:
    """Return (n, 2): two numbers that tell the layout of each row; equal numbers, equal layout."""
    given = columns.given @ (1 << np.arange(len(MEASURE_NAMES), dtype=np.int64))
    codes = (given << 1) | (frame.seq != NO_SEQ)
    codes = (codes << 1) | _is_set(frame.flags, CONTACT_GIVEN)
    codes = (codes << 4) | frame.activity
    codes = (codes << 3) | frame.source
    lengths = (columns.user_lengths << 8) | columns.device_lengths
    lengths = (lengths << 16) | frame.rr_counts
    lengths = (lengths << 24) | columns.extra_lengths
    return np.stack((codes, lengths), axis=1)


class _Field(NamedTuple):
    """One column of the rows of one shape; a NULL has no values."""

    dtype: np.dtype[np.void] | np.dtype[np.bytes_] | str
    values: object


def _rows_of_shape(frame: ReadingFrame, columns: _Columns, rows: NDArray[np.intp]) -> bytes:
    fields = _fields_of(frame, columns, rows)
    layout: list[tuple[str, object]] = [("columns", ">i2")]
    for index, field in enumerate(fields):
        layout.append((f"length{index}", ">i4"))
        if field is not None:
            layout.append((f"value{index}", field.dtype))
    table = np.empty(len(rows), np.dtype(layout))
    table["columns"] = len(fields)
    for index, field in enumerate(fields):
        if field is None:
            table[f"length{index}"] = _NULL
        else:
            table[f"length{index}"] = np.dtype(field.dtype).itemsize
            table[f"value{index}"] = field.values
    return table.tobytes()


def _fields_of(frame: ReadingFrame, columns: _Columns, rows: NDArray[np.intp]) -> list[_Field | None]:
    """Return the fields of rows of one shape, in the order of READING_COLUMNS; None where all are NULL."""
    first = int(rows[0])
    fields: list[_Field | None] = [
        _Field(">i8", frame.time_us[rows] - _POSTGRES_EPOCH_US),
        _Field(f"S{columns.user_lengths[first]}", columns.users[rows]),
        _Field(f"S{columns.device_lengths[first]}", columns.devices[rows]),
        _Field(">i8", frame.digest[rows].view(np.int64)),
        None if frame.seq[first] == NO_SEQ else _Field(">i8", frame.seq[rows]),
        _Field(">i8", frame.arrival_us[rows] - _POSTGRES_EPOCH_US),
        _Field("u1", _is_set(frame.flags[rows], TIME_STAMPED_ON_ARRIVAL)),
    ]
    fields += [
        _Field(">f8", frame.measures[rows, index]) if given else None
        for index, given in enumerate(columns.given[first].tolist())
    ]
    fields.append(_name_field(ACTIVITIES, int(frame.activity[first])))
    fields.append(_name_field(SOURCES, int(frame.source[first])))
    fields.append(_rr_field(frame, columns, rows))
    if columns.extra_lengths[first] == 0:
        fields.append(None)
    else:
        texts = [_JSONB_VERSION + frame.extra[row] for row in rows.tolist()]
        fields.append(_Field(f"V{len(texts[0])}", np.array(texts, dtype=f"V{len(texts[0])}")))
    if frame.flags[first] & CONTACT_GIVEN:
        fields.append(_Field("u1", _is_set(frame.flags[rows], CONTACT)))
    else:
        fields.append(None)
    fields.append(_Field("u1", _is_set(frame.flags[rows], TIME_OF_RECEIPT)))
    return fields


def _is_set(flags: NDArray[np.uint8], flag: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (flags & flag) != 0
    return found


def _name_field(names: Sequence[str], code: int) -> _Field | None:
    if code == 0:
        return None
    name = names[code - 1].encode()
    return _Field(f"S{len(name)}", name)


def _rr_field(frame: ReadingFrame, columns: _Columns, rows: NDArray[np.intp]) -> _Field | None:
    count = int(frame.rr_counts[rows[0]])
    if count == 0:
        return None
    values = np.empty(len(rows), np.dtype([("head", _RR_HEAD), ("items", _RR_ITEM, (count,))]))
    values["head"] = np.array((1, 0, _FLOAT8_OID, count, 1), _RR_HEAD)
    values["items"]["length"] = 8
    values["items"]["value"] = frame.rr_ms[columns.rr_starts[rows][:, None] + np.arange(count)]
    return _Field(values.dtype, values)
