"""Clients that do not read: bounded, told once, ended with a code; nobody else notices."""

import asyncio
import functools
import itertools
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from daybeat.servers import LocalServers
from push.session import SessionLimits
from schemas.plan import Plan
from support.adapting import plan, task
from support.push_run import PlanWriter, PushRun, fields_of, push_running, token_of

pytestmark = pytest.mark.servers

WITHIN_S = 30.0

CLIENT = """
import asyncio, json, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

async def listen(url, token):
    async with connect(url, compression=None, proxy=None) as connection:
        await connection.send(json.dumps({"type": "hello", "token": token}))
        print((await connection.recv())[:20], flush=True)
        try:
            while True:
                await connection.recv()
        except ConnectionClosed as closed:
            print("closed", closed.rcvd.code if closed.rcvd else None, flush=True)

asyncio.run(listen(*sys.argv[1:]))
"""


def long_plan() -> Plan:
    """Return a plan of about 9 KB."""
    return plan(*(task(f"task-{number}", description="x" * 480) for number in range(12)))


@asynccontextmanager
async def bare(push: PushRun, user_id: str, **options: object) -> AsyncIterator[ClientConnection]:
    async with connect(push.url, compression=None, proxy=None, **options) as connection:
        await connection.send(f'{{"type":"hello","token":"{token_of(user_id)}"}}')
        assert fields_of(await connection.recv())["type"] == "welcome"
        yield connection


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110  # a metric tells nobody that it changed
            await asyncio.sleep(0.02)


async def flood(writer: PlanWriter, user_id: str, done: Callable[[], bool]) -> None:
    """Write long events for a person, faster than anybody reads them, until ``done``."""
    async with asyncio.timeout(WITHIN_S):
        while not done():
            for _ in range(5):
                writer.put_plan(user_id, long_plan())
            await asyncio.sleep(0.005)


@pytest.fixture
def many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.mark.usefixtures("many_files")
async def test_one_stopped_client_of_a_thousand_is_ended_with_4008_and_the_others_get_everything(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    limits = SessionLimits(slow_s=1.0)
    others = [f"person-{number}" for number in range(999)]
    async with push_running(servers.redis_url, limits=limits) as push, AsyncExitStack() as stack:
        stopped = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, push.url, token_of("stopped"), stdout=asyncio.subprocess.PIPE
        )
        assert stopped.stdout is not None
        assert b"welcome" in await stopped.stdout.readline()
        connections = {one: await stack.enter_async_context(bare(push, one)) for one in others}
        assert push.count("daybeat_push_connections") == 1000

        os.kill(stopped.pid, signal.SIGSTOP)

        async def flood_until_closed_and_wake() -> None:
            await flood(writer, "stopped", functools.partial(push.has_closed, 4008))
            os.kill(stopped.pid, signal.SIGCONT)

        flooding = asyncio.create_task(flood_until_closed_and_wake())
        for one, connection in connections.items():
            event_id = writer.event(one)
            message = fields_of(await asyncio.wait_for(connection.recv(), WITHIN_S))
            assert (message["event_id"], message["previous_id"]) == (event_id, "0-0")
        await flooding
        assert await asyncio.wait_for(stopped.stdout.readline(), WITHIN_S) == b"closed 4008\n"
        await until(lambda: push.count("daybeat_push_connections") == 999)
        assert await stopped.wait() == 0


async def test_a_client_that_never_wakes_up_is_cut_all_the_same(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url, limits=SessionLimits(slow_s=0.5)) as push,
        bare(push, "ada", max_queue=1, ping_interval=None) as connection,
    ):
        await flood(writer, "ada", functools.partial(push.has_closed, 4008))
        await until(lambda: push.count("daybeat_push_connections") == 0)
        connection.transport.abort()


async def test_a_client_that_falls_behind_and_reads_on_gets_one_resync_with_the_latest_plan(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push, bare(push, "ada", max_queue=1) as connection:
        written = itertools.count(1)
        await flood(writer, "ada", lambda: next(written) > 120)
        latest = writer.put_plan("ada", plan(task("latest"))).events[-1].event_id
        await asyncio.sleep(0.5)
        messages = [fields_of(await asyncio.wait_for(connection.recv(), WITHIN_S))]
        while messages[-1]["event_id"] != latest:
            messages.append(fields_of(await asyncio.wait_for(connection.recv(), WITHIN_S)))
        assert [one["type"] for one in messages].count("resync") == 1
        resync = messages[[one["type"] for one in messages].index("resync")]
        assert Plan.model_validate(resync["plan"]).blocks[0].tasks[0].task_id == "latest"
        previous = "0-0"
        for message in messages:
            if message["type"] != "resync":
                assert message["previous_id"] == previous
            previous = message["event_id"]
        assert push.count("daybeat_push_resyncs_total") == 1
        assert push.count("daybeat_push_closed_total", code="4008") == 0


async def test_a_client_that_asks_and_never_reads_does_not_fill_the_server(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    PlanWriter(redis_client).put_plan("ada", long_plan())
    async with (
        push_running(servers.redis_url, limits=SessionLimits(stalled_s=2.0)) as push,
        bare(push, "ada", max_queue=1, ping_interval=None) as connection,
    ):
        asking = asyncio.create_task(ask_without_end(connection))
        await until(functools.partial(push.has_closed, 4008))
        await until(lambda: push.count("daybeat_push_connections") == 0)
        connection.transport.abort()
        await asking


async def ask_without_end(connection: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for number in itertools.count():
            await connection.send(f'{{"type":"plan.get","command_id":"c{number}"}}')
