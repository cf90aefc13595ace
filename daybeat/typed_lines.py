"""Lines typed at a terminal, or piped in, while an event loop goes on with other work."""

import asyncio
import codecs
import os
from collections.abc import AsyncGenerator
from typing import Final

_PIECE_BYTES: Final = 4096
LINE_CHARACTERS_MAX: Final = 1000
"""Of a longer line only the beginning is kept."""


async def typed_lines(descriptor: int) -> AsyncGenerator[str, None]:
    """Yield the lines that come in on a file descriptor, without their ends, until it is closed.

    The descriptor stays blocking: a terminal's is often shared with standard output, which must stay so too.
    It is read only when something is there, so that the loop is never held up.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while piece := await _next_piece(descriptor):
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
        rest = rest[:LINE_CHARACTERS_MAX]
    if rest:
        yield rest


async def _next_piece(descriptor: int) -> bytes:
    """Return the next bytes; none at its end."""
    try:
        await _readable(descriptor)
    except PermissionError:
        # A regular file: it cannot be waited for, and need not be.
        await asyncio.sleep(0)
    try:
        return os.read(descriptor, _PIECE_BYTES)
    except OSError:
        return b""  # the terminal is gone


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
