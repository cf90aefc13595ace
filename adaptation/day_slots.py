"""The values of a day's slot while it is open, and their median once it is over.

A day has two slots, which never share a baseline::

    asleep    windows asleep from 18:00 to 12:00 local; over 30 min after the last one, not before 04:00
    morning   quiet windows from 04:00 to 12:00 local; over 30 min after the first one

A slot takes at most one value in five minutes, so that a night holds a hundred and not a thousand. A day
whose night is known needs no morning. Sources and measures are kept apart: RMSSD computed here, RMSSD and
SDNN as given by the device.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np

from adaptation.baselines import MICROSECOND
from adaptation.zones import DAY_US, HOUR_US, stretch_at

HRV_MEASURES: Final = ("rmssd_ms", "hrv_rmssd_ms", "hrv_sdnn_ms")
"""RMSSD computed here, and what a device may give."""
ASLEEP: Final = 0
MORNING: Final = 1
HRV_SLOTS: Final = ("asleep", "morning")

CELL: Final = timedelta(minutes=5)
"""A slot takes the first value of each such stretch of UTC (ours)."""
SLOT_REST: Final = timedelta(minutes=30)
"""A night is over this long after its last value, a morning this long after its first (ours)."""
NIGHT_VALUES_MIN: Final = 3
"""A night of fewer values has no median: a quarter of an hour of beats (ours)."""

_CELL_US: Final = CELL // MICROSECOND
_REST_US: Final = SLOT_REST // MICROSECOND
_EVENING_US: Final = 6 * HOUR_US
"""A night belongs to the day that begins six hours after it may begin: 18:00."""
_NIGHT_US: Final = 18 * HOUR_US
_DAWN_US: Final = 4 * HOUR_US
_NOON_US: Final = 12 * HOUR_US
NEVER_CLOSES_US: Final = 2**62


class SlotKey(NamedTuple):
    """One series of days: a device, a measure, a slot."""

    stream: int
    """Row of the device."""
    measure: int
    """Index into ``HRV_MEASURES``."""
    slot: int
    """Index into ``HRV_SLOTS``."""


class DayValue(NamedTuple):
    """One value that may count for a day's slot."""

    time_us: int
    zone: str
    """Of the person."""
    asleep: bool
    quiet: bool
    ln_value: float
    heart_rate_bpm: float
    """NaN where not known."""


class ClosedDay(NamedTuple):
    """One day's slot that is over."""

    key: SlotKey
    day: int
    """Local day, days since 1970-01-01."""
    values: int
    ln_value: float
    """Their median."""
    heart_rate_bpm: float
    """Mean of the heart rates, NaN if there are none."""


@dataclass(slots=True)
class OpenDay:
    """One day's slot that is not over yet."""

    day: int
    cell: int
    closes_us: int
    ln_values: bytearray
    """float32, in order."""
    heart_rate_sum_bpm: float
    heart_rates: int
    """Heart rates in that sum."""

    def median(self, key: SlotKey) -> ClosedDay | None:
        """Return the day's value, or None if there are too few."""
        ln_values = np.frombuffer(self.ln_values, np.float32).astype(np.float64)
        if key.slot == ASLEEP and len(ln_values) < NIGHT_VALUES_MIN:
            return None
        rate = self.heart_rate_sum_bpm / self.heart_rates if self.heart_rates else math.nan
        return ClosedDay(key, self.day, len(ln_values), float(np.median(ln_values)), rate)


class OpenDays:
    """The slots that are open in a shard."""

    def __init__(self) -> None:
        self._open: dict[SlotKey, OpenDay] = {}

    def __iter__(self) -> Iterator[tuple[SlotKey, OpenDay]]:
        return iter(self._open.items())

    def restore(self, key: SlotKey, day: OpenDay) -> None:
        """Let a slot be open with these values."""
        self._open[key] = day

    def closes_us(self, stream: int) -> int:
        """Return when the first of a device's slots is over."""
        times = [
            self._open[key].closes_us
            for measure in range(len(HRV_MEASURES))
            for slot in (ASLEEP, MORNING)
            if (key := SlotKey(stream, measure, slot)) in self._open
        ]
        return min(times, default=NEVER_CLOSES_US)

    def is_open(self, key: SlotKey, day: int) -> bool:
        """Return whether a series' slot of that local day is open."""
        return key in self._open and self._open[key].day == day

    def add(self, key: SlotKey, value: DayValue, *, last_day: int) -> None:
        """Let a value count, if it falls into a slot that is not over.

        Slots that are over by its time must have been closed before.

        Args:
            key: the series; its slot is asleep or morning as the value is.
            value: the value.
            last_day: the last local day of that series that has been closed.
        """
        local_us = value.time_us + stretch_at(value.zone, value.time_us).offset_us
        if value.asleep:
            day, clock_us = divmod(local_us + _EVENING_US, DAY_US)
            in_slot = clock_us <= _NIGHT_US
        else:
            day, clock_us = divmod(local_us, DAY_US)
            in_slot = value.quiet and _DAWN_US <= clock_us < _NOON_US
        if not in_slot or day <= last_day:
            return
        open_day = self._open.get(key)
        if open_day is None:
            open_day = self._open[key] = OpenDay(day, -1, value.time_us + _REST_US, bytearray(), 0.0, 0)
        if value.asleep:
            open_day.closes_us = max(value.time_us + _REST_US, _dawn_us(day, value))
        cell = value.time_us // _CELL_US
        if cell > open_day.cell:
            open_day.cell = cell
            open_day.ln_values += np.float32(value.ln_value).tobytes()
            if not math.isnan(value.heart_rate_bpm):
                open_day.heart_rate_sum_bpm += value.heart_rate_bpm
                open_day.heart_rates += 1

    def close(self, stream: int, time_us: int) -> Iterator[ClosedDay]:
        """Yield the device's days that are over by a time, nights first; mornings after their night not."""
        for slot in (ASLEEP, MORNING):
            for measure in range(len(HRV_MEASURES)):
                key = SlotKey(stream, measure, slot)
                open_day = self._open.get(key)
                if open_day is None or open_day.closes_us > time_us:
                    continue
                del self._open[key]
                closed = open_day.median(key)
                if closed is not None:
                    yield closed


def _dawn_us(day: int, value: DayValue) -> int:
    """Return when it is 04:00 on a local day; clocks may change in the night before."""
    local_us = day * DAY_US + _DAWN_US
    guess_us = local_us - stretch_at(value.zone, value.time_us).offset_us
    return local_us - stretch_at(value.zone, guess_us).offset_us
