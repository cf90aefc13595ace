"""A shard: all that is kept of the people of one log partition, and what their readings set off.

Entries of the log are taken in order and queued; :meth:`Shard.advance` applies what is queued, many people
at once and each person's readings and commands in their order. So the results depend on the log alone, not
on how it was cut into frames, on the order of people in them, or on when the state was copied and resumed.

A person with one watch that gives heart rate and beats takes about 2.1 KB, and about 900 bytes besides for
ids and their rows: docs/physiology.md lists the parts.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Self

import numpy as np

from adaptation.baselines import MICROSECOND
from adaptation.columns import SavedTable
from adaptation.pending import (
    COMMAND,
    Field,
    Rows,
    join_rows,
    row_of_command,
    rows_of_frame,
    split_at,
    split_rounds,
)
from adaptation.physiology.windows import WINDOW_S
from adaptation.restoring import restore_timers, restore_tracker
from adaptation.rule_changes import RuleChange, read_change, read_text
from adaptation.rules import RuleSet
from adaptation.saved_bodies import save_bodies
from adaptation.snapshots import ShardState
from adaptation.timers import Deadline, Timers
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt, TrackedEvent
from adaptation.tracking import Tracker
from adaptation.triggers import Triggers
from adaptation.zones import ZoneNames
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import ReadingFrame
from schemas.positions import EntryId, Position
from schemas.readings import micros, moment_of
from schemas.records import FeatureRow
from schemas.rule_entries import RulesEntry

__all__ = ["CommandAt", "ReadingEvent", "Shard", "ShardState", "TimerAt", "TrackedEvent"]

HRV_WINDOW: Final = timedelta(seconds=WINDOW_S)
"""Length of a window of beats where nothing else is asked for."""

ROUNDS_MAX: Final = 64
"""Readings of one person that one call applies; the rest waits, beside other people's readings."""

_LOADED: Final = "the rules in force"


