"""Whatever is appended, committed and trimmed in whatever order: no consumer ever misses an entry."""

from datetime import timedelta

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.log import START, EntryKind, NewEntry, RedisLog

pytestmark = pytest.mark.servers
PARTITIONS = 3
CONSUMERS = ("live", "history")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.integers(0, PARTITIONS - 1), min_size=1, max_size=8)),
        st.tuples(st.just("read"), st.sampled_from(CONSUMERS), st.integers(1, 4)),
        st.tuples(st.just("commit"), st.sampled_from(CONSUMERS)),
        st.tuples(st.just("crash"), st.sampled_from(CONSUMERS)),
        st.tuples(st.just("trim")),
    ),
    max_size=25,
)


class Model:
    """The log as plain lists, and what each consumer has seen of it."""

    def __init__(self, log: RedisLog) -> None:
        self.log = log
        self.appended: dict[PartitionId, list[EntryId]] = {PartitionId(p): [] for p in range(PARTITIONS)}
        self.read = {consumer: dict.fromkeys(self.appended, START) for consumer in CONSUMERS}
        self.committed = {consumer: dict.fromkeys(self.appended, START) for consumer in CONSUMERS}

    def append(self, partitions: list[int]) -> None:
        entries = [NewEntry(PartitionId(p), EntryKind.TICK, b"1") for p in partitions]
        for entry, entry_id in zip(entries, self.log.append(entries), strict=True):
            self.appended[entry.partition].append(entry_id)

    def read_some(self, consumer: str, limit: int) -> None:
        entries = self.log.read_from(self.read[consumer], limit=limit, wait=timedelta(0))
        for partition, ids in self.appended.items():
            position = self.read[consumer][partition]
            expected = [entry_id for entry_id in ids if entry_id > position][:limit]
            assert [entry.entry_id for entry in entries if entry.partition == partition] == expected
            self.read[consumer][partition] = expected[-1] if expected else position

    def commit(self, consumer: str) -> None:
        self.log.commit(consumer, self.read[consumer])
        self.committed[consumer] = dict(self.read[consumer])

    def crash(self, consumer: str) -> None:
        """Forget everything since the commit, and resume from what the log says."""
        stored = self.log.committed(consumer)
        self.read[consumer] = {partition: stored.get(partition, START) for partition in self.appended}
        assert self.read[consumer] == self.committed[consumer]
        self.log.check_resumable(self.read[consumer])

    def trim(self) -> None:
        self.log.trim(consumers=CONSUMERS, keep=timedelta(0))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_no_consumer_ever_misses_an_entry(redis_client: redis.Redis, steps: list[tuple]) -> None:
    redis_client.flushall()
    model = Model(RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30))
    actions = {
        "append": model.append,
        "read": model.read_some,
        "commit": model.commit,
        "crash": model.crash,
        "trim": model.trim,
    }
    for name, *arguments in steps:
        actions[name](*arguments)
