"""Rules judged by looking at one person at a time, straight from the wording: dicts, loops, no columns.

An unknown number is None and meets no comparison. Knows one device a person, which gives no heart rate.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from adaptation.baselines import RunningBaseline
from adaptation.needs import held_label, within_label
from adaptation.rules import Rule
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Between,
    Comparison,
    Condition,
    Expression,
    ForDays,
    HeldFor,
    Holds,
    Is,
    Number,
    Term,
    Within,
    values_of,
)
from support.readings import DAY_US, HOUR_US, MINUTE_US, Sent

DAY_VALUE = "sleep_quality"
CONFOUNDED = {"stress_level", "hrv_rmssd_ms"}
WITH_USUAL = "hrv_rmssd_ms"
WEEKDAYS = ("thu", "fri", "sat", "sun", "mon", "tue", "wed")
"""From 1970-01-01."""
NEVER = -(10**18)


class Usual(NamedTuple):
    mean: float
    sd: float | None
    is_mature: bool


class Value(NamedTuple):
    value: float
    time_us: int
    after_exercise: bool
    usual: Usual | None


class Remembered(NamedTuple):
    time_us: int
    after_exercise: bool


@dataclass
class Hold:
    since_us: int | None = None
    last_us: int = NEVER
    barred_us: int = NEVER


@dataclass
class Person:
    """All that is known of one person, in UTC."""

    now: dict[str, Value] = field(default_factory=dict)
    previous: dict[str, Value] = field(default_factory=dict)
    last_us: dict[str, int] = field(default_factory=dict)
    nights: dict[int, tuple[int, float]] = field(default_factory=dict)
    baseline: RunningBaseline = field(default_factory=RunningBaseline)
    since_us: int = NEVER
    moved_us: int = NEVER
    exercised_us: int = NEVER
    slept_us: int = NEVER
    activity: tuple[int, str] = (NEVER, "")
    lately: dict[str, Remembered] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)


@dataclass
class Judged:
    """One rule of one person."""

    active: bool = False
    told: bool = False
    told_aside: bool = False
    fired_us: int = NEVER
    fired_days: list[int] = field(default_factory=list)


class PlainRules:
    """One rule over the readings of one person, in their order."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.conditions = [one.condition for one in (rule.when, rule.leave) if one is not None]
        self.bars_exercise = "exercise" not in rule.allow
        self.person = Person()
        self.state = Judged()

    def take(self, sent: Sent) -> list[str]:
        """Take a reading; return why onsets at it were suppressed, an empty word for one that fired."""
        ahead = sent.time_us - sent.arrival_us > 5 * MINUTE_US
        if ahead:
            return self._aside(sent, set(sent.values), "future")
        late = sent.arrival_us - sent.time_us > 10 * MINUTE_US
        in_order = {name for name in sent.values if sent.time_us >= self.person.last_us.get(name, NEVER)}
        fresh = {
            name
            for name in in_order
            if not late or (name == DAY_VALUE and sent.arrival_us // DAY_US == sent.time_us // DAY_US)
        }
        self._move(sent)
        self._take_values(self.person, sent, fresh)
        barred = in_order - fresh
        beside = copy.deepcopy(self.person) if barred else None
        if beside is not None:
            self._take_values(beside, sent, barred)
        self._keep(sent)
        if beside is not None and DAY_VALUE in barred:
            beside.nights = copy.deepcopy(self.person.nights)
        told: list[str] = []
        self._remember(self.person, sent, fresh, on_time=not late)
        if self._is_judged(fresh, on_time=not late):
            told += self._judge(sent)
        if beside is not None and self._is_judged(barred, on_time=False):
            told += self._judge_aside(beside, sent, barred, "late")
        return told

    def _move(self, sent: Sent) -> None:
        person = self.person
        if sent.activity in ("walk", "run") or sent.values.get("steps", 0.0) > 10:
            person.moved_us = max(person.moved_us, sent.time_us)
        if sent.activity == "run":
            person.exercised_us = max(person.exercised_us, sent.time_us)
        if sent.activity == "sleep":
            person.slept_us = max(person.slept_us, sent.time_us)

    def _take_values(self, person: Person, sent: Sent, names: set[str]) -> None:
        exercised = sent.time_us - person.exercised_us < 10 * MINUTE_US
        for name in names - {DAY_VALUE}:
            known = person.now.get(name)
            if known is not None and sent.time_us > known.time_us:
                person.previous[name] = known
            usual = None
            if name == WITH_USUAL and person.baseline.count:
                count = person.baseline.count
                usual = Usual(
                    person.baseline.mean,
                    person.baseline._state.variance[0] ** 0.5 or None,
                    count >= 20 and sent.time_us - person.since_us >= 7 * DAY_US,
                )
            value = Value(sent.values[name], sent.time_us, exercised and name in CONFOUNDED, usual)
            person.now[name] = value

    def _keep(self, sent: Sent) -> None:
        person = self.person
        for name in sent.values:
            person.last_us[name] = max(person.last_us.get(name, NEVER), sent.time_us)
        if WITH_USUAL in sent.values:
            if not person.baseline.count:
                person.since_us = sent.time_us
            person.baseline.update(sent.values[WITH_USUAL], time_us=sent.time_us)
        if DAY_VALUE in sent.values:
            day = sent.time_us // DAY_US
            if self._named() == {DAY_VALUE} and day > max(person.nights, default=NEVER):
                self.state.active = self.state.told = self.state.told_aside = False  # each day begins anew
            known = person.nights.get(day, (NEVER, 0.0))
            if sent.time_us >= known[0] and day >= max(person.nights, default=day) - 1:
                person.nights[day] = (sent.time_us, sent.values[DAY_VALUE])
        if sent.activity and sent.time_us >= person.activity[0]:
            person.activity = max(person.activity, (sent.time_us, sent.activity), key=lambda one: one[0])
            if sent.time_us == person.activity[0]:
                person.activity = (sent.time_us, _later(person.activity[1], sent.activity))

    def _is_judged(self, names: set[str], *, on_time: bool) -> bool:
        named = self._named()
        return bool(named & names) if named else on_time

    def _named(self) -> set[str]:
        return {name for condition in self.conditions for name in values_of(condition)}

    def _judge(self, sent: Sent) -> list[str]:
        state, when = self.state, self.conditions[0]
        holds = _holds(when, self, self.person, sent, clear=False)
        if holds and not state.active:
            if self.bars_exercise and not _holds(when, self, self.person, sent, clear=True):
                told, state.told = ([] if state.told else ["exercise"]), True
                return told
            state.active, state.told, state.told_aside = True, False, False
            return [self._fire(sent)]
        if not holds:
            state.told = False
            left = len(self.conditions) == 1 or _holds(
                self.conditions[1], self, self.person, sent, clear=False
            )
            state.active = state.active and not left
        return []

    def _fire(self, sent: Sent) -> str:
        today = sent.arrival_us // DAY_US
        if sent.arrival_us - self.state.fired_us < self.rule.cooldown.total_seconds() * 1e6:
            return "cooldown"
        if self.state.fired_days.count(today) >= self.rule.at_most_per_day:
            return "daily_limit"
        self.state.fired_us = sent.arrival_us
        self.state.fired_days.append(today)
        return ""

    def _aside(self, sent: Sent, names: set[str], why: str) -> list[str]:
        beside = copy.deepcopy(self.person)
        self._take_values(beside, sent, names)
        if DAY_VALUE in names:
            day = sent.time_us // DAY_US
            beside.nights[day] = (sent.time_us, sent.values[DAY_VALUE])
        return self._judge_aside(beside, sent, names, why) if self._is_judged(names, on_time=False) else []

    def _judge_aside(self, beside: Person, sent: Sent, names: set[str], why: str) -> list[str]:
        self._remember(beside, sent, names, on_time=False)
        if not _holds(self.conditions[0], self, beside, sent, clear=False):
            self.state.told_aside = False
            return []
        if self.state.active or self.state.told_aside:
            return []
        self.state.told_aside = True
        return [why]

    def _remember(self, person: Person, sent: Sent, names: set[str], *, on_time: bool) -> None:
        seen: set[str] = set()
        for part in (part for condition in self.conditions for part in _parts(condition)):
            if isinstance(part, Within) and isinstance(part.part.left, Term):
                label, name = within_label(self.rule, part), part.part.left.name
                if name in names and label not in seen:
                    self._look(person, sent, part, label)
            elif isinstance(part, HeldFor):
                label, named = held_label(self.rule, part), values_of(part)
                if (named & names or (not named and on_time)) and label not in seen:
                    self._hold(person, sent, part, label)
            else:
                continue
            seen.add(label)

    def _look(self, person: Person, sent: Sent, part: Within, label: str) -> None:
        assert isinstance(part.part.left, Term)
        assert isinstance(part.part.right, Number)
        value = person.now[part.part.left.name]
        if not _compare(value.value, part.part.operator, part.part.right.value):
            return
        barred = value.after_exercise and self.bars_exercise
        kept = person.lately.get(label)
        since_us = sent.time_us - part.span.total_seconds() * 1e6
        if barred and kept is not None and not kept.after_exercise and kept.time_us >= since_us:
            return
        person.lately[label] = Remembered(sent.time_us, barred)

    def _hold(self, person: Person, sent: Sent, part: HeldFor, label: str) -> None:
        hold = person.holds.setdefault(label, Hold())
        if not _holds(part.part, self, person, sent, clear=False):
            hold.since_us, hold.barred_us = None, NEVER
        else:
            if hold.since_us is None or sent.time_us - hold.last_us > 15 * MINUTE_US:
                hold.since_us, hold.barred_us = sent.time_us, NEVER
            if self.bars_exercise and not _holds(part.part, self, person, sent, clear=True):
                hold.barred_us = sent.time_us
        hold.last_us = max(hold.last_us, sent.time_us)


def _later(one: str, other: str) -> str:
    """Of two activities told for one moment the one with the larger code counts."""
    order = ("rest", "walk", "run", "cycle", "workout", "sleep", "unknown")
    return max(one, other, key=order.index)


def _parts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _holds(  # noqa: PLR0911  # one line a kind of condition
    condition: Condition, rules: PlainRules, person: Person, sent: Sent, *, clear: bool
) -> bool:
    match condition:
        case AllOf(parts):
            return all(_holds(part, rules, person, sent, clear=clear) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, rules, person, sent, clear=clear) for part in parts)
        case Comparison(left, operator, right):
            one, other = (_number(side, person, sent, clear=clear) for side in (left, right))
            return one is not None and other is not None and _compare(one, operator, other)
        case Within():
            return _within(condition, rules, person, sent, clear=clear)
        case HeldFor(_, span):
            hold = person.holds.get(held_label(rules.rule, condition), Hold())
            since_us, span_us = hold.since_us, span.total_seconds() * 1e6
            return (
                since_us is not None
                and hold.last_us - since_us >= span_us
                and sent.time_us - hold.last_us <= 15 * MINUTE_US
                and not (clear and hold.last_us - hold.barred_us < span_us)
            )
        case ForDays(Comparison(_, operator, Number(limit))):
            nights = [_night(person, sent, ago) for ago in (0, 1)]
            return all(night is not None and _compare(night, operator, limit) for night in nights)
        case Is(name, members, negated):
            word = _word(name, person, sent)
            return word is not None and (word in members) != negated
        case Holds(name, negated):
            return _flag(name, person, sent) != negated
        case Between(start, end):
            minute = sent.time_us % DAY_US / MINUTE_US
            return start <= minute < end if start < end else not end <= minute < start
    raise AssertionError(condition)


