"""Pictures as PNG files of 1000 × 500 pixels: how all of them look, and where they may be written.

Only the functions that draw import matplotlib, and they use its figures without its global state: no window
system, no current figure, no settings that stay.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's blue and vermilion, which every kind of colour vision tells apart; the rest is grey.
BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
INK: Final = "#333333"
LINE: Final = "#5b6673"
QUIET: Final = "#8a8a8a"
BAND: Final = "#dfeaf2"
INNER_BAND: Final = "#bfd7e8"

_SIZE_INCHES: Final = (10.0, 5.0)
_DPI: Final = 100


def check_plot(path: Path | None) -> None:
    """Check that a picture can be written, before the work is done that it shows.

    Raises:
        InputError: the name does not end in .png, or its folder is missing or cannot be written.
    """
    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise InputError(f"{path.name!r} does not end in .png", where="--plot", mend="pictures are PNG files")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", where="--plot", mend="make it or name another")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{path} cannot be written", where="--plot", mend="name another file")


@contextmanager
def picture(path: Path) -> Iterator["Figure"]:
    """Give a figure to draw on; what is drawn on it inside is written to ``path``.

    Raises:
        InputError: the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415  # a third of a second that only pictures shall cost
    from matplotlib.figure import Figure  # noqa: PLC0415

    style = mpl.rc_context(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"],
            "font.size": 11,
            "axes.edgecolor": QUIET,
            "axes.labelcolor": INK,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "text.color": INK,
            "xtick.color": QUIET,
            "xtick.labelcolor": INK,
            "ytick.color": QUIET,
            "ytick.labelcolor": INK,
        }
    )
    with style:
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
        yield figure
        try:
            figure.savefig(path, format="png")
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror})", where="--plot", mend="name another file"
            ) from error


def add_legend(axes: "Axes") -> None:
    """Put the legend into one row above the axes, to the right of their title."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=9,
            borderaxespad=0.1,
            columnspacing=1.4,
            handlelength=1.4,
            handletextpad=0.5,
        )
