"""Dispatch: one task follows the live streams of all partitions and offers each event to its sessions.

Before this on an event's way: ``stores/plans.py`` wrote it, together with the plan. After this: the outbox.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from push.delays import ArrivalToPush
from push.feed_events import parse_feed_event
from push.sessions import Sessions
from schemas.errors import UnavailableError
from schemas.ids import PartitionId, partition_of
from schemas.positions import EntryId
from stores.feed import FeedReader, LiveBatch

GATHER_S: Final = 0.003
"""Pause behind a batch: a read of all live streams costs as much as sending an event, however many it brings.
An event that comes out of silence does not wait for it."""

_PAUSE_S: Final = 1.0

_logger = structlog.get_logger()


class Dispatcher:
    """Brings live events to sessions. :meth:`begin` comes before the first connection, then :meth:`run`."""

    def __init__(
        self, reader: FeedReader, sessions: Sessions, *, partitions: int, delays: ArrivalToPush
    ) -> None:
        self._reader = reader
        self._sessions = sessions
        self._delays = delays
        self._partitions = partitions
        self._positions: Mapping[PartitionId, EntryId] = {}
        self.is_following = False
        """Whether the live streams are being read; False while Redis cannot be reached."""

    async def begin(self) -> None:
        """Note where the live streams end now.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        self._positions = await self._reader.live_ends()
        self.is_following = True

    async def run(self) -> None:
        """Follow the live streams until cancelled; waits for a Redis that is away."""
        while True:
            try:
                async for batch in self._reader.follow_live(self._positions):
                    self.is_following = True
                    self._positions = batch.positions
                    self._dispatch(batch)
                    await asyncio.sleep(GATHER_S)
            except UnavailableError as error:
                self.is_following = False
                _logger.warning("live_streams_unavailable", error=str(error))
                await asyncio.sleep(_PAUSE_S)

    def _dispatch(self, batch: LiveBatch) -> None:
        if batch.lost:
            _logger.warning("live_streams_trimmed", partitions=sorted(batch.lost))
            for session in self._sessions.all():
                if partition_of(session.user_id, self._partitions) in batch.lost:
                    session.outbox.lose()
        for live in batch.events:
            event = parse_feed_event(live.event)
            self._delays.note(event)
            for session in self._sessions.of(live.user_id):
                session.outbox.offer(event)
