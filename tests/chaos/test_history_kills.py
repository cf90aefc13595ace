"""FAILURES rows 9 and 11 for the history: killed, or without its database, it loses and doubles nothing."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from daybeat.servers import LocalServers
from schemas.errors import UnavailableError
from schemas.frames import encode_frame
from schemas.ids import partition_of
from stores.keys import committed_key
from stores.log import EntryKind, NewEntry, RedisLog
from support.history_process import (
    PARTITIONS,
    HistoryHouse,
    HistoryProcess,
    config_for,
    running_history,
    wait_for,
)
from support.history_rows import Row, frame_of_rows, in_order, random_rows, stored_rows

pytestmark = [pytest.mark.servers, pytest.mark.chaos]


@pytest.fixture
def house(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, tmp_path: Path
) -> HistoryHouse:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    return HistoryHouse(config_for(servers, tmp_path), log, redis_client, database)


class Appending:
    """A thread that appends frames of new readings until told to stop; devices send some of them twice."""

    def __init__(self, log: RedisLog, seed: int, *, frames_per_s: float) -> None:
        self.rows: list[Row] = []
        self._log = log
        self._chance = random.Random(seed)
        self._pause_s = 1 / frames_per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            fresh = random_rows(20, self._chance.randrange(2**32), users=1, first=len(self.rows))
            self.rows += fresh
            again = [row for row in self.rows[-200:] if self._chance.random() < 0.02]
            frame = encode_frame(frame_of_rows([*fresh, *again]))
            self._log.append(
                [NewEntry(partition_of(fresh[0]["user_id"], PARTITIONS), EntryKind.READINGS, frame)]
            )

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> list[Row]:
        """Stop and return all readings that were appended."""
        self._stop.set()
        self._thread.join()
        return self.rows


@contextlib.contextmanager
def appending(log: RedisLog, seed: int, *, frames_per_s: float = 200) -> Iterator[Appending]:
    thread = Appending(log, seed, frames_per_s=frames_per_s)
    thread.start()
    try:
        yield thread
    finally:
        thread.finish()


def test_a_flow_killed_at_random_moments_stores_every_reading_once(
    servers: LocalServers, house: HistoryHouse, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    flow = HistoryProcess(servers, tmp_path)
    with appending(house.log, seed) as thread:
        for _ in range(5):
            flow.start()
            before = len(stored_rows(house.database))
            wait_for(lambda before=before: len(stored_rows(house.database)) > before, words=flow.words)
            time.sleep(chance.uniform(0.0, 0.5))
            flow.kill()
        flow.start()
        rows = thread.finish()
    wait_for(house.caught_up, words=flow.words)
    assert flow.stop() == 0, flow.words()
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_killed_between_the_commit_in_sql_and_the_commit_in_redis_nothing_is_stored_twice(
    servers: LocalServers, house: HistoryHouse, tmp_path: Path
) -> None:
    rows = random_rows(200, seed=21)
    house.log.append(
        [
            NewEntry(
                partition_of(row["user_id"], PARTITIONS),
                EntryKind.READINGS,
                encode_frame(frame_of_rows([row])),
            )
            for row in rows
        ]
    )
    flow = HistoryProcess(servers, tmp_path)
    flow.start()
    wait_for(house.caught_up, words=flow.words)
    flow.kill()
    for number in range(PARTITIONS):  # what the flow would have told Redis is lost
        house.redis.delete(committed_key(number))
    flow.start()
    wait_for(lambda: house.log.committed("history") == house.log.ends(), words=flow.words)
    assert flow.stop() == 0
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_while_postgres_is_stopped_entries_are_kept_and_afterwards_every_row_is_there(
    servers: LocalServers, house: HistoryHouse
) -> None:
    with running_history(house.config) as running, appending(house.log, seed=31) as thread:
        wait_for(lambda: len(stored_rows(house.database)) > 0)
        servers.postgres.pause()
        try:
            appended_before = len(thread.rows)
            wait_for(lambda: running.metric("daybeat_history_database_up") == 0, within_s=15)
            time.sleep(1)
            assert len(thread.rows) > appended_before + 500, "the log stopped with the database"
            wait_for(lambda: running.metric("daybeat_history_lag_entries") > 0)
        finally:
            servers.postgres.resume()
        wait_for(lambda: running.metric("daybeat_history_database_up") == 1)
        rows = thread.finish()
        wait_for(house.caught_up)
        wait_for(lambda: running.metric("daybeat_history_lag_entries") == 0)
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_postgres_killed_and_started_again_costs_no_row(servers: LocalServers, house: HistoryHouse) -> None:
    with running_history(house.config) as running, appending(house.log, seed=32) as thread:
        wait_for(lambda: len(stored_rows(house.database)) > 0)
        servers.postgres.kill()
        wait_for(lambda: running.metric("daybeat_history_database_up") == 0)
        time.sleep(1)
        servers.postgres.start()
        wait_for(lambda: running.metric("daybeat_history_database_up") == 1)
        rows = thread.finish()
        with psycopg.connect(servers.database_url, autocommit=True) as database:
            wait_for(lambda: HistoryHouse(house.config, house.log, house.redis, database).caught_up())
            assert in_order(stored_rows(database)) == in_order(rows)


def test_a_backend_that_is_terminated_and_a_table_that_is_locked_only_delay_the_rows(
    servers: LocalServers, house: HistoryHouse
) -> None:
    with running_history(house.config), appending(house.log, seed=33) as thread:
        wait_for(lambda: len(stored_rows(house.database)) > 0)
        for _ in range(3):
            house.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'daybeat history'"
            )
            time.sleep(0.3)
        with psycopg.connect(servers.database_url) as other:
            other.execute("LOCK TABLE daybeat.readings IN ACCESS EXCLUSIVE MODE")
            time.sleep(1)
        rows = thread.finish()
        wait_for(house.caught_up)
    assert in_order(stored_rows(house.database)) == in_order(rows)


@pytest.mark.parametrize(
    "code", ["disk_full", "read_only_sql_transaction", "insufficient_privilege", "out_of_memory"]
)
def test_whatever_passes_by_itself_in_postgres_only_delays_the_rows(house: HistoryHouse, code: str) -> None:
    house.database.execute(
        "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'refused for now' USING ERRCODE = '{code}'; END $$"
    )
    with running_history(house.config) as running, appending(house.log, seed=40) as thread:
        wait_for(lambda: len(stored_rows(house.database)) > 0)
        house.database.execute(
            "CREATE TRIGGER for_now BEFORE INSERT ON daybeat.readings"
            " FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()"
        )
        try:
            wait_for(lambda: running.metric("daybeat_history_database_up") == 0)
        finally:
            house.database.execute("DROP TRIGGER for_now ON daybeat.readings")
        wait_for(lambda: running.metric("daybeat_history_database_up") == 1)
        rows = thread.finish()
        wait_for(house.caught_up)
    assert in_order(stored_rows(house.database)) == in_order(rows)
    assert house.database.execute("SELECT count(*) FROM daybeat.dead_letters").fetchone() == (0,)


def test_the_flow_stops_within_seconds_while_postgres_says_nothing_and_loses_nothing(
    servers: LocalServers, house: HistoryHouse, tmp_path: Path
) -> None:
    flow = HistoryProcess(servers, tmp_path)
    flow.start()
    with appending(house.log, seed=34) as thread:
        wait_for(lambda: len(stored_rows(house.database)) > 0, words=flow.words)
        servers.postgres.pause()
        try:
            time.sleep(1)
            began_s = time.monotonic()
            assert flow.stop() == 0, flow.words()
            assert time.monotonic() - began_s < 10
        finally:
            servers.postgres.resume()
        flow.start()
        rows = thread.finish()
    wait_for(house.caught_up, words=flow.words)
    assert flow.stop() == 0
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_redis_stopped_and_started_again_costs_no_row(servers: LocalServers, house: HistoryHouse) -> None:
    with running_history(house.config) as running:
        with appending(house.log, seed=35) as thread:
            wait_for(lambda: len(stored_rows(house.database)) > 0)
            rows = thread.finish()
        servers.redis.stop()
        time.sleep(1)
        servers.redis.start()
        more = random_rows(50, seed=36, first=10**6, users=1)
        frame = encode_frame(frame_of_rows(more))
        entry = NewEntry(partition_of("user-0", PARTITIONS), EntryKind.READINGS, frame)
        wait_for(lambda: _is_appended(house.log, entry))
        wait_for(house.caught_up, words=lambda: str(running.failures))
    assert in_order(stored_rows(house.database)) == in_order(rows + more)


def _is_appended(log: RedisLog, entry: NewEntry) -> bool:
    try:
        log.append([entry])
    except UnavailableError:  # Redis is still loading
        return False
    return True
