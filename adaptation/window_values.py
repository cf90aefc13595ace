"""What the windows of a device leave in its row: the last good one at rest, and the usual of such windows."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import Baselines
from adaptation.columns import NEVER_US, Cells, Group
from adaptation.day_slots import NEVER_CLOSES_US
from adaptation.physiology.stress_estimate import RestingWindows

WINDOW_GROUPS: Final = (
    Group("slots_close_us", ("first",), NEVER_CLOSES_US),
    Group("window_ln", ("last",), float("nan")),
    Group("window_ln_usual", ("mean", "variance"), 0.0),
    Group("window_ln_count", ("count",), 0),
    Group("window_ln_us", ("since", "usual", "last"), NEVER_US),
)
"""Columns of the devices' table: when the first of a device's open slots is over, and lnRMSSD of windows."""
_CLOSES, _LN, _MEAN, _VARIANCE, _COUNT, _SINCE, _USUAL, _LAST = range(8)


class WindowValues:
    """The columns of ``WINDOW_GROUPS`` in rows of the devices' table, in place."""

    def __init__(self, cells: Cells, columns: slice) -> None:
        floats, ints = cells.floats[:, columns], cells.ints[:, columns]
        self.closes_us: NDArray[np.int64] = ints[:, _CLOSES]
        """(n,) from then on a reading ends a slot of its day."""
        self._ln: NDArray[np.float64] = floats[:, _LN]
        self._usual_us: NDArray[np.int64] = ints[:, _USUAL]
        self._last_us: NDArray[np.int64] = ints[:, _LAST]
        self._usual = Baselines(floats[:, _MEAN], floats[:, _VARIANCE], ints[:, _COUNT], ints[:, _SINCE])

    def resting(self) -> RestingWindows:
        """Return the last good windows at rest, and what is usual for them."""
        return RestingWindows(self._ln, self._last_us, self._usual)

    def move(self, ln_rmssd: NDArray[np.float64], end_us: NDArray[np.int64]) -> None:
        """Take one good window at rest of each device: the one before it joins the usual.

        Args:
            ln_rmssd: (n,) ln ms, NaN where there is no such window.
            end_us: (n,) ends of the windows.
        """
        newer = (ln_rmssd == ln_rmssd) & (end_us > self._last_us)  # noqa: PLR0124  # false for NaN
        joins = newer & (self._last_us > NEVER_US)
        before = np.where(joins, self._ln, np.nan)
        self._usual.move(before, self._last_us, self._last_us - self._usual_us)
        np.copyto(self._usual_us, self._last_us, where=joins)
        np.copyto(self._ln, ln_rmssd, where=newer)
        np.copyto(self._last_us, end_us, where=newer)
