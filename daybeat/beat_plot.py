"""The picture of ``daybeat hrv``: RR intervals over time, and below the RMSSD of windows."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.windows import Quality
from daybeat.long_series import JudgedBeats
from daybeat.plots import BLUE, INNER_BAND, LINE, QUIET, VERMILION, add_legend, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEATS_DRAWN_MAX: Final = 20_000
WINDOWS_DRAWN_MAX: Final = 1_000
"""More than that are drawn as quantiles of parts of the time: a picture has 900 pixels across."""
_PARTS: Final = 300
_SMALL_MARKS_FROM: Final = 200
"""So many marks or more are small ones."""
_REJECTED_HEIGHT: Final = 0.07
"""Where rejected windows stand, as a share of the axis: they have no RMSSD."""
_UNITS: Final = ((172_800.0, 86_400.0, "days"), (10_800.0, 3600.0, "h"), (180.0, 60.0, "min"))
"""From which duration on a unit is used, s; its length, s; its name."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class WindowPoints(NamedTuple):
    """What is shown of windows."""

    end_s: Floats
    rmssd_ms: Floats
    quality: NDArray[np.int8]


class _Clock(NamedTuple):
    """Time since the first beat, in the picture's unit."""

    start_s: float
    unit_s: float
    unit: str

    def at(self, time_s: Floats) -> Floats:
        return (time_s - self.start_s) / self.unit_s


def draw_beats(
    path: Path, judged: JudgedBeats, end_ms: Floats, windows: Sequence[WindowPoints], *, length_s: float
) -> None:
    """Draw RR intervals with flagged beats marked and gaps left open, and the RMSSD of windows.

    Args:
        path: a PNG file.
        judged: the beats.
        end_ms: (n,) when each ended.
        windows: windows in the order of time, in any number of parts.
        length_s: length of a window; each is drawn at its middle.

    Raises:
        InputError: the file cannot be written.
    """
    clock = _clock(float(end_ms[0] - judged.beats.rr_ms[0]) / 1000, float(end_ms[-1]) / 1000)
    joined = WindowPoints(*map(np.concatenate, zip(*windows, strict=True)))
    with picture(path) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_beats(above, judged, end_ms, clock)
        _draw_windows(below, clock.at(joined.end_s - length_s / 2), joined)
        above.set_title("RR intervals, ms")
        below.set_title(f"RMSSD of {length_s:g}-s windows, ms")
        below.set_xlabel(f"time since the first beat, {clock.unit}")
        above.set_xlim(0.0, float(clock.at(end_ms[-1:] / 1000)[0]))
        for axes in (above, below):
            add_legend(axes)


def _clock(start_s: float, end_s: float) -> _Clock:
    units = (unit for unit in _UNITS if end_s - start_s >= unit[0])
    _, unit_s, unit = next(units, (0.0, 1.0, "s"))
    return _Clock(start_s, unit_s, unit)


def _draw_beats(axes: "Axes", judged: JudgedBeats, end_ms: Floats, clock: _Clock) -> None:
    rr_ms, is_usual = judged.beats.rr_ms, ~judged.is_artefact
    if len(rr_ms) > BEATS_DRAWN_MAX:
        edges_ms, quantiles = _quantiles(end_ms, rr_ms, is_usual)
        _draw_quantiles(
            axes, clock.at(edges_ms / 1000), quantiles, color=LINE, what="beats without artefacts"
        )
        _fit(axes, quantiles[np.isfinite(quantiles)])
        return
    # The line is broken at gaps. A beat between two of them has no line; a small point shows it.
    breaks = 1 + np.flatnonzero(~judged.beats.follows[1:])
    times = clock.at(end_ms / 1000)
    axes.plot(
        np.insert(times, breaks, np.nan),
        np.insert(rr_ms, breaks, np.nan),
        color=LINE,
        linewidth=0.7,
        marker=".",
        markersize=1.5,
        markeredgewidth=0,
    )
    # An interval ten times as long as all others would flatten them: the axis fits those that are usual.
    low, high = _fit(axes, rr_ms[is_usual] if is_usual.any() else rr_ms)
    flagged = np.flatnonzero(judged.is_artefact)
    if len(flagged):
        axes.plot(
            times[flagged],
            np.clip(rr_ms[flagged], low, high),
            color=VERMILION,
            linestyle="none",
            marker="o",
            markersize=3.5 if len(flagged) < _SMALL_MARKS_FROM else 2,
            markeredgewidth=0,
            clip_on=False,
            label=f"looks like an artefact ({len(flagged):,})",
            zorder=3,
        )


