"""Ending tasks that speak to a store."""

import asyncio
from collections.abc import Awaitable, Collection
from typing import Any, Final, TypeVar

_ASK_AGAIN_S: Final = 0.1

_T = TypeVar("_T")


async def cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and return when all have ended; what they raised stays in them.

    One request is not enough where a task may lose it (see :func:`heed_cancel`).
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


async def heed_cancel(action: Awaitable[_T]) -> _T:
    """Return what ``action`` returns, but end as cancelled if that was asked for meanwhile.

    ``asyncio.wait_for`` before Python 3.12, through which the Redis client sends, loses a cancellation that
    meets an inner call that has just ended: it returns, or raises, as if nothing had been asked. The request
    still counts in its task.

    Raises:
        CancelledError: the current task was asked to end while ``action`` ran.
    """
    task = asyncio.current_task()
    # Requests from before are left out: who cleans up after a cancellation may speak to a store too.
    before = task.cancelling() if task is not None else 0
    try:
        return await action
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
