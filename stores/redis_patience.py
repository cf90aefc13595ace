"""Patience with Redis: what passes by itself is waited for, what does not is said at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import redis
import structlog

from schemas.errors import BusyError, UnavailableError
from stores.cancelling import heed_cancel
from stores.connections import backoff_pauses_s

_PASSING_REPLIES: Final = ("LOADING", "MISCONF", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN")
"""First words of error replies that go away once Redis has loaded, or has its disk or its primary again."""

_log = structlog.get_logger()
_T = TypeVar("_T")


def is_passing(error: Exception) -> bool:
    """Tell whether an error of Redis goes away by itself: no connection, still loading, full."""
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | redis.OutOfMemoryError):
        # A refused password never mends itself; the client calls that a connection error too.
        return not isinstance(error, redis.AuthenticationError)
    return isinstance(error, redis.ResponseError) and str(error).startswith(_PASSING_REPLIES)


def with_patience(action: Callable[[], _T], *, doing: str, patience: timedelta) -> _T:
    """Return what ``action`` returns; it is tried again, with growing pauses, while Redis cannot serve it.

    Args:
        action: must be safe to repeat when it is not known whether it had its effect.
        doing: what is being done, for the log and the error, such as ``writing plans``.
        patience: how long to keep trying.

    Raises:
        BusyError: Redis was full until the end.
        UnavailableError: Redis could not be reached, or could not write, until the end.
    """
    waiting = RedisWait(doing, patience)
    while True:
        try:
            return action()
        except redis.RedisError as error:
            time.sleep(waiting.pause_s(error))


async def with_patience_async(action: Callable[[], Awaitable[_T]], *, doing: str, patience: timedelta) -> _T:
    """Return what ``action`` returns once awaited; otherwise as :func:`with_patience`.

    Raises:
        CancelledError: the task was asked to end meanwhile, even if ``action`` lost that request.
    """
    waiting = RedisWait(doing, patience)
    while True:
        try:
            return await heed_cancel(action())
        except redis.RedisError as error:
            await asyncio.sleep(waiting.pause_s(error))


class RedisWait:
    """One wait for Redis: from the first error to success, or to the end of the patience."""

    def __init__(self, doing: str, patience: timedelta) -> None:
        self._doing = doing
        self._patience_s = patience.total_seconds()
        self._pauses = backoff_pauses_s()
        self._begun_s: float | None = None

    def pause_s(self, error: redis.RedisError) -> float:
        """Return how long to pause after this error before the next try, in seconds.

        Raises:
            RedisError: ``error`` itself, where waiting does not help.
            BusyError: Redis was full until the end of the patience.
            UnavailableError: Redis could not be reached, or could not write, until the end.
        """
        if not is_passing(error):
            raise error
        if self._begun_s is None:
            self._begun_s = time.monotonic()
            _log.warning("waiting_for_redis", doing=self._doing, error=type(error).__name__)
        waited_s = time.monotonic() - self._begun_s
        if waited_s >= self._patience_s:
            raise _given_up(error, self._doing, waited_s) from error
        return min(next(self._pauses), self._patience_s - waited_s)


def _given_up(error: redis.RedisError, doing: str, waited_s: float) -> BusyError | UnavailableError:
    if isinstance(error, redis.OutOfMemoryError):
        return BusyError(
            f"Redis has been full for {waited_s:.0f} s",
            where=doing,
            mend="raise its maxmemory, or let the history flow catch up so that the log can be trimmed",
        )
    return UnavailableError(
        f"Redis has not served this for {waited_s:.0f} s ({type(error).__name__})",
        where=doing,
        mend="start Redis, or look into its log; nothing is lost, the flow goes on from its last commit",
    )
