"""Rules in the log and timers, through the whole live flow over a real Redis."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
import structlog

from schemas.commands import PutPlan
from schemas.frames import encode_frame
from schemas.ids import PartitionId, partition_of
from schemas.readings import micros
from schemas.rule_entries import RulesEntry
from stores.keys import feed_key, plan_key
from stores.log import EntryKind, NewEntry, RedisLog
from support.dumps import records_of
from support.live_flow import run_flow
from support.scenario import DAY, MINUTE_US, START, command, frame_of, plan_for, ticks

PARTITIONS = 2
BEGAN = micros(START)
pytestmark = pytest.mark.servers

TIRED = """version = 2

[[rule]]
name = "tired"
kind = "protective"
priority = 1
when = "energy_level < 30 %"
cooldown = "1h"
horizon = "6h"
expires = "30min"
action = "reduce_intensity"
reason = "Energy is {energy_level}."
"""
LIVELY = """version = 2

[[rule]]
name = "lively"
kind = "upgrading"
priority = 1
when = "energy_level > 60 %"
cooldown = "1h"
horizon = "6h"
expires = "30min"
action = "upgrade"
reason = "Energy is {energy_level}."
"""


def reading(user: str, minute: int, energy: float) -> NewEntry:
    row = (user, "watch", 1000 + minute, BEGAN + minute * MINUTE_US, {"energy_level": energy})
    return NewEntry(partition_of(user, PARTITIONS), EntryKind.READINGS, encode_frame(frame_of([row])))


def rules(payload: bytes) -> list[NewEntry]:
    return [NewEntry(PartitionId(number), EntryKind.RULES, payload) for number in range(PARTITIONS)]


def entry(text: str, *, name: str = "rules.toml") -> bytes:
    return RulesEntry(name=name, text=text, arrival_us=BEGAN).model_dump_json().encode()


def loads(text: str) -> list[NewEntry]:
    return rules(entry(text))


def plans_of(*users: str) -> list[NewEntry]:
    return [
        command(user, PARTITIONS, BEGAN, PutPlan(command_id=f"put-{user}", plan=plan_for(user)).model_dump())
        for user in users
    ]


def decided(client: redis.Redis) -> list[tuple[object, ...]]:
    rows = [one for one in records_of(client, PARTITIONS) if one["table"] == "decisions"]
    return [(one["user_id"], one["rule"], one["outcome"]) for one in rows]


def feed(client: redis.Redis, user: str) -> list[dict[str, Any]]:
    rows: Any = client.xrange(feed_key(partition_of(user, PARTITIONS), user))
    return [orjson.loads(fields[b"e"]) for _, fields in rows]


def run(client: redis.Redis, folder: Path, *entries: Sequence[NewEntry]) -> None:
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    for some in entries:
        log.append(some)
    run_flow(client, folder, partitions=PARTITIONS)


def test_rules_apply_from_their_place_in_the_log_on_and_after_a_restart(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    run(
        redis_client,
        tmp_path,
        plans_of("ada", "bob", "eve"),
        loads(TIRED),
        [reading("ada", 1, 0.1), reading("bob", 1, 0.7)],
        loads(LIVELY),
        [reading("ada", 2, 0.1), reading("bob", 2, 0.5), reading("bob", 3, 0.7)],
    )
    first = [("ada", "tired", "applied"), ("bob", "lively", "proposed")]
    assert sorted(decided(redis_client)) == first
    run(redis_client, tmp_path, [reading("eve", 4, 0.1), reading("eve", 5, 0.7)])
    assert sorted(decided(redis_client)) == [*first, ("eve", "lively", "proposed")]


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        pytest.param(b"strictly personal", "it is no rules entry", id="no_entry"),
        pytest.param(
            entry(TIRED.replace("energy_level <", "mood <"), name="new.toml"),
            "new.toml, line 7",
            id="wrong_rule",
        ),
        pytest.param(
            entry(TIRED.replace("= 2", "= 99", 1), name="new.toml"), "new.toml", id="version_of_the_future"
        ),
    ],
)
def test_rules_that_cannot_be_read_are_refused_and_the_flow_goes_on_with_the_old(
    redis_client: redis.Redis, tmp_path: Path, payload: bytes, told: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        run(
            redis_client,
            tmp_path,
            plans_of("ada"),
            loads(TIRED),
            rules(payload),
            [reading("ada", 1, 0.1)],
        )
    assert decided(redis_client) == [("ada", "tired", "applied")]
    refused = [one for one in logs if one["event"] == "rules_refused"]
    assert {one["partition"] for one in refused} == set(range(PARTITIONS))
    assert all(one["log_level"] == "error" and one["error"].startswith(told) for one in refused)


def test_a_change_returns_by_itself_for_a_person_who_sends_nothing_more(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    key = plan_key(partition_of("ada", PARTITIONS), "ada", DAY)
    run(redis_client, tmp_path, plans_of("ada"), loads(TIRED), [reading("ada", 1, 0.1)])
    eased = orjson.loads(redis_client.get(key))  # type: ignore[arg-type]  # not awaited
    assert eased["version"] == 2
    run(redis_client, tmp_path, ticks(PARTITIONS, BEGAN + 31 * MINUTE_US))  # arrivals are 0.2 s later
    assert orjson.loads(redis_client.get(key))["version"] == 2  # type: ignore[arg-type]
    run(redis_client, tmp_path, ticks(PARTITIONS, BEGAN + 32 * MINUTE_US))
    plan = orjson.loads(redis_client.get(key))  # type: ignore[arg-type]
    assert plan["version"] == 3
    assert plan["blocks"] == orjson.loads(plan_for("ada").model_dump_json())["blocks"]
    events = feed(redis_client, "ada")
    assert [event["type"] for event in events][-2:] == ["plan.changed", "adaptation.reverted"]
    assert events[-1]["adaptation"]["status"] == "expired"
    assert decided(redis_client) == [("ada", "tired", "applied"), ("ada", "tired", "expired")]


def test_a_proposal_that_nobody_answers_lapses_for_a_person_who_sends_nothing_more(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    run(redis_client, tmp_path, plans_of("ada"), loads(LIVELY), [reading("ada", 1, 0.7)])
    run(redis_client, tmp_path, ticks(PARTITIONS, BEGAN + 32 * MINUTE_US))
    assert decided(redis_client) == [("ada", "lively", "proposed"), ("ada", "lively", "expired")]
    assert feed(redis_client, "ada")[-1]["adaptation"]["status"] == "expired"
