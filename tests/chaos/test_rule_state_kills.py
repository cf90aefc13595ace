"""What rules remember survives ``kill -9``: holds, cooldowns, daily counts, deadlines; the rules too."""

import datetime as dt
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from daybeat.servers import LocalServers
from schemas.commands import PutPlan
from schemas.frames import encode_frame
from schemas.ids import PartitionId, partition_of
from schemas.readings import micros
from schemas.rule_entries import RulesEntry
from stores.log import EntryKind, NewEntry, RedisLog
from support.dumps import LogDump, dump_log, ends_of, identities, people_of, records_of, restore_log
from support.live_process import LiveProcess
from support.scenario import MINUTE_US, START, command, frame_of, plan_for, ticks

PARTITIONS = 2
PEOPLE = ("ada", "bob", "cat", "dan", "eve", "fay")
BEGAN = micros(START)
TRACKED = frozenset({"baselines", "features", "hrv_days", "estimates", "wear"})
pytestmark = [pytest.mark.servers, pytest.mark.chaos]

RULE = """
[[rule]]
name = "{name}"
kind = "{kind}"
priority = 1
when = "{when}"
cooldown = "{cooldown}"
at_most_per_day = {limit}
horizon = "6h"
expires = "{expires}"
action = "{action}"
reason = "As it is."
"""


def rule(name: str, when: str, *, cooldown: str = "2h", limit: int = 20, expires: str = "30min") -> str:
    kind, action = ("upgrading", "upgrade") if name == "surge" else ("protective", "reduce_intensity")
    return RULE.format(
        name=name, when=when, cooldown=cooldown, limit=limit, expires=expires, kind=kind, action=action
    )


HELD = rule("held", "stress_level > 60 % for 10 min", expires="6h")
FIRST = (
    "version = 2\n"
    + HELD
    + rule("tired", "energy_level < 30 %")
    + rule("unready", "readiness_score < 30 %", cooldown="1min", limit=1, expires="1h")
    + rule("surge", "energy_level > 80 %")
)
OTHER = "version = 2\n" + rule("sad", "stress_level < 5 %") + HELD + rule("tired", "energy_level < 25 %")


def readings(*told: tuple[str, int, dict[str, float]]) -> Iterator[NewEntry]:
    """Yield each reading as a frame of its own: who, at which minute, what."""
    for user, minute, values in told:
        row = (user, "watch", 1000 + minute, BEGAN + minute * MINUTE_US, values)
        yield NewEntry(partition_of(user, PARTITIONS), EntryKind.READINGS, encode_frame(frame_of([row])))


def loads(text: str, minute: int) -> Iterator[NewEntry]:
    entry = RulesEntry(name="rules.toml", text=text, arrival_us=BEGAN + minute * MINUTE_US)
    for number in range(PARTITIONS):
        yield NewEntry(PartitionId(number), EntryKind.RULES, entry.model_dump_json().encode())


def holds(user: str, *minutes: int) -> Iterator[NewEntry]:
    return readings(*[(user, minute, {"stress_level": 0.9}) for minute in minutes])


def pieces() -> list[list[NewEntry]]:
    """Return the log in pieces; between them the flow is killed."""
    begun = [
        command(user, PARTITIONS, BEGAN, PutPlan(command_id=f"put-{user}", plan=plan_for(user)).model_dump())
        for user in PEOPLE
    ]
    first = [
        *loads(FIRST, 0),
        *begun,
        *readings(
            ("bob", 1, {"energy_level": 0.1}),
            ("dan", 1, {"energy_level": 0.1}),
            ("eve", 1, {"energy_level": 0.9}),
            ("cat", 1, {"readiness_score": 0.1}),
            ("cat", 2, {"readiness_score": 0.9}),
            ("bob", 2, {"energy_level": 0.5}),
        ),
        *holds("ada", 0, 2, 4),
    ]
    second = [
        *holds("ada", 6, 8, 10, 12),
        *readings(("cat", 15, {"readiness_score": 0.1}), ("bob", 20, {"energy_level": 0.1})),
        *holds("fay", 22, 25),
        *ticks(PARTITIONS, BEGAN + 32 * MINUTE_US),
    ]
    third = [
        *loads(OTHER, 33),
        *loads("version = 2\n[[rule]]\nname = 1", 33),
        *holds("fay", 33, 36),
        *ticks(PARTITIONS, BEGAN + 62 * MINUTE_US),
        *readings(("bob", 124, {"energy_level": 0.9}), ("bob", 125, {"energy_level": 0.1})),
    ]
    return [first, second, third, ticks(PARTITIONS, BEGAN + 500 * MINUTE_US)]


