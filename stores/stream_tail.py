"""Reading whole streams in slices: what the history flow stores, entries that cannot be read included.

The live flow must stop at an entry that is not as it was written; the history goes on and keeps its bytes.
So this hands out entries still in their envelopes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import redis

from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.keys import decisions_key, log_key
from stores.log_streams import Stream, redis_errors, stream_of

RawEntry = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis gives it: its id and its fields."""


class StreamName(StrEnum):
    """The streams of a partition that go into the history."""

    LOG = "log"
    DECISIONS = "decisions"


@dataclass(frozen=True, slots=True)
class Slice:
    """Successive entries of one partition of one stream."""

    stream: StreamName
    partition: PartitionId
    entries: Sequence[RawEntry]
    """At least one."""
    size_bytes: int
    """How many bytes their envelopes take."""

    @property
    def last(self) -> EntryId:
        """The id of the last entry."""
        return EntryId.parse(self.entries[-1][0])


def stream_key(stream: StreamName, partition: PartitionId) -> str:
    """Return the key of a partition's stream."""
    return log_key(partition) if stream is StreamName.LOG else decisions_key(partition)


def read_slices(
    client: redis.Redis, stream: StreamName, after: Mapping[PartitionId, EntryId], *, limit: int
) -> list[Slice]:
    """Return what stands behind the given positions now, at most ``limit`` entries of each partition.

    Raises:
        UnavailableError: Redis cannot be reached.
    """
    if not after:
        return []
    partition_of_key = {stream_key(stream, partition).encode(): partition for partition in after}
    streams = {stream_key(stream, partition): str(entry_id) for partition, entry_id in after.items()}
    with redis_errors():
        reply = client.xread(cast("Any", streams), count=limit)
    rows = cast("list[tuple[bytes, list[RawEntry]]]", reply or [])
    return [
        Slice(
            stream, partition_of_key[key], entries, sum([len(fields.get(b"d", b"")) for _, fields in entries])
        )
        for key, entries in rows
        if entries
    ]


def stream_states(
    client: redis.Redis, stream: StreamName, partitions: Sequence[PartitionId]
) -> dict[PartitionId, Stream]:
    """Return first id, last id and length of each partition's stream.

    Raises:
        UnavailableError: Redis cannot be reached.
    """
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        for partition in partitions:
            pipeline.xinfo_stream(stream_key(stream, partition))
        replies = pipeline.execute(raise_on_error=False)
        return {partition: stream_of(reply) for partition, reply in zip(partitions, replies, strict=True)}


def entries_behind(state: Stream, position: EntryId) -> int:
    """Return how many entries stand behind ``position``; between the ends estimated from the ids' times.

    >>> ten = Stream(first=EntryId(1000, 0), last=EntryId(2000, 0), added=10, length=10)
    >>> entries_behind(ten, EntryId(1500, 0)), entries_behind(ten, EntryId(2000, 0))
    (5, 0)
    """
    if state.first is None or position >= state.last:
        return 0
    span_ms = state.last.ms - state.first.ms
    if position < state.first or span_ms == 0:
        return state.length
    return max(1, round(state.length * (state.last.ms - position.ms) / span_ms))
