"""What is read of the store for clients: the plan they begin with, the events they missed, their profile."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from push.profiles import Profile, profile_of
from schemas.commands import UndoAdaptation
from schemas.plan import Plan
from schemas.rule_entries import RulesShown
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
        shipped_rules: those in force where none were loaded.
    """

    def __init__(
        self,
        reader: FeedReader,
        *,
        now: Callable[[], dt.datetime],
        default_zone: str,
        shipped_rules: RulesShown,
    ) -> None:
        self._reader = reader
        self._now = now
        self._default_zone = default_zone
        self._shipped_rules = shipped_rules
        self._turn = asyncio.Semaphore(READS_MAX)

    async def welcome(self, user_id: str) -> Welcome:
        """Return today's plan, the id of the person's last event, open proposals and changes in force.

        Raises:
            UnavailableError: Redis cannot be reached.
            StoredValueError: the plan or what stands beside it cannot be read.
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

    async def profile(self, user_id: str) -> Profile:
        """Return the person's profile, with the rules in force; raises as :meth:`welcome`."""
        async with self._turn:
            person = await self._reader.person(user_id)
            rules = await self._rules()
        return profile_of(person, rules, default_zone=self._default_zone, now=self._now())

    async def rules(self) -> RulesShown:
        """Return the rules in force; raises as :meth:`welcome`."""
        async with self._turn:
            return await self._rules()

    async def needs_no_history(self, user_id: str, command: UndoAdaptation) -> bool:
        """Tell whether the adaptation stands beside the person's plans, or the outcome is recorded already.

        Raises as :meth:`welcome`.
        """
        async with self._turn:
            if await self._reader.is_carried_out(user_id, command.command_id):
                return True
            person = await self._reader.person(user_id)
        return command.adaptation_id in person.adaptations or command.adaptation_id in person.proposals

    async def _rules(self) -> RulesShown:
        return await self._reader.rules() or self._shipped_rules

    async def _today(self, user_id: str) -> dt.date:
        zone = (await self._reader.person(user_id)).time_zone or self._default_zone
        return self._now().astimezone(ZoneInfo(zone)).date()