def _within(condition: Within, rules: PlainRules, person: Person, sent: Sent, *, clear: bool) -> bool:
    kept = person.lately.get(within_label(rules.rule, condition))
    span_us = condition.span.total_seconds() * 1e6
    found = kept is not None and 0 <= sent.time_us - kept.time_us <= span_us
    if condition.negated:
        return _number(condition.part.left, person, sent, clear=clear) is not None and not found
    return found and not (clear and kept is not None and kept.after_exercise)


def _number(  # noqa: C901, PLR0911  # one line a kind of number
    expression: Expression, person: Person, sent: Sent, *, clear: bool
) -> float | None:
    match expression:
        case Number(value):
            return value
        case Arithmetic(operator, left, right):
            one, other = (_number(side, person, sent, clear=clear) for side in (left, right))
            if one is None or other is None or (operator == "/" and other == 0):
                return None
            return {"+": one.__add__, "-": one.__sub__, "*": one.__mul__, "/": one.__truediv__}[operator](
                other
            )
        case Term(name, "now") if name == DAY_VALUE:
            return _night(person, sent, 0)
        case Term(name, "previous"):
            return _fresh(person.previous.get(name), sent, clear=clear)
        case Term(name, "now"):
            return _fresh(person.now.get(name), sent, clear=clear)
        case Term(name, aspect):
            value = person.now.get(name)
            if _fresh(value, sent, clear=False) is None or value is None or value.usual is None:
                return None
            if not value.usual.is_mature:
                return None
            if aspect == "usual":
                return value.usual.mean
            number = _fresh(value, sent, clear=clear)
            if number is None or value.usual.sd is None:
                return None
            return (number - value.usual.mean) / value.usual.sd
    raise AssertionError(expression)


def _fresh(value: Value | None, sent: Sent, *, clear: bool) -> float | None:
    if value is None or sent.time_us - value.time_us > 2 * HOUR_US or (clear and value.after_exercise):
        return None
    return value.value


def _night(person: Person, sent: Sent, ago: int) -> float | None:
    day = sent.time_us // DAY_US
    if max(person.nights, default=None) != day or day - ago not in person.nights:
        return None
    return person.nights[day - ago][1]


def _word(name: str, person: Person, sent: Sent) -> str | None:
    if name == "weekday":
        return WEEKDAYS[sent.time_us // DAY_US % 7]
    time_us, activity = person.activity
    return activity if activity and sent.time_us - time_us <= 10 * MINUTE_US else None


def _flag(name: str, person: Person, sent: Sent) -> bool:
    flags = {
        "exercising": sent.time_us - person.exercised_us < 10 * MINUTE_US,
        "moving": sent.time_us - person.moved_us < 2 * MINUTE_US,
        "asleep": sent.activity == "sleep"
        if sent.activity
        else 0 <= sent.time_us - person.slept_us < 5 * MINUTE_US,
    }
    return not any(flags.values()) if name == "resting" else flags[name]


def _compare(one: float, operator: str, other: float) -> bool:
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]
