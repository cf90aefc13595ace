"""``daybeat rules backtest``: what rules would have done with readings of the past."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import typer

from adaptation.backtest import Backtest
from adaptation.backtest_counts import HistoryCounts
from adaptation.backtest_scores import Labels
from adaptation.rules import RuleSet, builtin_rules
from daybeat.backtest_labels import LABELLED_RULES, read_labels
from daybeat.backtest_report import Judgement, Report, Tried
from daybeat.backtest_sources import (
    BacktestFormat,
    Source,
    from_history,
    from_recordings,
    from_simulation,
)
from daybeat.backtest_tables import write_report
from daybeat.rule_files import read_rules
from daybeat.running import running_settings
from daybeat.settings import Settings, required
from daybeat.terminal import print_json
from schemas.errors import InputError
from schemas.ids import check_id
from schemas.readings import micros
from stores.connections import connect_database
from stores.history_reading import HistoryReader

BUILTIN: Final = "builtin"
"""What stands for the shipped rules where a file is asked for."""

TOLERANCE: Final = timedelta(minutes=30)
"""How long after an episode's end a firing hits it (ours: energy is still low for a while after exercise)."""

WARM_UP: Final = timedelta(days=60)
"""Stored history that is read before the time asked for: HRV's normal range looks back so far."""

FILES_MAX: Final = 2
"""Rule files that are compared."""

_WHERE: Final = "daybeat rules backtest"


