"""What ``track`` hands to ``decide``: what happened at readings, commands and timers; records as they are."""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from adaptation.rules import Rule
from schemas.commands import CommandEntry
from schemas.positions import Position
from schemas.records import BaselineRow, EstimateRow, FeatureRow, Firing, HrvDay, HrvDayRow, WearRow


class RuleFiring(NamedTuple):
    """A firing with the rule that fired, as it was in force at that place of the log."""

    firing: Firing
    rule: Rule


@dataclass(frozen=True, slots=True)
class ReadingEvent:
    """What became true of one person at one reading: rules, and the status of HRV."""

    position: Position
    user_id: str
    at: dt.datetime
    """Arrival of the reading: the ``now`` of everything that follows."""
    time_zone: str
    firings: tuple[RuleFiring, ...] = ()
    """Firings that may act; of equal priority in the order of their rules' file."""
    suppressed: tuple[tuple[Firing, str], ...] = ()
    """Firings that may not act, each with its reason code, such as ``cooldown``."""
    baseline: HrvDay | None = None
    """Today's HRV, if its status changed."""


@dataclass(frozen=True, slots=True)
class CommandAt:
    """A command of one person, at its place between that person's readings."""

    position: Position
    entry: CommandEntry
    time_zone: str
    """The person's zone once this command is in force (they differ only for ``profile.set``)."""


@dataclass(frozen=True, slots=True)
class TimerAt:
    """Something of a person has run out by the partition's clock, such as the time of a change."""

    position: Position
    """Behind all readings and commands of that person in the same log entry."""
    user_id: str
    at: dt.datetime
    """The partition's clock: all that runs out by then falls due here."""
    time_zone: str


TrackedRecord = BaselineRow | FeatureRow | HrvDayRow | EstimateRow | WearRow
"""A record that changes nothing and goes to the history as it is; its key tells a repeat."""

TrackedEvent = ReadingEvent | CommandAt | TimerAt | TrackedRecord
"""Anything that ``track`` emits."""
