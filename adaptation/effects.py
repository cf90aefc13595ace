"""What a decision is made of: where and when a command is carried out, and what one step of it changes."""

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum

from adaptation.feed_chain import FeedChain
from schemas.events import Event
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.positions import Position
from schemas.records import Record
from schemas.situations import Decided, Situation


class Refusal(StrEnum):
    """Why a command is refused; the texts are those of docs/protocol.md."""

    NO_PLAN = "no_plan"
    """There is no plan for that date."""
    UNKNOWN_TASK = "unknown_task"
    """The plan of that date has no such task."""
    WRONG_STATUS = "wrong_status"
    """The task's status does not allow it, such as starting a task twice."""
    UNKNOWN_VERSION = "unknown_version"
    """The plan has not reached the version that the edit is based on."""
    OTHER_DAY = "other_day"
    """A task would lie more than a day away from its plan."""
    UNKNOWN_ADAPTATION = "unknown_adaptation"
    """Nothing of that id can be answered or undone: it was answered, has lapsed, or never was."""
    EXPIRED = "expired"
    """Its time is over: the proposal has lapsed, or all that the change could give back has returned."""
    ALREADY_UNDONE = "already_undone"
    """The change was undone before."""
    NOT_APPLICABLE = "not_applicable"
    """A task of the proposal has begun, was locked or changed since, or no longer has the room."""
    BAD_PAUSE = "bad_pause"
    """A pause ends in the future, and within 366 days."""
    WRONG_USER = "wrong_user"
    """The plan belongs to somebody else."""
    TOO_LARGE = "too_large"
    """The plan is too large to be stored."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Where and when a command is carried out, and on what."""

    command_id: str
    situation: Situation
    position: Position
    now: dt.datetime
    time_zone: str
    chain: FeedChain
    """Heads for the events; a refused command takes none."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one step of a decision changes."""

    person: PersonState
    plans: tuple[Plan, ...] = ()
    events: tuple[Event, ...] = ()
    records: tuple[Record, ...] = ()

    def on(self, situation: Situation) -> Situation:
        """Return what the next step of the same decision starts from."""
        plans = {**situation.plans, **{plan.date: plan for plan in self.plans}}
        return replace(situation, person=self.person, plans=plans)

    def then(self, later: "Effect") -> "Effect":
        """Return the effect of this step and of one that started from what it left."""
        plans = {plan.date: plan for plan in (*self.plans, *later.plans)}
        return Effect(
            person=later.person,
            plans=tuple(plans.values()),
            events=(*self.events, *later.events),
            records=(*self.records, *later.records),
        )

    def decided(self, at: dt.datetime) -> Decided:
        """Return the whole decision."""
        return Decided(at, self.person, self.plans, self.events, self.records)
