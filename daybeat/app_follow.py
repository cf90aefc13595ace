"""A person's stream without an end: comes back after every break and resumes by the last id."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final

from daybeat.app_client import Received, StreamClosedError, open_app
from push.protocol import CloseCode
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


async def follow_person(
    url: str,
    *,
    token: str,
    user_id: str | None = None,
    last_event_id: str | None = None,
    on_wait: Callable[[UnavailableError, float], None] = lambda _error, _pause_s: None,
    randomness: random.Random | None = None,
) -> AsyncGenerator[Received, None]:
    """Yield welcome, resync and events for ever; comes back after every break and resumes by the last id.

    Close it where the loop over it may end by an error: ``async with aclosing(stream)``.
    Pauses between attempts are drawn from 0 to a bound that doubles up to 30 s ("full jitter"), so that a
    crowd that lost its server together does not come back together.

    Args:
        url: such as ``ws://127.0.0.1:8765/v1/stream``.
        token: of the person, or of a coach.
        user_id: whose stream, with a coach's token.
        last_event_id: the last event that is known; None: start afresh.
        on_wait: told the error and the pause in seconds before every new attempt.
        randomness: where the jitter comes from.

    Raises:
        StreamClosedError: the server refused in a way that trying again cannot mend.
        InputError: ``url`` is not the address of a websocket.
    """
    jitter = randomness or random.Random()  # noqa: S311  # spreads out a crowd, keeps no secret
    bound_s = PAUSE_FIRST_S
    while True:
        began_s = time.monotonic()
        try:
            async with open_app(url, token=token, user_id=user_id, last_event_id=last_event_id) as app:
                async for received in app:
                    last_event_id = received.event_id or last_event_id
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
