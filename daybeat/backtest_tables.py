"""A backtest's report as plain tables on standard output."""

import sys
from collections.abc import Sequence
from typing import Final

from adaptation.backtest import Outcome
from daybeat.backtest_report import Report, RuleFigures, Tried, reason_of
from daybeat.plain_tables import Column, cell, write_header, write_rows

LISTED_MAX: Final = 50
"""Lines of one list; all of them are in the JSON."""

_TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


def write_report(report: Report) -> None:
    """Write what was looked at, the figures of each rule, and the firings."""
    _write_head(report)
    if len(report.tried) == 1:
        (tried,) = report.tried
        _write_figures(report, tried)
        _write_list("would have fired", [one for one in tried.outcomes if not one.why], tried)
        _write_list("suppressed", [one for one in tried.outcomes if one.why], tried)
        return
    _write_side_by_side(report)
    for letter, tried in zip("AB", report.tried, strict=True):
        _write_list(f"only {letter} would have fired", report.only_in(tried), tried)


def _write_head(report: Report) -> None:
    counts = report.counts
    _line(
        f"{report.history}: {counts.people:,} people, {counts.readings:,} readings, "
        f"{counts.person_days:,} person-days"
    )
    if report.left_out:
        _line("left out: " + ", ".join(f"{count} {why}" for why, count in sorted(report.left_out.items())))
    if report.judgement is not None:
        minutes = round(report.judgement.tolerance.total_seconds() / 60)
        meant = [f"{rule} ({', '.join(sorted(names))})" for rule, names in report.judgement.meant.items()]
        _line(f"judged, with {minutes} min after an episode's end: {', '.join(meant) or 'nothing'}")
    _line("")


def _write_figures(report: Report, tried: Tried) -> None:
    figures = report.figures(tried)
    suppressed = [_counts(one.suppressed) for one in figures]
    columns = (
        Column("rule", None, max(len(one.rule) for one in figures)),
        Column("fired", 0),
        Column("per_person_day", 3),
        Column("precision", 2),
        Column("recall", 2),
        Column("suppressed", None, max(map(len, suppressed))),
    )
    write_header(columns)
    write_rows(
        columns,
        (
            (one.rule, one.fired, one.per_person_day, *_shares(one), told)
            for one, told in zip(figures, suppressed, strict=True)
        ),
    )


def _write_side_by_side(report: Report) -> None:
    for letter, tried in zip("AB", report.tried, strict=True):
        _line(f"{letter}: {tried.file}")
    _line("")
    by_rule: dict[str, list[RuleFigures | None]] = {}
    for place, tried in enumerate(report.tried):
        for one in report.figures(tried):
            by_rule.setdefault(one.rule, [None, None])[place] = one
    columns = (
        Column("rule", None, max(map(len, by_rule))),
        *(
            Column(f"{name}_{letter}", decimals)
            for name, decimals in (
                ("fired", 0),
                ("suppressed", 0),
                ("per_person_day", 3),
                ("precision", 2),
                ("recall", 2),
            )
            for letter in "AB"
        ),
    )
    write_header(columns)
    write_rows(
        columns,
        (
            (rule, *(value for both in zip(*map(_cells, pair), strict=True) for value in both))
            for rule, pair in by_rule.items()
        ),
    )


def _cells(figures: RuleFigures | None) -> tuple[object, ...]:
    if figures is None:
        return (None,) * 5
    suppressed = sum(figures.suppressed.values())
    return (figures.fired, suppressed, figures.per_person_day, *_shares(figures))


def _shares(figures: RuleFigures) -> tuple[float | None, float | None]:
    score = figures.score
    return (None, None) if score is None else (score.precision, score.recall)


def _counts(suppressed: dict[str, int]) -> str:
    return ", ".join(f"{why} {count}" for why, count in suppressed.items())


def _write_list(title: str, outcomes: Sequence[Outcome], tried: Tried) -> None:
    _line(f"\n{title}: {len(outcomes):,}")
    for outcome in outcomes[:LISTED_MAX]:
        firing = outcome.firing
        told = (
            firing.evidence.reading.time.strftime(_TIME_FORM),
            firing.user_id,
            firing.rule,
            outcome.why or cell(firing.confidence, 2),
            reason_of(outcome, tried.rules),
        )
        _line("  ".join(told))
    if len(outcomes) > LISTED_MAX:
        _line(f"… and {len(outcomes) - LISTED_MAX:,} more; --json has all of them")


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
