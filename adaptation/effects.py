"""What the handlers of commands are given, and what they give back."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from adaptation.feed_chain import FeedChain
from schemas.events import Event
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.positions import Position
from schemas.records import Record
from schemas.situations import Situation


class Refusal(StrEnum):
    """Why a command is refused; the texts are those of docs/protocol.md."""

    NO_PLAN = "no_plan"
    """There is no plan for that date."""
    UNKNOWN_TASK = "unknown_task"
    """The plan of that date has no such task."""
    WRONG_STATUS = "wrong_status"
    """The task's status does not allow it, such as starting a task twice."""
    UNKNOWN_ADAPTATION = "unknown_adaptation"
    """No such proposal waits for an answer: it was answered, has long expired, or never was."""
    EXPIRED = "expired"
    """The proposal's time is over."""
    NOT_APPLICABLE = "not_applicable"
    """A task of the proposal has begun, was locked or changed since, or no longer has the room."""
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
    """What a command that is carried out changes."""

    person: PersonState
    plans: tuple[Plan, ...] = ()
    events: tuple[Event, ...] = ()
    records: tuple[Record, ...] = ()
