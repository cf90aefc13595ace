"""Windows of beats: cut from a recording, measured, and judged."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaptation.physiology.artefacts import flag_artefacts
from adaptation.physiology.beats import GAP_TOLERANCE_MS, BeatSeries, one_series
from adaptation.physiology.time_domain import TimeDomain, time_domain

METHOD: Final = "daybeat-windows-1"
"""Names rules and thresholds of this module and those below it; changes with any of them."""

WINDOW_S: Final = 120
"""Length of a window, s: long enough for RMSSD (Munoz et al. 2015, doi 10.1371/journal.pone.0138921)."""

STEP_S: Final = 60
"""From one window to the next, s (ours)."""

WINDOW_MIN_S: Final = 60
"""Least time for an RMSSD, s: lnRMSSD of 60 s agrees with that of 5 min within ±0.22, of 30 s within ±0.41
(Esco & Flatt 2014)."""

SDNN_MIN_S: Final = 120
"""Least length for an SDNN, s, which grows with the length it is taken over."""

ARTEFACTS_GOOD_MAX: Final = 0.02
ARTEFACTS_LOW_MAX: Final = 0.05
"""Largest shares of flagged beats in a good and in an accepted window (ours)."""

COVERAGE_GOOD_MIN: Final = 0.8
COVERAGE_LOW_MIN: Final = 0.5
"""Smallest shares of a window's length that kept beats fill, in a good and in an accepted one (ours)."""

DIFFERENCES_MIN: Final = 20
"""Successive differences that an RMSSD needs: its own sampling error 1/√(2n) is then 16 % (ours)."""

Floats = NDArray[np.float64]


class Quality(IntEnum):
    """What a window's measures are good for."""

    GOOD = 0
    LOW = 1
    REJECTED = 2


QUALITY_REASONS: Final = ("", "few_beats", "poor_coverage", "artefacts")
"""Why a window is not good, by the code in :attr:`Windows.reason`."""
_FEW_BEATS, _POOR_COVERAGE, _ARTEFACTS = 1, 2, 3

_OF_ACCEPTED: Final = (
    *("sdnn_ms", "rmssd_ms", "ln_rmssd", "pnn50_percent"),
    *("mode_s", "amo_percent", "mxdmn_s", "stress_index"),
)
"""Measures that a rejected window does not have."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """s windows, measured without their artefacts."""

    measures: TimeDomain
    """NaN in rejected windows, but for counts, mean interval and mean heart rate."""
    coverage: Floats
    """(s,) share of the length that kept beats fill, 0 to 1."""
    artefact_share: Floats
    """(s,) flagged beats of all; NaN without beats."""
    quality: NDArray[np.int8]
    """(s,) a :class:`Quality`."""
    reason: NDArray[np.int8]
    """(s,) index into :data:`QUALITY_REASONS`, for windows that are not good."""


def judge_windows(beats: BeatSeries, *, length_s: float | Floats) -> Windows:
    """Return measures and verdicts; every series is one window.

    Args:
        beats: the windows' beats.
        length_s: one length for all windows, or (s,) one for each, s.
    """
    measures = time_domain(beats, leave_out=flag_artefacts(beats))
    counts = beats.counts
    share = np.divide(counts - measures.beats, counts, out=np.full(len(beats), np.nan), where=counts > 0)
    covered_s = np.where(measures.beats > 0, measures.beats * measures.mean_rr_ms / 1000, 0.0)
    coverage = np.minimum(covered_s / length_s, 1.0)
    quality, reason = judge_quality(
        differences=measures.differences,
        artefact_share=share,
        covered_s=covered_s,
        length_s=np.asarray(length_s),
    )
    is_rejected = quality == Quality.REJECTED
    is_fixed = (np.asarray(length_s) >= SDNN_MIN_S) & (coverage >= COVERAGE_GOOD_MIN)
    cleared = {name: np.where(is_rejected, np.nan, getattr(measures, name)) for name in _OF_ACCEPTED}
    cleared["sdnn_ms"][~is_fixed] = np.nan
    return Windows(replace(measures, **cleared), coverage, share, quality, reason)


def judge_quality(
    *, differences: NDArray[np.int64], artefact_share: Floats, covered_s: Floats, length_s: Floats
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return quality and reason of s windows; of several reasons the first one of the worse verdict.

    Args:
        differences: (s,) successive differences that count.
        artefact_share: (s,) flagged beats of all, 0 to 1.
        covered_s: (s,) what kept beats fill, s.
        length_s: (s,) lengths of the windows, s.

    Returns:
        (s,) :class:`Quality` and (s,) index into :data:`QUALITY_REASONS`.
    """
    # However short a window is, its beats must make up most of the shortest that is accepted.
    few = (differences < DIFFERENCES_MIN) | (covered_s < COVERAGE_GOOD_MIN * WINDOW_MIN_S)
    cases = (
        (artefact_share > ARTEFACTS_LOW_MAX, Quality.REJECTED, _ARTEFACTS),
        (few, Quality.REJECTED, _FEW_BEATS),
        (covered_s < COVERAGE_LOW_MIN * length_s, Quality.REJECTED, _POOR_COVERAGE),
        (artefact_share > ARTEFACTS_GOOD_MAX, Quality.LOW, _ARTEFACTS),
        (covered_s < COVERAGE_GOOD_MIN * length_s, Quality.LOW, _POOR_COVERAGE),
    )
    quality, reason = np.zeros((2, len(artefact_share)), dtype=np.int8)
    for is_case, verdict, why in reversed(cases):
        quality[is_case] = verdict
        reason[is_case] = why
    return quality, reason


def cut_windows(
    rr_ms: ArrayLike,
    end_s: ArrayLike,
    *,
    length_s: float = WINDOW_S,
    step_s: float = STEP_S,
    tolerance_ms: float = GAP_TOLERANCE_MS,
) -> tuple[Floats, BeatSeries]:
    """Return the ends of the windows that hold a beat, and the beats of each.

    Args:
        rr_ms: (n,) beat intervals, ms.
        end_s: (n,) when each ended, s.
        length_s: a window holds the intervals that end in (its end − length, its end].
        step_s: windows end at multiples of it.
        tolerance_ms: see :func:`~adaptation.physiology.beats.one_series`.

    Returns:
        (s,) ends of the windows, s, and s series.

    Raises:
        InputError: see :func:`~adaptation.physiology.beats.one_series`.
    """
    end_s = np.asarray(end_s, dtype=np.float64)
    beats = one_series(rr_ms, end_ms=end_s * 1000, tolerance_ms=tolerance_ms)
    earliest = np.unique(np.ceil(end_s / step_s))
    window_end_s = np.unique(earliest[:, np.newaxis] + np.arange(np.ceil(length_s / step_s))) * step_s
    first, last = np.searchsorted(end_s, [window_end_s - length_s, window_end_s], side="right")
    is_filled = last > first
    first, counts = first[is_filled], (last - first)[is_filled]
    starts = np.concatenate([[0], np.cumsum(counts)])
    index = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
    follows = beats.follows[index]
    follows[starts[:-1]] = False
    return window_end_s[is_filled], BeatSeries(beats.rr_ms[index], starts, follows)
