"""What a client must be told before the live events: its plan, or the events it missed."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from schemas.plan import Plan
from stores.feed import FeedEntry, FeedReader, Welcome

READS_MAX: Final = 32
"""Reads of the store at a time. When ten thousand clients come back at once the others wait, instead of
each opening a connection to Redis."""


class CatchUp:
    """Reads the store for sessions, a bounded number at a time.

    Args:
        reader: with a patience that a connecting client has too.
        now: Daybeat's clock; it decides which day is today.
        default_zone: IANA zone of people who have set none.
    """

    def __init__(self, reader: FeedReader, *, now: Callable[[], dt.datetime], default_zone: str) -> None:
        self._reader = reader
        self._now = now
        self._default_zone = default_zone
        self._turn = asyncio.Semaphore(READS_MAX)

    async def welcome(self, user_id: str) -> Welcome:
        """Return today's plan, None if there is none, the id of the person's last event, and open proposals.

        Raises:
            UnavailableError: Redis cannot be reached.
            StoredValueError: the plan or the proposals cannot be read.
        """
        async with self._turn:
            read = await self._reader.welcome(user_id, await self._today(user_id))
        now = self._now()
        return read._replace(proposals=tuple(one for one in read.proposals if now < one.expires_at))

    async def missed(self, user_id: str, last_event_id: str) -> list[FeedEntry] | None:
        """Return the events after one that the client has; None if the feed no longer reaches back to it.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        async with self._turn:
            return await self._reader.events_after(user_id, last_event_id)

    async def plan(self, user_id: str, date: dt.date | None) -> tuple[dt.date, Plan | None]:
        """Return a day (None: today, local) and its plan, None if it has none; raises as :meth:`welcome`."""
        async with self._turn:
            day = date or await self._today(user_id)
            return day, (await self._reader.welcome(user_id, day)).plan

    async def time_zone(self, user_id: str) -> str:
        """Return the person's IANA zone, or the default one; raises as :meth:`welcome`."""
        async with self._turn:
            return await self._zone(user_id)

    async def _zone(self, user_id: str) -> str:
        return await self._reader.time_zone(user_id) or self._default_zone

    async def _today(self, user_id: str) -> dt.date:
        return self._now().astimezone(ZoneInfo(await self._zone(user_id))).date()
