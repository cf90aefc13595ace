"""Rules at work: which of them become true at n readings of n people, and which of those may act.

A rule is judged at a reading on time that carries, in order, one of the values its conditions name; one that
names only what is told once a day, how a person moves and what the clock says, at every reading on time. It
fires on onset: when its conditions hold and it was not active. It is active until ``leave`` holds, or without
one until the conditions no longer do.

Some onsets are suppressed, each with a reason code, and told as decisions:

=================  ==================================================================================
``exercise``       it rests on values that exercise confounds and the rule does not allow
``low_quality``    the same for windows of beats of low quality
``estimated``      the same for values that Daybeat estimated
``late``           it would have come with values that came too late to be news
``future``         it would have come with values from a clock that is far ahead
``not_worn``       it would have come with values of a sensor that does not touch the skin
``cooldown``       it came too soon after the last firing, by arrival
``daily_limit``    the rule has fired often enough on this local day, by arrival
=================  ==================================================================================

The first six are told once until the rule ends or holds on better data; then it fires after all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import Cells, Layout
from adaptation.compiling import Compiled, Compiler, Places
from adaptation.evidence import Compared, value_shown
from adaptation.needs import Needs
from adaptation.people import Seen, people_layout
from adaptation.rules import Rule, RuleSet
from adaptation.value_flags import WHY_BARRED
from schemas.records import EvidenceValue

COOLDOWN: Final = "cooldown"
DAILY_LIMIT: Final = "daily_limit"

_ACTIVE: Final = 1
_BARRED: Final = 2
_STANDING: Final = _ACTIVE | _BARRED
_ASIDE: Final = 4
"""Late, future or unworn data would have set it off, and that was told. Data on time do not end it: beside a
good device one that is always late would else be told of at every reading."""
_COUNT_AT: Final = 3
_COUNT_MASK: Final = 2**6 - 1
_DAYS_BACK_MAX: Final = 2
"""Local days between the zones that are furthest apart, UTC+14 and UTC-12."""
_DAY_AT: Final = 9
"""A rule's cell of a person: active, barred, firings of the last local day with any, that day."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One rule whose conditions became true for one of n people."""

    row: int
    rule: Rule
    compared: tuple[Compared, ...]
    """By condition."""
    others: tuple[EvidenceValue, ...]
    """Values that the rule shows besides."""
    why_not: str
    """Why it may not act, such as ``cooldown``; empty if it may."""


