"""Local time of readings, from the zones of their people."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import Cells, Layout
from adaptation.zones import DAY_US, ZoneNames, stretch_at


class LocalTime:
    """The columns of a person's zone, and the offset that was looked up last.

    Args:
        layout: of the people's table.
        zones: of the people, by number.
    """

    def __init__(self, layout: Layout, zones: ZoneNames) -> None:
        columns = layout.columns("zone")
        self._zone, self._offset, self._from, self._until = range(columns.start, columns.stop)
        self._zones = zones

    def zone_of(self, ints: NDArray[np.int64]) -> str:
        """Return the zone of the person whose row this is."""
        return self._zones[int(ints[self._zone])]

    def set_zone(self, ints: NDArray[np.int64], zone: str) -> None:
        """Let the person whose row this is live in ``zone``."""
        ints[[self._zone, self._offset, self._from, self._until]] = (self._zones.number_of(zone), 0, 0, 0)

    def forget_offsets(self, ints: NDArray[np.int64]) -> None:
        """Let all offsets be looked up anew: they may come from other rules of zones."""
        ints[:, [self._offset, self._from, self._until]] = 0

    def offsets_at(self, people: Cells, time_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) offsets from UTC, µs; looked up anew only where the cached one does not hold."""
        ints = people.ints
        outside = (time_us < ints[:, self._from]) | (time_us >= ints[:, self._until])
        if np.logical_or.reduce(outside):
            (rows,) = outside.nonzero()
            found = self._zones.stretches_at(ints[rows, self._zone], time_us[rows])
            ints[rows[:, np.newaxis], [self._offset, self._from, self._until]] = found
        offsets: NDArray[np.int64] = ints[:, self._offset]
        return offsets

    def days_of(self, people: Cells, time_us: NDArray[np.int64]) -> Callable[[int], int]:
        """Return what tells the local day of one of n moments, in days since 1970-01-01."""

        def day_of(row: int) -> int:
            moment_us = int(time_us[row])
            return (moment_us + stretch_at(self.zone_of(people.ints[row]), moment_us).offset_us) // DAY_US

        return day_of