class Shard:
    """The people of one log partition."""

    position: EntryId
    """The last log entry taken."""

    def __init__(self, rules: RuleSet, *, default_zone: str, hrv_window: timedelta = HRV_WINDOW) -> None:
        """Return an empty shard.

        Args:
            rules: the rules that apply until others are loaded.
            default_zone: IANA zone of people who did not set theirs.
            hrv_window: length of a window of beats: whole minutes, one at least.

        Raises:
            InputError: there is no such zone.
        """
        self.position = EntryId(0, 0)
        self._shipped = rules
        self._rules_text: str | None = None
        """Of the rules that were loaded last and apply; None: the shipped ones do."""
        self._tracker = Tracker.empty(Triggers(rules), ZoneNames(default_zone), window=hrv_window)
        self._window = hrv_window
        self._timers = Timers()
        self._pending: list[Rows] = []
        self._commands: dict[EntryId, CommandEntry] = {}
        self._changes: list[RuleChange] = []
        """Rules that apply behind some of the pending rows, in order."""

    @property
    def clock_us(self) -> int:
        """The partition's clock: the largest tick or arrival so far, µs since 1970 UTC."""
        return self._timers.clock_us

    @property
    def has_pending(self) -> bool:
        """Whether readings, commands, rules or timers wait to be applied."""
        return bool(self._pending or self._changes) or self._timers.are_due

    @property
    def has_waiting(self) -> bool:
        """Whether windows of beats wait to be judged."""
        return self._tracker.bodies.has_waiting

    def take_frame(self, entry_id: EntryId, frame: ReadingFrame) -> None:
        """Queue the readings of one log entry. An entry that was taken before is left out."""
        if not self._comes_next(entry_id) or not len(frame):
            return
        people = self._tracker.rows_of_people(frame.users)
        streams = self._tracker.rows_of_devices(frame.users, frame.devices)
        self._pending.append(rows_of_frame(entry_id, frame, people, streams))
        self._timers.take(entry_id, len(frame), int(frame.arrival_us.max()))

    def take_command(self, entry_id: EntryId, entry: CommandEntry) -> None:
        """Queue a command behind the readings of its person. An entry that was taken before is left out."""
        if not self._comes_next(entry_id):
            return
        (person,) = self._tracker.rows_of_people([entry.user_id])
        self._pending.append(row_of_command(entry_id, person, entry.arrival_us))
        self._commands[entry_id] = entry
        self._timers.take(entry_id, 1, entry.arrival_us)

    def take_tick(self, entry_id: EntryId, arrival_us: int) -> None:
        """Move the partition's clock. An entry that was taken before is left out."""
        if self._comes_next(entry_id):
            self._timers.take(entry_id, 0, arrival_us)

    def take_rules(self, entry_id: EntryId, entry: RulesEntry) -> None:
        """Queue other rules, for what lies behind them. An entry that was taken before is left out.

        What rules remember is found by their names, as in :meth:`restore`.

        Raises:
            InputError: this release cannot read the file. The entry counts as taken, and the rules stay.
        """
        if not self._comes_next(entry_id):
            return
        self._timers.take(entry_id, 0, entry.arrival_us)
        self._changes.append(read_change(entry_id, entry, shipped=self._shipped))

    def advance(self, rounds_max: int = ROUNDS_MAX, *, judge: bool = True) -> list[TrackedEvent]:
        """Apply what is queued and return what it set off; the events of each person in their order.

        Args:
            rounds_max: readings or commands of one person that are applied at most; the rest stays queued.
            judge: whether windows of beats that are over are judged now; else they may wait for others, which
                costs less and changes no result.
        """
        events: list[TrackedEvent] = []
        while True:
            change = self._changes[0] if self._changes else None
            rounds, left = self._next_rounds(change, rounds_max)
            rounds_max -= len(rounds)
            until = change.entry_id if change is not None else None
            for rows in rounds:
                events += self._run_out([rows], until=until)
                events += self._apply(rows)
            if change is None or left is not None:
                break
            events += self._change_rules(change)
        events += self._run_out(self._pending, until=until)
        self._timers.forget_before(self._pending[0].position(0).entry if self._pending else None)
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
            timers=self._timers.save(),
            rules=self._rules_text,
            zones=tracker.zones.others,
            users=tuple(tracker.users),
            devices=tuple(tracker.devices),
            people=SavedTable(tracker.people.layout.names, tracker.people.copy()),
            streams=SavedTable(tracker.streams.layout.names, tracker.streams.copy()),
            bodies=save_bodies(tracker.bodies),
            pending=tuple(self._pending),
            commands=tuple(self._commands.items()),
            rule_changes=tuple((change.entry_id, change.entry) for change in self._changes),
        )

    @classmethod
    def restore(
        cls, state: ShardState, rules: RuleSet, *, default_zone: str, hrv_window: timedelta = HRV_WINDOW
    ) -> Self:
        """Return a shard that goes on where ``state`` was copied.

        What rules remember is found by their names: a new rule starts without memory, one that is gone takes
        its own along.

        Args:
            state: the copy.
            rules: the rules that apply where none were loaded.
            default_zone: IANA zone of people who did not set theirs.
            hrv_window: length of a window of beats.

        Raises:
            InputError: there is no such zone, or this release cannot read the rules that were loaded.
        """
        shard = cls(rules, default_zone=default_zone, hrv_window=hrv_window)
        shard.position = state.position
        shard._rules_text = state.rules
        if state.rules is not None:
            rules = read_text(state.rules, where=_LOADED)
        shard._tracker = restore_tracker(state, rules, default_zone=default_zone, hrv_window=hrv_window)
        shard._timers = restore_timers(state, rules)
        shard._pending = list(state.pending)
        shard._commands = dict(state.commands)
        shard._changes = [
            read_change(entry_id, entry, shipped=shard._shipped) for entry_id, entry in state.rule_changes
        ]
        return shard

    def _comes_next(self, entry_id: EntryId) -> bool:
        """Note the position of an entry; tell whether it lies behind those that were taken."""
        if entry_id <= self.position:
            return False
        self.position = entry_id
        return True

    def _next_rounds(self, change: RuleChange | None, rounds_max: int) -> tuple[list[Rows], Rows | None]:
        """Take rounds from the queue; return them and what is left after them, before a change of rules."""
        if not self._pending:
            return [], None
        rows = join_rows(self._pending)
        behind = None
        if change is not None:
            rows, behind = split_at(rows, change.entry_id)
        rounds, left = split_rounds(rows, rounds_max) if len(rows) else ([], None)
        self._pending = [rest for rest in (left, behind) if rest is not None and len(rest)]
        return rounds, left

    def _apply(self, rows: Rows) -> list[TrackedEvent]:
        """Apply one round: at most one reading or command of each person."""
        if not self._commands:
            return self._track(rows)
        is_command = rows[Field.STREAM] == COMMAND
        events: list[TrackedEvent] = []
        readings = np.flatnonzero(~is_command)
        if len(readings):
            events += self._track(rows.pick(readings))
        for row in np.flatnonzero(is_command).tolist():
            events.append(self._carry_out(int(rows[Field.PERSON][row]), rows.position(row)))
        return events

    def _track(self, rows: Rows) -> list[TrackedEvent]:
        """Apply readings; what fires runs out later."""
        events = self._tracker.apply(rows)
        for event in events:
            if isinstance(event, ReadingEvent) and event.firings:
                (person,) = self._tracker.rows_of_people([event.user_id])
                for fired in event.firings:
                    due_us = micros(event.at) + fired.rule.expires // MICROSECOND
                    self._timers.set_deadline(Deadline(due_us, person, event.position.entry))
        return events

    def _carry_out(self, person: int, position: Position) -> CommandAt:
        entry = self._commands.pop(position.entry)
        if isinstance(entry.command, SetProfile):
            self._tracker.set_zone(person, entry.command.time_zone)
        return CommandAt(position, entry, self._tracker.zone_of(person))

    def _run_out(self, following: Sequence[Rows], *, until: EntryId | None) -> list[TimerAt]:
        """Return the timers that fall due before rows that follow, and before an entry."""
        tracker = self._tracker
        return [
            TimerAt(
                position=due.position,
                user_id=tracker.users[due.person],
                at=moment_of(due.clock_us),
                time_zone=tracker.zone_of(due.person),
            )
            for due in self._timers.fall_due(following, before=until)
        ]

    def _change_rules(self, change: RuleChange) -> list[FeatureRow]:
        """Let other rules apply, and return the windows that had to be judged before."""
        windows = self._tracker.finish()
        zone, window = self._tracker.zones[0], self._window
        state = self.copy_state()
        self._tracker = restore_tracker(state, change.rules, default_zone=zone, hrv_window=window)
        self._rules_text = change.entry.text or None
        self._changes.remove(change)
        return windows