EXPECTED = {
    ("bob", "tired", "applied", "", 1),
    ("dan", "tired", "applied", "", 1),
    ("eve", "surge", "proposed", "", 1),
    ("cat", "unready", "applied", "", 1),
    ("ada", "held", "applied", "", 10),
    ("cat", "unready", "suppressed", "daily_limit", 15),
    ("bob", "tired", "suppressed", "cooldown", 20),
    ("bob", "tired", "expired", "", 32),
    ("dan", "tired", "expired", "", 32),
    ("eve", "surge", "expired", "", 32),
    ("fay", "held", "applied", "", 33),
    ("cat", "unready", "expired", "", 62),
    ("bob", "tired", "withheld", "daily_cap", 125),
    ("ada", "held", "expired", "", 500),
    ("fay", "held", "expired", "", 500),
}
"""Who, rule, outcome, why, and at which minute."""


def _decided(client: redis.Redis) -> set[tuple[str, str, str, str, int]]:
    return {
        (
            str(record["user_id"]),
            str(record["rule"]),
            str(record["outcome"]),
            str(record["why"]),
            _minute_of(str(record["time"])),
        )
        for record in records_of(client, PARTITIONS)
        if record["table"] == "decisions"
    }


def _minute_of(text: str) -> int:
    return int((dt.datetime.fromisoformat(text) - START).total_seconds()) // 60


def _records(client: redis.Redis) -> tuple[list[bytes], set[bytes]]:
    """Return the records that must occur once, and those of ``track``, which SQL tells apart by their key."""
    records = records_of(client, PARTITIONS)
    once = [record for record in records if record["table"] not in TRACKED]
    tracked = [record for record in records if record["table"] in TRACKED]
    return identities(once), set(identities(tracked))


def _appended(client: redis.Redis) -> list[LogDump]:
    """Append the pieces one after the other; return the entries of each with the ids they got."""
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    dumps: list[LogDump] = []
    for piece in pieces():
        log.append(piece)
        before = {(key, entry_id) for dump in dumps for key, entries in dump for entry_id, _ in entries}
        dumps.append(
            [
                (key, [entry for entry in entries if (key, entry[0]) not in before])
                for key, entries in dump_log(client, PARTITIONS)
            ]
        )
    return dumps


def _rewound(client: redis.Redis) -> None:
    """Empty Redis, as it was before the log's first entry."""
    client.flushdb()
    RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)


def test_rules_remember_over_kills_what_they_would_remember_without(
    servers: LocalServers, redis_client: redis.Redis, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    dumps = _appended(redis_client)
    flow = LiveProcess(redis_url=servers.redis_url, state_folder=tmp_path / "a/state", partitions=PARTITIONS)
    flow.start()
    flow.wait_until(redis_client, ends_of(dumps[-1]))
    assert flow.stop() == 0
    assert _decided(redis_client) == EXPECTED
    people, records = people_of(redis_client), _records(redis_client)

    _rewound(redis_client)
    killed = LiveProcess(
        redis_url=servers.redis_url, state_folder=tmp_path / "b/state", partitions=PARTITIONS
    )
    *broken, last = dumps
    for dump in broken:
        restore_log(redis_client, dump)
        killed.start()
        time.sleep(chance.uniform(0.5, 2.0))
        killed.kill()  # in the middle of it
        killed.start()
        killed.wait_until(redis_client, ends_of(dump))
        time.sleep(chance.uniform(0.0, 1.5))
        killed.kill()  # all so far is decided, and perhaps in a checkpoint
    killed.start()
    restore_log(redis_client, last)
    killed.wait_until(redis_client, ends_of(last))
    assert killed.stop() == 0
    assert people_of(redis_client) == people
    assert _records(redis_client) == records
