"""``daybeat hrv``: heart rate variability of a file of RR intervals, as a whole and in windows."""

import math
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from adaptation.physiology.beats import GAP_TOLERANCE_MS
from adaptation.physiology.windows import STEP_S, WINDOW_MIN_S, WINDOW_S, Windows
from daybeat.beat_plot import WindowPoints, draw_beats
from daybeat.hrv_report import (
    WINDOW_COLUMNS,
    Recording,
    describe_recording,
    judge_recording,
    window_rows,
)
from daybeat.long_series import judge_in_windows
from daybeat.plain_tables import cell, write_header, write_rows
from daybeat.plots import check_plot
from daybeat.rr_files import read_rr_file
from daybeat.terminal import say
from schemas.errors import InputError

WINDOW_MAX_S: Final = 3600.0
"""Longest window, s (ours): every beat lies in as many windows as steps fit into one."""

SomeWindows = Iterator[tuple[NDArray[np.float64], Windows]]
"""Ends and verdicts of windows, many at a time: a month of beats has fifty thousand."""


class Correct(StrEnum):
    """What becomes of beats that look like artefacts."""

    NONE = "none"
    DROP = "drop"


def hrv(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="One RR interval in ms a line, or the time at which it ended and the interval; "
            "- is standard input.",
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    correct: Annotated[
        Correct, typer.Option(help="drop leaves out beats that look like artefacts; none counts them in.")
    ] = Correct.NONE,
    fs_gap: Annotated[
        float,
        typer.Option(
            metavar="MS", help="An interval that begins further from the end of the one before opens a gap."
        ),
    ] = GAP_TOLERANCE_MS,
    windows: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Also windows of this length, one a minute, without artefacts."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw beats and windows.")] = None,
) -> None:
    """Print the time-domain measures of a series of RR intervals.

    Times are seconds or milliseconds since any moment, or RFC 3339. Differences are taken between beats that
    follow each other, never over a gap; nothing is interpolated.
    """
    _check_options(fs_gap, windows)
    check_plot(plot)
    recording = judge_recording(read_rr_file(file), tolerance_ms=fs_gap)
    report = describe_recording(recording, leave_out=correct is Correct.DROP)
    if recording.judged.artefacts and correct is Correct.NONE:
        _hint(recording)
    seen: list[WindowPoints] = []
    found = _windows(recording, windows or WINDOW_S, fs_gap, seen)
    (_print_json if as_json else _print_tables)(report, None if windows is None else found)
    if plot is not None:
        list(found)  # those that were not printed
        draw_beats(plot, recording.judged, _ends_ms(recording), seen, length_s=windows or WINDOW_S)


def _check_options(fs_gap: float, windows: float | None) -> None:
    if not (fs_gap >= 0 and math.isfinite(fs_gap)):
        raise InputError(f"{fs_gap:g} is no tolerance", where="--fs-gap", mend="give some ms, 0 or more")
    if windows is not None and not WINDOW_MIN_S <= windows <= WINDOW_MAX_S:
        raise InputError(
            f"{windows:g} s is no length of a window",
            where="--windows",
            mend=f"give {WINDOW_MIN_S} s, which an RMSSD needs, to {WINDOW_MAX_S:g} s",
        )


def _hint(recording: Recording) -> None:
    count, beats = recording.judged.artefacts, len(recording.judged.is_artefact)
    say(
        f"hint: {count:,} of {beats:,} beats ({100 * count / beats:.1f} %) look like artefacts and are "
        "counted in; --correct drop leaves them out"
    )


def _windows(
    recording: Recording, length_s: float, tolerance_ms: float, seen: list[WindowPoints]
) -> SomeWindows:
    for end_s, windows in judge_in_windows(
        recording.judged.beats.rr_ms,
        _ends_ms(recording),
        length_s=length_s,
        step_s=min(STEP_S, length_s),
        tolerance_ms=tolerance_ms,
    ):
        seen.append(WindowPoints(end_s, windows.measures.rmssd_ms, windows.quality))
        yield end_s, windows


def _ends_ms(recording: Recording) -> NDArray[np.float64]:
    return np.cumsum(recording.judged.beats.rr_ms) if recording.end_ms is None else recording.end_ms


def _print_json(report: dict[str, object], windows: SomeWindows | None) -> None:
    text = orjson.dumps(report).decode()
    if windows is None:
        sys.stdout.write(text + "\n")
        return
    names = [column.name for column in WINDOW_COLUMNS]
    sys.stdout.write(text.removesuffix("}") + ',"windows":[')
    separator = ""
    for end_s, some in windows:
        objects = [dict(zip(names, row, strict=True)) for row in window_rows(end_s, some)]
        sys.stdout.write(separator + orjson.dumps(objects).decode()[1:-1])  # which writes NaN as null
        separator = ","
    sys.stdout.write("]}\n")


def _print_tables(report: dict[str, object], windows: SomeWindows | None) -> None:
    width = max(len(name) for name in report)
    for name, value in report.items():
        sys.stdout.write(f"{name.ljust(width)}  {cell(value, 4)}\n")
    if windows is None:
        return
    sys.stdout.write("\n")
    write_header(WINDOW_COLUMNS)
    for end_s, some in windows:
        write_rows(WINDOW_COLUMNS, window_rows(end_s, some))
