"""A session: one admitted connection, from its welcome to its end.

It is caught up (plan or missed events), and then sends what ``push/dispatch.py`` offers to its outbox while
it reads what its client says.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from websockets.asyncio.server import ServerConnection

from push.catch_up import CatchUp
from push.closing import ClosingError, close_connection
from push.command_checks import CommandChecks
from push.commands import CommandAppender
from push.feed_events import FeedEvent
from push.metrics import PushMetrics
from push.outbox import BYTES_MAX, EVENTS_MAX, Loss, Outbox
from push.protocol import (
    CloseCode,
    GetPlan,
    GetProfile,
    Hello,
    Refusal,
    RefusedError,
    RenewToken,
    error_message,
    parse_client_message,
    plan_message,
    profile_message,
    refused_command_message,
    renewed_message,
    resync_message,
    welcome_message,
)
from push.tokens import Access, TokenError
from schemas.commands import Command, PutPlan
from schemas.errors import UnavailableError
from stores.cancelling import cancel_all
from stores.feed import FeedEntry

COMMANDS_IN_FLIGHT_MAX: Final = 64
"""Commands of one connection that wait for the log; one more is refused as busy."""

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long and how much a session may take."""

    hello_s: float = 10.0
    """Seconds from the connection's opening to a complete hello."""
    slow_s: float = 10.0
    """Seconds that a client with a full queue may go without reading."""
    stalled_s: float = 60.0
    """Seconds that a client may leave one message unread, whether its queue is full or not."""
    events_max: int = EVENTS_MAX
    bytes_max: int = BYTES_MAX


@dataclass(frozen=True)
class Desk:
    """What all sessions share."""

    read_token: Callable[[str], Access]
    catch_up: CatchUp
    checks: CommandChecks
    commands: CommandAppender
    metrics: PushMetrics
    limits: SessionLimits


