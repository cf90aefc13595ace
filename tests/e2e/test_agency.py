"""Rules and agency on the whole way: from a watch's message to SQL, with the person's word in between."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from daybeat.app_client import AppClient, Received, open_app
from daybeat.stack import Stack
from push.protocol import GetProfile
from schemas.commands import (
    DeclineAdaptation,
    EditTask,
    PauseAdaptations,
    PutPlan,
    SetAutonomy,
    SetProfile,
    TaskEdits,
    UndoAdaptation,
)
from schemas.events import AdaptationApplied, AdaptationProposed, AdaptationReverted
from schemas.ids import partition_of
from schemas.people import PersonState
from schemas.plan import Plan, Task, TimeBlock
from stores.keys import person_key, plan_key
from support.gateway_run import Device, now_us, reading
from support.processes import wait_for

pytestmark = pytest.mark.servers

WITHIN_S = 20.0
NOW = dt.datetime.now(dt.UTC)
OWN_RULES = """\
version = 2

[[rule]]
name = "fast_heart"
title = "Fast heart"
kind = "protective"
priority = 1
when = "heart_rate_bpm > 120 bpm"
cooldown = "1h"
horizon = "6h"
expires = "1h"
action = "reduce_intensity"
reason = "Your heart beats {heart_rate_bpm} at rest."
"""


def plan_of(user: str) -> Plan:
    """Return a plan for today with a hard task in an hour."""
    now = NOW.replace(microsecond=0)
    start = now + dt.timedelta(hours=1)
    run = Task(
        task_id="intervals",
        title="Six hard intervals",
        category="movement",
        start=start,
        end=start + dt.timedelta(minutes=40),
        duration_minutes=40,
        intensity="high",
        energy_requirement="high",
    )
    block = TimeBlock(
        block_id="rest-of-day",
        title="Rest of the day",
        start=now,
        end=now + dt.timedelta(hours=4),
        tasks=(run,),
    )
    return Plan(user_id=user, date=now.date(), time_zone="UTC", blocks=(block,))


def stored_plan(stack: Stack, user: str) -> bytes:
    key = plan_key(partition_of(user, stack.settings.partitions), user, NOW.date())
    with redis.Redis.from_url(stack.urls.redis) as client:
        text = client.get(key)
    assert isinstance(text, bytes)
    return text


def decisions(stack: Stack, user: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(stack.urls.database, autocommit=True) as connection:
        return connection.execute(
            "SELECT rule, outcome, why FROM daybeat.decisions WHERE user_id = %s ORDER BY time, outcome",
            (user,),
        ).fetchall()


def publish(stack: Stack, user: str, *readings: dict[str, object]) -> None:
    """Send readings of a watch, a second apart, the last one now."""
    port = int(stack.urls.mqtt.rpartition(":")[2])
    last_us = now_us()
    with Device(port, user=user) as device:
        for number, fields in enumerate(readings):
            at_us = last_us - (len(readings) - 1 - number) * 1_000_000
            device.publish(reading(at_us // 1_000_000, at_us=at_us, **fields))


@asynccontextmanager
async def app_of(stack: Stack, user: str) -> AsyncIterator[AppClient]:
    """Open a person's app, with a plan for today put."""
    async with open_app(stack.urls.websocket, token=stack.page_token(), user_id=user) as app:
        assert (await app.carry_out(PutPlan(command_id="put", plan=plan_of(user)))).ok
        yield app


