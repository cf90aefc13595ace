"""A person's word over the websocket: dials, pause, edits, undo; and nobody else's word for them."""

import asyncio
import datetime as dt
from pathlib import Path

import psycopg
import pytest
import redis

from daybeat.app_client import AppClient, QuestionRefusedError, StreamClosedError, open_app
from daybeat.servers import LocalServers
from push.protocol import CloseCode, GetPlan, GetProfile
from schemas.commands import (
    AcceptAdaptation,
    Command,
    CommandEntry,
    CommandOutcome,
    EditTask,
    PauseAdaptations,
    SetAutonomy,
    TaskEdits,
    UndoAdaptation,
)
from schemas.events import AdaptationReverted
from schemas.ids import PartitionId, partition_of
from schemas.positions import EntryId
from schemas.records import AdaptationRow, DecisionRow, Outcome
from schemas.rule_entries import RuleShown
from stores.adaptations import AdaptationStore
from stores.history import EntryRows, HistoryStore
from stores.keys import RULES
from stores.log import EntryKind, RedisLog
from stores.stream_tail import StreamName
from support.adapting import plan, task
from support.history_process import config_for, is_caught_up, running_history, wait_for
from support.push_run import NOW, PARTITIONS, PlanWriter, coach_token, push_running, token_of
from support.records import a_task, an_evidence
from support.shown_rules import SHIPPED

pytestmark = pytest.mark.servers

OLD = "5b7c1a52-75c3-5cf8-96fe-6dfe9240b1c3"
OF_BOB = "6c8d2b63-75c3-5cf8-96fe-6dfe9240b1c3"
DAYS_40 = NOW - dt.timedelta(days=40)


def commands_of(client: redis.Redis, user_id: str) -> list[Command]:
    """Return the commands of a person that are in the log."""
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    partition = partition_of(user_id, PARTITIONS)
    entries = [
        CommandEntry.model_validate_json(entry.payload)
        for entry in log.read_range(partition, EntryId(0, 0), log.ends()[partition])
        if entry.kind is EntryKind.COMMAND
    ]
    return [entry.command for entry in entries if entry.user_id == user_id]


async def carried_out(writer: PlanWriter, app: AppClient, command: Command) -> CommandOutcome:
    """Send a command, let it be carried out once it is in the log, return its outcome."""
    asking = asyncio.create_task(app.carry_out(command))
    async with asyncio.timeout(10):
        while not writer.carry_out_new_commands():  # noqa: ASYNC110  # the log tells nobody that it grew
            await asyncio.sleep(0.01)
        return await asking


def put_old_adaptation(database: psycopg.Connection, user_id: str = "ada", adaptation_id: str = OLD) -> None:
    """Write an adaptation of 40 days ago, of which Redis knows nothing any more."""
    changed = AdaptationRow(
        adaptation_id=adaptation_id,
        time=DAYS_40,
        user_id=user_id,
        rule="stress_spike",
        kind="protective",
        action="reduce_intensity",
        status="applied",
        plan_date=DAYS_40.date(),
        task_id="run-1",
        original_task=a_task(60),
        adapted_task=a_task(30),
        reason="Stress was 0.9.",
        evidence=an_evidence(),
        confidence=0.75,
        expires_at=DAYS_40 + dt.timedelta(hours=6),
    )
    rows = [
        DecisionRow(
            decision_id=f"{adaptation_id}-{outcome}",
            time=DAYS_40 + dt.timedelta(hours=hours),
            user_id=user_id,
            rule="stress_spike",
            outcome=outcome,
            firing_id=adaptation_id,
            position=f"{hours + 1}-0-0",
            reason="Stress was 0.9.",
            evidence=an_evidence(),
            confidence=0.75,
        )
        for hours, outcome in enumerate((Outcome.APPLIED, Outcome.ACCEPTED))
    ]
    entry = EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=[changed, *rows])
    HistoryStore.open(database).write([entry], {})


