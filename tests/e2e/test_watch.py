"""``daybeat watch`` as a process: lines of JSON, words, and the ways in which it ends."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis

from daybeat.servers import LocalServers
from support.adapting import plan, task
from support.push_run import PlanWriter, PushRun, coach_token, push_running, token_of

pytestmark = pytest.mark.servers

WITHIN_S = 30.0


@asynccontextmanager
async def watching(push: PushRun, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daybeat", "watch", "ada", "--url", push.url, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await asyncio.wait_for(stream.readline(), WITHIN_S)).decode()


async def test_json_is_one_message_a_line_and_resumes_where_it_is_told(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    token = token_of("ada")
    async with push_running(servers.redis_url) as push:
        async with watching(push, "--token", token, "--json") as process:
            assert json.loads(await line_of(process.stdout))["type"] == "welcome"
            first = writer.event("ada")
            assert json.loads(await line_of(process.stdout))["event_id"] == first
        async with watching(push, "--token", token, "--json", "--last-event-id", first) as process:
            welcome = json.loads(await line_of(process.stdout))
            assert (welcome["type"], welcome["plan"], welcome["event_id"]) == ("welcome", None, first)


async def test_the_plan_and_what_happens_to_it_are_told_in_words(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.put_plan("ada", plan(task("walk")))
    async with (
        push_running(servers.redis_url) as push,
        watching(push, "--token", coach_token("ada")) as process,
    ):
        assert await line_of(process.stdout) == "Friday 20 November, version 1\n"
        assert await line_of(process.stdout) == "  10:00 Title of walk, 40 min, moderate\n"
        writer.event("ada")
        assert "refused: unknown_task" in await line_of(process.stdout)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), WITHIN_S) == 130


async def test_it_says_that_it_waits_for_the_server_and_goes_on_by_itself(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push:
        context = watching(push, "--token", token_of("ada"), "--json")
        process = await context.__aenter__()
        await line_of(process.stdout)
        port = push.port
    missed = writer.event("ada")
    assert "trying again in" in await line_of(process.stderr)
    async with push_running(servers.redis_url, port=port):
        assert json.loads(await line_of(process.stdout))["type"] == "welcome"
        assert json.loads(await line_of(process.stdout))["event_id"] == missed
        await context.__aexit__(None, None, None)


async def test_a_refused_token_ends_it_with_a_clear_line(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, watching(push, "--token", "nonsense") as process:
        _, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 1
    assert "not signed with this service's secret" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("arguments", [("--last-event-id", "soon"), ("--url", "http://x")])
async def test_bad_usage_ends_it_with_2(
    servers: LocalServers, redis_client: redis.Redis, arguments: tuple[str, ...]
) -> None:
    del redis_client
    async with (
        push_running(servers.redis_url) as push,
        watching(push, "--token", token_of("ada"), *arguments) as process,
    ):
        _, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 2
    assert "Traceback" not in errors.decode()


async def test_a_reader_that_has_seen_enough_ends_it_quietly(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push:
        watch = f"{sys.executable} -m daybeat watch ada --url {push.url} --token {token_of('ada')} --json"
        process = await asyncio.create_subprocess_shell(
            f"{watch} | head -n 1", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert json.loads(await line_of(process.stdout))["type"] == "welcome"
        writer.event("ada")
        _, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert errors.decode() == ""
