"""The history flow over real servers: what is in the streams becomes rows, once; the streams are trimmed."""

import base64
import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
import redis

from daybeat.servers import LocalServers
from schemas.dead_letters import DeadLetter, Refusal, RefusedReading
from schemas.errors import UnavailableError
from schemas.frames import encode_frame
from schemas.ids import PartitionId, partition_of
from schemas.records import RECORDS
from stores.envelope import seal
from stores.keys import decisions_committed_key, decisions_key, log_key
from stores.log import EntryKind, LogGapError, LogRewoundError, NewEntry, RedisLog
from stores.retention import apply_retention
from stores.stream_tail import StreamName, read_slices
from support.history_process import PARTITIONS, HistoryHouse, config_for, running_history, wait_for
from support.history_rows import Row, frame_of_rows, in_order, random_rows, stored_rows
from support.records import a_record_of_every_table

pytestmark = pytest.mark.servers


@pytest.fixture
def house(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, tmp_path: Path
) -> HistoryHouse:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    return HistoryHouse(config_for(servers, tmp_path), log, redis_client, database)


def _entries(rows: list[Row], *, rows_in_frame: int = 7) -> list[NewEntry]:
    by_partition: dict[PartitionId, list[Row]] = {}
    for row in rows:
        by_partition.setdefault(partition_of(row["user_id"], PARTITIONS), []).append(row)
    return [
        NewEntry(
            partition, EntryKind.READINGS, encode_frame(frame_of_rows(share[start : start + rows_in_frame]))
        )
        for partition, share in by_partition.items()
        for start in range(0, len(share), rows_in_frame)
    ]


def _ticks(arrival_us: int) -> list[NewEntry]:
    payload = orjson.dumps({"arrival_us": arrival_us})
    return [NewEntry(PartitionId(number), EntryKind.TICK, payload) for number in range(PARTITIONS)]


def test_what_stands_in_the_log_before_and_during_the_run_is_stored(house: HistoryHouse) -> None:
    rows = random_rows(900, seed=11)
    entries = _entries(rows)
    house.log.append(entries[:60])
    with running_history(house.config) as running:
        for start in range(60, len(entries), 10):
            house.log.append(entries[start : start + 10])
            house.log.append(_ticks(start))
        wait_for(house.caught_up, words=lambda: str(running.failures))
        assert running.metric("daybeat_history_database_up") == 1
        assert running.metric("daybeat_history_rows_total", table="readings") == 900
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_every_record_reaches_its_table(house: HistoryHouse) -> None:
    records = a_record_of_every_table()
    for _ in range(2):  # the second time as after a lost reply
        house.redis.xadd(decisions_key(1), {"d": seal(RECORDS.dump_json(records))})
    with running_history(house.config):
        wait_for(house.caught_up)
    for record in records:
        columns = [name for name in type(record).model_fields if name != "table"]
        names = ", ".join(columns)
        found = house.database.execute(f"SELECT {names} FROM daybeat.{record.table}")  # noqa: S608
        rows = found.fetchall()
        sent = record.model_dump()
        assert len(rows) == 1, record.table
        for name, value in zip(columns, rows[0], strict=True):
            expected = sent[name]
            if isinstance(value, dict | list):
                expected = orjson.loads(record.model_dump_json())[name]
            assert value == expected, f"{record.table}.{name}"


def test_dead_letters_of_the_gateway_are_stored_with_their_bytes(house: HistoryHouse) -> None:
    letter = DeadLetter(
        letter_id=uuid4(),
        topic="v1/ada/watch/readings",
        payload_base64=base64.b64encode(b'\x00\xff{"heart_rate_bpm":NaN}').decode(),
        reason=Refusal.MALFORMED_JSON,
        refused=(RefusedReading(index=None, reason=Refusal.MALFORMED_JSON),),
        arrival_us=1_790_000_000_000_001,
    )
    house.log.append([NewEntry(PartitionId(0), EntryKind.DEAD_LETTER, letter.model_dump_json().encode())])
    with running_history(house.config):
        wait_for(house.caught_up)
    found = house.database.execute(
        "SELECT letter_id, time, topic, reason, detail, payload, replayed_at FROM daybeat.dead_letters"
    ).fetchall()
    arrival = dt.datetime(2026, 9, 21, 14, 13, 20, 1, dt.UTC)
    assert found == [
        (
            letter.letter_id,
            arrival,
            letter.topic,
            "malformed_json",
            "message: malformed_json",
            letter.payload,
            None,
        )
    ]


