"""Beats that are no normal beats: out of range, by Malik's rule, and by Lipponen & Tarvainen's.

They are flagged, never corrected: on simulated windows of 120 s with 5 % early beats put in, RMSSD is wrong
by 2 % (median) where flagged beats are dropped; where NeuroKit2 corrects them by the same rules, by 99 %
after one pass and by 51 % after as many as it takes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.beats import BeatSeries
from adaptation.physiology.rolling import RollingWindows

RR_MIN_MS: Final = 300.0
RR_MAX_MS: Final = 2000.0
"""An interval outside is no normal beat, ms: 200 and 30 beats per minute."""

MALIK_SHARE: Final = 0.20
"""Largest change from one interval to the next, as a share of the earlier (Malik et al. 1989,
European Heart Journal 10:1060–1074)."""

QUARTILE_BEATS: Final = 91
MEDIAN_BEATS: Final = 11
THRESHOLD_FACTOR: Final = 5.2
ECTOPIC_SLOPE: Final = 0.13
ECTOPIC_OFFSET: Final = 0.17
LONG_OR_SHORT: Final = 3.0
"""Lipponen & Tarvainen 2019 (doi 10.1080/03091902.2019.1640306): beats in the windows of the quartiles and
of the median, α of the thresholds, c1 and c2 of the ectopic subspaces, and the bound of normalised mRR."""

THRESHOLD_MIN_MS: Final = 0.001
"""Below it a threshold is the rounding of times, ms, and judges nothing (ours)."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


def flag_artefacts(beats: BeatSeries) -> Flags:
    """Return (n,) whether an interval is flagged by any of the three rules."""
    return out_of_range(beats) | malik(beats) | lipponen_tarvainen(beats)


def out_of_range(beats: BeatSeries) -> Flags:
    """Return (n,) whether an interval is shorter than 300 ms or longer than 2000 ms."""
    return (beats.rr_ms < RR_MIN_MS) | (beats.rr_ms > RR_MAX_MS)


def malik(beats: BeatSeries) -> Flags:
    """Return (n,) whether an interval differs from the one before it by more than 20 % of that one.

    The first of a series, and the first after a gap, is not judged.
    """
    flags = np.zeros(len(beats.rr_ms), dtype=np.bool_)
    before = beats.rr_ms[:-1]
    flags[1:] = (np.abs(beats.rr_ms[1:] - before) > MALIK_SHARE * before) & beats.follows[1:]
    return flags


def lipponen_tarvainen(beats: BeatSeries) -> Flags:
    """Return (n,) whether an interval is ectopic, long, short, missed or extra.

    The rules are those of Lipponen & Tarvainen 2019 (doi 10.1080/03091902.2019.1640306), on the differences
    between successive intervals (dRR) and from their median (mRR, twice where it is below 0), each divided by
    5.2 times half the distance of the quartiles of their absolute values. A missed and an extra beat are a
    long and a short one that would be corrected in their own ways; as flags they are the same.

    Differences across a gap are not known: they judge nothing, stand beside nothing, and are left out of the
    quartiles; the windows of the quartiles take the next known ones instead. The median runs over a gap, for
    it follows the level only. The same holds for a series' first interval, which has no difference.
    """
    flags = np.zeros(len(beats.rr_ms), dtype=np.bool_)
    difference = _normalised_differences(beats)
    candidates = np.flatnonzero(np.abs(difference[:-2]) > 1)
    if not len(candidates):
        return flags
    here, after, later = _ahead(beats, difference, candidates)
    ectopic = _is_ectopic(difference[candidates - 1], here, after)
    # Where the difference after the next one is the larger, the next beat may be the abnormal one.
    others = candidates[~ectopic]
    judged = np.concatenate([others, 1 + candidates[~ectopic & (np.abs(after) < np.abs(later))]])
    deviation = _normalised_deviations(beats, judged)
    flags[judged] = _is_long_or_short(*_ahead(beats, difference, judged)) | (
        np.abs(deviation) > LONG_OR_SHORT
    )
    flags[candidates[ectopic]] = True
    return flags


def _normalised_differences(beats: BeatSeries) -> Floats:
    """Return (n + 2,) dRR over its threshold; 0 where it is not known, or the threshold is 0.

    The two zeros at the end are for the beats that look ahead.
    """
    known = np.flatnonzero(beats.follows)
    differences = beats.rr_ms[known] - beats.rr_ms[known - 1]
    starts = np.searchsorted(known, beats.starts)
    windows = RollingWindows(np.abs(differences), starts, QUARTILE_BEATS)
    normalised = np.zeros(len(beats.rr_ms) + 2)
    normalised[known] = _over_threshold(differences, windows, np.arange(len(known)))
    return normalised


def _normalised_deviations(beats: BeatSeries, at: Indices) -> Floats:
    """Return (len(at),) mRR over its threshold, of the beats at these indices."""
    deviations = beats.rr_ms - RollingWindows(beats.rr_ms, beats.starts, MEDIAN_BEATS).medians()
    deviations[deviations < 0] *= 2
    windows = RollingWindows(np.abs(deviations), beats.starts, QUARTILE_BEATS)
    return _over_threshold(deviations[at], windows, at)


def _over_threshold(values: Floats, windows: RollingWindows, at: Indices) -> Floats:
    low, high = windows.quantiles(at, (0.25, 0.75))
    threshold = THRESHOLD_FACTOR * (high - low) / 2
    is_known = threshold >= THRESHOLD_MIN_MS
    return np.asarray(np.divide(values, threshold, out=np.zeros(len(at)), where=is_known))


def _is_ectopic(before: Floats, here: Floats, after: Floats) -> Flags:
    """Return whether a difference beyond ±1 has its undoing on both sides: an early beat and its pause."""
    rises = (here > 1) & (np.maximum(before, after) < -ECTOPIC_SLOPE * here - ECTOPIC_OFFSET)
    falls = (here < -1) & (np.minimum(before, after) > -ECTOPIC_SLOPE * here + ECTOPIC_OFFSET)
    return rises | falls


def _is_long_or_short(here: Floats, after: Floats, later: Floats) -> Flags:
    """Return whether a difference beyond ±1 is undone by one of the next two."""
    is_long = (here > 1) & (np.minimum(after, later) < -1)
    is_short = (here < -1) & (np.maximum(after, later) > 1)
    return is_long | is_short


def _ahead(beats: BeatSeries, difference: Floats, at: Indices) -> tuple[Floats, Floats, Floats]:
    """Return the differences at, one after and two after these beats; the last is 0 beyond a gap."""
    after = at + 1
    is_on = beats.follows[np.minimum(after, len(beats.follows) - 1)]
    return difference[at], difference[after], difference[at + 2] * is_on
