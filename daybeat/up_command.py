"""``daybeat up``: everything on this machine, for one's own devices and apps."""

import dataclasses
import signal
from typing import Annotated

import typer

from daybeat.settings import read_settings
from daybeat.stack import Stack
from daybeat.supervise import ServiceStatus
from daybeat.terminal import interruptible, print_json, say


def up(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as one line of JSON when ready.")
    ] = False,
) -> None:
    """Start broker, stores and services, print their addresses, and run until Ctrl-C.

    Servers whose addresses are given (DAYBEAT_MQTT_URL, DAYBEAT_REDIS_URL, DAYBEAT_DATABASE_URL) are used;
    the others are started here. Data are kept in DAYBEAT_STATE_FOLDER.
    """
    with interruptible():
        try:
            with Stack(read_settings(), report=say, on_restart=_tell_restart) as stack:
                _print_addresses(stack, as_json=as_json)
                while True:
                    signal.pause()
        except KeyboardInterrupt:
            say("stopped")


def _print_addresses(stack: Stack, *, as_json: bool) -> None:
    urls = stack.urls
    token = stack.page_token()
    if as_json:
        print_json({**dataclasses.asdict(urls), "token": token})
        return
    typer.echo(f"broker     {urls.mqtt}")
    typer.echo(f"websocket  {urls.websocket}")
    typer.echo(f"page       {urls.page}#token={token}")
    typer.echo(f"redis      {urls.redis}")
    typer.echo(f"database   {urls.database}")
    for name, url in urls.metrics.items():
        typer.echo(f"metrics    {url}  ({name})")
    typer.echo("Ctrl-C stops everything.")


def _tell_restart(status: ServiceStatus) -> None:
    why = f": {status.last_line}" if status.last_line else ""
    say(f"{status.name} ended (exit {status.last_exit}), it is started again{why}")
