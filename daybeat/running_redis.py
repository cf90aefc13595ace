"""The Redis of the stack that runs, for the commands that speak to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import redis

from daybeat.running import running_settings
from daybeat.settings import Settings, required
from stores.connections import connect_redis


@contextmanager
def running_redis() -> Iterator[tuple[Settings, redis.Redis]]:
    """Open the settings and the Redis of the stack that runs, or of the environment where none does.

    Raises:
        InputError: a setting cannot be used, or no address of Redis is set.
        UnavailableError: Redis does not answer.
    """
    settings = running_settings()
    url = required(settings.redis_url, "redis_url")
    client = connect_redis(url, patience=timedelta(seconds=settings.patience_s))
    try:
        yield settings, client
    finally:
        client.close()
