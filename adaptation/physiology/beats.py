"""Series of beat intervals (RR), as many as there are windows or people, one after the other in one array."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.errors import InputError

GAP_TOLERANCE_MS: Final = 10.0
"""How far the step between the ends of two intervals may be from the later one, ms, where a source stamps the
beats themselves; more is a gap (ours: twice a stamp's rounding to 5 ms)."""

RECEIPT_TOLERANCE_MS: Final = 3000.0
"""The same where a source stamps when beats were received, ms (ours: on the Garmin log, only 7 % of the beats
meet 10 ms, and pauses of more than 3 s are gaps)."""

SECONDS_MAX: Final = 10.0
"""A series without any interval above this many ms is in seconds by mistake (ours)."""


@dataclass(frozen=True, slots=True, eq=False)
class BeatSeries:
    """Beat intervals of s series (windows, recordings or people)."""

    rr_ms: NDArray[np.float64]
    """(n,) intervals between beats, ms: the series one after the other."""
    starts: NDArray[np.int64]
    """(s + 1,) where each series begins in ``rr_ms``; the last one is n."""
    follows: NDArray[np.bool_]
    """(n,) an interval begins where the one before it in its series ended; False for a series' first."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """(s,) number of intervals in each series."""
        return np.diff(self.starts)

    @property
    def series(self) -> NDArray[np.int64]:
        """(n,) index of each interval's series."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)


def one_series(
    rr_ms: ArrayLike, *, end_ms: ArrayLike | None = None, tolerance_ms: float = GAP_TOLERANCE_MS
) -> BeatSeries:
    """Return one series of intervals, after checking them.

    Args:
        rr_ms: (n,) beat intervals, ms; may be empty.
        end_ms: (n,) when each interval ended, ms since any moment. Without it every interval follows on the
            one before.
        tolerance_ms: an interval follows on the one before if the step between their ends differs from it by
            no more than this.

    Raises:
        InputError: an interval is not a positive number, all are in seconds, or the ends do not ascend;
            names the index, counted from 0.
    """
    intervals = _checked(rr_ms)
    starts = np.array([0, len(intervals)], dtype=np.int64)
    follows = np.ones(len(intervals), dtype=np.bool_)
    if end_ms is not None:
        steps_ms = np.diff(_ascending(end_ms, len(intervals)))
        follows[1:] = np.abs(steps_ms - intervals[1:]) <= tolerance_ms
    follows[:1] = False
    return BeatSeries(intervals, starts, follows)


def _checked(rr_ms: ArrayLike) -> NDArray[np.float64]:
    intervals = np.asarray(rr_ms, dtype=np.float64)
    if intervals.ndim != 1:
        raise InputError(f"beat intervals of shape {intervals.shape}", mend="give one row of intervals in ms")
    if len(wrong := np.flatnonzero(~((intervals > 0) & np.isfinite(intervals)))):
        index = int(wrong[0])
        raise InputError(
            f"{intervals[index]:g} is not a beat interval",
            where=f"rr_ms[{index}]",
            mend="give positive numbers of ms, and leave out what was not measured",
        )
    if len(intervals) and intervals.max() <= SECONDS_MAX:
        raise InputError(
            f"no beat interval is above {SECONDS_MAX:g} ms",
            where="rr_ms[0]",
            mend="they look like seconds: multiply them by 1000",
        )
    return intervals


def _ascending(end_ms: ArrayLike, count: int) -> NDArray[np.float64]:
    ends = np.asarray(end_ms, dtype=np.float64)
    if ends.shape != (count,):
        raise InputError(
            f"{ends.size} end times for {count} beat intervals", where="end_ms", mend="give one for each"
        )
    if len(wrong := np.flatnonzero(~np.isfinite(ends))):
        raise InputError(
            f"{ends[wrong[0]]:g} is not a time", where=f"end_ms[{int(wrong[0])}]", mend="give finite numbers"
        )
    if len(wrong := np.flatnonzero(np.diff(ends) <= 0)):
        index = int(wrong[0]) + 1
        same = ends[index] == ends[index - 1]
        raise InputError(
            f"{ends[index]:.15g} ms {'repeats' if same else 'is before'} the end time before it",
            where=f"end_ms[{index}]",
            mend="give the beats in order of time, each of them once",
        )
    return ends
