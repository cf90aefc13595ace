"""FAILURES row 9: the live flow is killed; nothing is lost, nothing happens twice."""

import random
import time
from pathlib import Path

import pytest
import redis

from daybeat.servers import LocalServers
from schemas.readings import micros
from stores.log import RedisLog
from support.dumps import LogDump, dump_log, ends_of, identities, people_of, records_of, restore_log
from support.live_process import LiveProcess, committed_of
from support.scenario import START, day_of_entries, ticks

PARTITIONS = 4
pytestmark = [pytest.mark.servers, pytest.mark.chaos]


TRACKED = frozenset({"baselines", "features", "hrv_days", "estimates", "wear"})


def _the_log(client: redis.Redis, seed: int) -> LogDump:
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    log.append(day_of_entries(people=30, partitions=PARTITIONS, seed=seed))
    return dump_log(client, PARTITIONS)


def _decisions(client: redis.Redis) -> tuple[list[bytes], set[bytes]]:
    """Return the records that must occur once, and those of ``track``, which SQL tells apart by their key."""
    records = records_of(client, PARTITIONS)
    once = [record for record in records if record["table"] not in TRACKED]
    tracked = [record for record in records if record["table"] in TRACKED]
    return identities(once), set(identities(tracked))


def test_a_flow_killed_at_random_moments_decides_as_an_unbroken_one(
    servers: LocalServers, redis_client: redis.Redis, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201  # shown when the test fails
    dump = _the_log(redis_client, seed)
    ends = ends_of(dump)

    unbroken = LiveProcess(
        redis_url=servers.redis_url, state_folder=tmp_path / "unbroken/state", partitions=PARTITIONS
    )
    unbroken.start()
    unbroken.wait_until(redis_client, ends)
    assert unbroken.stop() == 0
    expected_people, expected = people_of(redis_client), _decisions(redis_client)
    assert len(expected[0]) > 60, "the scenario decides too little to prove anything"

    redis_client.flushdb()
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    killed = LiveProcess(
        redis_url=servers.redis_url, state_folder=tmp_path / "killed/state", partitions=PARTITIONS
    )
    chance = random.Random(seed)
    kills = 0
    # The log arrives in pieces, so that every kill comes while there is something to do.
    *pieces, last = _pieces(dump, 7)
    for piece in pieces:
        restore_log(redis_client, piece)
        killed.start()
        time.sleep(chance.uniform(0.8, 2.5))
        killed.kill()
        kills += 1
    restore_log(redis_client, last)
    killed.start()
    killed.wait_until(redis_client, ends)
    assert killed.stop() == 0

    assert kills == 6
    assert people_of(redis_client) == expected_people
    assert _decisions(redis_client) == expected


def test_entries_already_decided_are_recognised_when_the_state_folder_is_lost(
    servers: LocalServers, redis_client: redis.Redis, tmp_path: Path
) -> None:
    dump = _the_log(redis_client, seed=5)
    first = LiveProcess(
        redis_url=servers.redis_url, state_folder=tmp_path / "first/state", partitions=PARTITIONS
    )
    first.start()
    first.wait_until(redis_client, ends_of(dump))
    assert first.stop() == 0
    before = people_of(redis_client), _decisions(redis_client)

    again = LiveProcess(
        redis_url=servers.redis_url, state_folder=tmp_path / "again/state", partitions=PARTITIONS
    )
    for number in range(PARTITIONS):
        redis_client.delete(f"daybeat:{{{number}}}:committed")
    again.start()
    again.wait_until(redis_client, ends_of(dump))
    assert again.stop() == 0
    assert (people_of(redis_client), _decisions(redis_client)) == before


def test_the_commit_signal_never_runs_ahead_of_what_was_decided(
    servers: LocalServers, redis_client: redis.Redis, tmp_path: Path
) -> None:
    dump = _the_log(redis_client, seed=6)
    flow = LiveProcess(redis_url=servers.redis_url, state_folder=tmp_path / "state", partitions=PARTITIONS)
    flow.start()
    flow.wait_until(redis_client, ends_of(dump))
    flow.kill()
    committed = {number: committed_of(redis_client, number) for number in range(PARTITIONS)}
    people = people_of(redis_client)
    # Everything below the commit may be trimmed: a resumed flow must not miss it.
    checkpoints = {number: committed_of(redis_client, number, "checkpoint") for number in range(PARTITIONS)}
    for number in range(PARTITIONS):
        assert checkpoints[number] <= committed[number]
        if checkpoints[number].ms:
            redis_client.xtrim(f"daybeat:{{{number}}}:log", minid=str(checkpoints[number]), approximate=False)
    flow.start()
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    log.append(ticks(PARTITIONS, micros(START)))
    flow.wait_until(redis_client, log.ends())
    assert flow.stop() == 0
    assert people_of(redis_client) == people


def _pieces(dump: LogDump, count: int) -> list[LogDump]:
    """Split a log's entries into ``count`` parts, in order within every partition."""
    return [
        [
            (key, entries[len(entries) * part // count : len(entries) * (part + 1) // count])
            for key, entries in dump
        ]
        for part in range(count)
    ]
