"""A shard: all that is kept of the people of one log partition, and what their readings set off.

Entries of the log are taken in order and queued; :meth:`Shard.advance` applies what is queued, many people
at once and each person's readings and commands in their order. So the results depend on the log alone, not
on how it was cut into frames, on the order of people in them, or on when the state was copied and resumed.

A person with one watch that gives heart rate and beats takes about 2 KB, and about 900 bytes besides for ids
and their rows: docs/physiology.md lists the parts.
"""

from datetime import timedelta
from typing import Final, Self

import numpy as np

from adaptation.columns import SavedTable, Table
from adaptation.pending import COMMAND, Field, Rows, join_rows, row_of_command, rows_of_frame, split_rounds
from adaptation.physiology.windows import WINDOW_S
from adaptation.rules import RuleSet
from adaptation.saved_bodies import restore_bodies, save_bodies
from adaptation.snapshots import ShardState
from adaptation.streams import STREAM_LAYOUT
from adaptation.tracked import CommandAt, ReadingEvent, TrackedEvent
from adaptation.tracking import Tracker
from adaptation.triggers import Triggers
from adaptation.zones import ZoneNames
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import ReadingFrame
from schemas.positions import EntryId, Position

__all__ = ["CommandAt", "ReadingEvent", "Shard", "ShardState", "TrackedEvent"]

HRV_WINDOW: Final = timedelta(seconds=WINDOW_S)
"""Length of a window of beats where nothing else is asked for."""

ROUNDS_MAX: Final = 64
"""Readings of one person that one call applies; the rest waits, beside other people's readings."""


class Shard:
    """The people of one log partition."""

    position: EntryId
    """The last log entry taken."""
    clock_us: int
    """The partition's clock: the largest tick or arrival so far, µs since 1970 UTC."""

    def __init__(self, rules: RuleSet, *, default_zone: str, hrv_window: timedelta = HRV_WINDOW) -> None:
        """Return an empty shard.

        Args:
            rules: the rules that are watched.
            default_zone: IANA zone of people who did not set theirs.
            hrv_window: length of a window of beats: whole minutes, one at least.

        Raises:
            InputError: there is no such zone.
        """
        self.position = EntryId(0, 0)
        self.clock_us = 0
        self._tracker = Tracker.empty(Triggers(rules), ZoneNames(default_zone), window=hrv_window)
        self._pending: list[Rows] = []
        self._commands: dict[EntryId, CommandEntry] = {}

    @property
    def has_pending(self) -> bool:
        """Whether readings or commands wait to be applied."""
        return bool(self._pending)

    def take_frame(self, entry_id: EntryId, frame: ReadingFrame) -> None:
        """Queue the readings of one log entry. An entry that was taken before is left out."""
        if not self._comes_next(entry_id) or not len(frame):
            return
        people = self._tracker.rows_of_people(frame.users)
        streams = self._tracker.rows_of_devices(frame.users, frame.devices)
        self._pending.append(rows_of_frame(entry_id, frame, people, streams))
        self.clock_us = max(self.clock_us, int(frame.arrival_us.max()))

    def take_command(self, entry_id: EntryId, entry: CommandEntry) -> None:
        """Queue a command behind the readings of its person. An entry that was taken before is left out."""
        if not self._comes_next(entry_id):
            return
        (person,) = self._tracker.rows_of_people([entry.user_id])
        self._pending.append(row_of_command(entry_id, person, entry.arrival_us))
        self._commands[entry_id] = entry
        self.clock_us = max(self.clock_us, entry.arrival_us)

    def take_tick(self, entry_id: EntryId, arrival_us: int) -> None:
        """Move the partition's clock. An entry that was taken before is left out."""
        if self._comes_next(entry_id):
            self.clock_us = max(self.clock_us, arrival_us)

    @property
    def has_waiting(self) -> bool:
        """Whether windows of beats wait to be judged."""
        return self._tracker.bodies.has_waiting

    def advance(self, rounds_max: int = ROUNDS_MAX, *, judge: bool = True) -> list[TrackedEvent]:
        """Apply what is queued and return what it set off; the events of each person in their order.

        Args:
            rounds_max: readings or commands of one person that are applied at most; the rest stays queued.
            judge: whether windows of beats that are over are judged now; else they may wait for others, which
                costs less and changes no result.
        """
        if not self._pending:
            return list(self._tracker.finish()) if judge else []
        rounds, left = split_rounds(join_rows(self._pending), rounds_max)
        self._pending = [] if left is None else [left]
        events: list[TrackedEvent] = []
        for rows in rounds:
            events += self._apply(rows)
        return [*events, *self._tracker.finish()] if judge else events

    def copy_state(self) -> ShardState:
        """Return an immutable copy of all the shard knows; costs little more than copying its columns.

        No window may wait to be judged.
        """
        assert not self.has_waiting  # noqa: S101  # what such windows set off would be lost
        tracker = self._tracker
        return ShardState(
            position=self.position,
            clock_us=self.clock_us,
            zones=tracker.zones.others,
            users=tuple(tracker.users),
            devices=tuple(tracker.devices),
            people=SavedTable(tracker.people.layout.names, tracker.people.copy()),
            streams=SavedTable(tracker.streams.layout.names, tracker.streams.copy()),
            bodies=save_bodies(tracker.bodies),
            pending=tuple(self._pending),
            commands=tuple(self._commands.items()),
        )

    @classmethod
    def restore(
        cls, state: ShardState, rules: RuleSet, *, default_zone: str, hrv_window: timedelta = HRV_WINDOW
    ) -> Self:
        """Return a shard that goes on where ``state`` was copied.

        What rules remember is found by their names: a new rule starts without memory, one that is gone takes
        its own along.

        Raises:
            InputError: there is no such zone.
        """
        shard = cls(rules, default_zone=default_zone, hrv_window=hrv_window)
        shard.position = state.position
        shard.clock_us = state.clock_us
        triggers = Triggers(rules)
        tracker = Tracker(
            triggers,
            ZoneNames(default_zone, state.zones),
            Table.resume(triggers.layout, state.people.names, state.people.cells),
            Table.resume(STREAM_LAYOUT, state.streams.names, state.streams.cells),
            window=hrv_window,
        )
        tracker.name_rows(state.users, state.devices)
        restore_bodies(tracker.bodies, state.bodies)
        shard._tracker = tracker
        shard._pending = list(state.pending)
        shard._commands = dict(state.commands)
        return shard

    def _comes_next(self, entry_id: EntryId) -> bool:
        """Note the position of an entry; tell whether it lies behind those that were taken."""
        if entry_id <= self.position:
            return False
        self.position = entry_id
        return True

    def _apply(self, rows: Rows) -> list[TrackedEvent]:
        """Apply one round: at most one reading or command of each person."""
        if not self._commands:
            return self._tracker.apply(rows)
        is_command = rows[Field.STREAM] == COMMAND
        events: list[TrackedEvent] = []
        readings = np.flatnonzero(~is_command)
        if len(readings):
            events += self._tracker.apply(rows.pick(readings))
        for row in np.flatnonzero(is_command).tolist():
            events.append(self._carry_out(int(rows[Field.PERSON][row]), rows.position(row)))
        return events

    def _carry_out(self, person: int, position: Position) -> CommandAt:
        entry = self._commands.pop(position.entry)
        if isinstance(entry.command, SetProfile):
            self._tracker.set_zone(person, entry.command.time_zone)
        return CommandAt(position, entry, self._tracker.zone_of(person))
