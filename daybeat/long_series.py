"""A recording of any number of beats, judged in pieces: the same results as at once, in bounded memory.

The formulas are those of :mod:`adaptation.physiology`, whose functions take many series at once and need some
hundred bytes a beat. What pieces of :data:`PIECE_BEATS` give is put together exactly: a flag depends on the
beats around it only, means and variances of groups have closed forms (Chan, Golub & LeVeque 1983, doi
10.1080/00031305.1983.10483115), histograms add up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.artefacts import MEDIAN_BEATS, QUARTILE_BEATS, flag_artefacts
from adaptation.physiology.beats import BeatSeries
from adaptation.physiology.time_domain import BIN_MS, ROUNDING_MS, TRIMMED, TimeDomain, time_domain
from adaptation.physiology.windows import Windows, cut_windows, judge_windows

PIECE_BEATS: Final = 1 << 18
"""Beats that are judged at once."""
_CONTEXT: Final = QUARTILE_BEATS + MEDIAN_BEATS + 8
"""Beats, and differences between beats, that a flag can depend on at either side, and some to spare."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedBeats:
    """Beats of one recording, where it has gaps, and which of them look like artefacts."""

    beats: BeatSeries
    is_artefact: Flags
    """(n,)"""

    @property
    def gaps(self) -> int:
        """Places where an interval does not begin where the one before it ended."""
        return int(np.count_nonzero(~self.beats.follows[1:]))

    @property
    def artefacts(self) -> int:
        """Number of flagged beats."""
        return int(np.count_nonzero(self.is_artefact))

    @property
    def clean_differences(self) -> int:
        """Successive differences that touch no flagged beat."""
        is_clean = ~self.is_artefact
        return int(np.count_nonzero(self.beats.follows[1:] & is_clean[1:] & is_clean[:-1]))


def judge_beats(
    rr_ms: Floats, end_ms: Floats | None, *, tolerance_ms: float, piece: int = PIECE_BEATS
) -> JudgedBeats:
    """Return a recording's beats with gaps and flags, as :func:`flag_artefacts` finds them on the whole.

    Args:
        rr_ms: (n,) intervals above 0, ms.
        end_ms: (n,) when each ended, ms, ascending; None where all follow each other.
        tolerance_ms: see :func:`~adaptation.physiology.beats.one_series`.
        piece: beats judged at once.
    """
    follows = np.ones(len(rr_ms), np.bool_)
    follows[:1] = False
    if end_ms is not None:
        for part in _pieces(len(rr_ms), piece):
            before = slice(max(part.start - 1, 0), part.stop)
            steps_ms = np.diff(end_ms[before])
            follows[before][1:] = np.abs(steps_ms - rr_ms[before][1:]) <= tolerance_ms
    beats = BeatSeries(rr_ms, np.array([0, len(rr_ms)]), follows)
    is_artefact = np.empty(len(rr_ms), np.bool_)
    for part in _pieces(len(rr_ms), piece):
        first, last = _around(follows, part, most=piece)
        near = _cut(beats, slice(first, last))
        is_artefact[part] = flag_artefacts(near)[part.start - first :][: part.stop - part.start]
    return JudgedBeats(beats, is_artefact)


def measure_beats(
    beats: BeatSeries, *, leave_out: Flags | None = None, piece: int = PIECE_BEATS
) -> TimeDomain:
    """Return the measures of one series, as :func:`time_domain` computes them on the whole.

    Args:
        beats: one series.
        leave_out: (n,) intervals that do not count.
        piece: beats measured at once.
    """
    count = len(beats.rr_ms)
    if count <= piece:
        return time_domain(beats, leave_out=leave_out)
    parts = list(_pieces(count, piece))
    # Each difference between the last beat of a piece and the first of the next is a series of its own.
    joints = [slice(part.start - 1, part.start + 1) for part in parts[1:]]
    measured = [
        time_domain(_cut(beats, part), leave_out=None if leave_out is None else leave_out[part])
        for part in [*parts, *joints]
    ]
    tails = [_Tails.of(beats.rr_ms[part], None if leave_out is None else leave_out[part]) for part in parts]
    return _pooled(measured[: len(parts)], measured, tails)


