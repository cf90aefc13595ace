"""A plan that Redis has lost is rebuilt from the history, to the byte."""

import datetime as dt
import random
from pathlib import Path

import jsonpatch
import orjson
import psycopg
import pytest
import redis

from adaptation.decision_rows import version_row
from adaptation.patch import PlanVersion, replace_tasks
from daybeat.servers import LocalServers
from schemas.errors import BusyError
from schemas.ids import partition_of
from schemas.plan import Plan, Task, TaskAdaptation, TaskOriginal
from schemas.positions import Position
from schemas.records import RECORDS, PlanVersionRow
from stores.decisions import check_decisions_stored
from stores.envelope import seal
from stores.history import HistoryStore
from stores.keys import decisions_key, plan_key
from stores.log import RedisLog
from stores.plan_versions import rebuild_plan
from support.history_process import PARTITIONS, HistoryHouse, config_for, running_history, wait_for
from support.scenario import plan_for

pytestmark = pytest.mark.servers

AT = dt.datetime(2026, 3, 10, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def house(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, tmp_path: Path
) -> HistoryHouse:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    return HistoryHouse(config_for(servers, tmp_path), log, redis_client, database)


def _put_row(plan: Plan, position: Position) -> PlanVersionRow:
    return PlanVersionRow(
        user_id=plan.user_id,
        plan_date=plan.date,
        version=plan.version,
        time=AT,
        position=str(position),
        cause="plan.put",
        patch=None,
        plan=plan.model_dump(mode="json"),
    )


def _eased(task: Task, number: int) -> Task:
    minutes = max(5, task.duration_minutes - 1)
    return task.model_copy(
        update={
            "duration_minutes": minutes,
            "end": task.start + dt.timedelta(minutes=minutes),
            "title": f"Easier – {number} ⟂ „ä“",
            "adaptation": TaskAdaptation(
                adaptation_id=f"adaptation-{number}",
                rule="energy_drop",
                reason="Energy is 0.1, and was 0.7 at 08:00.",
                expires_at=AT + dt.timedelta(hours=6),
                original=TaskOriginal(
                    title=task.title,
                    description=task.description,
                    category=task.category,
                    end=task.end,
                    duration_minutes=task.duration_minutes,
                    intensity=task.intensity,
                    energy_requirement=task.energy_requirement,
                ),
            ),
        }
    )


def _history_of(plan: Plan, chance: random.Random, *, first_ms: int) -> tuple[Plan, list[PlanVersionRow]]:
    """Return the plan after some random versions, and the rows that they leave behind."""
    rows = [_put_row(plan, Position(first_ms, 0, 0))]
    for number in range(12):
        tasks = [task for block in plan.blocks for task in block.tasks]
        chosen = chance.sample(tasks, chance.randrange(1, 4))
        made = replace_tasks(plan, {task.task_id: _eased(task, number) for task in chosen})
        # Positions whose texts sort otherwise than they do: seq 9 and 10, index 2 and 10.
        position = Position(first_ms + 1, number, 10 - number % 3)
        rows.append(_version_row(made, number, position))
        plan = made.plan
    return plan, rows


def _version_row(made: PlanVersion, number: int, position: Position) -> PlanVersionRow:
    return version_row(made, cause=f"firing-{number}", at=AT, position=position)


def _store(house: HistoryHouse, user: str, rows: list[PlanVersionRow]) -> None:
    key = decisions_key(partition_of(user, PARTITIONS))
    for row in rows:
        house.redis.xadd(key, {"d": seal(RECORDS.dump_json([row]))})
    with running_history(house.config):
        wait_for(house.caught_up)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rebuilt_plan_equals_the_lost_one_to_the_byte(house: HistoryHouse, seed: int) -> None:
    plan, rows = _history_of(plan_for("ada"), random.Random(seed), first_ms=1000)
    key = plan_key(partition_of("ada", PARTITIONS), "ada", plan.date)
    house.redis.set(key, plan.model_dump_json())
    lost = house.redis.get(key)
    _store(house, "ada", rows)
    house.redis.delete(key)
    rebuilt = rebuild_plan(house.database, "ada", plan.date)
    assert rebuilt.version == 13
    assert rebuilt.model_dump_json().encode() == lost


def test_the_stored_patches_are_json_patches_that_others_can_apply(house: HistoryHouse) -> None:
    plan, rows = _history_of(plan_for("ada"), random.Random(4), first_ms=1000)
    _store(house, "ada", rows)
    found = house.database.execute(
        "SELECT plan, patch FROM daybeat.plan_versions ORDER BY version"
    ).fetchall()
    document = found[0][0]
    for _, patch in found[1:]:
        document = jsonpatch.apply_patch(document, patch)
    assert document == orjson.loads(plan.model_dump_json())


def test_a_plan_that_was_put_again_is_rebuilt_from_the_later_one(house: HistoryHouse) -> None:
    old, old_rows = _history_of(plan_for("ada"), random.Random(5), first_ms=1000)
    # Redis lost the plan, and a planner put another one, which begins again at version 1.
    new, new_rows = _history_of(plan_for("ada", tasks=4), random.Random(6), first_ms=999_999)
    _store(house, "ada", new_rows + old_rows)
    assert rebuild_plan(house.database, "ada", old.date) == new


def test_what_is_decided_but_not_yet_stored_is_told_before_a_plan_is_rebuilt(house: HistoryHouse) -> None:
    _, rows = _history_of(plan_for("ada"), random.Random(7), first_ms=1000)
    partition = partition_of("ada", PARTITIONS)
    _store(house, "ada", rows[:-1])
    check_decisions_stored(house.redis, HistoryStore(house.database).positions(), partition)
    house.redis.xadd(decisions_key(partition), {"d": seal(RECORDS.dump_json(rows[-1:]))})
    with pytest.raises(BusyError, match=r"decisions of partition \d+: they are stored up to"):
        check_decisions_stored(house.redis, HistoryStore(house.database).positions(), partition)