def test_an_entry_that_is_not_as_it_was_written_becomes_a_dead_letter_and_stalls_nothing(
    house: HistoryHouse,
) -> None:
    rows = random_rows(100, seed=12)
    good = _entries(rows)
    flipped = bytearray(seal(good[0].payload))
    flipped[-1] ^= 1
    not_a_frame = seal(b"\x05\x00\x00\x00[1,2]")
    for number in range(PARTITIONS):
        house.redis.xadd(log_key(number), {"k": "readings", "d": bytes(flipped)})
        house.redis.xadd(log_key(number), {"k": "readings", "d": not_a_frame})
        house.redis.xadd(log_key(number), {"k": "from_the_future", "d": seal(b"{}")})
        house.redis.xadd(log_key(number), {"other": "fields"})
        house.redis.xadd(decisions_key(number), {"d": seal(b'[{"table":"nowhere"}]')})
    house.log.append(good)
    with running_history(house.config) as running:
        wait_for(house.caught_up, words=lambda: str(running.failures))
        assert running.metric("daybeat_history_corrupt_entries_total") == 5 * PARTITIONS
    assert in_order(stored_rows(house.database)) == in_order(rows)
    letters = house.database.execute(
        "SELECT reason, payload, topic, letter_id FROM daybeat.dead_letters"
    ).fetchall()
    assert len(letters) == 5 * PARTITIONS
    assert {reason for reason, *_ in letters} == {"corrupt_entry"}
    assert [payload for _, payload, *_ in letters].count(bytes(flipped)) == PARTITIONS
    assert all(topic.startswith(("log partition", "decisions partition")) for _, _, topic, _ in letters)


def test_what_postgres_refuses_becomes_a_dead_letter_and_its_neighbours_are_stored(
    house: HistoryHouse,
) -> None:
    rows = random_rows(50, seed=13)
    bad = rows[20] | {"extra": {"note": "\x00"}, "user_id": rows[21]["user_id"]}
    rows[20] = bad
    event = next(one for one in a_record_of_every_table() if one.table == "task_events")
    nul = event.model_copy(update={"reason": "\x00", "event_id": "other"})
    house.log.append(_entries(rows, rows_in_frame=50))
    house.redis.xadd(decisions_key(2), {"d": seal(RECORDS.dump_json([nul, event]))})
    with running_history(house.config) as running:
        wait_for(house.caught_up, words=lambda: str(running.failures))
    assert in_order(stored_rows(house.database)) == in_order([row for row in rows if row is not bad])
    letters = house.database.execute("SELECT reason, detail FROM daybeat.dead_letters").fetchall()
    assert sorted(letters) == [
        ("refused_by_database", "SQLSTATE 22021"),
        ("refused_by_database", "SQLSTATE 22P05"),
    ]
    assert house.database.execute("SELECT event_id FROM daybeat.task_events").fetchall() == [
        (event.event_id,)
    ]


def test_a_message_with_readings_of_two_thousand_days_is_stored(house: HistoryHouse) -> None:
    rows = random_rows(2000, seed=14, users=1)
    for number, row in enumerate(rows):
        row["time_us"] = number * 86_400_000_000
    house.log.append(_entries(rows, rows_in_frame=2000))
    with running_history(house.config) as running:
        wait_for(house.caught_up, within_s=120, words=lambda: str(running.failures))
    count = house.database.execute("SELECT count(*) FROM daybeat.readings").fetchone()
    dropped = apply_retention(house.database, dt.timedelta(days=1))
    assert count == (2000,)
    assert dropped == 2000
    assert stored_rows(house.database) == []


def test_the_flow_resumes_from_the_database_also_when_its_folder_is_lost_or_old(
    house: HistoryHouse, tmp_path: Path
) -> None:
    rows = random_rows(400, seed=15)
    entries = _entries(rows)
    house.log.append(entries[:30])
    with running_history(replace(house.config, state_folder=tmp_path / "first")):
        wait_for(house.caught_up)
    house.log.append(entries[30:40])
    with running_history(replace(house.config, state_folder=tmp_path / "second")) as running:
        wait_for(house.caught_up)
        assert running.metric("daybeat_history_repeated_rows_total", table="readings") == 0
    house.log.append(entries[40:])
    with running_history(replace(house.config, state_folder=tmp_path / "first")) as running:
        wait_for(house.caught_up)
        assert running.metric("daybeat_history_repeated_rows_total", table="readings") == 0
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_a_database_restored_to_an_older_state_is_filled_again_from_the_log(house: HistoryHouse) -> None:
    rows = random_rows(400, seed=16)
    house.log.append(_entries(rows))
    with running_history(house.config):
        wait_for(house.caught_up)
    house.database.execute("TRUNCATE daybeat.readings, daybeat.positions")
    with running_history(house.config):
        wait_for(house.caught_up)
    assert in_order(stored_rows(house.database)) == in_order(rows)


