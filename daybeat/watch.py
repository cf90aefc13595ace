"""``daybeat watch``: a person's stream in the terminal; comes back by itself and resumes where it was."""

import asyncio
import os
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from daybeat.app_client import stream_url
from daybeat.app_follow import follow_person
from daybeat.running import running_settings
from daybeat.settings import Settings
from daybeat.terminal import say
from daybeat.watch_lines import lines_of, zone_of
from push.tokens import make_token
from schemas.errors import InputError, UnavailableError
from schemas.ids import check_id

TOKEN_LASTS: Final = timedelta(days=30)
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to call, not to listen on


def watch(
    user: Annotated[str, typer.Argument(help="Id of the person.")],
    *,
    url: Annotated[str, typer.Option(help="The websocket, by default the one of the settings.")] = "",
    token: Annotated[str, typer.Option(help="The person's or a coach's token; by default one is made.")] = "",
    last_event_id: Annotated[str, typer.Option(help="Resume behind this event.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print each message as one line of JSON.")] = False,
) -> None:
    """Show a person's plan and what happens to it, as it happens, until Ctrl-C."""
    check_id(user, where="USER")
    settings = running_settings()
    host = _EVERYWHERE.get(settings.http_host, settings.http_host)
    watching = _watch(
        user,
        url=url or stream_url(host, settings.http_port),
        token=token or _own_token(user, settings),
        last_event_id=last_event_id or None,
        zone=ZoneInfo(settings.default_time_zone),
        as_json=as_json,
    )
    try:
        asyncio.run(watching)
    except BrokenPipeError:
        # Whoever read this has seen enough; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _watch(
    user: str, *, url: str, token: str, last_event_id: str | None, zone: ZoneInfo, as_json: bool
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    stream = follow_person(url, token=token, user_id=user, last_event_id=last_event_id, on_wait=_say_wait)
    async with aclosing(stream):
        async for received in stream:
            if as_json:
                sys.stdout.write(f"{received.text}\n")
                sys.stdout.flush()
                continue
            zone = zone_of(received, zone)
            for line in lines_of(received, zone):
                console.print(line)


def _say_wait(error: UnavailableError, pause_s: float) -> None:
    say(f"{error.what}; trying again in {pause_s:.1f} s")


def _own_token(user: str, settings: Settings) -> str:
    if settings.token_secret is None:
        raise InputError(
            "no token, and no secret to make one with",
            where="watch",
            mend="give --token, or set DAYBEAT_TOKEN_SECRET, or start daybeat up",
        )
    return make_token(
        user,
        secret=settings.token_secret.get_secret_value(),
        audience=settings.token_audience,
        expires_at=datetime.now(UTC) + TOKEN_LASTS,
    )
