"""Beats, open days and rings of a shard at rest, and back."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.bodies import Bodies
from adaptation.columns import SavedTable
from adaptation.day_slots import OpenDay, SlotKey
from adaptation.hrv_rings import RING_LAYOUT, HrvRings

_FLOAT32_BYTES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class SavedBodies:
    """An immutable copy. Bytes of several devices or days lie one after the other, with their lengths."""

    rings: SavedTable
    ring_keys: NDArray[np.int32]
    """(rows, 3) device, measure and slot of each ring."""
    beat_rows: NDArray[np.int32]
    """(b, 2) row of each device with beats, and how many bytes it has."""
    beats: bytes
    open_days: NDArray[np.int64]
    """(d, 8) device, measure, slot, day, cell, end, number of values and of heart rates of each open slot."""
    day_rates: NDArray[np.float64]
    """(d,) sum of the heart rates of each."""
    day_values: bytes
    """float32: the values of one slot after the other."""


NO_BODIES: Final = SavedBodies(
    rings=SavedTable(RING_LAYOUT.names, np.zeros((0, len(RING_LAYOUT.names)))),
    ring_keys=np.zeros((0, 3), np.int32),
    beat_rows=np.zeros((0, 2), np.int32),
    beats=b"",
    open_days=np.zeros((0, 8), np.int64),
    day_rates=np.zeros(0),
    day_values=b"",
)


def save_bodies(bodies: Bodies) -> SavedBodies:
    """Return a copy. No window may wait to be judged."""
    beats = bodies.beats.items()
    days = list(bodies.days.open_days)
    return SavedBodies(
        rings=SavedTable(RING_LAYOUT.names, bodies.days.rings.table.copy()),
        ring_keys=_rows([tuple(key) for key in bodies.days.rings.keys], 3).astype(np.int32),
        beat_rows=_rows([(row, len(kept)) for row, kept in beats], 2).astype(np.int32),
        beats=b"".join([kept for _, kept in beats]),
        open_days=_rows(
            [
                (
                    *key,
                    day.day,
                    day.cell,
                    day.closes_us,
                    len(day.ln_values) // _FLOAT32_BYTES,
                    day.heart_rates,
                )
                for key, day in days
            ],
            8,
        ),
        day_rates=np.array([day.heart_rate_sum_bpm for _, day in days]),
        day_values=b"".join([bytes(day.ln_values) for _, day in days]),
    )


def restore_bodies(bodies: Bodies, saved: SavedBodies) -> None:
    """Let ``bodies``, which are empty, hold what was saved."""
    keys = [SlotKey(*key) for key in saved.ring_keys.tolist()]
    bodies.days.rings = HrvRings.resume(saved.rings.names, saved.rings.cells, keys)
    begin = 0
    for row, length in saved.beat_rows.tolist():
        bodies.beats.restore(row, saved.beats[begin : begin + length])
        begin += length
    begin = 0
    for number, row in enumerate(saved.open_days.tolist()):
        stream, measure, slot, day, cell, closes_us, values, rates = row
        end = begin + values * _FLOAT32_BYTES
        ln_values = bytearray(saved.day_values[begin:end])
        open_day = OpenDay(day, cell, closes_us, ln_values, float(saved.day_rates[number]), rates)
        bodies.days.open_days.restore(SlotKey(stream, measure, slot), open_day)
        begin = end


def _rows(rows: list[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(len(rows), columns)