async def event_of(app: AppClient, kind: str) -> Received:
    """Return the next message of a kind."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await app.next_message()
            if message.type == kind:
                return message


def daybeat(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    return subprocess.run(
        [sys.executable, "-m", "daybeat", *arguments],
        env={**inherited, **stack.settings.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_an_applied_change_is_undone_in_one_step_and_sql_tells_both(stack: Stack) -> None:
    async with app_of(stack, "undo-ada") as app:
        before = json.loads(stored_plan(stack, "undo-ada"))
        await asyncio.to_thread(publish, stack, "undo-ada", {"energy_level": 0.8}, {"energy_level": 0.2})
        applied = (await event_of(app, "adaptation.applied")).event()
        assert isinstance(applied, AdaptationApplied)
        adaptation = applied.adaptation
        assert "from 80% to 20%" in adaptation.reason
        eased = json.loads(stored_plan(stack, "undo-ada"))
        assert eased["blocks"][0]["tasks"][0]["intensity"] == "easy"

        undo = UndoAdaptation(command_id="undo", adaptation_id=adaptation.adaptation_id)
        assert (await app.carry_out(undo)).ok
        reverted = (await event_of(app, "adaptation.reverted")).event()
        assert isinstance(reverted, AdaptationReverted)
        assert reverted.adaptation == adaptation.model_copy(update={"status": "undone"})
        after = json.loads(stored_plan(stack, "undo-ada"))
        assert after == {**before, "version": before["version"] + 2}
    told = [("energy_drop", "applied", ""), ("energy_drop", "undone", "")]
    wait_for(lambda: decisions(stack, "undo-ada") == told)


async def test_a_declined_proposal_leaves_the_plan_byte_for_byte(stack: Stack) -> None:
    async with app_of(stack, "decline-ada") as app:
        before = stored_plan(stack, "decline-ada")
        surge = {"energy_level": 0.9, "readiness_score": 0.9}
        await asyncio.to_thread(publish, stack, "decline-ada", surge)
        proposed = (await event_of(app, "adaptation.proposed")).event()
        assert isinstance(proposed, AdaptationProposed)
        decline = DeclineAdaptation(command_id="no", adaptation_id=proposed.adaptation.adaptation_id)
        assert (await app.carry_out(decline)).ok
        assert stored_plan(stack, "decline-ada") == before
    told = [("energy_surge", "proposed", ""), ("energy_surge", "declined", "")]
    wait_for(lambda: decisions(stack, "decline-ada") == told)


@pytest.mark.parametrize(
    ("user", "wish", "told"),
    [
        ("paused-ada", PauseAdaptations(command_id="wish", until=NOW + dt.timedelta(hours=2)), "paused"),
        ("off-ada", SetAutonomy(command_id="wish", rule="energy_drop", level="off"), "off"),
    ],
)
async def test_what_a_person_does_not_want_is_withheld_and_the_record_says_why(
    stack: Stack, user: str, wish: PauseAdaptations | SetAutonomy, told: str
) -> None:
    async with app_of(stack, user) as app:
        before = stored_plan(stack, user)
        assert (await app.carry_out(wish)).ok
        await asyncio.to_thread(publish, stack, user, {"energy_level": 0.8}, {"energy_level": 0.2})
        await asyncio.to_thread(
            wait_for, lambda: decisions(stack, user) == [("energy_drop", "withheld", told)]
        )
        assert stored_plan(stack, user) == before


async def test_wishes_that_redis_lost_are_set_again_from_the_history(stack: Stack) -> None:
    user, until = "lost-ada", NOW + dt.timedelta(hours=3)
    key = person_key(partition_of(user, stack.settings.partitions), user)
    async with app_of(stack, user) as app:
        for wish in (
            SetAutonomy(command_id="dial", rule="stress_spike", level="off"),
            SetAutonomy(command_id="harder", reduce_only=True),
            PauseAdaptations(command_id="pause", until=until),
            SetProfile(command_id="zone", time_zone="Asia/Tokyo"),
        ):
            assert (await app.carry_out(wish)).ok, wish
    again = ("profile", "rebuild", user)
    assert "not lost" in (await asyncio.to_thread(daybeat, stack, *again)).stderr
    with redis.Redis.from_url(stack.urls.redis) as client:
        client.hdel(key, "state")
        await asyncio.to_thread(wait_for, lambda: daybeat(stack, *again).returncode == 0)
        state = PersonState.model_validate_json(client.hget(key, "state") or b"")
    assert (state.time_zone, state.autonomy) == ("Asia/Tokyo", {"stress_spike": "off"})
    assert (state.reduce_only, state.paused_until) == (True, until)


async def test_a_person_s_edit_outlives_the_change_and_its_undoing(stack: Stack) -> None:
    async with app_of(stack, "edit-ada") as app:
        await asyncio.to_thread(publish, stack, "edit-ada", {"energy_level": 0.8}, {"energy_level": 0.2})
        applied = (await event_of(app, "adaptation.applied")).event()
        assert isinstance(applied, AdaptationApplied)
        edits = TaskEdits(title="With Bo by the river")
        edit = EditTask(command_id="edit", task_id="intervals", base_version=1, edits=edits)
        assert (await app.carry_out(edit)).ok
        undo = UndoAdaptation(command_id="undo", adaptation_id=applied.adaptation.adaptation_id)
        assert (await app.carry_out(undo)).ok
    (task,) = json.loads(stored_plan(stack, "edit-ada"))["blocks"][0]["tasks"]
    assert (task["title"], task["intensity"], task["duration_minutes"]) == (
        "With Bo by the river",
        "high",
        40,
    )
    assert task["adaptation"] is None


async def test_rules_that_are_loaded_apply_from_there_on_and_broken_ones_change_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN_RULES.replace("heart_rate_bpm > 120", "hart_rate_bpm > 120"))
    broken = await asyncio.to_thread(daybeat, stack, "rules", "load", str(file))
    assert broken.returncode == 2
    assert "line 8, column 9" in broken.stderr
    assert "heart_rate_bpm" in broken.stderr
    assert "energy_drop" in (await asyncio.to_thread(daybeat, stack, "rules", "show")).stdout

    file.write_text(OWN_RULES)
    loaded = await asyncio.to_thread(daybeat, stack, "rules", "load", str(file))
    assert loaded.returncode == 0, loaded.stderr
    try:
        async with app_of(stack, "rules-ada") as app:
            profile = await app.get_profile(GetProfile(command_id="who"))
            assert [rule.name for rule in profile.rules] == ["fast_heart"]
            energies = ({"energy_level": 0.8}, {"energy_level": 0.2})
            rest = {"heart_rate_bpm": 130, "activity": "rest"}
            await asyncio.to_thread(publish, stack, "rules-ada", *energies, rest)
            applied = (await event_of(app, "adaptation.applied")).event()
            assert isinstance(applied, AdaptationApplied)
            assert applied.adaptation.rule == "fast_heart"
        wait_for(lambda: decisions(stack, "rules-ada") == [("fast_heart", "applied", "")])
    finally:
        assert (await asyncio.to_thread(daybeat, stack, "rules", "load", "--builtin")).returncode == 0
