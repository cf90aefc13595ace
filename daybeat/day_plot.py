"""The picture of ``daybeat baseline``: days, their 7-day mean, and the normal range it is judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.normal_range import MEAN_DAYS, DayVerdict
from daybeat.plots import BAND, BLUE, INNER_BAND, QUIET, VERMILION, add_legend, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS: Final = {"below": "v", "above": "^"}

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]


def draw_days(path: Path, days: Sequence[DayVerdict]) -> None:
    """Draw ln RMSSD of each day, its 7-day mean, normal range, smallest worthwhile change and onsets.

    Args:
        path: a PNG file.
        days: verdicts in the order of time, at least one.

    Raises:
        InputError: the file cannot be written.
    """
    dates = np.array([one.day for one in days], "datetime64[D]")
    # Lines and bands end where no day was given for a week: a day of nothing stands there.
    breaks = 1 + np.flatnonzero(np.diff(dates) > np.timedelta64(MEAN_DAYS, "D"))
    times = np.insert(dates, breaks, dates[breaks - 1] + np.timedelta64(1, "D"))

    def series(name: str) -> Floats:
        return np.insert(np.array([getattr(one, name) for one in days], np.float64), breaks, np.nan)

    with picture(path) as figure:
        axes = figure.subplots()
        axes.plot(
            times, series("ln_value"), color=QUIET, linestyle="none", marker="o", markersize=3, label="day"
        )
        axes.plot(times, series("mean7"), color=BLUE, linewidth=1.8, label="7-day mean")
        axes.fill_between(
            times,
            series("normal_low"),
            series("normal_high"),
            color=BAND,
            linewidth=0,
            label="normal range, ±1 SD",
        )
        axes.fill_between(
            times,
            series("swc_low"),
            series("swc_high"),
            color=INNER_BAND,
            linewidth=0,
            label="±0.5 SD",
        )
        _mark_onsets(axes, days)
        axes.set_title("ln RMSSD (RMSSD in ms)")
        axes.margins(x=0.01, y=0.08)
        _name_dates(axes)
        add_legend(axes)


def _mark_onsets(axes: "Axes", days: Sequence[DayVerdict]) -> None:
    for status, mark in _MARKS.items():
        chosen = [one for one in days if one.onset and one.status == status]
        if chosen:
            axes.plot(
                np.array([one.day for one in chosen], "datetime64[D]"),
                np.array([one.mean7 for one in chosen], np.float64),
                color=VERMILION,
                linestyle="none",
                marker=mark,
                markersize=8,
                markeredgecolor="white",
                label=f"onset {status}",
                zorder=4,
            )


def _name_dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # see daybeat.plots

    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
