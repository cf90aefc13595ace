"""Connections wait for their server, and then say in one line what is wrong, where, and how to mend it."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from structlog.testing import capture_logs

from daybeat.ports import free_port
from daybeat.servers import LocalServers
from schemas.errors import InputError, UnavailableError
from stores.connections import connect_database, connect_redis, connect_redis_async, without_password

SHORT = timedelta(milliseconds=300)


def _connect_redis_async(url: str, *, patience: timedelta) -> None:
    async def connect() -> None:
        client = await connect_redis_async(url, patience=patience)
        await client.aclose()

    asyncio.run(connect())


@pytest.mark.parametrize(
    ("connect", "url"),
    [
        (connect_redis, "redis://me:secret@127.0.0.1:{port}/0"),
        (_connect_redis_async, "redis://me:secret@127.0.0.1:{port}/0"),
        (connect_database, "postgresql://me:secret@127.0.0.1:{port}/daybeat"),
    ],
    ids=["redis", "redis, asyncio", "postgresql"],
)
def test_a_server_that_is_not_there_is_waited_for_and_then_named_without_its_password(
    connect: Callable[..., object], url: str
) -> None:
    url = url.format(port=free_port())
    with capture_logs() as lines, pytest.raises(UnavailableError) as caught:
        connect(url, patience=SHORT)
    assert [line["event"] for line in lines] == ["waiting_for_server"]
    assert without_password(url) in str(caught.value)
    assert "DAYBEAT_" in caught.value.mend
    assert "secret" not in f"{caught.value}{lines}"


@pytest.mark.parametrize(
    ("connect", "url"),
    [(connect_redis, "localhost:6379"), (connect_database, "host=127.0.0.1 pass word=secret")],
    ids=["redis", "postgresql"],
)
def test_what_is_no_address_is_refused_at_once(connect: Callable[..., object], url: str) -> None:
    with pytest.raises(InputError, match="not an address of") as caught:
        connect(url, patience=timedelta(hours=1))
    assert "secret" not in str(caught.value)


@pytest.mark.servers
@pytest.mark.parametrize("connect", [connect_redis, _connect_redis_async])
def test_a_password_that_redis_refuses_is_not_tried_for_long(
    servers: LocalServers, connect: Callable[..., object]
) -> None:
    url = servers.redis_url.replace("redis://", "redis://nobody:secret@")
    with pytest.raises(InputError, match="refused the user or the password") as caught:
        connect(url, patience=timedelta(hours=1))
    assert "secret" not in str(caught.value)


@pytest.mark.servers
def test_a_server_that_comes_late_is_met(servers: LocalServers) -> None:
    servers.redis.stop()
    clients: list[redis.Redis] = []

    def connect() -> None:
        clients.append(connect_redis(servers.redis_url, patience=timedelta(seconds=20)))

    waiting = threading.Thread(target=connect)
    with capture_logs() as lines:
        waiting.start()
        while not lines and waiting.is_alive():
            waiting.join(0.05)
        servers.redis.start()
        waiting.join(20)
    assert clients[0].ping()
    assert {line["event"] for line in lines} == {"waiting_for_server"}
    clients[0].close()