def _draw_windows(axes: "Axes", times: Floats, windows: WindowPoints) -> None:
    is_accepted = windows.quality != Quality.REJECTED
    if not is_accepted.any():
        axes.set_yticks([])
        axes.set_ylim(0, 1)
        axes.text(
            0.5, 0.5, "no window is fit for an RMSSD", ha="center", color=QUIET, transform=axes.transAxes
        )
    elif len(times) > WINDOWS_DRAWN_MAX:
        edges, quantiles = _quantiles(times, windows.rmssd_ms, is_accepted)
        _draw_quantiles(axes, edges, quantiles, color=BLUE, what="accepted windows")
    else:
        axes.plot(times, windows.rmssd_ms, color=BLUE, linewidth=0.8, alpha=0.5)
        _mark_windows(axes, times, windows)
    if is_accepted.any():
        axes.set_ylim(0, 1.1 * max(float(windows.rmssd_ms[is_accepted].max()), 1.0))


def _fit(axes: "Axes", rr_ms: Floats) -> tuple[float, float]:
    """Set the axis to these intervals and some room, and return its ends."""
    if not len(rr_ms):
        return axes.get_ylim()
    margin = max(0.08 * float(np.ptp(rr_ms)), 20.0)
    low, high = float(rr_ms.min()) - margin, float(rr_ms.max()) + margin
    axes.set_ylim(low, high)
    return low, high


def _mark_windows(axes: "Axes", times: Floats, windows: WindowPoints) -> None:
    is_small = len(times) >= _SMALL_MARKS_FROM
    looks = (
        (Quality.GOOD, "o", BLUE, BLUE),
        (Quality.LOW, "o", BLUE, "white"),
        (Quality.REJECTED, "x", QUIET, QUIET),
    )
    for quality, mark, color, fill in looks:
        chosen = windows.quality == quality
        is_rejected = quality == Quality.REJECTED
        if chosen.any():
            axes.plot(
                times[chosen],
                np.full(chosen.sum(), _REJECTED_HEIGHT) if is_rejected else windows.rmssd_ms[chosen],
                color=color,
                linestyle="none",
                marker=mark,
                markersize=(2.5 if is_small else 5) - is_rejected,
                markerfacecolor=fill,
                transform=axes.get_xaxis_transform() if is_rejected else axes.transData,
                label=quality.name.lower(),
            )


def _quantiles(times: Floats, values: Floats, chosen: Flags) -> tuple[Floats, Floats]:
    """Return (parts + 1,) edges of equal parts of the time, and (3, parts) 5 %, median and 95 % in each."""
    edges = np.linspace(times[0], times[-1], _PARTS + 1)
    places = np.searchsorted(times, edges, side="right")
    places[0] = 0
    found = np.full((3, _PARTS), np.nan)
    for part, (first, last) in enumerate(pairwise(places)):
        kept = values[first:last][chosen[first:last]]
        if len(kept):
            found[:, part] = np.quantile(kept, (0.05, 0.5, 0.95))
    return edges, found


def _draw_quantiles(axes: "Axes", edges: Floats, quantiles: Floats, *, color: str, what: str) -> None:
    axes.stairs(
        quantiles[2], edges, baseline=quantiles[0], fill=True, color=INNER_BAND, label=f"5–95 % of {what}"
    )
    axes.plot((edges[:-1] + edges[1:]) / 2, quantiles[1], color=color, linewidth=0.9, label="median")