class Session:
    """One admitted connection and its person."""

    def __init__(
        self, connection: ServerConnection, *, number: int, user_id: str, access: Access, desk: Desk
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._access = access
        self._in_flight = 0
        self._sending_since_s: float | None = None
        self._strained_since_s: float | None = None
        self.is_ending = False
        """Whether :meth:`close` was called."""
        self.number = number
        """The connection's number in this process: what logs say instead of a person's id."""
        self.user_id = user_id
        self.outbox = Outbox(events_max=desk.limits.events_max, bytes_max=desk.limits.bytes_max)

    async def run(self, last_event_id: str | None) -> None:
        """Send and receive until the client goes away.

        Raises:
            ClosingError: the server has a reason to end it.
            ConnectionClosed: the connection broke or was ended meanwhile.
        """
        tasks = {
            asyncio.create_task(self._send_all(last_event_id)),
            asyncio.create_task(self._receive_all()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(tasks)
        for task in done:
            task.result()

    def reason_to_close(self, *, monotonic_s: float, now: dt.datetime) -> CloseCode | None:
        """Return why this session must end now, or None. Called every second or so.

        Args:
            monotonic_s: the monotonic clock.
            now: the real time, in which tokens end.
        """
        if self._access.expires_at <= now:
            return CloseCode.TOKEN_ENDED
        if not self.outbox.is_strained:
            self._strained_since_s = None
        elif self._strained_since_s is None:
            self._strained_since_s = monotonic_s
        if self._sending_since_s is None:
            return None
        stuck_s = monotonic_s - self._sending_since_s
        full_s = monotonic_s - self._strained_since_s if self._strained_since_s is not None else 0.0
        limits = self._desk.limits
        if min(stuck_s, full_s) >= limits.slow_s or stuck_s >= limits.stalled_s:
            return CloseCode.SLOW_CLIENT
        return None

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """End the connection with a code, within a few seconds even if its client does not read."""
        self.is_ending = True
        await close_connection(self._connection, code, reason)

    async def _send_all(self, last_event_id: str | None) -> None:
        try:
            await self._welcome(last_event_id)
            while True:
                match self.outbox.take():
                    case FeedEvent() as event:
                        await self._send_event(event.data)
                    case str() as text:
                        await self._send(text)
                    case None if self.outbox.loss is not None:
                        await self._recover(self.outbox.loss)
                    case None:
                        await self.outbox.change()
        except UnavailableError as error:
            raise ClosingError(CloseCode.STORE_DOWN, RefusedError(Refusal.UNAVAILABLE)) from error

    async def _welcome(self, last_event_id: str | None) -> None:
        self.outbox.begin()
        if last_event_id is None:
            welcome = await self._desk.catch_up.welcome(self.user_id)
            await self._send(welcome_message(self.user_id, *welcome))
            self.outbox.open(welcome.event_id)
            return
        missed = await self._desk.catch_up.missed(self.user_id, last_event_id)
        if missed is None:
            await self._resync()
            return
        await self._send(welcome_message(self.user_id, None, last_event_id))
        await self._send_missed(missed, last_event_id)

    async def _recover(self, loss: Loss) -> None:
        """Read from the store what the outbox no longer has."""
        last_id = self.outbox.last_id
        self.outbox.begin()
        if loss is Loss.GAP and last_id is not None:
            missed = await self._desk.catch_up.missed(self.user_id, last_id)
            if missed is not None:
                self._desk.metrics.rereads.inc()
                await self._send_missed(missed, last_id)
                return
        await self._resync()

    async def _resync(self) -> None:
        welcome = await self._desk.catch_up.welcome(self.user_id)
        self._desk.metrics.resyncs.inc()
        await self._send(resync_message(*welcome))
        self.outbox.open(welcome.event_id)

    async def _send_missed(self, missed: list[FeedEntry], last_id: str) -> None:
        for entry in missed:
            await self._send_event(entry.event)
        self.outbox.open(missed[-1].event_id if missed else last_id)

    async def _send_event(self, data: bytes) -> None:
        await self._send(data)
        self._desk.metrics.events.inc()

    async def _send(self, message: str | bytes) -> None:
        self._sending_since_s = time.monotonic()
        await self._connection.send(message, text=True)
        self._sending_since_s = None

    async def _receive_all(self) -> None:
        async for message in self._connection:
            await self.outbox.room()
            if isinstance(message, bytes):
                raise ClosingError(CloseCode.UNSUPPORTED)
            try:
                await self._take(parse_client_message(message))
            except RefusedError as refused:
                self.outbox.reply(error_message(refused))

    async def _take(self, message: Hello | RenewToken | GetPlan | GetProfile | Command) -> None:
        match message:
            case Hello():
                refused = RefusedError(Refusal.HELLO_EXPECTED, "hello came a second time")
                raise ClosingError(CloseCode.HELLO_EXPECTED, refused)
            case RenewToken():
                self._access = admitted(self._desk, message.token, self.user_id)
                self.outbox.reply(renewed_message(self._access.expires_at))
            case GetPlan():
                await self._answer_plan(message)
            case GetProfile():
                with _unavailable_as_refusal(message.command_id):
                    profile = await self._desk.catch_up.profile(self.user_id)
                self.outbox.reply(profile_message(message.command_id, profile))
            case _:
                await self._submit(message)

    async def _answer_plan(self, message: GetPlan) -> None:
        asked = None if message.date is None else dt.date.fromisoformat(message.date)
        with _unavailable_as_refusal(message.command_id):
            date, plan = await self._desk.catch_up.plan(self.user_id, asked)
        self.outbox.reply(plan_message(message.command_id, date, plan))

    async def _submit(self, command: Command) -> None:
        command_id = command.command_id
        if isinstance(command, PutPlan) and command.plan.user_id != self.user_id:
            raise RefusedError(
                Refusal.NOT_ALLOWED, "plan.user_id is not this stream's person", command_id=command_id
            )
        if self._in_flight >= COMMANDS_IN_FLIGHT_MAX:
            self.outbox.reply(refused_command_message(command_id, Refusal.BUSY))
            return

        prepared = await self._desk.checks.prepare(self.user_id, command)
        if isinstance(prepared, Refusal):
            self._desk.metrics.commands.labels(prepared.value).inc()
            self.outbox.reply(refused_command_message(command_id, prepared))
            return

        def settle(refusal: Refusal | None) -> None:
            self._in_flight -= 1
            if refusal is not None:
                self.outbox.reply(refused_command_message(command_id, refusal))

        self._in_flight += 1
        self._desk.commands.submit(self.user_id, prepared, settled=settle)


def admitted(desk: Desk, token: str, user_id: str | None) -> Access:
    """Return what a token allows, if it allows ``user_id`` (None: its own subject).

    Raises:
        RefusedError: the token is refused, or does not allow this person.
    """
    try:
        access = desk.read_token(token)
    except TokenError as error:
        raise RefusedError(Refusal(error.reason), str(error)) from None
    if not access.may_see(user_id or access.subject):
        raise RefusedError(Refusal.NOT_ALLOWED)
    return access


@contextmanager
def _unavailable_as_refusal(command_id: str) -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        _logger.warning("question_not_answered", error=str(error))
        raise RefusedError(Refusal.UNAVAILABLE, command_id=command_id) from error
