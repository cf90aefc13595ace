"""What ``track`` hands to ``decide``: what happened at readings and commands, and records for the history."""

import datetime as dt
from dataclasses import dataclass

from schemas.commands import CommandEntry
from schemas.positions import Position
from schemas.records import BaselineRow, EstimateRow, FeatureRow, Firing, HrvDay, HrvDayRow, WearRow


@dataclass(frozen=True, slots=True)
class ReadingEvent:
    """What became true of one person at one reading or timer: rules, and the status of HRV."""

    position: Position
    user_id: str
    at: dt.datetime
    """Arrival of the reading: the ``now`` of everything that follows."""
    time_zone: str
    firings: tuple[Firing, ...] = ()
    """Firings that may act, in any order; the first by the rules' priority does."""
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


TrackedRecord = BaselineRow | FeatureRow | HrvDayRow | EstimateRow | WearRow
"""A record that changes nothing and goes to the history as it is; its key tells a repeat."""

TrackedEvent = ReadingEvent | CommandAt | TrackedRecord
"""Anything that ``track`` emits."""
