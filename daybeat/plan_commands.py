"""``daybeat plan`` and ``daybeat profile``: put, get and rebuild plans; get, set and rebuild profiles."""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import redis
import typer
from pydantic import ValidationError

from adaptation.rules import builtin_rules
from adaptation.rules.shown import show_rules
from daybeat.running_redis import running_redis
from daybeat.send_command import carry_out, new_command_id
from daybeat.settings import Settings, required
from daybeat.terminal import print_json
from push.profiles import profile_of
from schemas.commands import (
    Command,
    CommandOutcome,
    PauseAdaptations,
    PutPlan,
    SetAutonomy,
    SetProfile,
)
from schemas.errors import InputError
from schemas.ids import check_id, partition_of
from schemas.people import PersonState
from schemas.plan import Plan
from stores.connections import connect_database
from stores.decisions import check_decisions_stored
from stores.history import HistoryStore
from stores.plan_versions import rebuild_plan
from stores.plans import PlanStore, SituationRequest
from stores.profiles import stored_wishes
from stores.rules import read_shown_rules

plan_app = typer.Typer(help="Plans: put one, get one, rebuild a lost one.", no_args_is_help=True)
profile_app = typer.Typer(help="What Daybeat knows of a person.", no_args_is_help=True)

_User = Annotated[str, typer.Argument(help="Id of the person.")]
_Date = Annotated[str, typer.Option(help="Local date, such as 2026-11-20; by default the person's today.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@plan_app.command("put")
def put_plan(
    user: _User,
    file: Annotated[Path, typer.Argument(help="A plan as JSON; '-' reads standard input.")],
    *,
    as_json: _Json = False,
) -> None:
    """Put a plan; it replaces the plan of its date. Waits until that has happened."""
    check_id(user, where="USER")
    plan = _read_plan(file)
    with running_redis() as (settings, client):
        command = PutPlan(command_id=new_command_id(), plan=plan)
        _finish(client, settings, user, command, done=f"plan of {plan.date} put", as_json=as_json)


@plan_app.command("get")
def get_plan(user: _User, *, date: _Date = "") -> None:
    """Print a person's plan as JSON, as it stands in Redis."""
    check_id(user, where="USER")
    with running_redis() as (settings, client):
        plans = PlanStore(client, settings.partitions)
        day = _date_of(date, settings, plans, user)
        plan = plans.load([SituationRequest(user, (day,))])[0].situation.plans.get(day)
    if plan is None:
        raise InputError(f"no plan of {day}", where=f"person {user}", mend="put one with daybeat plan put")
    typer.echo(plan.model_dump_json(indent=2))


@plan_app.command("rebuild")
def rebuild(user: _User, *, date: _Date = "", as_json: _Json = False) -> None:
    """Put a plan that Redis has lost again, from its versions in the database."""
    check_id(user, where="USER")
    with running_redis() as (settings, client):
        plans = PlanStore(client, settings.partitions)
        day = _date_of(date, settings, plans, user)
        if day in plans.load([SituationRequest(user, (day,))])[0].situation.plans:
            raise InputError(f"the plan of {day} is not lost", where=f"person {user}")
        with _whole_history(client, settings, user) as connection:
            plan = rebuild_plan(connection, user, day)
        command = PutPlan(command_id=new_command_id(), plan=plan)
        done = f"plan of {day} rebuilt at version {plan.version}"
        _finish(client, settings, user, command, done=done, as_json=as_json)


@profile_app.command("get")
def get_profile(user: _User, *, as_json: _Json = False) -> None:
    """Print a person's profile: their zone, and what each rule in force may do."""
    check_id(user, where="USER")
    with running_redis() as (settings, client):
        person = PlanStore(client, settings.partitions).load([SituationRequest(user)])[0].situation.person
        rules = read_shown_rules(client) or show_rules(builtin_rules())
        now = settings.read_clock().now()
    profile = profile_of(person, rules, default_zone=settings.default_time_zone, now=now)
    if as_json:
        print_json(profile.model_dump(mode="json"))
        return
    typer.echo(f"zone {profile.time_zone}")
    if profile.paused_until is not None:
        until = profile.paused_until.astimezone(ZoneInfo(profile.time_zone))
        typer.echo(f"everything paused until {until:%Y-%m-%d %H:%M}")
    if profile.reduce_only:
        typer.echo("nothing may make the day harder")
    for rule in profile.rules:
        own = profile.autonomy.get(rule.name)
        typer.echo(f"{rule.name}: {own or rule.default}{'' if own else ' (default)'}")


@profile_app.command("set")
def set_profile(
    user: _User,
    *,
    zone: Annotated[str, typer.Option(help="IANA time zone, such as Europe/Berlin.")],
    as_json: _Json = False,
) -> None:
    """Set a person's time zone; readings from now on are judged by it."""
    check_id(user, where="USER")
    try:
        command = SetProfile(command_id=new_command_id(), time_zone=zone)
    except ValidationError as error:
        raise InputError(
            f"{zone!r} is not an IANA time zone", where="--zone", mend="write it like Europe/Berlin"
        ) from error
    with running_redis() as (settings, client):
        _finish(client, settings, user, command, done=f"zone {zone} set", as_json=as_json)


@profile_app.command("rebuild")
def rebuild_profile(user: _User, *, as_json: _Json = False) -> None:
    """Set again what a person had set and Redis has lost: zone, dials, never harder, pause."""
    check_id(user, where="USER")
    with running_redis() as (settings, client):
        standing = PlanStore(client, settings.partitions).load([SituationRequest(user)])[0].situation.person
        if _has_wishes(standing):
            raise InputError("the profile is not lost", where=f"person {user}")
        with _whole_history(client, settings, user) as connection:
            commands = _commands_of(stored_wishes(connection, user), settings.read_clock().now())
        for command in commands:
            outcome = carry_out(client, settings, user, command)
            _check_done(outcome, user)
    if as_json:
        print_json({"ok": True, "commands": len(commands)})
    else:
        typer.echo(f"profile rebuilt by {len(commands)} commands")


def _has_wishes(person: PersonState) -> bool:
    return bool(person.time_zone or person.autonomy or person.reduce_only or person.paused_until)


def _commands_of(wishes: PersonState, now: dt.datetime) -> list[Command]:
    """Return the commands that set a person's wishes again; a pause that is over is left out."""
    commands: list[Command] = []
    if wishes.time_zone is not None:
        commands.append(SetProfile(command_id=new_command_id(), time_zone=wishes.time_zone))
    for rule, level in wishes.autonomy.items():
        commands.append(SetAutonomy(command_id=new_command_id(), rule=rule, level=level))
    if wishes.reduce_only:
        commands.append(SetAutonomy(command_id=new_command_id(), reduce_only=True))
    if wishes.paused_until is not None and wishes.paused_until > now:
        commands.append(PauseAdaptations(command_id=new_command_id(), until=wishes.paused_until))
    return commands


@contextmanager
def _whole_history(
    client: redis.Redis, settings: Settings, user: str
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Open the database once it holds all that was decided of a person: what lags would be an older state."""
    url = required(settings.database_url, "database_url")
    with connect_database(url, patience=timedelta(seconds=settings.patience_s)) as connection:
        stored = HistoryStore.open(connection).positions()
        check_decisions_stored(client, stored, partition_of(user, settings.partitions))
        yield connection


def _finish(
    client: redis.Redis, settings: Settings, user: str, command: Command, *, done: str, as_json: bool
) -> None:
    outcome = carry_out(client, settings, user, command)
    if as_json:
        print_json({"command_id": outcome.command_id, "ok": outcome.ok, "reason": outcome.reason})
    _check_done(outcome, user)
    if not as_json:
        typer.echo(done)


def _check_done(outcome: CommandOutcome, user: str) -> None:
    if not outcome.ok:
        raise InputError(
            f"refused: {outcome.reason}", where=f"person {user}", mend="see the reasons in docs/protocol.md"
        )


def _read_plan(file: Path) -> Plan:
    where = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return Plan.model_validate_json(text)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=where) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"not a plan: {first['msg']}", where=f"{where}, {place}", mend="see docs/protocol.md"
        ) from error


def _date_of(text: str, settings: Settings, plans: PlanStore, user: str) -> dt.date:
    if text:
        try:
            return dt.date.fromisoformat(text)
        except ValueError as error:
            raise InputError(
                f"{text!r} is no date", where="--date", mend="write it like 2026-11-20"
            ) from error
    zone = plans.load([SituationRequest(user)])[0].situation.person.time_zone or settings.default_time_zone
    return settings.read_clock().now().astimezone(ZoneInfo(zone)).date()
