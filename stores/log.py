"""The log: everything that can change a decision, in one order per person, durable and replayable.

This implementation keeps it in Redis Streams, one per partition. The interface :class:`Log` is small, so that
another log can stand in its place. Next on a reading's way: ``dataflows/live.py`` reads what
``ingest/gateway.py`` appends here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol, Self, cast

import redis

from schemas.errors import InputError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import SOCKET_TIMEOUT_S
from stores.envelope import seal
from stores.keys import META, committed_key, log_key
from stores.log_entries import Entry, EntryKind, LogFullError, LogGapError, LogRewoundError, NewEntry
from stores.log_size import LogSize
from stores.log_streams import START, Stream, entry_of, full_error, redis_errors, stream_of

__all__ = [
    "START",
    "Entry",
    "EntryKind",
    "Log",
    "LogFullError",
    "LogGapError",
    "LogRewoundError",
    "NewEntry",
    "RedisLog",
]

LOG_SCHEMA: Final = 1

_RANGE_PAGE: Final = 256
"""Entries fetched at a time by :meth:`RedisLog.read_range`."""

_WAIT_LONGEST_MS: Final = int(SOCKET_TIMEOUT_S * 1000) // 2


class Log(Protocol):
    """One ordered, durable sequence of entries per partition."""

    @property
    def partitions(self) -> int:
        """The number of partitions, N; it never changes."""
        ...

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        """Append the entries in their order and return their ids; they are durable on return.

        After an error some of them may have been appended; appending them again is safe, because every
        reader tells repeats by their identity.

        Raises:
            LogFullError: the log is full.
            UnavailableError: the log cannot be reached or cannot write.
        """
        ...

    def read_from(self, after: Mapping[PartitionId, EntryId], *, limit: int, wait: timedelta) -> list[Entry]:
        """Return entries behind the given positions, at most ``limit`` of each partition, in its order.

        Where there are none, waits for the first up to ``wait`` (at most 5 s) and may return none.

        Raises:
            UnavailableError: the log cannot be reached.
            CorruptEntryError: an entry is not as it was written.
        """
        ...

    def read_range(self, partition: PartitionId, after: EntryId, upto: EntryId) -> Iterator[Entry]:
        """Yield the entries of one partition behind ``after``, up to and with ``upto``."""
        ...

    def commit(self, consumer: str, positions: Mapping[PartitionId, EntryId]) -> None:
        """Record that ``consumer`` will never read again what lies at or before these positions."""
        ...

    def committed(self, consumer: str) -> dict[PartitionId, EntryId]:
        """Return what ``consumer`` has committed; partitions without a commit are left out."""
        ...

    def check_resumable(self, after: Mapping[PartitionId, EntryId]) -> None:
        """Return if reading on from these positions skips nothing.

        Raises:
            LogGapError: entries behind a position were removed.
            LogRewoundError: a position lies behind the end of the log.
        """
        ...

    def trim(self, *, consumers: Sequence[str], keep: timedelta) -> int:
        """Remove what ``consumers`` have all committed and is older than ``keep``; return the count."""
        ...

    def ends(self) -> dict[PartitionId, EntryId]:
        """Return the id of each partition's last entry; 0-0 where there never was one."""
        ...

    def size_bytes(self) -> int:
        """Return how much memory the log takes, in bytes."""
        ...

    def hours_left(self) -> float | None:
        """Return in how many hours the log is full if nothing is trimmed; None if its rate is unknown."""
        ...