def backtest(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="RULES [OTHER]",
            help="A rule file (.toml), or builtin for the shipped rules; another one to compare it with.",
        ),
    ],
    *,
    recordings: Annotated[
        list[str] | None, typer.Option(metavar="FILE...", help="Recordings; for e4 also folders.")
    ] = None,
    kind: Annotated[
        BacktestFormat | None, typer.Option("--format", help="Of the recordings; by default as they look.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Readings in the database.")] = False,
    user: Annotated[
        list[str] | None, typer.Option(metavar="U...", help="With --history: whose; by default all people's.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="With --history: a day, or an RFC 3339 time.")
    ] = None,
    upto: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="With --history: the end; by default now.")
    ] = None,
    warm_up: Annotated[
        int,
        typer.Option(metavar="DAYS", min=0, help="With --history: days before that only teach baselines."),
    ] = WARM_UP.days,
    simulated: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many people who do not exist.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="With --simulated: how many days.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="With --simulated: which people and lives.")] = 1,
    zone: Annotated[str | None, typer.Option(help="IANA zone where people or recordings name none.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What happened: of simulate --truth, or as in Stress-Predict."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="EPISODE=RULE", help="What a rule is meant to see; given again for more."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="MINUTES", min=0, help="A firing so long after an episode still hits it.")
    ] = TOLERANCE / timedelta(minutes=1),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run rules over readings of the past: what would have fired, when and why, and what was suppressed.

    Precision is the share of a rule's firings that lie in an episode it is meant to see, recall the share of
    these episodes in which it fired. Two rule files are compared on the same people.
    """
    settings = running_settings()
    time_zone = zone or settings.default_time_zone
    if [recordings is not None, history, simulated is not None].count(True) != 1:
        raise InputError("give one of --recordings, --history and --simulated", where=_WHERE)
    files, others = _sort_out(arguments, may_have_more=simulated is None)
    tests = [Backtest(_rules_of(file), default_zone=time_zone) for file in files]
    known = None if labels is None else read_labels(labels)
    with ExitStack() as resources:
        if history:
            reader = resources.enter_context(_open_history(settings))
            from_us, upto_us = _time_span(since, upto, now_us=settings.read_clock().now_us())
            users = [check_id(one, where="--user") for one in (*(user or ()), *others)]
            source = from_history(
                reader, users or None, from_us=from_us, upto_us=upto_us, warm_up=timedelta(days=warm_up)
            )
        elif simulated is not None:
            source = from_simulation(simulated, days=days, seed=seed)
        else:
            paths = [Path(one) for one in (*(recordings or ()), *others)]
            source = from_recordings(paths, kind, time_zone=time_zone)
        counts = run_backtests(tests, source, default_zone=time_zone)
    if known is None and source.labels is not None:
        known = source.labels()
    tried = [Tried.of(file, test.rules, test.outcomes) for file, test in zip(files, tests, strict=True)]
    judgement = _judgement(label or (), known, tried, timedelta(minutes=tolerance))
    report = Report(source.told, counts, source.left_out, tried, judgement)
    if as_json:
        print_json(report.as_json())
    else:
        write_report(report)


def run_backtests(tests: Sequence[Backtest], source: Source, *, default_zone: str) -> HistoryCounts:
    """Let each rule set see the same readings once, and return how many they were."""
    counts = HistoryCounts(default_zone=default_zone, from_us=source.from_us)
    for group in source.groups:
        counts.begin(group.zones)
        for test in tests:
            test.begin(group.zones, from_us=source.from_us)
        for frame in group.frames:
            counts.count(frame)
            for test in tests:
                test.take(frame)
        for test in tests:
            test.finish()
    return counts


def _sort_out(arguments: Sequence[str], *, may_have_more: bool) -> tuple[list[str], list[str]]:
    """Return the rule files among the arguments, and what else belongs to the option before it.

    ``--recordings A B`` gives the option A, and B is an argument for the parser.
    """
    files = [one for one in arguments if one == BUILTIN or one.endswith(".toml")] or [arguments[0]]
    others = [one for one in arguments if one not in files]
    if others and not may_have_more:
        raise InputError(f"{others[0]!r} is no rule file", where=_WHERE, mend="its name must end in .toml")
    if len(files) > FILES_MAX:
        raise InputError(f"{len(files)} rule files", where=_WHERE, mend="compare two at a time")
    return files, others


def _rules_of(file: str) -> RuleSet:
    return builtin_rules() if file == BUILTIN else read_rules(file)


@contextmanager
def _open_history(settings: Settings) -> Iterator[HistoryReader]:
    url = required(settings.database_url, "database_url")
    with connect_database(url, patience=timedelta(seconds=settings.patience_s)) as connection:
        yield HistoryReader(connection)


def _time_span(since: str | None, upto: str | None, *, now_us: int) -> tuple[int, int]:
    if since is None:
        raise InputError(
            "--history needs a beginning", where="--from", mend="give a day, or an RFC 3339 time"
        )
    from_us = _moment_us(since, where="--from")
    upto_us = now_us if upto is None else _moment_us(upto, where="--to")
    if upto_us <= from_us:
        raise InputError("ends before it begins", where="--to", mend="give a later time")
    return from_us, upto_us


def _moment_us(text: str, *, where: str) -> int:
    """Return a moment; a day alone is its midnight in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is None and len(text) == len("2026-11-20"):
        moment = moment.replace(tzinfo=UTC)
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"{text!r} is no time", where=where, mend="write 2026-11-20, or 2026-11-20T08:00:00+00:00"
        )
    return micros(moment)


def _judgement(
    said: Sequence[str], known: Labels | None, tried: Sequence[Tried], tolerance: timedelta
) -> Judgement | None:
    if known is None:
        if said:
            raise InputError("there are no labels", where="--label", mend="give them with --labels FILE")
        return None
    rules = {rule.name for one in tried for rule in one.rules.rules}
    pairs = [_pair(text, known.names, rules) for text in said] or [
        (episode, rule) for episode, rule in LABELLED_RULES if episode in known.names and rule in rules
    ]
    meant: dict[str, frozenset[str]] = {}
    for episode, rule in pairs:
        meant[rule] = meant.get(rule, frozenset()) | {episode}
    return Judgement(known, meant, tolerance)


def _pair(text: str, episodes: Collection[str], rules: Collection[str]) -> tuple[str, str]:
    episode, _, rule = text.partition("=")
    for given, known, what in ((episode, episodes, "episode"), (rule, rules, "rule")):
        if given not in known:
            close = get_close_matches(given, known, 1)
            mend = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known)) or 'none'}"
            raise InputError(f"there is no {what} {given!r}", where="--label", mend=mend)
    return episode, rule
