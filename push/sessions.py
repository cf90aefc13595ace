"""All sessions of a push server: takes connections in, finds those of a person, ends those that must end."""

import asyncio
import datetime as dt
import itertools
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from push.closing import ClosingError, close_connection, say_and_close
from push.protocol import CloseCode, Hello, Refusal, RefusedError, parse_client_message
from push.session import Desk, Session, admitted
from push.tokens import Access

SWEEP_S: Final = 1.0
"""How often every session is looked at: ended tokens, clients that do not read."""

_LIBRARY_CODES: Final = frozenset({CloseCode.TOO_LONG, CloseCode.FAILED})

_logger = structlog.get_logger()


class Sessions:
    """All sessions of this process: takes connections in, finds those of a person."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._numbers = itertools.count(1)
        self._of_user: defaultdict[str, set[Session]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(len(sessions) for sessions in self._of_user.values())

    def of(self, user_id: str) -> Collection[Session]:
        """Return the sessions of a person."""
        return self._of_user.get(user_id, ())

    def all(self) -> list[Session]:
        """Return all sessions."""
        return [session for sessions in self._of_user.values() for session in sessions]

    async def handle(self, connection: ServerConnection) -> None:
        """Carry one connection from its opening to its end."""
        number = next(self._numbers)
        try:
            hello, access = await self._hello(connection)
            user_id = hello.user_id or access.subject
            session = Session(connection, number=number, user_id=user_id, access=access, desk=self._desk)
            with self._seated(session):
                await session.run(hello.last_event_id)
        except ClosingError as closing:
            _logger.info("connection_refused", connection=number, code=int(closing.code))
            self._count(closing.code)
            await say_and_close(connection, closing)
        except ConnectionClosed as closed:
            # Codes that the websocket library chose by itself: a message too long, no answer to pings.
            if closed.sent is not None and not closed.rcvd_then_sent and closed.sent.code in _LIBRARY_CODES:
                self._count(CloseCode(closed.sent.code))
        except Exception as error:  # noqa: BLE001  # one session's failure must not be another's
            # Texts of errors may quote a plan; the kind and the place are enough to find it.
            failure = type(error).__name__
            _logger.error("session_failed", connection=number, error=failure, at=_place_of(error))  # noqa: TRY400
            self._count(CloseCode.FAILED)
            await close_connection(connection, CloseCode.FAILED)

    async def sweep(self, *, now: Callable[[], dt.datetime], every_s: float = SWEEP_S) -> None:
        """End what must end, again and again until cancelled; ``now`` is the real time."""
        async with asyncio.TaskGroup() as closings:
            while True:
                await asyncio.sleep(every_s)
                for session in self.all():
                    code = session.reason_to_close(monotonic_s=time.monotonic(), now=now())
                    if code is not None and not session.is_ending:
                        _logger.info("connection_ended", connection=session.number, code=int(code))
                        self._count(code)
                        closings.create_task(session.close(code))

    async def _hello(self, connection: ServerConnection) -> tuple[Hello, Access]:
        try:
            async with asyncio.timeout(self._desk.limits.hello_s):
                message = await connection.recv()
        except TimeoutError:
            raise ClosingError(CloseCode.HELLO_LATE) from None
        if isinstance(message, bytes):
            raise ClosingError(CloseCode.UNSUPPORTED)
        try:
            hello = parse_client_message(message)
        except RefusedError as refused:
            raise ClosingError(CloseCode.HELLO_EXPECTED, refused) from None
        if not isinstance(hello, Hello):
            raise ClosingError(CloseCode.HELLO_EXPECTED, RefusedError(Refusal.HELLO_EXPECTED))
        try:
            return hello, admitted(self._desk, hello.token, hello.user_id)
        except RefusedError as refused:
            code = CloseCode.NOT_ALLOWED if refused.reason is Refusal.NOT_ALLOWED else CloseCode.TOKEN_REFUSED
            raise ClosingError(code, refused) from None

    def _count(self, code: CloseCode) -> None:
        self._desk.metrics.closed.labels(str(int(code))).inc()

    @contextmanager
    def _seated(self, session: Session) -> Iterator[None]:
        self._of_user[session.user_id].add(session)
        self._desk.metrics.connections.inc()
        try:
            yield
        finally:
            self._desk.metrics.connections.dec()
            self._of_user[session.user_id].discard(session)
            if not self._of_user[session.user_id]:
                del self._of_user[session.user_id]


def _place_of(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
