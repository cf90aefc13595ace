"""Commands: into the log at once, carried out once, answered through the feed; refused with a reason."""

import asyncio
import contextlib

import pytest
import redis

from daybeat.app_client import AppClient, StreamClosedError, open_app
from daybeat.servers import LocalServers
from push.protocol import CloseCode, GetPlan, GetProfile
from schemas.commands import Command, CommandEntry, CommandOutcome, PutPlan, SetProfile, StartTask
from schemas.ids import partition_of
from schemas.positions import EntryId
from schemas.readings import micros
from stores.log import EntryKind, NewEntry, RedisLog
from support.adapting import plan, task
from support.push_run import NOW, PARTITIONS, PlanWriter, coach_token, push_running, token_of

pytestmark = pytest.mark.servers


def entries_of(client: redis.Redis, user_id: str) -> list[CommandEntry]:
    """Return the commands in a person's partition of the log."""
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    partition = partition_of(user_id, PARTITIONS)
    return [
        CommandEntry.model_validate_json(entry.payload)
        for entry in log.read_range(partition, EntryId(0, 0), log.ends()[partition])
    ]


async def carried_out(writer: PlanWriter, app: AppClient, command: Command) -> CommandOutcome:
    """Send a command, let it be carried out once it is in the log, return its outcome."""
    asking = asyncio.create_task(app.carry_out(command))
    async with asyncio.timeout(10):
        while not writer.carry_out_new_commands():  # noqa: ASYNC110  # the log tells nobody that it grew
            await asyncio.sleep(0.01)
        return await asking


async def test_a_command_is_in_the_log_with_its_person_and_arrival(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    start = StartTask(command_id="c1", task_id="walk")
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        await carried_out(writer, app, start)
    assert entries_of(redis_client, "ada") == [
        CommandEntry(user_id="ada", arrival_us=micros(NOW), command=start)
    ]


async def test_a_plan_that_is_put_and_a_task_that_is_started_come_back_as_events(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    today = plan(task("walk"))
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        assert (await carried_out(writer, app, PutPlan(command_id="c1", plan=today))).ok
        assert (await carried_out(writer, app, StartTask(command_id="c2", task_id="walk"))).ok
        types = [(await app.next_message()).type for _ in range(5)]
        assert types == ["welcome", "plan.replaced", "command.done", "task.changed", "command.done"]
        stored = await app.get_plan(GetPlan(command_id="c3"))
        assert stored is not None
        assert (stored.version, stored.blocks[0].tasks[0].status) == (2, "started")


async def test_a_repeated_command_gets_its_recorded_outcome_and_changes_nothing(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.put_plan("ada", plan(task("walk")))
    start = StartTask(command_id="c1", task_id="walk")
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        outcomes = [await carried_out(writer, app, start) for _ in range(2)]
        assert outcomes == [CommandOutcome(command_id="c1", ok=True)] * 2
        stored = await app.get_plan(GetPlan(command_id="c2"))
        assert stored is not None
        assert stored.version == 2


async def test_a_command_that_makes_no_sense_is_answered_with_the_reason(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.put_plan("ada", plan(task("walk")))
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        outcome = await carried_out(writer, app, StartTask(command_id="c1", task_id="fly"))
        assert outcome == CommandOutcome(command_id="c1", ok=False, reason="unknown_task")


async def test_a_coach_acts_for_the_person_named_in_hello(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url) as push,
        open_app(push.url, token=coach_token("ada"), user_id="ada") as app,
    ):
        zone = SetProfile(command_id="c1", time_zone="Asia/Tokyo")
        assert (await carried_out(writer, app, zone)).ok
        assert (await app.get_profile(GetProfile(command_id="c2"))).time_zone == "Asia/Tokyo"
    assert [entry.user_id for entry in entries_of(redis_client, "ada")] == ["ada"]


async def test_commands_of_one_person_keep_their_order(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    sent = [f"c{number}" for number in range(50)]
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        for command_id in sent:
            await app.send_text(StartTask(command_id=command_id, task_id="walk").model_dump_json())
        async with asyncio.timeout(10):
            while push.count("daybeat_push_commands_total", taken="logged") < len(sent):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert push.count("daybeat_push_append_seconds_count") < len(sent)
    assert [entry.command.command_id for entry in entries_of(redis_client, "ada")] == sent


async def test_when_the_log_is_full_a_command_is_refused_as_busy(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    log.append([NewEntry(partition_of("bob", PARTITIONS), EntryKind.TICK, b'{"arrival_us":1}')])
    before = log.ends()
    async with (
        push_running(servers.redis_url, log_bytes_max=1) as push,
        open_app(push.url, token=token_of("ada")) as app,
    ):
        outcome = await app.carry_out(StartTask(command_id="c1", task_id="walk"))
        assert outcome == CommandOutcome(command_id="c1", ok=False, reason="busy")
        assert push.count("daybeat_push_commands_total", taken="busy") == 1
    assert log.ends() == before


async def test_while_redis_is_away_clients_are_sent_off_and_afterwards_all_goes_on(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.event("ada")
    async with push_running(servers.redis_url) as push, contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(push.url, token=token_of("ada")))
        await app.next_message()
        servers.redis.stop()
        try:
            outcome = await app.carry_out(StartTask(command_id="c1", task_id="walk"))
            assert outcome == CommandOutcome(command_id="c1", ok=False, reason="unavailable")
            with pytest.raises(StreamClosedError) as closed:
                await stack.enter_async_context(open_app(push.url, token=token_of("bob")))
            assert closed.value.code == CloseCode.STORE_DOWN
        finally:
            servers.redis.start()
        event_id = writer.event("ada")
        assert (await asyncio.wait_for(app.next_message(), 15)).event_id == event_id
