"""How the server ends a connection: with a code, and in time even where nobody reads."""

import asyncio
from contextlib import suppress
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from push.protocol import CloseCode, RefusedError, close_reason, error_message

CLOSE_S: Final = 5.0
"""Seconds that a closing handshake may take."""


class ClosingError(Exception):
    """A session ends with a close code; ``refused`` is sent before it as an error message."""

    def __init__(self, code: CloseCode, refused: RefusedError | None = None) -> None:
        self.code = code
        self.refused = refused
        super().__init__(code, refused)


async def say_and_close(connection: ServerConnection, closing: ClosingError) -> None:
    """Send the refusal, if there is one, and end the connection with the code."""
    reason = "" if closing.refused is None else closing.refused.reason.value
    if closing.refused is not None:
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await connection.send(error_message(closing.refused))
    await close_connection(connection, closing.code, reason)


async def close_connection(connection: ServerConnection, code: CloseCode, reason: str = "") -> None:
    """End a connection with a code; cut it after a few seconds if its client does not read."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.close(code, close_reason(reason or code.name.lower()))
    except TimeoutError:
        # ClosingError waits for the write buffer, and a client that has stopped reading never empties it.
        connection.transport.abort()