class RedisLog:
    """The log in Redis Streams. Redis must run with ``appendfsync always`` and ``noeviction``."""

    def __init__(self, client: redis.Redis, *, partitions: int, bytes_max: int) -> None:
        self._client = client
        self._partitions = partitions
        self._size = LogSize(client, partitions=partitions, bytes_max=bytes_max)
        self._partition_of_key = {log_key(one).encode(): PartitionId(one) for one in range(partitions)}

    @classmethod
    def open(cls, client: redis.Redis, *, partitions: int, bytes_max: int) -> Self:
        """Return the log kept in ``client``; its first opening fixes the number of partitions.

        Raises:
            InputError: the log has another number of partitions, or Redis may evict entries.
            UnavailableError: Redis cannot be reached.
        """
        with redis_errors():
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
            client.hsetnx(META, "schema", str(LOG_SCHEMA))
            client.hsetnx(META, "partitions", str(partitions))
            meta = cast("dict[bytes, bytes]", client.hgetall(META))
        if policy != "noeviction":
            raise InputError(
                f"maxmemory-policy is {policy}: Redis could drop entries that nobody has read",
                where="Redis",
                mend="set maxmemory-policy noeviction (see deploy/redis.conf)",
            )
        for field, wanted in (("schema", LOG_SCHEMA), ("partitions", partitions)):
            found = int(meta[field.encode()])
            if found != wanted:
                raise InputError(
                    f"the log was created with {field} {found}, the settings say {wanted}",
                    where=f"Redis, {META}",
                    mend=f"set DAYBEAT_PARTITIONS={found}"
                    if field == "partitions"
                    else "use the release that made it",
                )
        return cls(client, partitions=partitions, bytes_max=bytes_max)

    @property
    def partitions(self) -> int:
        """The number of partitions, N."""
        return self._partitions

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        """Append the entries in their order and return their ids; they are durable on return.

        Raises:
            LogFullError: the log has reached its size, or Redis its memory.
            UnavailableError: Redis cannot be reached or cannot write to its disk.
        """
        if not entries:
            return []
        with redis_errors():
            if self._size.is_full():
                raise full_error(f"it takes {self._size.bytes_now()} bytes")
            pipeline = self._client.pipeline(transaction=False)
            appended_bytes = 0
            for entry in entries:
                data = seal(entry.payload)
                appended_bytes += len(data)
                pipeline.xadd(log_key(entry.partition), {"k": entry.kind.value, "d": data})
            replies = pipeline.execute()
        self._size.add(appended_bytes)
        return [EntryId.parse(reply) for reply in replies]

    def read_from(self, after: Mapping[PartitionId, EntryId], *, limit: int, wait: timedelta) -> list[Entry]:
        """Return entries behind the given positions, at most ``limit`` of each partition, in its order."""
        if not after:
            return []
        wait_ms = min(int(wait.total_seconds() * 1000), _WAIT_LONGEST_MS)
        streams = {log_key(partition): str(entry_id) for partition, entry_id in after.items()}
        with redis_errors():
            # BLOCK 0 would mean: for ever.
            reply = self._client.xread(cast("Any", streams), count=limit, block=wait_ms or None)
        entries: list[Entry] = []
        for key, rows in cast("list[tuple[bytes, list[Any]]]", reply or []):
            partition = self._partition_of_key[key]
            entries += [entry_of(partition, row) for row in rows]
        return entries

    def read_range(self, partition: PartitionId, after: EntryId, upto: EntryId) -> Iterator[Entry]:
        """Yield the entries of one partition behind ``after``, up to and with ``upto``."""
        while after < upto:
            with redis_errors():
                rows = self._client.xrange(
                    log_key(partition), min=f"({after}", max=str(upto), count=_RANGE_PAGE
                )
            for row in cast("list[Any]", rows):
                entry = entry_of(partition, row)
                after = entry.entry_id
                yield entry
            if len(cast("list[Any]", rows)) < _RANGE_PAGE:
                return

    def commit(self, consumer: str, positions: Mapping[PartitionId, EntryId]) -> None:
        """Record that ``consumer`` will never read again what lies at or before these positions."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for partition, entry_id in positions.items():
                pipeline.hset(committed_key(partition), consumer, str(entry_id))
            pipeline.execute()

    def committed(self, consumer: str) -> dict[PartitionId, EntryId]:
        """Return what ``consumer`` has committed; partitions without a commit are left out."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for partition in range(self._partitions):
                pipeline.hget(committed_key(partition), consumer)
            replies = pipeline.execute()
        return {
            PartitionId(partition): EntryId.parse(reply)
            for partition, reply in enumerate(replies)
            if reply is not None
        }

    def check_resumable(self, after: Mapping[PartitionId, EntryId]) -> None:
        """Return if reading on from these positions skips nothing."""
        streams = self._streams(after)
        for partition, position in after.items():
            stream = streams[PartitionId(partition)]
            where = f"log partition {partition}"
            if position > stream.last:
                raise LogRewoundError(
                    f"it ends at {stream.last}, before the position to resume from, {position}",
                    where=where,
                    mend="Redis was restored to an older state: restore the rest too, or begin anew",
                )
            if stream.has_gap_after(position):
                raise LogGapError(
                    f"entries after {position} were removed, the first one left is {stream.first}",
                    where=where,
                    mend="rebuild the state from history, and let nothing but Daybeat trim the log",
                )

    def trim(self, *, consumers: Sequence[str], keep: timedelta) -> int:
        """Remove what ``consumers`` have all committed and is older than ``keep``; return the count."""
        if not consumers:
            raise InputError("no consumers are named", where="trim", mend="name every reader of the log")
        commits = [self.committed(consumer) for consumer in consumers]
        with redis_errors():
            seconds, micros = self._client.time()
            oldest_kept = EntryId(
                max(0, seconds * 1000 + micros // 1000 - int(keep.total_seconds() * 1000)), 0
            )
            pipeline = self._client.pipeline(transaction=False)
            for partition in self._all():
                # The entry at the lowest commit stays: check_resumable looks for it.
                lowest = min(positions.get(partition, START) for positions in commits)
                pipeline.xtrim(log_key(partition), minid=str(min(lowest, oldest_kept)), approximate=False)
            removed = sum(cast("list[int]", pipeline.execute()))
        if removed:
            self._size.forget()
        return removed

    def ends(self) -> dict[PartitionId, EntryId]:
        """Return the id of each partition's last entry; 0-0 where there never was one."""
        return {partition: stream.last for partition, stream in self._streams(self._all()).items()}

    def size_bytes(self) -> int:
        """Return how much memory the log and the decisions take, in bytes; measured every few seconds."""
        with redis_errors():
            return self._size.bytes_now()

    def hours_left(self) -> float | None:
        """Return in how many hours the log is full if nothing is trimmed; None if its rate is unknown."""
        streams = self._streams(self._all()).values()
        spans_ms = [stream.last.ms - stream.first.ms for stream in streams if stream.first is not None]
        return self._size.hours_left(span_s=max(spans_ms, default=0) / 1000)

    def _all(self) -> list[PartitionId]:
        return [PartitionId(one) for one in range(self._partitions)]

    def _streams(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, Stream]:
        wanted = list(partitions)
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for partition in wanted:
                pipeline.xinfo_stream(log_key(partition))
            replies = pipeline.execute(raise_on_error=False)
            return {partition: stream_of(reply) for partition, reply in zip(wanted, replies, strict=True)}
