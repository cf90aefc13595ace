"""From beats to judged windows: ours, many people at once, beside NeuroKit2, window by window."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adaptation.beat_buffers import ClosedWindow, series_of
from adaptation.physiology.windows import WINDOW_S, Windows, judge_windows
from adaptation.rules import builtin_rules
from adaptation.shard import Shard, ShardState
from bench.timing import import_beside, seconds_of
from schemas.frames import ReadingFrame
from schemas.positions import EntryId

WINDOWS_AT_ONCE: Final = 512
"""Windows judged together for the main figure."""

OTHER_SIZES: Final = (1, 16, 64)
"""And for those beside it: the live flow judges together what a batch of readings brought to an end."""

_ROUNDS: Final = 5
_NEUROKIT2_WINDOWS: Final = 40
"""A round."""
_SIZED_WINDOWS: Final = 2048
_STATES: Final = 25
"""Copies of the state that are taken over the day."""


@dataclass(frozen=True, slots=True)
class WindowSpeed:
    """Beats a second of one core; a beat counts in each window that holds it, on both sides."""

    beats_per_s: float
    neurokit2_beats_per_s: float
    beats_per_s_by_windows_at_once: dict[str, float]


def measure_windows(windows: Sequence[ClosedWindow]) -> WindowSpeed:
    """Return how fast beats become measures and verdicts.

    Ours is what the live flow does with windows that are over: from their bytes by ``series_of`` to the
    result of ``judge_windows``, :data:`WINDOWS_AT_ONCE` together. NeuroKit2 gets the peaks of some of the
    same windows, as arrays, and does ``signal_fixpeaks`` (Kubios, one pass: by default it iterates, which
    takes about twice as long) and ``hrv_time``. After a warm-up both take turns; figures are medians over
    the turns.

    Args:
        windows: of many people, in order of time.

    Raises:
        InputError: NeuroKit2 is not installed.
    """
    neurokit2 = import_beside("neurokit2")
    batches = _batches(windows, WINDOWS_AT_ONCE)
    stride = max(len(windows) // (_ROUNDS * _NEUROKIT2_WINDOWS), 1)
    picked = [_peaks_ms(window) for window in windows[::stride]]
    _judge(batches[0])
    _ask_neurokit2(neurokit2, picked[:2])
    ours, theirs = [], []
    for turn in range(_ROUNDS):
        some = picked[turn::_ROUNDS]
        theirs.append(
            sum(len(one) - 1 for one in some) / seconds_of(partial(_ask_neurokit2, neurokit2, some))
        )
        ours.append(_beats_per_s(batches[turn::_ROUNDS]))
    per_s = {size: _beats_per_s(_batches(windows[:_SIZED_WINDOWS], size)) for size in OTHER_SIZES}
    per_s[WINDOWS_AT_ONCE] = median(ours)
    return WindowSpeed(
        beats_per_s=float(round(median(ours))),
        neurokit2_beats_per_s=float(round(median(theirs))),
        beats_per_s_by_windows_at_once={str(size): float(round(rate)) for size, rate in per_s.items()},
    )


def measure_stream(frames: Sequence[ReadingFrame]) -> tuple[float, list[ShardState]]:
    """Return beats a second through a whole shard, and its state at equal distances over the day.

    Each frame is taken and applied: buffers, windows, baselines, estimates, days, rules, and the records of
    all of them. Decoding of frames is not included. Each beat counts once.

    Args:
        frames: a day, in order.
    """
    shard = Shard(builtin_rules(), default_zone="UTC")
    states = []
    spent_s = 0.0
    edges = np.linspace(0, len(frames), _STATES + 1).astype(int)
    for first, last in pairwise(edges.tolist()):
        spent_s += seconds_of(partial(_stream, shard, frames[first:last], first))
        states.append(shard.copy_state())
    return round(sum(len(frame.rr_ms) for frame in frames) / spent_s), states


def _stream(shard: Shard, frames: Sequence[ReadingFrame], number: int) -> None:
    for index, frame in enumerate(frames):
        shard.take_frame(EntryId(1, number + index + 1), frame)
        while shard.has_pending:
            shard.advance()


def _beats_per_s(batches: Sequence[Sequence[ClosedWindow]]) -> float:
    beats = sum(len(series_of(windows).rr_ms) for windows in batches)
    return beats / seconds_of(lambda: [_judge(windows) for windows in batches])


def _judge(windows: Sequence[ClosedWindow]) -> Windows:
    return judge_windows(series_of(windows), length_s=WINDOW_S)


def _peaks_ms(window: ClosedWindow) -> NDArray[np.int64]:
    """Return the moments of a window's beats as NeuroKit2 takes them; it knows no gaps."""
    return np.concatenate([[0], np.cumsum(series_of([window]).rr_ms)]).astype(np.int64)


def _ask_neurokit2(neurokit2: Any, peaks_ms: Sequence[NDArray[np.int64]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for peaks in peaks_ms:
            _, corrected = neurokit2.signal_fixpeaks(
                peaks, sampling_rate=1000, iterative=False, method="Kubios"
            )
            neurokit2.hrv_time(corrected, sampling_rate=1000)


def _batches(windows: Sequence[ClosedWindow], size: int) -> list[Sequence[ClosedWindow]]:
    return [windows[first : first + size] for first in range(0, len(windows), size)]