class Triggers:
    """A rule set compiled to masks over the people's columns, most urgent rule first."""

    def __init__(self, rules: RuleSet) -> None:
        ordered = rules.by_priority()
        self.needs = Needs.of(ordered)
        """What these rules look at."""
        self.layout: Layout = people_layout([rule.name for rule in ordered], self.needs)
        """Columns of the people's table that these rules need."""
        self.places = Places.of(self.layout, self.needs)
        compiler = Compiler(self.layout, self.places)
        self._rules = [compiler.compile(rule) for rule in ordered]
        self.asked_at = 0
        """Bits of what a reading carries at which any rule is judged."""
        self._moved_at = 0
        """Those at which any rule is judged or remembers something."""
        for one in self._rules:
            self.asked_at |= one.asked_at
            self._moved_at |= one.asked_at
            for _, bits in one.memories:
                self._moved_at |= bits
        self._states = self.layout.columns("rule")
        self._of_days = [self._states.start + number for number, one in enumerate(self._rules) if one.of_days]
        self._state, self._fired_us = self._states.start, self.layout.columns("fired_us").start

    def begin_days(self, people: Cells, opens: NDArray[np.bool_]) -> None:
        """Let rules about whole days begin anew: a second poor night is told like the first.

        Args:
            people: n people's rows, changed in place.
            opens: (n,) a reading brings the first value of a later day.
        """
        if np.logical_or.reduce(opens):
            people.ints[:, self._of_days] &= ~((_STANDING | _ASIDE) * opens[:, np.newaxis])

    def judge(
        self,
        seen: Seen,
        carried: NDArray[np.int64],
        arrival_us: NDArray[np.int64],
        day_of_arrival: Callable[[int], int],
    ) -> list[Onset]:
        """Return the onsets at n readings, by reading and then by priority; ``seen`` keeps what they leave.

        Args:
            seen: the readings and people, all values taken.
            carried: (n,) bits of ``CARRIES``: what the readings tell on time and in order.
            arrival_us: (n,) arrivals of the readings.
            day_of_arrival: local day of the arrival of one reading.
        """
        any_carried = int(np.bitwise_or.reduce(carried))
        onsets: list[tuple[int, int, Onset]] = []
        if not any_carried & self._moved_at:
            return []
        states = np.bitwise_or.reduce(seen.ints[:, self._states], axis=0).tolist()
        for number, (one, any_state) in enumerate(zip(self._rules, states, strict=True)):
            if one.memories:
                _remember(one, seen, carried, any_carried)
            if any_carried & one.asked_at:
                for row, why_bar in self._begun(seen, number, carried, any_state):
                    arrived = int(arrival_us[row])
                    why = why_bar or self._fire(seen, row, number, arrived, day_of_arrival)
                    onsets.append((row, number, _onset(seen, row, one, why)))
        onsets.sort(key=lambda onset: onset[:2])
        return [onset for *_, onset in onsets]

    def judge_aside(
        self, aside: Seen, carried: NDArray[np.int64], why: str, seen: Seen, rows: NDArray[np.intp]
    ) -> list[Onset]:
        """Return what k readings would have set off, were it not for a reason that no rule allows.

        Args:
            aside: the readings beside copies of their people, who took the values; the copies are used up.
            carried: (k,) bits of ``CARRIES``: the values that must not set anything off.
            why: the reason code.
            seen: the people themselves, who keep that they were told.
            rows: (k,) their rows in ``seen``.
        """
        any_carried = int(np.bitwise_or.reduce(carried))
        onsets: list[Onset] = []
        for number, one in enumerate(self._rules):
            if any_carried & one.asked_at:
                told = carried & one.asked_at != 0
                _remember(one, aside, carried, any_carried)
                holds = one.when.holds(aside)
                state = seen.ints[rows, self._state + number]
                begins = told & holds & (state & (_ACTIVE | _ASIDE) == 0)
                ends = told & ~holds
                seen.ints[rows, self._state + number] = (state | begins * _ASIDE) & ~(ends * _ASIDE)
                onsets += [
                    _onset(aside, row, one, why, told_as=int(rows[row]))
                    for row in begins.nonzero()[0].tolist()
                ]
        return onsets

    def _begun(
        self, seen: Seen, number: int, carried: NDArray[np.int64], any_state: int
    ) -> Iterator[tuple[int, str]]:
        """Yield the rows at which a rule begins to hold, with why it must not rest on what it sees.

        Args:
            seen: the readings and people.
            number: of the rule.
            carried: (n,) what the readings tell.
            any_state: all bits of the rule's cells of these people.
        """
        one = self._rules[number]
        if one.of_body_day and not self._is_body_day(seen):
            holds = np.zeros(len(seen), np.bool_)
        else:
            holds = one.when.holds(seen)
        if not (any_state & _STANDING or np.logical_or.reduce(holds)):
            return
        told, state = carried & one.asked_at != 0, seen.ints[:, self._state + number]
        holds = holds & told
        standing = state & _STANDING
        is_active = standing & _ACTIVE != 0
        ends = told & ~holds
        if one.leave is not None:
            ends &= ~is_active | one.leave.holds(seen)
        begins = holds & ~is_active
        clear = begins
        if one.barring and np.logical_or.reduce(begins):
            clear = begins & one.when.holds(seen, one.barring)
        told_now = begins & ~clear & (standing == 0)
        state &= ~(_STANDING * (ends | clear) | _ASIDE * clear)
        state |= _ACTIVE * clear + _BARRED * told_now
        for row in (clear | told_now).nonzero()[0].tolist():
            yield row, "" if clear[row] else _why_barred(one, seen.at(row))

    def _is_body_day(self, seen: Seen) -> bool:
        """Tell whether any of the readings is of the day that its person's body closed last."""
        days = self.places.body_days
        if days is None:
            return False
        found = seen.once("body_day", lambda seen: np.logical_or.reduce(days.is_of(seen.ints, seen.day)))
        return bool(found)

    def _fire(
        self, seen: Seen, row: int, number: int, arrival_us: int, day_of_arrival: Callable[[int], int]
    ) -> str:
        """Let a rule fire for a person; return why it may not."""
        rule = self._rules[number].rule
        if arrival_us - int(seen.ints[row, self._fired_us + number]) < rule.cooldown // MICROSECOND:
            return COOLDOWN
        state, today = int(seen.ints[row, self._state + number]), day_of_arrival(row)
        # A journey west turns the calendar back, but gives no second allowance for days that have begun.
        counted = state >> _DAY_AT
        day = counted if today <= counted <= today + _DAYS_BACK_MAX else today
        fired = state >> _COUNT_AT & _COUNT_MASK if counted == day else 0
        if fired >= rule.at_most_per_day:
            return DAILY_LIMIT
        kept = state & _STANDING | (fired + 1) << _COUNT_AT | day << _DAY_AT
        seen.ints[row, self._state + number], seen.ints[row, self._fired_us + number] = kept, arrival_us
        return ""


def _remember(one: Compiled, seen: Seen, carried: NDArray[np.int64], any_carried: int) -> None:
    for memory, bits in one.memories:
        if any_carried & bits:
            memory.remember(seen, carried & bits != 0)


def _why_barred(one: Compiled, seen: Seen) -> str:
    """Return the first reason alone for which a rule does not hold on what it may rest on."""
    barring = [flag for flag in WHY_BARRED if flag & one.barring]
    alone = (flag for flag in barring if not one.when.holds(seen, flag)[0])
    return WHY_BARRED[next(alone, barring[0])]


def _onset(seen: Seen, row: int, one: Compiled, why_not: str, told_as: int | None = None) -> Onset:
    at = seen.at(row)
    others = tuple(
        value_shown(name, source.shown(at)) for name, source in one.shown if not np.isnan(source.now(at)[0])
    )
    return Onset(
        row=row if told_as is None else told_as,
        rule=one.rule,
        compared=tuple(one.when.show(at)),
        others=others,
        why_not=why_not,
    )
