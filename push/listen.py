"""Listening: one port, websocket handshakes to the sessions, all other requests to the site."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from push.closing import CLOSE_S
from push.http import HttpSite
from push.origins import Origins
from push.protocol import MESSAGE_BYTES_MAX, STREAM_PATH, CloseCode
from push.sessions import Sessions
from schemas.errors import InputError, UnavailableError

HANDSHAKE_S: Final = 30.0
"""Seconds for a request and its answer, also over a phone's connection."""

PING_S: Final = 20.0
WRITE_BUFFER_BYTES: Final = 16 * 1024
"""What waits in this process for a client's socket before its outbox has to hold the rest."""

SOCKET_BUFFER_BYTES: Final = 64 * 1024
"""What waits in the kernel; its own choice would be megabytes for each slow client."""

BACKLOG: Final = 4096
"""Connections that may wait to be taken in, when everybody comes back at once."""

STOP_S: Final = 2.0
"""Seconds that clients have for the closing handshake when the server stops."""

_logger = structlog.get_logger()


@asynccontextmanager
async def listen(
    host: str, port: int, *, sessions: Sessions, site: HttpSite, origins: Origins
) -> AsyncIterator[int]:
    """Take in connections while the context is open; yields the port, a free one where ``port`` is 0.

    Raises:
        InputError: ``host`` is not an address of this machine.
        UnavailableError: the port is taken.
    """
    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        _bound_kernel_buffer(connection)
        connections.add(connection)
        try:
            await sessions.handle(connection)
        finally:
            connections.discard(connection)

    async def process_request(connection: ServerConnection, request: Request) -> Response | None:
        del connection
        if request.path.partition("?")[0] != STREAM_PATH or not request.headers.get_all("Upgrade"):
            return await site.respond(request)
        if not origins.allow(request.headers.get_all("Origin")):
            return site.refuse_origin()
        return None

    try:
        server = await serve(
            handle,
            host,
            port,
            compression=None,
            process_request=process_request,
            server_header=None,
            open_timeout=HANDSHAKE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_S,
            max_size=MESSAGE_BYTES_MAX,
            write_limit=WRITE_BUFFER_BYTES,
            logger=_websocket_logger(),
            backlog=BACKLOG,
        )
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    own_port = _port_of(server)
    origins.add_own(host, own_port)
    _logger.info("push_listening", host=host, port=own_port)
    try:
        yield own_port
    finally:
        await _stop(server, connections)


async def _stop(server: Server, connections: Collection[ServerConnection]) -> None:
    """End all connections, also those whose client does not read, within a few seconds."""
    server.close(code=CloseCode.GOING_AWAY, reason="the server stops")
    for cut in (connections, ()):
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await server.wait_closed()
        for connection in tuple(cut):
            connection.transport.abort()


def _port_of(server: Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def _bound_kernel_buffer(connection: ServerConnection) -> None:
    connection.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES
    )


def _websocket_logger() -> logging.Logger:
    # The library writes whole messages at DEBUG; messages hold plans.
    logger = logging.getLogger("daybeat.push.websockets")
    logger.setLevel(logging.WARNING)
    return logger


def _cannot_listen(host: str, port: int, error: OSError) -> UnavailableError | InputError:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            "the port is taken",
            where=where,
            mend="stop the other program, or set DAYBEAT_HTTP_PORT (0: a free one)",
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return InputError("not an address of this machine", where=where, mend="set DAYBEAT_HTTP_HOST")
    return UnavailableError(
        f"cannot listen ({error.strerror or error})",
        where=where,
        mend="set DAYBEAT_HTTP_HOST and DAYBEAT_HTTP_PORT",
    )
