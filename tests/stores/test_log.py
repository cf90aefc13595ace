"""The log over a real Redis: order, durability's limits, trimming, and what it refuses to do in silence."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from daybeat.servers import LocalServers
from schemas.errors import InputError, UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import connect_redis
from stores.envelope import CorruptEntryError, seal
from stores.keys import log_key
from stores.log import START, EntryKind, LogFullError, LogGapError, LogRewoundError, NewEntry, RedisLog

pytestmark = pytest.mark.servers
PARTITIONS = 4
P0, P1 = PartitionId(0), PartitionId(1)
NO_WAIT = timedelta(0)


@pytest.fixture
def log(redis_client: redis.Redis) -> RedisLog:
    return RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)


def _ticks(partition: PartitionId, count: int, *, size: int = 10) -> list[NewEntry]:
    return [NewEntry(partition, EntryKind.TICK, f"{number:0{size}}".encode()) for number in range(count)]


def test_entries_come_back_in_their_order_with_the_ids_that_append_returned(log: RedisLog) -> None:
    ids = log.append([*_ticks(P0, 3), *_ticks(P1, 2)])
    entries = log.read_from({P0: START, P1: START}, limit=10, wait=NO_WAIT)
    assert [entry.entry_id for entry in entries] == ids
    assert [(entry.partition, int(entry.payload)) for entry in entries] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
    ]
    assert {entry.kind for entry in entries} == {EntryKind.TICK}


def test_reading_goes_on_behind_a_position_with_a_limit_for_each_partition(log: RedisLog) -> None:
    ids = log.append([*_ticks(P0, 5), *_ticks(P1, 5)])
    entries = log.read_from({P0: ids[1], P1: START}, limit=2, wait=NO_WAIT)
    assert [(entry.partition, int(entry.payload)) for entry in entries] == [(0, 2), (0, 3), (1, 0), (1, 1)]


def test_a_reader_that_waits_gets_nothing_at_the_end_of_the_log(log: RedisLog) -> None:
    log.append(_ticks(P0, 1))
    assert log.read_from(log.ends(), limit=10, wait=timedelta(milliseconds=20)) == []


def test_a_range_is_read_whole_over_many_pages(log: RedisLog) -> None:
    ids = log.append(_ticks(P0, 700))
    middle = list(log.read_range(P0, ids[9], ids[689]))
    assert [entry.entry_id for entry in middle] == ids[10:690]


def test_the_number_of_partitions_is_fixed_by_the_first_opening(redis_client: redis.Redis) -> None:
    RedisLog.open(redis_client, partitions=8, bytes_max=2**30)
    with pytest.raises(InputError, match="DAYBEAT_PARTITIONS=8"):
        RedisLog.open(redis_client, partitions=16, bytes_max=2**30)
    RedisLog.open(redis_client, partitions=8, bytes_max=2**30)


@pytest.fixture
def _evicting(redis_client: redis.Redis) -> Iterator[None]:
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    yield
    redis_client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.usefixtures("_evicting")
def test_a_redis_that_may_evict_entries_is_refused(redis_client: redis.Redis) -> None:
    with pytest.raises(InputError, match="noeviction"):
        RedisLog.open(redis_client, partitions=8, bytes_max=2**30)


def test_commits_are_kept_for_each_consumer(log: RedisLog) -> None:
    log.commit("live", {P0: EntryId(5, 1), P1: EntryId(7, 0)})
    log.commit("history", {P0: EntryId(4, 0)})
    assert log.committed("live") == {P0: EntryId(5, 1), P1: EntryId(7, 0)}
    assert log.committed("history") == {P0: EntryId(4, 0)}
    assert log.committed("nobody") == {}


def test_trim_removes_only_what_every_consumer_has_committed(log: RedisLog) -> None:
    ids = log.append(_ticks(P0, 10))
    log.commit("live", {P0: ids[7]})
    assert log.trim(consumers=("live", "history"), keep=NO_WAIT) == 0
    log.commit("history", {P0: ids[3]})
    assert log.trim(consumers=("live", "history"), keep=NO_WAIT) == 3
    left = [entry.entry_id for entry in log.read_range(P0, START, ids[-1])]
    assert left == ids[3:]
    log.check_resumable({P0: ids[3]})
    log.check_resumable({P0: ids[7]})


def test_trim_keeps_what_is_young(log: RedisLog) -> None:
    ids = log.append(_ticks(P0, 10))
    log.commit("live", {P0: ids[-1]})
    assert log.trim(consumers=("live",), keep=timedelta(hours=1)) == 0


def test_resuming_below_the_first_entry_left_is_an_error(log: RedisLog, redis_client: redis.Redis) -> None:
    ids = log.append(_ticks(P0, 10))
    redis_client.xtrim(log_key(P0), minid=str(ids[5]), approximate=False)
    for position in (START, ids[0], ids[4]):
        with pytest.raises(LogGapError, match=f"entries after {position} were removed"):
            log.check_resumable({P0: position})
    log.check_resumable({P0: ids[5], P1: START})


def test_resuming_in_a_log_that_was_emptied_is_an_error(log: RedisLog, redis_client: redis.Redis) -> None:
    ids = log.append(_ticks(P0, 3))
    redis_client.xtrim(log_key(P0), maxlen=0, approximate=False)
    with pytest.raises(LogGapError):
        log.check_resumable({P0: ids[1]})
    log.check_resumable({P0: ids[2]})


def test_resuming_in_a_log_older_than_the_position_is_an_error(
    log: RedisLog, redis_client: redis.Redis
) -> None:
    ids = log.append(_ticks(P0, 3))
    with pytest.raises(LogRewoundError, match="restored to an older state"):
        log.check_resumable({P0: EntryId(ids[-1].ms, ids[-1].seq + 1)})
    redis_client.delete(log_key(P0))
    with pytest.raises(LogRewoundError):
        log.check_resumable({P0: ids[-1]})


def test_a_flipped_bit_is_an_error_that_names_the_entry(log: RedisLog, redis_client: redis.Redis) -> None:
    data = bytearray(seal(b'{"arrival_us":1}'))
    data[-3] ^= 4
    entry_id = redis_client.xadd(log_key(P1), {"k": "tick", "d": bytes(data)})
    with pytest.raises(CorruptEntryError, match=f"log partition 1, entry {entry_id.decode()}"):
        log.read_from({P1: START}, limit=1, wait=NO_WAIT)


def test_a_full_log_takes_nothing_and_goes_on_after_a_trim(redis_client: redis.Redis) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=100_000)
    ids: list[EntryId] = []

    def append_without_end() -> None:
        while True:
            ids.extend(log.append(_ticks(P0, 10, size=900)))

    with pytest.raises(LogFullError, match="DAYBEAT_LOG_BYTES_MAX"):
        append_without_end()
    assert 50 <= len(ids) <= 200
    assert redis_client.xlen(log_key(P0)) == len(ids)
    log.commit("live", {P0: ids[-1]})
    log.trim(consumers=("live",), keep=NO_WAIT)
    log.append(_ticks(P0, 1))


def test_another_process_sees_that_the_log_is_full(redis_client: redis.Redis) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(_ticks(P0, 200, size=900))
    with pytest.raises(LogFullError):
        RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=100_000).append(_ticks(P0, 1))


def test_a_redis_without_memory_left_is_a_full_log(log: RedisLog, redis_client: redis.Redis) -> None:
    redis_client.config_set("maxmemory", 1)
    try:
        with pytest.raises(LogFullError, match="maxmemory"):
            log.append(_ticks(P0, 1))
    finally:
        redis_client.config_set("maxmemory", 0)
    log.append(_ticks(P0, 1))


def test_the_size_grows_with_the_entries_and_shrinks_with_a_trim(log: RedisLog) -> None:
    assert log.size_bytes() == 0
    ids = log.append(_ticks(P0, 500, size=900))
    full = log.size_bytes()
    assert full >= 500 * 900
    log.commit("live", {P0: ids[-1]})
    log.trim(consumers=("live",), keep=NO_WAIT)
    assert log.size_bytes() < full / 10


def test_the_hours_left_follow_from_the_rate_of_what_the_log_holds(redis_client: redis.Redis) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**24)
    assert log.hours_left() is None
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**24)
    for second in range(0, 3601, 60):
        redis_client.xadd(log_key(P0), {"k": "tick", "d": seal(b"x" * 900)}, id=f"{10**12 + second * 1000}-0")
    hours_left = log.hours_left()
    assert hours_left is not None
    size = log.size_bytes()
    assert hours_left == pytest.approx((2**24 - size) / size)


@pytest.mark.usefixtures("redis_client")
def test_a_redis_that_is_away_is_unavailable_and_met_again_afterwards(servers: LocalServers) -> None:
    log = RedisLog.open(
        connect_redis(servers.redis_url, patience=timedelta(seconds=5)),
        partitions=PARTITIONS,
        bytes_max=2**30,
    )
    before = log.append(_ticks(P0, 1))
    servers.redis.stop()
    try:
        with pytest.raises(UnavailableError):
            log.append(_ticks(P0, 1))
    finally:
        servers.redis.start()
    after = log.append(_ticks(P0, 1))
    assert [entry.entry_id for entry in log.read_range(P0, START, after[0])] == [*before, *after]
