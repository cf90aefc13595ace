"""Entries of the log, and what can be wrong with the log."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import BusyError, DaybeatError
from schemas.ids import PartitionId
from schemas.positions import EntryId


class EntryKind(StrEnum):
    """What an entry of the log holds."""

    READINGS = "readings"
    """A frame (schemas.frames)."""
    TICK = "tick"
    """JSON ``{"arrival_us": …}``: the partition's clock moves."""
    COMMAND = "command"
    """JSON of schemas.commands.CommandEntry."""
    RULES = "rules"
    """JSON of schemas.rule_entries.RulesEntry: from here on other rules apply."""
    DEAD_LETTER = "dead_letter"
    """JSON of schemas.dead_letters.DeadLetter."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be appended."""

    partition: PartitionId
    kind: EntryKind
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands in the log."""

    partition: PartitionId
    entry_id: EntryId
    kind: EntryKind
    payload: bytes


class LogFullError(BusyError):
    """The log has reached its size in bytes; some entries of the call may have been taken."""


class LogGapError(DaybeatError):
    """Entries after the position to resume from are gone: going on would skip readings in silence."""


class LogRewoundError(DaybeatError):
    """The log is older than the position to resume from: Redis was restored to an earlier state."""