async def test_dials_and_a_pause_are_set_and_told_with_the_rules_in_force(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    until = NOW + dt.timedelta(days=2)
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        dial = SetAutonomy(command_id="c1", rule="stress_spike", level="propose", reduce_only=True)
        assert (await carried_out(writer, app, dial)).ok
        assert (await carried_out(writer, app, PauseAdaptations(command_id="c2", until=until))).ok
        profile = await app.get_profile(GetProfile(command_id="c3"))
        assert (profile.autonomy, profile.reduce_only) == ({"stress_spike": "propose"}, True)
        assert (profile.paused_until, profile.rules) == (until, SHIPPED.rules)
        assert (await carried_out(writer, app, PauseAdaptations(command_id="c4", until=None))).ok
        assert (await app.get_profile(GetProfile(command_id="c5"))).paused_until is None


async def test_a_dial_that_cannot_be_is_refused_at_once_and_never_reaches_the_log(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        unknown = SetAutonomy(command_id="c1", rule="stress_spikes", level="off")
        upgrade = SetAutonomy(command_id="c2", rule="energy_surge", level="apply")
        assert await app.carry_out(unknown) == CommandOutcome(
            command_id="c1", ok=False, reason="unknown_rule"
        )
        assert await app.carry_out(upgrade) == CommandOutcome(
            command_id="c2", ok=False, reason="upgrades_need_consent"
        )
        assert push.count("daybeat_push_commands_total", taken="unknown_rule") == 1
    assert commands_of(redis_client, "ada") == []


async def test_rules_that_were_loaded_take_the_place_of_the_shipped_ones(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    mine = RuleShown(name="mine", title="Mine", kind="protective", default="apply", when="steps > 9000")
    loaded = SHIPPED.model_copy(update={"loaded_at": NOW, "name": "mine.toml", "rules": (mine,)})
    writer = PlanWriter(redis_client)
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        redis_client.set(RULES, loaded.model_dump_json())
        assert (await app.get_profile(GetProfile(command_id="c1"))).rules == (mine,)
        assert (await carried_out(writer, app, SetAutonomy(command_id="c2", rule="mine", level="off"))).ok
        outcome = await app.carry_out(SetAutonomy(command_id="c3", rule="stress_spike", level="off"))
        assert outcome.reason == "unknown_rule"


async def test_a_change_is_in_the_welcome_until_it_is_undone_and_that_needs_no_database(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    today = plan(task("run", "11:00", 60, intensity="high"))
    writer.put_plan("ada", today)
    (changed,) = writer.fire("ada", "stress_spike").person.adaptations.values()
    async with push_running(servers.redis_url) as push:
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.adaptations() == (changed,)
            undo = UndoAdaptation(command_id="c1", adaptation_id=changed.adaptation_id)
            assert (await carried_out(writer, app, undo)).ok
            assert commands_of(redis_client, "ada") == [undo]
            stored = await app.get_plan(GetPlan(command_id="c2"))
            assert stored is not None
            assert stored.blocks == today.blocks
            assert await carried_out(writer, app, undo) == CommandOutcome(command_id="c1", ok=True)
        async with open_app(push.url, token=token_of("ada")) as app:
            assert app.welcome.adaptations() == ()


async def test_an_edit_is_merged_into_the_plan_as_it_stands(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    writer.put_plan("ada", plan(task("run", "11:00", 60, intensity="high")))
    writer.fire("ada", "stress_spike")
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        before = await app.get_plan(GetPlan(command_id="c1"))
        edit = EditTask(
            command_id="c2", task_id="run", base_version=1, edits=TaskEdits(title="With Ben", locked=True)
        )
        assert (await carried_out(writer, app, edit)).ok
        after = await app.get_plan(GetPlan(command_id="c3"))
        assert before is not None
        assert after is not None
        was, now = before.blocks[0].tasks[0], after.blocks[0].tasks[0]
        assert (now.title, now.locked, now.intensity) == ("With Ben", True, was.intensity)


async def test_a_change_of_forty_days_ago_is_undone_and_the_database_says_so(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, tmp_path: Path
) -> None:
    put_old_adaptation(database)
    writer = PlanWriter(redis_client)
    async with (
        push_running(servers.redis_url, database_url=servers.database_url) as push,
        open_app(push.url, token=token_of("ada")) as app,
    ):
        await app.next_message()
        assert (await carried_out(writer, app, UndoAdaptation(command_id="c1", adaptation_id=OLD))).ok
        told = (await app.next_message()).event()
        assert isinstance(told, AdaptationReverted)
        assert (told.adaptation.status, told.adaptation.reason) == ("undone", "Stress was 0.9.")
        (entry,) = commands_of(redis_client, "ada")
        assert isinstance(entry, UndoAdaptation)
        assert entry.record is not None
        assert (entry.record.status, entry.record.created_at) == ("accepted", DAYS_40)
        assert entry.record.changes[0].original == a_task(60)
        with running_history(config_for(servers, tmp_path)):
            await asyncio.to_thread(wait_for, lambda: is_caught_up(redis_client, database))
        again = await carried_out(writer, app, UndoAdaptation(command_id="c2", adaptation_id=OLD))
        assert again == CommandOutcome(command_id="c2", ok=False, reason="already_undone")
    rows = database.execute("SELECT time, outcome, firing_id, reason FROM daybeat.decisions ORDER BY time")
    assert rows.fetchall()[-1] == (NOW, "undone", OLD, "Stress was 0.9.")
    shown = database.execute("SELECT outcome, outcome_time FROM daybeat.adaptations_with_outcome")
    assert shown.fetchall() == [("undone", NOW)]


async def test_without_the_database_only_what_is_old_cannot_be_undone(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        outcome = await app.carry_out(UndoAdaptation(command_id="c1", adaptation_id=OLD))
        assert outcome == CommandOutcome(command_id="c1", ok=False, reason="unavailable")
    assert commands_of(redis_client, "ada") == []


async def test_nobody_can_say_for_the_server_what_the_history_has(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> None:
    put_old_adaptation(database)
    store = AdaptationStore(servers.database_url)
    record = await store.find("ada", OLD)
    await store.close()
    assert record is not None
    async with (
        push_running(servers.redis_url, database_url=servers.database_url) as push,
        open_app(push.url, token=token_of("ada")) as app,
    ):
        with pytest.raises(QuestionRefusedError, match="record: ") as refused:
            await app.carry_out(UndoAdaptation(command_id="c1", adaptation_id=OLD, record=record))
        assert refused.value.reason == "bad_field"
    assert commands_of(redis_client, "ada") == []


async def test_a_coach_speaks_for_the_people_listed_and_for_nobody_else(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> None:
    put_old_adaptation(database, "bob", OF_BOB)
    writer = PlanWriter(redis_client)
    token = coach_token("ada")
    words: list[Command] = [
        SetAutonomy(command_id="c1", rule="stress_spike", level="off"),
        PauseAdaptations(command_id="c2", until=NOW + dt.timedelta(days=1)),
        EditTask(command_id="c3", task_id="run", base_version=1, edits=TaskEdits(locked=True)),
        AcceptAdaptation(command_id="c4", adaptation_id=OF_BOB),
        UndoAdaptation(command_id="c5", adaptation_id=OF_BOB),
    ]
    async with push_running(servers.redis_url, database_url=servers.database_url) as push:
        async with open_app(push.url, token=token, user_id="ada") as app:
            outcomes = [await carried_out(writer, app, one) for one in words]
        assert [one.reason for one in outcomes] == [
            *("", "", "no_plan"),
            *("unknown_adaptation", "unknown_adaptation"),
        ]
        assert commands_of(redis_client, "ada") == words
        for stranger in (token, token_of("ada")):
            with pytest.raises(StreamClosedError) as closed:
                async with open_app(push.url, token=stranger, user_id="bob"):
                    pass
            assert closed.value.code == CloseCode.NOT_ALLOWED
    assert commands_of(redis_client, "bob") == []
