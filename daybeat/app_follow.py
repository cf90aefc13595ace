"""A person's stream without an end: comes back after every break and resumes by the last id."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import orjson

from daybeat.app_client import AppClient, Received, StreamClosedError, open_app
from push.protocol import CloseCode, GetProfile
from schemas.commands import Command
from schemas.errors import UnavailableError

PAUSE_FIRST_S: Final = 0.5
PAUSE_LONGEST_S: Final = 30.0
SETTLED_S: Final = 10.0
"""A connection that lasted so long was a good one: the next pause is short again."""

FINAL_CODES: Final = frozenset(
    {
        CloseCode.UNSUPPORTED,
        CloseCode.HELLO_EXPECTED,
        CloseCode.TOKEN_REFUSED,
        CloseCode.NOT_ALLOWED,
        CloseCode.TOKEN_ENDED,
    }
)
"""Close codes after which coming back with the same hello cannot help."""

_ANSWERS: Final = frozenset({"command.done", "profile", "error"})


class Outgoing:
    """What is said to the server while its stream is followed.

    Sent now, and again after every break until it is answered; the id of a command makes a repeat harmless.
    """

    def __init__(self) -> None:
        self._app: AppClient | None = None
        self._unanswered: dict[str, Command | GetProfile] = {}

    async def send(self, message: Command | GetProfile) -> None:
        """Send a command or question, as soon as there is a connection. Its answer comes with the stream."""
        self._unanswered[message.command_id] = message
        if self._app is not None:
            await self._deliver(self._app, message)

    @asynccontextmanager
    async def through(self, app: AppClient) -> AsyncIterator[None]:
        """Send through this connection for the length of the block."""
        for message in tuple(self._unanswered.values()):
            await self._deliver(app, message)
        self._app = app
        try:
            yield
        finally:
            self._app = None

    def note_answer(self, received: Received) -> None:
        """Forget what a message answers."""
        if self._unanswered and received.type in _ANSWERS:
            self._unanswered.pop(orjson.loads(received.text).get("command_id"), None)

    async def _deliver(self, app: AppClient, message: Command | GetProfile) -> None:
        # Where the connection has just ended, whoever reads from it learns of that; this goes out again.
        with suppress(StreamClosedError):
            await app.send_text(message.model_dump_json())


async def follow_person(
    url: str,
    *,
    token: str,
    user_id: str | None = None,
    last_event_id: str | None = None,
    outgoing: Outgoing | None = None,
    on_wait: Callable[[UnavailableError, float], None] = lambda _error, _pause_s: None,
    randomness: random.Random | None = None,
) -> AsyncGenerator[Received, None]:
    """Yield what the server says for ever; comes back after every break and resumes by the last id.

    Close it where the loop over it may end by an error: ``async with aclosing(stream)``.
    Pauses between attempts are drawn from 0 to a bound that doubles up to 30 s ("full jitter"), so that a
    crowd that lost its server together does not come back together.

    Args:
        url: such as ``ws://127.0.0.1:8765/v1/stream``.
        token: of the person, or of a coach.
        user_id: whose stream, with a coach's token.
        last_event_id: the last event that is known; None: start afresh.
        outgoing: what is said to the server meanwhile; None: nothing.
        on_wait: told the error and the pause in seconds before every new attempt.
        randomness: where the jitter comes from.

    Raises:
        StreamClosedError: the server refused in a way that trying again cannot mend.
        InputError: ``url`` is not the address of a websocket.
    """
    outgoing = outgoing or Outgoing()
    jitter = randomness or random.Random()  # noqa: S311  # spreads out a crowd, keeps no secret
    bound_s = PAUSE_FIRST_S
    while True:
        began_s = time.monotonic()
        try:
            opened = open_app(url, token=token, user_id=user_id, last_event_id=last_event_id)
            async with opened as app, outgoing.through(app):
                async for received in app:
                    last_event_id = received.event_id or last_event_id
                    outgoing.note_answer(received)
                    yield received
        except UnavailableError as error:
            if isinstance(error, StreamClosedError) and error.code in FINAL_CODES:
                raise
            if time.monotonic() - began_s > SETTLED_S:
                bound_s = PAUSE_FIRST_S
            pause_s = jitter.uniform(0, bound_s)
            bound_s = min(2 * bound_s, PAUSE_LONGEST_S)
            on_wait(error, pause_s)
            await asyncio.sleep(pause_s)
