"""One person as the live flow carries them: what happens is decided, stored and checked, one after the other.

Timers fall due behind the entry that moves the partition's clock up to them, as the live flow hands them on.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from adaptation.commands import dates_of_command, decide_command
from adaptation.days import plan_dates
from adaptation.decide import decide_reading
from adaptation.rules import RuleSet
from adaptation.timed import dates_of_timer, decide_timer
from adaptation.tracked import CommandAt, ReadingEvent, RuleFiring, TimerAt
from bench.agency_checks import Ledger
from bench.agency_copies import require
from bench.agency_days import USER, firing_of
from bench.agency_outcomes import FiringChecks
from bench.agency_store import PersonStore
from schemas.commands import (
    COMMAND,
    CommandEntry,
    CommandOutcome,
    DeclineAdaptation,
    EditTask,
    PutPlan,
)
from schemas.positions import Position
from schemas.readings import micros
from schemas.situations import Decided, Situation

Happened = ReadingEvent | CommandAt | TimerAt


class CheckedPerson:
    """Decides, stores and checks what happens to one person.

    Args:
        now: when it begins.
        zone: where the person is.
    """

    def __init__(self, now: dt.datetime, zone: str) -> None:
        self.store = PersonStore(USER)
        self.ledger = Ledger()
        self.steps: list[str] = []
        """What was done, for people."""
        self.now = now
        """Arrival of what happens next; now and then it steps back."""
        self.zone = zone
        self._firings = FiringChecks()
        self._clock = now
        self._entry_ms = 1_000_000
        self._number = 0
        self._deadlines: list[dt.datetime] = []
        self._last: Happened | None = None

    def read(self, readings: Sequence[tuple[Sequence[str], Sequence[str]]], rules: RuleSet) -> None:
        """Take an entry of readings.

        Args:
            readings: of each reading the rules that fire and may act, and those that may not.
            rules: all rules.
        """
        position = self._next_entry()
        for index, (acting, suppressed) in enumerate(readings):
            self._reading(replace(position, index=index), acting, suppressed, rules)
        self._end_entry(len(readings))

    def command(self, fields: Mapping[str, object]) -> None:
        """Take an entry with a command; ``fields`` are those of the command but for its id."""
        position = self._next_entry()
        self._number += 1
        command = COMMAND.validate_python({"command_id": f"c-{self._number}", **fields})
        told = command.model_dump_json(exclude={"plan", "record", "command_id"}, exclude_defaults=True)
        self.steps.append(f"{command.type} {told} at {self.now.isoformat()}")
        entry = CommandEntry(user_id=USER, arrival_us=micros(self.now), command=command)
        self._happen(CommandAt(position, entry, self.zone))
        self._end_entry(1)

    def tick(self) -> None:
        """Take a tick: only time passes."""
        self.steps.append(f"tick at {self.now.isoformat()}")
        self._next_entry()
        self._end_entry(0)

    def replay(self) -> None:
        """Take what happened last once more, as after a crash: nothing is stored."""
        if self._last is None:
            return
        before = self.store.whole
        decided = self._decide(self._last)
        if decided is not None:
            require(decided == self._decide(self._last), "the same decided otherwise")
            self.steps.append(f"replay of {self._last.position}")
            require(not self.store.write(self._last.position, decided), "a replay was stored")
        require(self.store.whole is before, "a replay changed something")

    def repeat(self) -> None:
        """Take the last command once more, as an app sends it again: it gets the recorded outcome."""
        if not isinstance(self._last, CommandAt):
            return
        entry, before = self._last.entry, self.store.whole
        recorded = self.store.outcomes[entry.command.command_id]
        event = CommandAt(self._next_entry(), entry, self.zone)
        self.steps.append(f"repeat of {entry.command.command_id}")
        decided = self._decide(event, recorded=recorded)
        if decided is None or decided.outcome != recorded:
            require(holds=False, what="a repeat came to something else")
            return
        self.store.write(event.position, decided)
        self.ledger.check(before, self.store.whole, decided, layout_changed=False)
        if len(decided.events) == 1:
            require(not decided.plans and not decided.records, "a repeat changed something")

    def _next_entry(self) -> Position:
        self._entry_ms += 1
        self._clock = max(self._clock, self.now)
        return Position(self._entry_ms, 0, 0)

    def _end_entry(self, index: int) -> None:
        """Hand on what has fallen due by the clock, behind the entry."""
        is_due = False
        while self._deadlines and self._deadlines[0] <= self._clock:
            heappop(self._deadlines)
            is_due = True
        if is_due:
            self.steps.append(f"timer at {self._clock.isoformat()}")
            self._happen(TimerAt(Position(self._entry_ms, 0, index), USER, self._clock, self.zone))

    def _reading(
        self, position: Position, acting: Sequence[str], suppressed: Sequence[str], rules: RuleSet
    ) -> None:
        self.steps.append(f"reading: {', '.join(acting) or 'nothing'} at {self.now.isoformat()}")
        fired = []
        for rule in rules.rules:
            if rule.name in acting or rule.name in suppressed:
                self._number += 1
                firing = firing_of(rule, self._number, now=self.now, time_zone=self.zone, position=position)
                fired.append(RuleFiring(firing, rule))
        may_act = tuple(one for one in fired if one.rule.name in acting)
        for one in may_act:
            heappush(self._deadlines, self.now + one.rule.expires)
        self._happen(
            ReadingEvent(
                position,
                USER,
                self.now,
                self.zone,
                firings=may_act,
                suppressed=tuple((one.firing, "cooldown") for one in fired if one not in may_act),
            )
        )

    def _happen(self, event: Happened) -> None:
        before = self.store.whole
        decided = self._decide(event)
        self._last = event
        if decided is None:
            self.ledger.check_nothing_over(before, self._clock)
            return
        command = event.entry.command if isinstance(event, CommandAt) else None
        command_id = None if command is None else command.command_id
        require(
            self.store.write(event.position, decided, command_id=command_id),
            "a new position was taken for a replay",
        )
        after = self.store.whole
        is_done = decided.outcome is not None and decided.outcome.ok
        if isinstance(event, CommandAt) and is_done:
            dates = dates_of_command(event.entry, event.time_zone)
            self.ledger.person_did(event.entry.command, dates, before.plans)
        layout_changed = is_done and isinstance(command, EditTask | PutPlan)
        self.ledger.check(before, after, decided, layout_changed=layout_changed)
        self._check_kind(event, before, after, decided)

    def _check_kind(self, event: Happened, before: Situation, after: Situation, decided: Decided) -> None:
        self.ledger.check_ended(decided, after)
        if isinstance(event, TimerAt):
            self.ledger.check_nothing_over(after, event.at)
        if isinstance(event, CommandAt):
            if decided.outcome is not None and not decided.outcome.ok and len(decided.events) == 1:
                require(not decided.plans and not decided.records, "a refused command changed something")
            if isinstance(event.entry.command, DeclineAdaptation):
                require(not decided.plans, "declining changed a plan")
            return
        self.ledger.check_untouched(before, after)
        if isinstance(event, ReadingEvent):
            self._firings.check(event, before.person, decided)

    def _decide(self, event: Happened, *, recorded: CommandOutcome | None = None) -> Decided | None:
        if isinstance(event, TimerAt):
            return decide_timer(self.store.load(dates_of_timer(event)), event)
        if isinstance(event, ReadingEvent):
            return decide_reading(self.store.load(plan_dates(event.at, event.time_zone)), event)
        return decide_command(
            self.store.load(dates_of_command(event.entry, event.time_zone)),
            event.entry,
            event.position,
            time_zone=event.time_zone,
            recorded=recorded,
        )
