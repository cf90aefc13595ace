"""The push server as a service: what it refuses to start with, how it stops, how a crowd comes back."""

import asyncio
import dataclasses
import datetime as dt
import random
import socket
import threading

import pytest
import redis
from prometheus_client import CollectorRegistry

from daybeat.app_client import Received, StreamClosedError, stream_url
from daybeat.app_follow import follow_person
from daybeat.servers import LocalServers
from push.protocol import CloseCode
from push.server import PushConfig, run_push
from schemas.errors import InputError, UnavailableError
from support.push_run import (
    NO_DATABASE,
    NOW,
    PARTITIONS,
    SECRET,
    PlanWriter,
    push_running,
    token_of,
)
from support.shown_rules import SHIPPED

pytestmark = pytest.mark.servers


def config_for(servers: LocalServers, **changes: object) -> PushConfig:
    config = PushConfig(
        redis_url=servers.redis_url,
        database_url=NO_DATABASE,
        host="127.0.0.1",
        port=0,
        token_secret=SECRET,
        token_audience="daybeat",
        partitions=PARTITIONS,
        log_bytes_max=2**30,
        shipped_rules=SHIPPED,
        patience=dt.timedelta(seconds=1),
    )
    return dataclasses.replace(config, **changes)  # type: ignore[arg-type]


async def run(config: PushConfig, stop: asyncio.Event | threading.Event | None = None) -> None:
    await run_push(
        config, now=lambda: NOW, speed=1.0, registry=CollectorRegistry(), stop=stop or asyncio.Event()
    )


async def test_a_taken_port_is_named(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UnavailableError, match=f"127.0.0.1:{port}: the port is taken; .*DAYBEAT_HTTP_PORT"
        ):
            await run(config_for(servers, port=port))


async def test_an_address_of_another_machine_is_refused(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    with pytest.raises(InputError, match="not an address of this machine"):
        await run(config_for(servers, host="192.0.2.1"))


async def test_a_short_secret_is_refused(servers: LocalServers) -> None:
    with pytest.raises(InputError, match="token secret"):
        await run(config_for(servers, token_secret="short"))


async def test_the_secret_is_never_shown(servers: LocalServers) -> None:
    assert SECRET not in repr(config_for(servers))


async def test_redis_is_waited_for_and_then_given_up(servers: LocalServers) -> None:
    with pytest.raises(UnavailableError, match=r"Redis did not answer"):
        await run(config_for(servers, redis_url="redis://127.0.0.1:1/0"))


async def test_another_number_of_partitions_is_refused(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url):
        with pytest.raises(InputError, match="partitions"):
            await run(config_for(servers, partitions=PARTITIONS + 1))


@pytest.mark.parametrize("kind", [asyncio.Event, threading.Event])
async def test_it_stops_when_told_and_says_goodbye(
    servers: LocalServers, redis_client: redis.Redis, kind: type[asyncio.Event] | type[threading.Event]
) -> None:
    del redis_client
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stop = kind()
    running = asyncio.create_task(run(config_for(servers, port=port), stop))
    waited: list[UnavailableError] = []

    async def stop_after_the_welcome() -> None:
        stream = follow_person(
            stream_url("127.0.0.1", port),
            token=token_of("ada"),
            on_wait=lambda error, _pause_s: waited.append(error),
        )
        async for _ in stream:
            stop.set()

    async with asyncio.timeout(20):
        following = asyncio.create_task(stop_after_the_welcome())
        await running
        following.cancel()
    goodbyes = [error.code for error in waited if isinstance(error, StreamClosedError)]
    assert goodbyes == [CloseCode.GOING_AWAY]


async def test_a_crowd_that_lost_its_server_comes_back_spread_out_and_misses_nothing(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    people = [f"person-{number}" for number in range(300)]
    received: dict[str, list[Received]] = {one: [] for one in people}
    first_pauses: dict[str, float] = {}
    rng = random.Random(20261120)

    async def follow(url: str, person: str) -> None:
        async for message in follow_person(
            url,
            token=token_of(person),
            on_wait=lambda _error, pause_s: first_pauses.setdefault(person, pause_s),
            randomness=random.Random(rng.random()),
        ):
            received[person].append(message)

    async def until_all_have(count: int) -> None:
        async with asyncio.timeout(60):
            while any(len(messages) < count for messages in received.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async with push_running(servers.redis_url) as push:
        port = push.port
        following = [asyncio.create_task(follow(push.url, person)) for person in people]
        await until_all_have(1)
    missed = {person: writer.event(person) for person in people}
    async with push_running(servers.redis_url, port=port) as push:
        await until_all_have(3)
        assert push.count("daybeat_push_resyncs_total") == 0
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    for person, messages in received.items():
        assert [one.type for one in messages] == ["welcome", "welcome", "command.done"]
        assert messages[-1].event_id == missed[person]
    spread = sorted(first_pauses.values())
    assert len(spread) == len(people)
    assert spread[0] < 0.05
    assert 0.45 < spread[-1] <= 0.5


async def test_a_refused_token_is_not_tried_again(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        with pytest.raises(StreamClosedError) as closed:
            async for _ in follow_person(push.url, token="nonsense"):
                pass
        assert closed.value.code == CloseCode.TOKEN_REFUSED
        assert push.count("daybeat_push_closed_total", code="4003") == 1
