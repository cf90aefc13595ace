"""``daybeat rules``: check a rule file, try it on the past, show the rules in force, load others."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from adaptation.rules import builtin_rules
from adaptation.rules.shown import SHIPPED, show_rules
from daybeat.rule_files import read_rules
from daybeat.rules_backtest import backtest
from daybeat.running_redis import running_redis
from daybeat.terminal import print_json
from daybeat.text_input import STANDARD_INPUT, name_of
from schemas.errors import InputError
from schemas.positions import EntryId
from schemas.readings import micros
from schemas.rule_entries import RulesEntry, RulesShown
from stores.log import RedisLog
from stores.rules import append_rules, read_shown_rules, write_shown_rules

rules_app = typer.Typer(
    help="Rules: check a file, try it on the past, show those in force, load others.", no_args_is_help=True
)
rules_app.command("backtest")(backtest)

_FILE_HELP: Final = "A rule file; '-' reads standard input."
_File = Annotated[str, typer.Argument(metavar="FILE", help=_FILE_HELP)]
_FileIfAny = Annotated[str, typer.Argument(metavar="[FILE]", help=_FILE_HELP)]
_Builtin = Annotated[bool, typer.Option("--builtin", help="Those that Daybeat ships with.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@rules_app.command("check")
def check_rules(file: _File, *, as_json: _Json = False) -> None:
    """Check a rule file and print what it holds; nothing is changed."""
    shown = show_rules(read_rules(file), name=_short_name(file))
    _print_rules(shown, as_json=as_json, told=f"{_counted(shown)} in {shown.name}")


@rules_app.command("show")
def show_rules_in_force(
    *,
    builtin: _Builtin = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print the rule file itself.")] = False,
    as_json: _Json = False,
) -> None:
    """Print the rules in force."""
    shipped = show_rules(builtin_rules())
    shown = shipped
    if not builtin:
        with running_redis() as (_, client):
            shown = read_shown_rules(client) or shipped
    if as_toml:
        sys.stdout.write(shown.text)
        return
    since = f", loaded {shown.loaded_at:%Y-%m-%d %H:%M:%S} UTC" if shown.loaded_at else ""
    _print_rules(shown, as_json=as_json, told=f"{_counted(shown)}, {shown.name}{since}")


@rules_app.command("load")
def load(file: _FileIfAny = "", *, builtin: _Builtin = False, as_json: _Json = False) -> None:
    """Check a rule file and let it apply from here on; a file with an error changes nothing.

    It goes into every partition of the log, and applies to what comes behind it: a replay decides the same.
    """
    if bool(file) == builtin:
        raise InputError("needs a rule file or --builtin, not both", where="rules load", mend="name one")
    rules = builtin_rules() if builtin else read_rules(file)
    name = SHIPPED if builtin else _short_name(file)
    with running_redis() as (settings, client):
        now = settings.read_clock().now()
        log = RedisLog.open(client, partitions=settings.partitions, bytes_max=settings.log_bytes_max)
        entry = RulesEntry(name=name, text="" if builtin else rules.text, arrival_us=micros(now))
        places = append_rules(log, entry)
        shown = show_rules(rules, name=name, loaded_at=None if builtin else now)
        write_shown_rules(client, None if builtin else shown)
    if as_json:
        positions = {str(partition): str(place) for partition, place in places.items()}
        print_json({"name": name, "rules": len(shown.rules), "positions": positions})
        return
    span = _span(list(places.values()))
    typer.echo(f"{_counted(shown)} of {name} apply to what comes behind {span}")


def _short_name(file: str) -> str:
    """Return the name of a file without its folders, which are nobody's business."""
    return name_of(file) if file == STANDARD_INPUT else Path(file).name


def _counted(shown: RulesShown) -> str:
    return f"{len(shown.rules)} rule{'' if len(shown.rules) == 1 else 's'}"


def _span(places: list[EntryId]) -> str:
    first, last = min(places), max(places)
    if first == last:
        return f"position {first} of the log"
    return f"positions {first} to {last} of the log's {len(places)} partitions"


def _print_rules(shown: RulesShown, *, as_json: bool, told: str) -> None:
    if as_json:
        print_json(shown.model_dump(mode="json"))
        return
    typer.echo(told)
    for rule in shown.rules:
        typer.echo(f"\n{rule.name}: {rule.title} ({rule.kind}, default {rule.default})")
        typer.echo(f"    when {' '.join(rule.when.split())}")