def judge_in_windows(
    rr_ms: Floats,
    end_ms: Floats,
    *,
    length_s: float,
    step_s: float,
    tolerance_ms: float,
    piece: int = PIECE_BEATS,
) -> Iterator[tuple[Floats, Windows]]:
    """Yield ends (s) and verdicts of a recording's windows, in the order of time, some at once.

    The arguments are those of :func:`cut_windows`, with times in ms.
    """
    # Beats are in as many windows at once as steps fit into a length. The last piece is no short one.
    size = max(1, int(piece * step_s / length_s))
    starts = np.arange(max(1, len(rr_ms) // size)) * size
    cuts_s = np.unique(np.ceil(end_ms[starts] / 1000 / step_s)) * step_s
    for after_s, until_s in zip(cuts_s - step_s, [*(cuts_s[1:] - step_s), np.inf], strict=True):
        # A beat more at either side: the first of a cut follows none, and times are rounded.
        first = max(int(np.searchsorted(end_ms, (after_s - length_s) * 1000, side="left")) - 1, 0)
        last = int(np.searchsorted(end_ms, until_s * 1000, side="right")) + 1
        ends_s, beats = cut_windows(
            rr_ms[first:last],
            end_ms[first:last] / 1000,
            length_s=length_s,
            step_s=step_s,
            tolerance_ms=tolerance_ms,
        )
        wanted = (ends_s > after_s) & (ends_s <= until_s)
        if wanted.any():
            yield ends_s[wanted], judge_windows(_chosen(beats, wanted), length_s=length_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Tails:
    """What a histogram and a trimmed range of a piece leave to the whole."""

    bins: Counter[float]
    """Beats in each bin, by the bin's number."""
    outermost: Floats
    """The shortest and the longest intervals."""

    @classmethod
    def of(cls, rr_ms: Floats, leave_out: Flags | None) -> "_Tails":
        kept = np.sort(rr_ms if leave_out is None else rr_ms[~leave_out])
        numbers, counts = np.unique(np.floor((kept + ROUNDING_MS) / BIN_MS), return_counts=True)
        bins = Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        most = TRIMMED + 1
        return cls(bins, kept if len(kept) <= 2 * most else np.concatenate([kept[:most], kept[-most:]]))


def _pooled(
    parts: Sequence[TimeDomain], with_joints: Sequence[TimeDomain], tails: list[_Tails]
) -> TimeDomain:
    beats, mean, sdnn = (
        np.array([getattr(one, name)[0] for one in parts]) for name in ("beats", "mean_rr_ms", "sdnn_ms")
    )
    differences, rmssd, pnn50 = (
        np.array([getattr(one, name)[0] for one in with_joints])
        for name in ("differences", "rmssd_ms", "pnn50_percent")
    )
    count, pairs = int(beats.sum()), int(differences.sum())
    mean_rr_ms = _ratio(np.nansum(beats * mean), count)
    squares = np.nansum((beats - 1) * sdnn**2) + np.nansum(beats * (mean - mean_rr_ms) ** 2)
    rmssd_ms = _ratio(np.nansum(differences * rmssd**2), pairs) ** 0.5
    mode_s, amo_percent, mxdmn_s = _shape(tails, count)
    values = {
        "mean_rr_ms": mean_rr_ms,
        "mean_heart_rate_bpm": _ratio(60_000.0, mean_rr_ms),
        "sdnn_ms": _ratio(squares, count - 1) ** 0.5,
        "rmssd_ms": rmssd_ms,
        "ln_rmssd": np.log(rmssd_ms) if rmssd_ms > 0 else np.nan,
        "pnn50_percent": _ratio(np.nansum(differences * pnn50), pairs),
        "mode_s": mode_s,
        "amo_percent": amo_percent,
        "mxdmn_s": mxdmn_s,
        "stress_index": _ratio(amo_percent, 2 * mode_s * mxdmn_s),
    }
    arrays = {name: np.array([value]) for name, value in values.items()}
    return TimeDomain(beats=np.array([count]), differences=np.array([pairs]), **arrays)


def _shape(tails: list[_Tails], count: int) -> tuple[float, float, float]:
    """Return mode (s), AMo (%) and trimmed range (s)."""
    if not count:
        return np.nan, np.nan, np.nan
    bins: Counter[float] = sum((one.bins for one in tails), Counter())
    fullest = min(bins, key=lambda number: (-bins[number], number))
    outermost = np.sort(np.concatenate([one.outermost for one in tails]))
    is_wide = count > 2 * TRIMMED
    mxdmn_ms = outermost[-1 - TRIMMED] - outermost[TRIMMED] if is_wide else np.nan
    return (fullest + 0.5) * BIN_MS / 1000, 100 * bins[fullest] / count, float(mxdmn_ms) / 1000


def _ratio(total: float, count: float) -> float:
    return float(total) / count if count > 0 else np.nan


def _pieces(count: int, piece: int) -> Iterator[slice]:
    return (slice(first, min(first + piece, count)) for first in range(0, count, piece))


def _cut(beats: BeatSeries, part: slice) -> BeatSeries:
    """Return some of the beats as a series."""
    rr_ms, follows = beats.rr_ms[part], beats.follows[part].copy()
    follows[:1] = False
    return BeatSeries(rr_ms, np.array([0, len(rr_ms)]), follows)


def _chosen(beats: BeatSeries, wanted: Flags) -> BeatSeries:
    """Return some of the series, all next to each other."""
    index = np.flatnonzero(wanted)
    starts = beats.starts[index[0] : index[-1] + 2]
    part = slice(int(starts[0]), int(starts[-1]))
    return BeatSeries(beats.rr_ms[part], starts - starts[0], beats.follows[part])


def _around(follows: Flags, part: slice, *, most: int) -> tuple[int, int]:
    """Return a part's ends with so much on either side that its flags come out as on the whole.

    ``most`` beats on a side are enough, even if hardly any of them follows another.
    """
    width = min(_CONTEXT, most)
    first, last = max(part.start - width, 0), min(part.stop + width, len(follows))
    while width < most and np.count_nonzero(follows[first : part.start]) < _CONTEXT:
        width = min(2 * width, most)
        first = max(part.start - width, 0)
    width = _CONTEXT
    while width < most and np.count_nonzero(follows[part.stop : last]) < _CONTEXT:
        width = min(2 * width, most)
        last = min(part.stop + width, len(follows))
    return first, last
