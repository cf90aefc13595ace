"""Many frames as one: a small frame costs more to decode than its rows do, so they are decoded together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.errors import InputError
from schemas.frames import FIXED_COLUMNS, FRAME_VERSION, ReadingFrame
from schemas.measures import MEASURE_NAMES


@dataclass(frozen=True, slots=True, eq=False)
class JoinedFrames:
    """The rows of many frames as one frame. Frames may have changed places; rows within a frame have not."""

    frame: ReadingFrame
    frame_index: NDArray[np.int64]
    """(n,) which of the frames given each row comes from."""
    row_index: NDArray[np.int64]
    """(n,) which row of that frame it was."""


def decode_frames(payloads: Sequence[bytes]) -> JoinedFrames:
    """Return the rows of many frames, at a fifth of what decoding small frames one by one costs.

    Frames of the same layout (number of rows, measures) are read as one array.

    Raises:
        InputError: one is not a frame of a version this release reads.
    """
    layouts: dict[tuple[int, tuple[str, ...]], list[tuple[int, dict[str, Any], int]]] = {}
    for index, data in enumerate(payloads):
        head_end = 4 + int.from_bytes(data[:4], "little")
        header = orjson.loads(data[4:head_end])
        if header["v"] != FRAME_VERSION:
            raise InputError(
                f"frame version {header['v']}",
                where="log",
                mend=f"this release reads version {FRAME_VERSION}",
            )
        if header["n"]:
            layout = (header["n"], tuple(header["measures"]))
            layouts.setdefault(layout, []).append((index, header, head_end))
    groups = [_read_layout(payloads, *layout, members) for layout, members in layouts.items()]
    return JoinedFrames(
        frame=join_frames([group.frame for group in groups]),
        frame_index=np.concatenate([np.zeros(0, np.int64), *(group.frame_index for group in groups)]),
        row_index=np.concatenate([np.zeros(0, np.int64), *(group.row_index for group in groups)]),
    )


def join_frames(frames: Sequence[ReadingFrame]) -> ReadingFrame:
    """Return one frame with the rows of all ``frames``, in their order."""
    if len(frames) == 1:
        return frames[0]
    columns = {
        name: np.concatenate([np.zeros(0, dtype), *(getattr(frame, name) for frame in frames)])
        for name, dtype in FIXED_COLUMNS
    }
    no_measures = np.zeros((0, len(MEASURE_NAMES)))
    return ReadingFrame(
        users=[user for frame in frames for user in frame.users],
        devices=[device for frame in frames for device in frame.devices],
        measures=np.concatenate([no_measures, *(frame.measures for frame in frames)]),
        rr_ms=np.concatenate([np.zeros(0), *(frame.rr_ms for frame in frames)]),
        extra=[extra for frame in frames for extra in frame.extra],
        **columns,
    )


def _read_layout(
    payloads: Sequence[bytes], n: int, names: tuple[str, ...], members: list[tuple[int, dict[str, Any], int]]
) -> JoinedFrames:
    """Return the rows of frames that all have ``n`` rows and these measures."""
    layout = np.dtype(
        [(name, dtype, (n,)) for name, dtype in FIXED_COLUMNS] + [(name, "<f8", (n,)) for name in names]
    )
    size = layout.itemsize
    table = np.frombuffer(
        b"".join([payloads[index][start : start + size] for index, _, start in members]), layout
    )
    rr = b"".join(
        [payloads[index][start + size : start + size + 8 * header["rr"]] for index, header, start in members]
    )
    rows = n * len(members)
    measures = np.full((rows, len(MEASURE_NAMES)), np.nan)
    for name in names:
        measures[:, MEASURE_NAMES.index(name)] = table[name].reshape(-1)
    extra: list[bytes] = []
    for _, header, _ in members:
        extra += [text.encode() for text in header["extra"]] if "extra" in header else [b""] * n
    frame = ReadingFrame(
        users="\n".join([header["users"] for _, header, _ in members]).split("\n"),
        devices="\n".join([header["devices"] for _, header, _ in members]).split("\n"),
        measures=measures,
        rr_ms=np.frombuffer(rr, "<f8"),
        extra=extra,
        **{name: table[name].reshape(-1) for name, _ in FIXED_COLUMNS},
    )
    indexes = np.array([index for index, _, _ in members], np.int64)
    return JoinedFrames(frame, np.repeat(indexes, n), np.tile(np.arange(n), len(members)))
