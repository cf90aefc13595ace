"""Ending tasks that speak to a store."""

import asyncio
from collections.abc import Collection
from typing import Any, Final

_ASK_AGAIN_S: Final = 0.1


async def cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and return when all have ended; what they raised stays in them.

    One request is not enough: ``asyncio.wait_for`` before Python 3.12, through which the Redis client sends,
    loses a cancellation that meets an inner call that has just ended.
    """
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_ASK_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            # Looked at, so that asyncio does not report it as forgotten.
            task.exception()
