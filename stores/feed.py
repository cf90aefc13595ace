"""Feeds and live streams as a push server reads them.

A person's feed is the ordered list of their events. The live stream of a partition carries the same events
of all its people; it is short, and whoever falls behind it reads the feeds instead. Nothing is ever written
here: events come from ``stores/plans.py``.
"""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import orjson
import redis
import redis.asyncio

from schemas.ids import PartitionId, partition_of
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.positions import EntryId
from schemas.records import Adaptation
from schemas.rule_entries import RulesShown
from schemas.situations import NO_EVENT
from stores.cancelling import heed_cancel
from stores.keys import RULES, commands_key, feed_key, live_key, person_key, plan_key
from stores.log_streams import START, Stream, stream_of
from stores.redis_patience import RedisWait, with_patience_async
from stores.stored_values import parse_stored

LIVE_READ_MAX: Final = 64
"""Entries per partition and read. Less than a live stream keeps (``LIVE_ENTRIES_MAX`` in ``plans.py``): so a
reply shorter than this proves that nothing was trimmed before it."""

_BLOCK: Final = timedelta(seconds=1)
"""How long one read waits for events; less than the socket's timeout."""

_FOLLOWING: Final = "following live streams"
_IN_FORCE: Final = frozenset({"applied", "accepted"})
_FEED_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
_ID_PART_MAX: Final = 2**64 - 1


class Welcome(NamedTuple):
    """A plan, the feed id it stands at, what is proposed and what was changed, read in one step."""

    plan: Plan | None
    event_id: str
    proposals: tuple[Adaptation, ...] = ()
    """Those that were neither answered nor found expired, oldest first; some may have expired since."""
    adaptations: tuple[Adaptation, ...] = ()
    """Changes in force, applied or accepted, oldest first."""


class FeedEntry(NamedTuple):
    """One event of a feed."""

    event_id: str
    event: bytes
    """The complete JSON text."""


class LiveEvent(NamedTuple):
    """One event of a live stream."""

    user_id: str
    event_id: str
    event: bytes
    """The complete JSON text."""


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """New events of all partitions, those of one person in order; an event may come twice after a gap."""

    events: tuple[LiveEvent, ...]
    lost: frozenset[PartitionId]
    """Partitions in which events before these may be missing: read the feeds of their people again."""
    positions: Mapping[PartitionId, EntryId]
    """Where to go on after this batch, for all partitions."""


