"""Connections to Redis and PostgreSQL: each waits for its server for a while, and says so."""

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from schemas.errors import InputError, UnavailableError

SOCKET_TIMEOUT_S: Final = 10.0
"""A server that says nothing for so long counts as gone. Blocking reads must wait for less."""

_CONNECT_TIMEOUT_S: Final = 5.0
_PAUSE_FIRST_S: Final = 0.1
_PAUSE_LONGEST_S: Final = 2.0
_RETRIES: Final = 2
"""Of a broken connection only: a server that restarted is met again without an error."""

_log = structlog.get_logger()


def backoff_pauses_s(longest_s: float = _PAUSE_LONGEST_S) -> Iterator[float]:
    """Yield pauses in seconds for ever: doubling from 0.1 s, with jitter, at most ``longest_s``."""
    pause_s = _PAUSE_FIRST_S
    while True:
        yield pause_s * random.uniform(0.75, 1.25)  # noqa: S311  # jitter, not a secret
        pause_s = min(2 * pause_s, longest_s)


def without_password(url: str) -> str:
    """Return an address fit for logs and errors: neither user nor password, no query.

    >>> without_password("redis://me:secret@localhost:6379/0")
    'redis://localhost:6379/0'
    """
    if "://" not in url:
        return "(not a URL)"
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def connect_redis(url: str, *, patience: timedelta) -> redis.Redis:
    """Return a client of the Redis at ``url`` that has answered; replies are bytes.

    Raises:
        InputError: ``url`` is not an address of Redis, or its password is refused.
        UnavailableError: nothing answered within ``patience``.
    """
    try:
        client = redis.Redis.from_url(url, retry=Retry(*_retry_arguments()), **_redis_options())
    except ValueError as error:
        raise _bad_address("Redis", url) from error
    waiting = Patience("Redis", url, patience, mend="start it, or set DAYBEAT_REDIS_URL")
    while True:
        try:
            client.ping()
        except redis.AuthenticationError as error:
            client.close()
            raise _refused("Redis", url) from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            try:
                pause_s = waiting.pause_s(error)
            except UnavailableError:
                client.close()
                raise
            time.sleep(pause_s)
        else:
            return client


async def connect_redis_async(url: str, *, patience: timedelta) -> redis.asyncio.Redis:
    """Return an asyncio client of the Redis at ``url`` that has answered; replies are bytes.

    Raises:
        InputError: ``url`` is not an address of Redis, or its password is refused.
        UnavailableError: nothing answered within ``patience``.
    """
    try:
        client = redis.asyncio.Redis.from_url(url, retry=AsyncRetry(*_retry_arguments()), **_redis_options())
    except ValueError as error:
        raise _bad_address("Redis", url) from error
    waiting = Patience("Redis", url, patience, mend="start it, or set DAYBEAT_REDIS_URL")
    while True:
        try:
            await client.ping()
        except redis.AuthenticationError as error:
            await client.aclose()
            raise _refused("Redis", url) from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            try:
                pause_s = waiting.pause_s(error)
            except UnavailableError:
                await client.aclose()
                raise
            await asyncio.sleep(pause_s)
        else:
            return client


def connect_database(
    url: str, *, patience: timedelta, autocommit: bool = True
) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection to the PostgreSQL at ``url``.

    Raises:
        InputError: ``url`` is not an address of PostgreSQL.
        UnavailableError: nothing answered within ``patience``.
    """
    waiting = Patience("PostgreSQL", url, patience, mend="start it, or set DAYBEAT_DATABASE_URL")
    while True:
        try:
            return psycopg.connect(url, autocommit=autocommit, connect_timeout=int(_CONNECT_TIMEOUT_S))
        except psycopg.OperationalError as error:
            time.sleep(waiting.pause_s(error))
        except psycopg.ProgrammingError as error:
            raise _bad_address("PostgreSQL", url) from error


class Patience:
    """How long one server is waited for: gives the pauses, and logs that it waits every ten seconds."""

    _SAY_EVERY_S: Final = 10.0

    def __init__(self, server: str, url: str, patience: timedelta, *, mend: str) -> None:
        self._server = server
        self._address = without_password(url)
        self._patience_s = patience.total_seconds()
        self._mend = mend
        self._begun_s = time.monotonic()
        self._said_s: float | None = None
        self._pauses = backoff_pauses_s()

    def pause_s(self, error: Exception) -> float:
        """Return how long to pause before the next try, in seconds.

        Raises:
            UnavailableError: the patience is at its end.
        """
        now_s = time.monotonic()
        left_s = self._patience_s - (now_s - self._begun_s)
        if left_s <= 0:
            raise UnavailableError(
                f"{self._server} did not answer for {self._patience_s:g} s ({_first_line(error)})",
                where=self._address,
                mend=self._mend,
            ) from error
        if self._said_s is None or now_s - self._said_s >= self._SAY_EVERY_S:
            self._said_s = now_s
            _log.warning(
                "waiting_for_server", server=self._server, address=self._address, seconds_left=round(left_s)
            )
        return min(next(self._pauses), left_s)


def _redis_options() -> dict[str, Any]:
    # RESP2 keeps the shape of replies the same over all releases of the client library.
    return {
        "protocol": 2,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": _CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
    }


def _retry_arguments() -> tuple[ExponentialWithJitterBackoff, int, tuple[type[redis.RedisError], ...]]:
    # A timeout is not retried: the answer of a frozen server is better waited for by who can say so.
    return ExponentialWithJitterBackoff(cap=0.5, base=0.05), _RETRIES, (redis.ConnectionError,)


def _bad_address(server: str, url: str) -> InputError:
    example = {"Redis": "redis://127.0.0.1:6379/0", "PostgreSQL": "postgresql://user@127.0.0.1:5432/daybeat"}
    return InputError(
        f"not an address of {server}", where=without_password(url), mend=f"write it like {example[server]}"
    )


def _refused(server: str, url: str) -> InputError:
    return InputError(
        f"{server} refused the user or the password", where=without_password(url), mend="correct the address"
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
