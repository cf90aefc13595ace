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
from support.adapting import plan, rule_named, task
from support.push_run import PlanWriter, PushRun, coach_token, push_running, token_of

pytestmark = pytest.mark.servers

WITHIN_S = 30.0


def ignore_interrupts() -> None:
    """As a shell does for what it starts in the background, such as a whole run of these tests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@asynccontextmanager
async def watching(push: PushRun, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daybeat", "watch", "ada", "--url", push.url, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=ignore_interrupts,
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


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM], ids=lambda which: which.name)
async def test_an_interrupt_ends_it_also_where_a_shell_lets_it_be_ignored(
    servers: LocalServers, redis_client: redis.Redis, which: signal.Signals
) -> None:
    PlanWriter(redis_client).put_plan("ada", plan(task("walk")))
    async with push_running(servers.redis_url) as push, watching(push, "--token", token_of("ada")) as process:
        await line_of(process.stdout)
        process.send_signal(which)
        _, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 130
    assert errors.decode() == ""


async def type_in(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


async def until_line(process: asyncio.subprocess.Process, words: str) -> str:
    """Return the first line of standard output that has these words."""
    while words not in (line := await line_of(process.stdout)):
        assert line, "it ended"
    return line


async def carried_out(writer: PlanWriter) -> None:
    """Carry out the command that is on its way."""
    async with asyncio.timeout(WITHIN_S):
        while not writer.carry_out_new_commands():  # noqa: ASYNC110  # the log sets no event
            await asyncio.sleep(0.02)


async def test_a_change_is_undone_and_a_proposal_accepted_by_typing(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.put_plan("ada", plan(task("walk")))
    async with (
        push_running(servers.redis_url) as push,
        watching(push, "--token", token_of("ada"), "--interactive") as process,
    ):
        await until_line(process, "Title of walk")
        writer.fire("ada", "energy_drop")
        changed = await until_line(process, "changed, protective: Your energy fell")
        assert "undo 1 to take it back" in await until_line(process, "in force until")
        await type_in(process, "undo 1")
        await carried_out(writer)
        undone = await until_line(process, "taken back")
        assert undone.split(": ", 1)[1] == changed.split(": ", 1)[1]
        assert "undo 1: done" in await until_line(process, "undo 1")
        writer.fire("ada", "energy_surge")
        assert "accept 2 or decline 2" in await until_line(process, "waits for an answer")
        await type_in(process, "accept")
        await carried_out(writer)
        assert "accepted, upgrading" in await until_line(process, "accepted")
        assert "accept: done" in await until_line(process, "accept:")


async def test_dials_and_pauses_are_typed_and_shown_when_it_is_opened_again(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    rule = rule_named("stress_spike")
    async with push_running(servers.redis_url) as push:
        async with watching(push, "--token", token_of("ada"), "--interactive") as process:
            await until_line(process, "There is no plan")
            for line in (f"dial {rule.name} off", "reduce-only on", "pause off"):
                await type_in(process, line)
                await carried_out(writer)
                assert f"{line}: done" in await until_line(process, line)
            await type_in(process, "dial energy_surge apply")
            assert "may propose at most" in await until_line(process, "dial energy_surge apply: refused")
        async with watching(push, "--token", token_of("ada"), "--interactive") as process:
            await until_line(process, "Nothing may make the day harder.")
            await until_line(process, "stress_spike: off (by default apply)")
            await type_in(process, "help")
            assert "accept [N]" in await line_of(process.stderr)


async def test_typed_lines_work_with_json_and_a_bad_one_gets_one_clear_line(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url) as push,
        watching(push, "--token", token_of("ada"), "--json", "--interactive") as process,
    ):
        assert json.loads(await line_of(process.stdout))["type"] == "welcome"
        await type_in(process, "undo 7")
        assert await line_of(process.stderr) == "undo: there is no number 7\n"
        await type_in(process, "reduce-only on")
        await carried_out(writer)
        done = json.loads(await until_line(process, "command.done"))
        assert (done["type"], done["ok"]) == ("command.done", True)


async def test_lines_are_not_taken_where_nobody_types(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url) as push,
        watching(push, "--token", token_of("ada"), "--json") as process,
    ):
        assert json.loads(await line_of(process.stdout))["type"] == "welcome"
        await type_in(process, "nonsense")
        first = writer.event("ada")
        assert json.loads(await line_of(process.stdout))["event_id"] == first
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert errors.decode() == ""


async def test_a_command_typed_while_the_server_is_away_goes_out_once_it_is_back(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push:
        context = watching(push, "--token", token_of("ada"), "--interactive")
        process = await context.__aenter__()
        await until_line(process, "There is no plan")
        port = push.port
    assert "trying again in" in await line_of(process.stderr)
    await type_in(process, "reduce-only on")
    async with push_running(servers.redis_url, port=port):
        await carried_out(writer)
        assert "reduce-only on: done" in await until_line(process, "reduce-only on")
        await context.__aexit__(None, None, None)


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