def test_redis_hears_what_is_stored_and_is_trimmed_below_what_all_have_committed(house: HistoryHouse) -> None:
    rows = random_rows(300, seed=17)
    house.log.append(_entries(rows))
    for number in range(PARTITIONS):
        for _ in range(3):
            house.redis.xadd(decisions_key(number), {"d": seal(RECORDS.dump_json([]))})
    ends = house.log.ends()
    house.log.commit("live", ends)
    house.log.commit("checkpoint", ends)
    before = sum(house.redis.xlen(log_key(number)) for number in range(PARTITIONS))
    config = replace(house.config, log_keep=dt.timedelta(0))
    with running_history(config):
        wait_for(lambda: house.log.committed("history") == ends)
        wait_for(lambda: all(house.redis.xlen(log_key(number)) == 1 for number in range(PARTITIONS)))
        wait_for(lambda: all(house.redis.xlen(decisions_key(number)) == 1 for number in range(PARTITIONS)))
    assert before > PARTITIONS
    for number in range(PARTITIONS):
        committed = house.redis.get(decisions_committed_key(number))
        assert committed == house.redis.xinfo_stream(decisions_key(number))["last-generated-id"]
    with running_history(config):  # what is left is enough to resume
        house.log.append(_ticks(1))
        wait_for(house.caught_up)


def test_what_the_live_flow_has_not_committed_is_not_trimmed(house: HistoryHouse) -> None:
    house.log.append(_entries(random_rows(300, seed=18)))
    house.log.commit("checkpoint", house.log.ends())
    before = [house.redis.xlen(log_key(number)) for number in range(PARTITIONS)]
    with running_history(replace(house.config, log_keep=dt.timedelta(0))):
        wait_for(house.caught_up)
        wait_for(lambda: house.log.committed("history") == house.log.ends())
    assert [house.redis.xlen(log_key(number)) for number in range(PARTITIONS)] == before


@pytest.mark.parametrize("key_of", [log_key, decisions_key])
def test_a_gap_before_the_position_to_resume_from_is_an_alarm_and_not_skipped(
    house: HistoryHouse, key_of: Callable[[int], str]
) -> None:
    key = key_of(1)
    for _ in range(5):
        house.redis.xadd(key, {"k": "tick", "d": seal(b"[]")})
    house.redis.xtrim(key, maxlen=2, approximate=False)
    with (
        pytest.raises(LogGapError, match=r"history, .*partition 1.*removed"),
        running_history(house.config) as running,
    ):
        wait_for(lambda: bool(running.failures))
    with running_history(replace(house.config, accept_gap=True)):
        wait_for(house.caught_up)


def test_a_redis_older_than_the_database_is_an_alarm(house: HistoryHouse) -> None:
    house.log.append(_entries(random_rows(50, seed=19)))
    with running_history(house.config):
        wait_for(house.caught_up)
    house.redis.flushdb()
    with (
        pytest.raises(LogRewoundError, match="older state"),
        running_history(house.config) as running,
    ):
        wait_for(lambda: bool(running.failures))


def test_dead_letter_ids_are_the_same_each_time_an_entry_is_read(house: HistoryHouse, tmp_path: Path) -> None:
    house.redis.xadd(log_key(0), {"k": "readings", "d": b"garbage"})
    ids: list[UUID] = []
    for run in range(2):
        house.database.execute("TRUNCATE daybeat.positions")
        with running_history(replace(house.config, state_folder=tmp_path / str(run))):
            wait_for(house.caught_up)
        ids += [row[0] for row in house.database.execute("SELECT letter_id FROM daybeat.dead_letters")]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_a_redis_that_comes_back_older_while_the_flow_runs_ends_it_with_an_alarm(
    house: HistoryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.log.append(_entries(random_rows(50, seed=20)))
    outage = threading.Event()

    def read_or_fail(*arguments: object, **options: object) -> object:
        if outage.is_set() and arguments[1] is StreamName.LOG:
            house.redis.flushdb()  # as if restored from an empty copy meanwhile
            outage.clear()
            raise UnavailableError("failpoint")
        return read_slices(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("dataflows.history_source.read_slices", read_or_fail)
    with pytest.raises(LogRewoundError, match="older state"):
        _run_into(outage, house)


def _run_into(outage: threading.Event, house: HistoryHouse) -> None:
    with running_history(house.config) as running:
        wait_for(house.caught_up)
        outage.set()
        wait_for(lambda: bool(running.failures))
