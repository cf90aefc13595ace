"""The ways of past readings through the engine: in memory round by round, or a part at a time."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from adaptation.backtest_history import History
from adaptation.columns import Table
from adaptation.physiology.windows import WINDOW_S
from adaptation.rules import RuleSet
from adaptation.shard import Shard
from adaptation.streams import STREAM_LAYOUT
from adaptation.tracked import ReadingEvent, TrackedEvent
from adaptation.tracking import Tracker
from adaptation.triggers import Triggers
from adaptation.zones import ZoneNames
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import ReadingFrame
from schemas.positions import EntryId

ROWS_AT_ONCE: Final = 65_536
"""Readings that a shard applies together, so that many people go side by side."""


def whole_tracker(triggers: Triggers, default_zone: str, history: History) -> Tracker:
    """Return a tracker that has room for the people and devices of a history.

    Args:
        triggers: the rules.
        default_zone: IANA zone of people whose zone is not told.
        history: what will be applied.
    """
    people, streams = Table(triggers.layout), Table(STREAM_LAYOUT)
    for table, names in ((people, history.users), (streams, history.devices)):
        for _ in names:
            table.add_row()
    window = timedelta(seconds=WINDOW_S)
    return Tracker(triggers, ZoneNames(default_zone), people, streams, window=window, records=False)


def track_history(tracker: Tracker, history: History) -> Iterator[ReadingEvent]:
    """Yield what the readings of a history set off; the tracker has rows for its people and devices."""
    tracker.name_rows(history.users, history.devices)
    for person, user in enumerate(history.users):
        if user in history.zones:
            tracker.set_zone(person, history.zones[user])
    for rows in history.rounds():
        yield from _reading_events(tracker.apply(rows))


class ShardRun:
    """A shard that takes readings a part at a time.

    Args:
        rules: what is tried.
        zones: user → IANA zone, of those whose zone is known.
        default_zone: that of the others.
    """

    def __init__(self, rules: RuleSet, zones: Mapping[str, str], *, default_zone: str) -> None:
        self._shard = Shard(rules, default_zone=default_zone)
        self._entries = 0
        self._waiting = 0
        for user, zone in zones.items():
            command = SetProfile(command_id=f"zone-{user}", time_zone=zone)
            entry = CommandEntry(user_id=user, arrival_us=0, command=command)
            self._shard.take_command(self._next_entry(), entry)
            self._waiting += 1

    def take(self, frames: Iterable[ReadingFrame]) -> Iterator[ReadingEvent]:
        """Take readings and yield what they, or those before them, set off."""
        for frame in frames:
            self._shard.take_frame(self._next_entry(), frame)
            self._waiting += len(frame)
            if self._waiting >= ROWS_AT_ONCE:
                yield from self.finish()

    def finish(self) -> Iterator[ReadingEvent]:
        """Apply all that was taken, and yield what it set off."""
        waiting, self._waiting = self._waiting, 0
        return _reading_events(self._shard.advance(rounds_max=waiting))

    def _next_entry(self) -> EntryId:
        self._entries += 1
        return EntryId(self._entries, 0)


def _reading_events(events: Iterable[TrackedEvent]) -> Iterator[ReadingEvent]:
    return (event for event in events if isinstance(event, ReadingEvent))
