"""Time-domain measures of heart rate variability, of many series of beats at once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.beats import BeatSeries

NN50_MS: Final = 50.0
"""A successive difference above it counts for pNN50, ms (Task Force 1996, doi 10.1161/01.CIR.93.5.1043)."""

BIN_MS: Final = 50.0
"""Width of a histogram's bin, ms (Baevsky & Chernikova 2017, doi 10.12710/cardiometry.2017.10.6676)."""

TRIMMED: Final = 3
"""So many of the sorted intervals are left out at each end before their range is taken, or one early beat
and its pause would be the range (as in the published values of Welltory's app)."""

ROUNDING_MS: Final = 1e-6
"""What times in seconds leave behind when they become ms: 0.801 s is not quite 801 ms."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TimeDomain:
    """Measures of s series; NaN where a series has too few beats for one."""

    beats: Indices
    """(s,) intervals that count."""
    differences: Indices
    """(s,) successive differences that count."""
    mean_rr_ms: Floats
    mean_heart_rate_bpm: Floats
    """60000 / ``mean_rr_ms``."""
    sdnn_ms: Floats
    """Standard deviation of the intervals (ddof = 1)."""
    rmssd_ms: Floats
    """Root of the mean squared successive difference."""
    ln_rmssd: Floats
    """Its natural logarithm; NaN where it is 0."""
    pnn50_percent: Floats
    """Share of the differences above 50 ms, %."""
    mode_s: Floats
    """Centre of the fullest bin of 50 ms, s; the lowest of equals."""
    amo_percent: Floats
    """Share of the intervals in that bin, %."""
    mxdmn_s: Floats
    """Range of the intervals without the three longest and the three shortest, s."""
    stress_index: Floats
    """Baevsky's: AMo / (2 · mode · MxDMn), 1/s²; NaN where the range is 0."""


def time_domain(beats: BeatSeries, *, leave_out: NDArray[np.bool_] | None = None) -> TimeDomain:
    """Return the measures of each series.

    Args:
        beats: the series.
        leave_out: (n,) intervals that do not count, and no difference that touches one does. Nothing is put
            in their place.
    """
    keep = np.ones(len(beats.rr_ms), dtype=np.bool_) if leave_out is None else ~leave_out
    rr_ms = beats.rr_ms[keep]
    starts = np.concatenate([[0], np.cumsum(keep)])[beats.starts]
    differences, difference_starts = _differences(beats, keep)
    mean_rr_ms, sdnn_ms = _mean_and_sd(rr_ms, starts)
    rmssd_ms = np.sqrt(_means(differences**2, difference_starts))
    is_above_50 = np.abs(differences) > NN50_MS + ROUNDING_MS
    ordered = rr_ms[np.lexsort((rr_ms, _series(starts)))]
    mode_s, amo_percent = _fullest_bins(ordered, starts)
    mxdmn_s = _trimmed_ranges(ordered, starts) / 1000
    return TimeDomain(
        beats=np.diff(starts),
        differences=np.diff(difference_starts),
        mean_rr_ms=mean_rr_ms,
        mean_heart_rate_bpm=60_000 / mean_rr_ms,
        sdnn_ms=sdnn_ms,
        rmssd_ms=rmssd_ms,
        ln_rmssd=np.log(rmssd_ms, out=_unknown(len(beats)), where=rmssd_ms > 0),
        pnn50_percent=100 * _means(is_above_50.astype(np.float64), difference_starts),
        mode_s=mode_s,
        amo_percent=amo_percent,
        mxdmn_s=mxdmn_s,
        stress_index=_ratio(amo_percent, 2 * mode_s * mxdmn_s, mxdmn_s > 0),
    )


def _differences(beats: BeatSeries, keep: NDArray[np.bool_]) -> tuple[Floats, Indices]:
    """Return differences between kept intervals that follow on each other; and where each series begins."""
    counts = beats.follows & keep
    counts[1:] &= keep[:-1]
    later = np.flatnonzero(counts)
    return beats.rr_ms[later] - beats.rr_ms[later - 1], np.searchsorted(later, beats.starts)


def _mean_and_sd(values: Floats, starts: Indices) -> tuple[Floats, Floats]:
    """Return mean and standard deviation (ddof = 1) of each series.

    The deviations are taken from the mean first, so that no digits cancel.
    """
    counts = np.diff(starts)
    means = _means(values, starts)
    squares = _sums((values - np.repeat(means, counts)) ** 2, starts)
    return means, np.sqrt(_ratio(squares, counts - 1, counts > 1))


def _fullest_bins(ordered: Floats, starts: Indices) -> tuple[Floats, Floats]:
    """Return mode (s) and AMo (%) of each series; ``ordered`` ascends within each."""
    counts = np.diff(starts)
    mode_s, amo_percent = _unknown(len(counts)), _unknown(len(counts))
    filled = counts > 0
    if not filled.any():
        return mode_s, amo_percent
    bins = np.floor((ordered + ROUNDING_MS) / BIN_MS)
    # A run is what lies in one bin; each series begins one.
    begins = np.concatenate([[True], bins[1:] != bins[:-1]])
    begins[starts[:-1][filled]] = True
    runs = np.flatnonzero(begins)
    lengths = np.diff(runs, append=len(ordered))
    # The longest run, and of equals the first: one number orders by both.
    order = lengths * len(runs) - np.arange(len(runs))
    best = -np.maximum.reduceat(order, np.searchsorted(runs, starts[:-1][filled])) % len(runs)
    mode_s[filled] = (bins[runs[best]] + 0.5) * BIN_MS / 1000
    amo_percent[filled] = 100 * lengths[best] / counts[filled]
    return mode_s, amo_percent


def _trimmed_ranges(ordered: Floats, starts: Indices) -> Floats:
    """Return (s,) the range of each series without its :data:`TRIMMED` least and greatest values."""
    ranges = _unknown(len(starts) - 1)
    wide = np.flatnonzero(np.diff(starts) > 2 * TRIMMED)
    ranges[wide] = ordered[starts[wide + 1] - 1 - TRIMMED] - ordered[starts[wide] + TRIMMED]
    return ranges


def _means(values: Floats, starts: Indices) -> Floats:
    counts = np.diff(starts)
    return _ratio(_sums(values, starts), counts, counts > 0)


def _sums(values: Floats, starts: Indices) -> Floats:
    """Return (s,) the sum of each series, 0 where it is empty."""
    sums = np.zeros(len(starts) - 1)
    if len(values):
        filled = np.diff(starts) > 0
        sums[filled] = np.add.reduceat(values, starts[:-1][filled])
    return sums


def _ratio(above: Floats, below: Floats | Indices, is_known: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.divide(above, below, out=_unknown(len(above)), where=is_known))


def _series(starts: Indices) -> Indices:
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _unknown(count: int) -> Floats:
    return np.full(count, np.nan)
