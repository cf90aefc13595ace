"""``daybeat baseline``: days of RMSSD, each judged among the sixty before it."""

import math
import sys
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from adaptation.physiology.normal_range import DayVerdict, judge_series
from daybeat.day_files import read_day_file
from daybeat.day_plot import draw_days
from daybeat.plain_tables import Column, write_header, write_rows
from daybeat.plots import check_plot
from daybeat.terminal import say

_COLUMNS: Final = (
    Column("date", None, 10),
    Column("rmssd_ms", 2),
    Column("ln_rmssd", 4),
    Column("mean7", 4, 6),
    Column("cv7", 2, 5),
    Column("normal_low", 4),
    Column("normal_high", 4),
    Column("swc_low", 4),
    Column("swc_high", 4),
    Column("have", 0),
    Column("need", 0),
    Column("maturity", None, 11),
    Column("status", None),
    Column("onset", None),
)


def baseline(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="CSV whose header names the columns date and rmssd_ms; - is standard input."
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw days, mean and normal range.")
    ] = None,
) -> None:
    """Print for each day how its 7-day mean of ln RMSSD lies in the normal range of the 60 days before.

    mean7, normal_low, normal_high, swc_low and swc_high are natural logarithms of ms, cv7 is a percentage.
    The normal range is mean ± 1 SD, the smallest worthwhile change ± 0.5 SD: a status begins beyond the one
    and ends inside the other. Dates that are left out, and empty values, are days without one.
    """
    check_plot(plot)
    given = read_day_file(file)
    if given.may_be_logarithms:
        say("hint: no value is above 6: if these are ln RMSSD already, give their exponentials, in ms")
    days = judge_series(given.days, [None if value is None else math.log(value) for value in given.rmssd_ms])
    rows = [_row(day, value) for day, value in zip(days, given.rmssd_ms, strict=True)]
    (_print_json if as_json else _print_table)(rows)
    if plot is not None:
        draw_days(plot, days)


def _row(day: DayVerdict, rmssd_ms: float | None) -> tuple[object, ...]:
    return (
        day.day,
        rmssd_ms,
        day.ln_value,
        day.mean7,
        day.cv7,
        day.normal_low,
        day.normal_high,
        day.swc_low,
        day.swc_high,
        day.have,
        day.need,
        day.maturity,
        day.status,
        day.onset,
    )


def _print_json(rows: list[tuple[object, ...]]) -> None:
    names = [column.name for column in _COLUMNS]
    days = [dict(zip(names, row, strict=True)) for row in rows]
    sys.stdout.write(orjson.dumps({"days": days}).decode() + "\n")


def _print_table(rows: list[tuple[object, ...]]) -> None:
    sys.stdout.write("# mean7 and limits in ln ms, cv7 in percent\n")
    write_header(_COLUMNS)
    write_rows(_COLUMNS, [(*row[:-1], "onset" if row[-1] else "") for row in rows])
