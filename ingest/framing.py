"""From checked readings to frames: columns for the whole batch at once, then one slice per partition."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import nan
from typing import Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    FRAME_ROWS_MAX,
    NO_SEQ,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    ReadingFrame,
)
from schemas.ids import PartitionId
from schemas.measures import ACTIVITIES, MEASURE_NAMES, SOURCES
from schemas.readings import Reading, digest_of

FRAME_BYTES_MAX: Final = 384 * 1024
"""A frame is split where its rows would take more: an entry of the log stays below 512 KiB."""

_ROW_BYTES: Final = 128
"""Upper bound of a row without its ids, RR intervals and extra: fixed columns 37, measures 72, separators."""

_ACTIVITY_CODES: Final = {name: 1 + index for index, name in enumerate(ACTIVITIES)}
_SOURCE_CODES: Final = {name: 1 + index for index, name in enumerate(SOURCES)}
_CONTACT_FLAGS: Final = {None: 0, False: CONTACT_GIVEN, True: CONTACT_GIVEN | CONTACT}


@dataclass(slots=True)
class Batch:
    """Checked readings in arrival order, as parallel lists of equal length."""

    users: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    arrivals_us: list[int] = field(default_factory=list)
    times_us: list[int | None] = field(default_factory=list)
    """None where the device sent no time."""
    readings: list[Reading] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)

    def add(
        self,
        reading: Reading,
        *,
        user: str,
        device: str,
        partition: int,
        arrival_us: int,
        time_us: int | None,
    ) -> None:
        """Add one reading.

        Raises:
            TypeError: its ``extra`` cannot be written as canonical JSON; nothing was added.
        """
        self.digests.append(digest_of(reading))
        self.users.append(user)
        self.devices.append(device)
        self.partitions.append(partition)
        self.arrivals_us.append(arrival_us)
        self.times_us.append(time_us)
        self.readings.append(reading)

    def __len__(self) -> int:
        return len(self.readings)


def frames_of(batch: Batch) -> Iterator[tuple[PartitionId, ReadingFrame]]:
    """Yield the batch's frames, partition after partition, rows in arrival order.

    There is one frame per partition, or several where it would have more than 65,536 rows or 384 KiB.
    """
    if not batch:
        return
    columns = _columns(batch)
    partitions = np.array(batch.partitions, np.int64)
    order = np.argsort(partitions, kind="stable")
    rr_ends = np.cumsum(columns.rr_counts, dtype=np.int64)
    row_bytes = _ROW_BYTES + 8 * columns.rr_counts.astype(np.int64)
    for texts in (columns.users, columns.devices, columns.extra):
        row_bytes += np.fromiter(map(len, texts), np.int64, len(batch))
    starts = np.flatnonzero(np.diff(partitions[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        partition = PartitionId(int(partitions[rows[0]]))
        for part in _split(rows, row_bytes[rows]):
            yield partition, _take(columns, part, rr_ends)


def _columns(batch: Batch) -> ReadingFrame:
    """Return the whole batch as one frame, whatever its size."""
    readings = batch.readings
    arrival_us = np.array(batch.arrivals_us, np.int64)
    sent = [nan if time_us is None else 0.0 for time_us in batch.times_us]
    stamped = np.isnan(sent)
    time_us = np.array([time_us or 0 for time_us in batch.times_us], np.int64)
    rr_lists = [reading.get("rr_ms", ()) for reading in readings]
    measures = np.empty((len(MEASURE_NAMES), len(readings)))
    for index, name in enumerate(MEASURE_NAMES):
        measures[index] = [cast("float", reading.get(name, nan)) for reading in readings]
    return ReadingFrame(
        users=batch.users,
        devices=batch.devices,
        time_us=np.where(stamped, arrival_us, time_us),
        arrival_us=arrival_us,
        seq=np.array([reading.get("seq", NO_SEQ) for reading in readings], np.int64),
        digest=np.array(batch.digests, np.uint64),
        flags=np.array([_flags_of(*pair) for pair in zip(readings, batch.times_us, strict=True)], np.uint8),
        activity=np.array(
            [_ACTIVITY_CODES.get(reading.get("activity", ""), 0) for reading in readings], np.uint8
        ),
        source=np.array([_SOURCE_CODES.get(reading.get("source", ""), 0) for reading in readings], np.uint8),
        measures=measures.T,
        rr_counts=np.fromiter(map(len, rr_lists), np.uint16, len(readings)),
        rr_ms=np.array(list(chain.from_iterable(rr_lists)), np.float64),
        extra=[orjson.dumps(reading["extra"]) if "extra" in reading else b"" for reading in readings],
    )


def _flags_of(reading: Reading, time_us: int | None) -> int:
    """Return a reading's flags; ``time_of`` speaks of a time, so it says nothing of a reading without one."""
    flags = _CONTACT_FLAGS[reading.get("contact")]
    if time_us is None:
        return flags | TIME_STAMPED_ON_ARRIVAL
    return flags | TIME_OF_RECEIPT if reading.get("time_of") == "receipt" else flags


def _split(rows: NDArray[np.int64], row_bytes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield ``rows`` in runs that each fit into a frame."""
    begin = 0
    while begin < len(rows):
        fitting = int(np.searchsorted(np.cumsum(row_bytes[begin:]), FRAME_BYTES_MAX, side="right"))
        end = begin + min(max(fitting, 1), FRAME_ROWS_MAX)
        yield rows[begin:end]
        begin = end


def _take(columns: ReadingFrame, rows: NDArray[np.int64], rr_ends: NDArray[np.int64]) -> ReadingFrame:
    """Return the frame of the given rows."""
    picked = rows.tolist()
    rr_counts = columns.rr_counts[rows]
    rr = [columns.rr_ms[rr_ends[row] - columns.rr_counts[row] : rr_ends[row]] for row in rows[rr_counts > 0]]
    return ReadingFrame(
        users=[columns.users[row] for row in picked],
        devices=[columns.devices[row] for row in picked],
        time_us=columns.time_us[rows],
        arrival_us=columns.arrival_us[rows],
        seq=columns.seq[rows],
        digest=columns.digest[rows],
        flags=columns.flags[rows],
        activity=columns.activity[rows],
        source=columns.source[rows],
        measures=columns.measures[rows],
        rr_counts=rr_counts,
        rr_ms=np.concatenate(rr) if rr else np.empty(0),
        extra=[columns.extra[row] for row in picked],
    )