class FeedReader:
    """Reads plans, feeds and live streams.

    Args:
        client: replies as bytes, RESP2 (see ``stores/connections.py``).
        partitions: number of partitions of the log.
        patience: how long every call waits for a Redis that restarts or is loading.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        partitions: int,
        *,
        patience: timedelta = timedelta(seconds=60),
    ) -> None:
        self._client = client
        self._partitions = partitions
        self._patience = patience

    async def welcome(self, user_id: str, day: date) -> Welcome:
        """Return a person's plan of a local day, their last event's id, proposals and changes in force.

        Raises:
            UnavailableError: Redis could not be reached for as long as the patience lasts.
            StoredValueError: the plan or what stands beside it cannot be read.
        """
        partition = partition_of(user_id, self._partitions)

        async def read() -> list[Any]:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(plan_key(partition, user_id, day))
            pipeline.hmget(person_key(partition, user_id), "feed_last", "state")
            return await pipeline.execute()

        plan, (feed_last, state) = await with_patience_async(
            read, doing="reading a plan", patience=self._patience
        )
        person = _person_state(user_id, state)
        return Welcome(
            None
            if plan is None
            else parse_stored(Plan, plan, where=f"Redis, person {user_id}, plan of {day}"),
            NO_EVENT if feed_last is None else feed_last.decode(),
            _by_age(person.proposals.values()),
            _by_age(one for one in person.adaptations.values() if one.status in _IN_FORCE),
        )

    async def person(self, user_id: str) -> PersonState:
        """Return what stands beside a person's plans; raises as :meth:`welcome`."""
        key = person_key(partition_of(user_id, self._partitions), user_id)

        async def read() -> Any:
            return await self._client.hget(key, "state")

        state = await with_patience_async(read, doing="reading a profile", patience=self._patience)
        return _person_state(user_id, state)

    async def rules(self) -> RulesShown | None:
        """Return the rules that were loaded last, None where none were; raises as :meth:`welcome`."""

        async def read() -> Any:
            return await self._client.get(RULES)

        stored = await with_patience_async(read, doing="reading the rules", patience=self._patience)
        return None if stored is None else parse_stored(RulesShown, stored, where="Redis, rules")

    async def is_carried_out(self, user_id: str, command_id: str) -> bool:
        """Tell whether the outcome of a person's command is recorded; raises as :meth:`welcome`."""
        key = commands_key(partition_of(user_id, self._partitions), user_id)

        async def read() -> Any:
            return await self._client.hexists(key, command_id)

        return bool(await with_patience_async(read, doing="reading a command", patience=self._patience))

    async def events_after(self, user_id: str, last_id: str) -> list[FeedEntry] | None:
        """Return a person's events after the one with id ``last_id``, oldest first.

        None if the feed does not reach back to that event, or never held it: then only the whole plan helps.

        Raises:
            UnavailableError: Redis could not be reached for as long as the patience lasts.
        """
        start = _parse_id(last_id)
        if start is None:
            return None
        partition = partition_of(user_id, self._partitions)

        async def read() -> list[Any]:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.xrange(feed_key(partition, user_id), min=str(start))
            pipeline.hget(person_key(partition, user_id), "feed_last")
            return await pipeline.execute()

        rows, feed_last = await with_patience_async(read, doing="reading a feed", patience=self._patience)
        entries = [FeedEntry(row_id.decode(), fields[b"e"]) for row_id, fields in rows]
        if entries and EntryId.parse(entries[0].event_id) == start:
            return entries[1:]
        if entries and EntryId.parse(orjson.loads(entries[0].event)["previous_id"]) == start:
            return entries
        is_last = not entries and EntryId.parse(feed_last or NO_EVENT) == start
        return [] if is_last else None

    async def live_ends(self) -> dict[PartitionId, EntryId]:
        """Return where each live stream ends now; raises as :meth:`welcome`."""
        everywhere = [PartitionId(number) for number in range(self._partitions)]
        streams = await with_patience_async(
            functools.partial(self._streams, everywhere),
            doing="reading live streams",
            patience=self._patience,
        )
        return {partition: stream.last for partition, stream in streams.items()}

    async def follow_live(
        self, after: Mapping[PartitionId, EntryId] | None = None
    ) -> AsyncIterator[LiveBatch]:
        """Yield new events of all partitions as they come, for ever.

        Args:
            after: where to go on, as an earlier batch or :meth:`live_ends` said; None: from now on.

        Raises:
            UnavailableError: Redis could not be reached for as long as the patience lasts.
        """
        positions: Mapping[PartitionId, EntryId] = after if after is not None else await self.live_ends()
        is_checked = False
        waiting = RedisWait(_FOLLOWING, self._patience)
        while True:
            try:
                batch = await heed_cancel(
                    self._read_live(positions) if is_checked else self._check(positions)
                )
            except redis.RedisError as error:
                # Meanwhile any stream may be trimmed, or set back by a restore.
                is_checked = False
                await asyncio.sleep(waiting.pause_s(error))
                continue
            is_checked = True
            waiting = RedisWait(_FOLLOWING, self._patience)
            positions = batch.positions
            if batch.events or batch.lost:
                yield batch

    async def _check(self, positions: Mapping[PartitionId, EntryId]) -> LiveBatch:
        """Return which streams no longer hold what follows their position; those go on from their start."""
        lost = await self._lost(positions, positions)
        return LiveBatch((), lost, {**positions, **dict.fromkeys(lost, START)})

    async def _read_live(self, positions: Mapping[PartitionId, EntryId]) -> LiveBatch:
        """Return the next events; after a second without any, none."""
        partitions = {live_key(partition).encode(): partition for partition in positions}
        replies: Any = await self._client.xread(
            {key: str(positions[partition]) for key, partition in partitions.items()},
            count=LIVE_READ_MAX,
            block=int(_BLOCK.total_seconds() * 1000),
        )
        events: list[LiveEvent] = []
        ends: dict[PartitionId, EntryId] = {}
        full: list[PartitionId] = []
        for key, rows in replies:
            partition = partitions[key]
            events += [LiveEvent(row[b"u"].decode(), row[b"i"].decode(), row[b"e"]) for _, row in rows]
            ends[partition] = EntryId.parse(rows[-1][0])
            if len(rows) >= LIVE_READ_MAX:
                full.append(partition)
        lost = await self._lost(positions, full) if full else frozenset[PartitionId]()
        return LiveBatch(tuple(events), lost, {**positions, **ends})

    async def _lost(
        self, positions: Mapping[PartitionId, EntryId], partitions: Iterable[PartitionId]
    ) -> frozenset[PartitionId]:
        """Return the partitions whose stream was trimmed behind its position, or has been set back."""
        streams = await self._streams(partitions)
        return frozenset(
            partition
            for partition, stream in streams.items()
            if stream.last < positions[partition] or stream.has_gap_after(positions[partition])
        )

    async def _streams(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, Stream]:
        wanted = list(partitions)
        pipeline = self._client.pipeline(transaction=False)
        for partition in wanted:
            pipeline.xinfo_stream(live_key(partition))
        replies = await pipeline.execute(raise_on_error=False)
        return {partition: stream_of(reply) for partition, reply in zip(wanted, replies, strict=True)}


def _person_state(user_id: str, stored: bytes | None) -> PersonState:
    if stored is None:
        return PersonState()
    return parse_stored(PersonState, stored, where=f"Redis, person {user_id}")


def _by_age(adaptations: Iterable[Adaptation]) -> tuple[Adaptation, ...]:
    return tuple(sorted(adaptations, key=lambda one: one.created_at))


def _parse_id(text: str) -> EntryId | None:
    """Return the feed id that a client sent, or None if it cannot be one."""
    if _FEED_ID.fullmatch(text) is None:
        return None
    entry = EntryId.parse(text)
    return entry if max(entry) <= _ID_PART_MAX else None
