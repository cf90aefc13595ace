"""``daybeat serve NAME`` and ``daybeat migrate``: the parts of a stack, one by one."""

from datetime import timedelta
from typing import Annotated

import typer

from daybeat.services import ServiceName, run_service
from daybeat.settings import read_settings, required
from daybeat.terminal import print_json


def serve(name: Annotated[ServiceName, typer.Argument(help="Which service.")]) -> None:
    """Run one service until SIGTERM, with the settings of the environment."""
    run_service(name, read_settings())


def migrate(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False
) -> None:
    """Bring the database to the schema of this release; again is harmless."""
    from stores.connections import connect_database  # noqa: PLC0415  # services do not need it
    from stores.migrations import migrate as bring_up_to_date  # noqa: PLC0415

    settings = read_settings()
    url = required(settings.database_url, "database_url")
    with connect_database(url, patience=timedelta(seconds=settings.patience_s)) as connection:
        report = bring_up_to_date(connection)
    if as_json:
        done = {"tier": report.tier.value, "timescaledb": report.timescale, "applied": list(report.applied)}
        print_json({**done, "already": report.already})
    else:
        typer.echo(
            f"TimescaleDB {report.timescale} ({report.tier.value}): {len(report.applied)} migrations run"
        )
