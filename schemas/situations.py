"""What a decision starts from and what it comes to: the values between ``decide`` and the plan store."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.commands import CommandOutcome
from schemas.events import Event
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.records import Record

NO_EVENT: Final = "0-0"
"""The feed id before the first event of a person."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What one firing or command of one person comes to. It is stored as a whole or not at all."""

    at: dt.datetime
    """Arrival of the reading or command: the ``now`` that was decided with."""
    person: PersonState
    """The state after it, changed or not."""
    plans: tuple[Plan, ...] = ()
    """Only the plans that changed, each in its new version."""
    events: tuple[Event, ...] = ()
    """New events of the feed, in order, with their ids and previous ids."""
    records: tuple[Record, ...] = ()
    """Rows for the history flow."""
    outcome: CommandOutcome | None = None
    """What became of the command; None for firings."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that is known of a person when something is decided about them."""

    user_id: str
    person: PersonState
    plans: Mapping[dt.date, Plan]
    """The plans of the days concerned, as far as there are any."""
    feed_last: str = NO_EVENT
    """Id of the last event in the person's feed."""

    def after(self, decided: Decided) -> "Situation":
        """Return the situation once ``decided`` is stored: what the person's next event starts from."""
        return Situation(
            user_id=self.user_id,
            person=decided.person,
            plans={**self.plans, **{plan.date: plan for plan in decided.plans}},
            feed_last=decided.events[-1].event_id if decided.events else self.feed_last,
        )
