"""``daybeat watch``: a person's stream in the terminal; comes back by itself and resumes where it was.

At a terminal, lines that are typed answer what is shown (see ``daybeat/watch_input.py``).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from daybeat.app_client import Received, stream_url
from daybeat.app_follow import Outgoing, follow_person
from daybeat.running import running_settings
from daybeat.send_command import new_command_id
from daybeat.settings import Settings
from daybeat.terminal import say
from daybeat.typed_lines import typed_lines
from daybeat.watch_input import parse_line
from daybeat.watch_lines import help_lines, lines_of, profile_lines
from daybeat.watch_state import Watched
from push.protocol import GetProfile
from push.tokens import make_token
from schemas.errors import InputError, UnavailableError
from schemas.ids import check_id
from stores.cancelling import cancel_all

TOKEN_LASTS: Final = timedelta(days=30)
_STANDARD_INPUT: Final = 0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to call, not to listen on


def watch(
    user: Annotated[str, typer.Argument(help="Id of the person.")],
    *,
    url: Annotated[str, typer.Option(help="The websocket, by default the one of the settings.")] = "",
    token: Annotated[str, typer.Option(help="The person's or a coach's token; by default one is made.")] = "",
    last_event_id: Annotated[str, typer.Option(help="Resume behind this event.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print each message as one line of JSON.")] = False,
    interactive: Annotated[
        bool | None, typer.Option(help="Take typed lines as commands; by default if this is a terminal.")
    ] = None,
) -> None:
    """Show a person's plan and what happens to it, as it happens, until Ctrl-C. Type help to answer it."""
    check_id(user, where="USER")
    settings = running_settings()
    host = _EVERYWHERE.get(settings.http_host, settings.http_host)
    address = _Address(
        url or stream_url(host, settings.http_port),
        token or _own_token(user, settings),
        user,
        last_event_id or None,
    )
    watching = _Watching(
        Watched(ZoneInfo(settings.default_time_zone)),
        now=settings.read_clock().now,
        as_json=as_json,
        can_answer=_is_at_a_terminal() if interactive is None else interactive,
    )
    try:
        was_stopped = asyncio.run(_until_stopped(watching.run(address)))
    except BrokenPipeError:
        # Whoever read this has seen enough; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        if was_stopped:
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _Address:
    url: str
    token: str
    user_id: str
    last_event_id: str | None


class _Watching:
    """One watch: what comes is shown, what is typed is sent."""

    def __init__(
        self, watched: Watched, *, now: Callable[[], datetime], as_json: bool, can_answer: bool
    ) -> None:
        self._watched = watched
        self._now = now
        self._as_json = as_json
        self._can_answer = can_answer
        self._outgoing = Outgoing()
        self._console = Console(highlight=False, soft_wrap=True)

    async def run(self, address: _Address) -> None:
        """Show and send until cancelled; the end of what is typed ends nothing else."""
        tasks = {asyncio.create_task(self._follow(address))}
        if self._can_answer:
            tasks.add(asyncio.create_task(self._listen()))
        try:
            while tasks:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            await cancel_all(tasks)

    async def _follow(self, address: _Address) -> None:
        stream = follow_person(
            address.url,
            token=address.token,
            user_id=address.user_id,
            last_event_id=address.last_event_id,
            outgoing=self._outgoing,
            on_wait=_say_wait,
        )
        async with aclosing(stream):
            async for received in stream:
                await self._take(received)

    async def _take(self, received: Received) -> None:
        is_first_profile = self._watched.profile is None and received.type == "profile"
        self._watched.take(received)
        if self._as_json:
            sys.stdout.write(f"{received.text}\n")
            sys.stdout.flush()
        else:
            for line in lines_of(received, self._watched, can_answer=self._can_answer):
                self._console.print(line)
            if is_first_profile and self._watched.profile is not None:
                for line in profile_lines(self._watched.profile, self._watched.zone, now=self._now()):
                    self._console.print(line)
        # Any command, also of another connection, may have moved a dial.
        if self._can_answer and received.type in {"welcome", "resync", "command.done"}:
            await self._outgoing.send(GetProfile(command_id=new_command_id()))

    async def _listen(self) -> None:
        async with aclosing(typed_lines(_STANDARD_INPUT)) as lines:
            async for line in lines:
                if line.strip():
                    await self._answer(line)

    async def _answer(self, line: str) -> None:
        command_id = new_command_id()
        try:
            command = parse_line(line, self._watched, command_id=command_id, now=self._now())
        except InputError as error:
            say(str(error))
            return
        if command is None:
            for text in help_lines(self._watched.profile):
                say(text.plain)
            return
        self._watched.note_sent(command_id, " ".join(line.split()))
        await self._outgoing.send(command)


async def _until_stopped(watching: Coroutine[None, None, None]) -> bool:
    """Return whether Ctrl-C or SIGTERM ended it; nothing else does but an error.

    Also SIGINT has to be asked for: a shell lets the programs that it starts in the background ignore it.
    """
    task = asyncio.ensure_future(watching)
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def _is_at_a_terminal() -> bool:
    """Tell whether somebody types here: to read in the background would stop the process."""
    if not os.isatty(_STANDARD_INPUT):
        return False
    try:
        return os.tcgetpgrp(_STANDARD_INPUT) == os.getpgrp()
    except OSError:
        return True  # not this process's own terminal: nothing stops who reads from it


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
