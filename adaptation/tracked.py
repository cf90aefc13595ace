"""What ``track`` hands to ``decide``: firings and commands, each at its place in the log."""

from dataclasses import dataclass

from schemas.commands import CommandEntry
from schemas.positions import Position
from schemas.records import BaselineRow, Firing


@dataclass(frozen=True, slots=True)
class FiringsAt:
    """The rules whose condition became true for one person at one reading or timer."""

    position: Position
    user_id: str
    firings: tuple[Firing, ...]
    """Firings that may act, in any order; the first by the rules' priority does."""
    suppressed: tuple[tuple[Firing, str], ...] = ()
    """Firings that may not act, each with its reason code, such as ``cooldown``."""


@dataclass(frozen=True, slots=True)
class CommandAt:
    """A command of one person, at its place between that person's readings."""

    position: Position
    entry: CommandEntry
    time_zone: str
    """The person's zone once this command is in force (they differ only for ``profile.set``)."""


TrackedEvent = FiringsAt | CommandAt | BaselineRow
"""Anything that ``track`` emits."""
