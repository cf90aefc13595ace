"""A frame: the readings of a few milliseconds of one partition, in columns.

Inside a frame NaN stands for "not given" in a measure's column; it never leaves the columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.errors import InputError
from schemas.measures import MEASURE_NAMES

FRAME_VERSION: Final = 1
NO_SEQ: Final = -1
TIME_STAMPED_ON_ARRIVAL: Final = 1
"""Flag: the device sent no time, the gateway stamped the arrival."""
CONTACT_GIVEN: Final = 2
"""Flag: the sensor says whether it touches the skin."""
CONTACT: Final = 4
"""Flag: it does."""
TIME_OF_RECEIPT: Final = 8
"""Flag: the time is when a bridge received the measure, not when it was taken."""

FRAME_ROWS_MAX: Final = 65_536

FIXED_COLUMNS: Final = (
    ("time_us", np.dtype("<i8")),
    ("arrival_us", np.dtype("<i8")),
    ("seq", np.dtype("<i8")),
    ("digest", np.dtype("<u8")),
    ("flags", np.dtype("u1")),
    ("activity", np.dtype("u1")),
    ("source", np.dtype("u1")),
    ("rr_counts", np.dtype("<u2")),
)
"""The columns that every frame has, in the order in which they lie behind the header."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadingFrame:
    """The readings of one frame, ``n`` rows in arrival order."""

    users: Sequence[str]
    """n user ids."""
    devices: Sequence[str]
    """n device ids."""
    time_us: NDArray[np.int64]
    """(n,) moment of the measure, µs since 1970 UTC."""
    arrival_us: NDArray[np.int64]
    """(n,) moment the gateway received it, µs since 1970 UTC."""
    seq: NDArray[np.int64]
    """(n,) the device's own sequence number, -1 if it sent none."""
    digest: NDArray[np.uint64]
    """(n,) digest of the canonical reading."""
    flags: NDArray[np.uint8]
    """(n,) the flags above."""
    activity: NDArray[np.uint8]
    """(n,) 0: not given, else 1 + index in ACTIVITIES."""
    source: NDArray[np.uint8]
    """(n,) 0: not given, else 1 + index in SOURCES."""
    measures: NDArray[np.float64]
    """(n, len(MEASURES)) values, NaN where not given."""
    rr_counts: NDArray[np.uint16]
    """(n,) number of RR intervals of each row."""
    rr_ms: NDArray[np.float64]
    """(sum of rr_counts,) RR intervals in ms, row after row."""
    extra: Sequence[bytes]
    """n JSON objects, empty bytes where not given."""

    def __len__(self) -> int:
        return len(self.users)


def encode_frame(frame: ReadingFrame) -> bytes:
    """Return the frame as bytes: a JSON header's length (4 bytes), the header, the columns."""
    present = np.flatnonzero(~np.isnan(frame.measures).all(axis=0)).tolist()
    header: dict[str, object] = {
        "v": FRAME_VERSION,
        "n": len(frame),
        "users": "\n".join(frame.users),
        "devices": "\n".join(frame.devices),
        "measures": [MEASURE_NAMES[index] for index in present],
        "rr": len(frame.rr_ms),
    }
    if any(frame.extra):
        header["extra"] = [text.decode() for text in frame.extra]
    head = orjson.dumps(header)
    parts = [len(head).to_bytes(4, "little"), head]
    parts += [getattr(frame, name).astype(dtype, copy=False).tobytes() for name, dtype in FIXED_COLUMNS]
    parts += [frame.measures[:, index].tobytes() for index in present]
    parts.append(frame.rr_ms.tobytes())
    return b"".join(parts)


def decode_frame(data: bytes) -> ReadingFrame:
    """Return the frame that :func:`encode_frame` wrote.

    Raises:
        InputError: the bytes are not a frame of a version this release reads.
    """
    head_end = 4 + int.from_bytes(data[:4], "little")
    header = orjson.loads(data[4:head_end])
    if header["v"] != FRAME_VERSION:
        raise InputError(
            f"frame version {header['v']}", where="log", mend=f"this release reads version {FRAME_VERSION}"
        )
    n: int = header["n"]
    offset = head_end
    columns: dict[str, NDArray[np.generic]] = {}
    for name, dtype in FIXED_COLUMNS:
        columns[name] = np.frombuffer(data, dtype, n, offset)
        offset += n * dtype.itemsize
    measures = np.full((n, len(MEASURE_NAMES)), np.nan)
    for name in header["measures"]:
        measures[:, MEASURE_NAMES.index(name)] = np.frombuffer(data, "<f8", n, offset)
        offset += n * 8
    return ReadingFrame(
        users=header["users"].split("\n") if n else [],
        devices=header["devices"].split("\n") if n else [],
        measures=measures,
        rr_ms=np.frombuffer(data, "<f8", header["rr"], offset),
        extra=[text.encode() for text in header["extra"]] if "extra" in header else [b""] * n,
        **columns,  # type: ignore[arg-type]  # the fixed columns, by name
    )
