"""``daybeat bench NAME``: the command line of the benchmarks."""

import random
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench.agency import AgencyOptions, run_agency
from bench.backtest_speed import run_backtest
from bench.e2e import E2eOptions, run_e2e
from bench.firing_latency import FiringOptions, run_firings
from bench.physiology import PhysiologyOptions, run_physiology
from bench.soak import run_soak
from daybeat.settings import read_settings

app = typer.Typer(help="Measure, against something measured in the same run.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _root() -> None:
    """Measure, against something measured in the same run."""


@app.command()
def e2e(
    *,
    rate: Annotated[float, typer.Option(help="Single-reading messages per second.", min=1)] = 15_000,
    seconds: Annotated[float, typer.Option(help="How long.", min=5)] = 60,
    users: Annotated[int, typer.Option(help="Distinct people.", min=1000)] = 100_000,
    big: Annotated[bool, typer.Option(help="One more device sends 2,000 readings every second.")] = False,
    json: Json = False,
) -> None:
    """Load the whole way of a reading, from the publisher to the row and to the app."""
    options = E2eOptions(rate=rate, seconds=seconds, users=users, big_every_s=1.0 if big else 0.0)
    _print(run_e2e(options, settings=read_settings(http_port=0)).as_json(), json=json)


@app.command()
def soak(
    *,
    minutes: Annotated[float, typer.Option(help="How long.", min=0.1)] = 10,
    seed: Annotated[int | None, typer.Option(help="Which kills; a new one if left out.")] = None,
    json: Json = False,
) -> None:
    """Kill services and servers at random under load, then check every promise; exit 1 if one was broken."""
    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    report = run_soak(minutes=minutes, seed=chosen, settings=read_settings(http_port=0))
    _print(report.as_json(), json=json)
    if not report.is_clean:
        raise typer.Exit(1)


@app.command()
def physiology(
    *,
    wearers: Annotated[int, typer.Option(help="Simulated people whose beats are measured.", min=1)] = 32,
    people: Annotated[int, typer.Option(help="People with baselines, and in the shards.", min=1)] = 100_000,
    epochs: Annotated[int, typer.Option(help="Epochs of the live flow that are measured.", min=1)] = 25,
    json: Json = False,
) -> None:
    """Measure beats to windows, running baselines, bytes a person and the epoch pause; no servers needed."""
    options = PhysiologyOptions(wearers=wearers, people=people, epochs=epochs)
    _print(run_physiology(options).as_json(), json=json)


@app.command()
def firings(
    *,
    rate: Annotated[float, typer.Option(help="Firings per second.", min=0.1)] = 100,
    seconds: Annotated[float, typer.Option(help="How long.", min=1)] = 60,
    people: Annotated[int, typer.Option(help="People in state; some of them fire once.", min=1)] = 100_000,
    whole: Annotated[bool, typer.Option(help="Run history flow and push server beside it.")] = False,
    json: Json = False,
) -> None:
    """Measure from a reading that is durable in the log to the changed plan in the feed."""
    options = FiringOptions(people=people, rate=rate, seconds=seconds, whole=whole)
    _print(run_firings(options, settings=read_settings(http_port=0)).as_json(), json=json)


@app.command()
def agency(
    *,
    histories: Annotated[int, typer.Option(help="Random histories of one person.", min=1)] = 1_000_000,
    seed: Annotated[int | None, typer.Option(help="Which histories; new ones if left out.")] = None,
    processes: Annotated[int, typer.Option(help="How many at the same time.", min=1)] = 1,
    json: Json = False,
) -> None:
    """Check every promise about a person's plans over random histories; exit 1 if one was broken."""
    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    report = run_agency(AgencyOptions(histories=histories, seed=chosen, processes=processes))
    _print(report.as_json(), json=json)
    if report.violations:
        raise typer.Exit(1)


@app.command()
def backtest(
    *,
    people: Annotated[int, typer.Option(help="People side by side, about 400 KB each.", min=64)] = 10_240,
    json: Json = False,
) -> None:
    """Measure rules over history in memory: for many people, for one alone; no servers needed."""
    _print(run_backtest(people).as_json(), json=json)


def _print(report: dict[str, object], *, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(report).decode())
        return
    table = Table("figure", "value")
    for name, value in report.items():
        if isinstance(value, dict):
            for inner, one in value.items():
                table.add_row(f"{name}.{inner}", str(one))
        else:
            table.add_row(name, str(value))
    Console().print(table)
