"""The conditions of rules as masks over columns, and as evidence of what they compared.

Each kind of condition is one class with two sides: ``holds`` over many people at once, which every reading
pays for, and ``show`` of one person, which only a firing pays for. What looks back or has to hold for a while
stands in ``memories.py``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptation.body_values import STATUS_CODES, BodyValues
from adaptation.columns import Layout
from adaptation.evidence import Compared, Evidence, certainty_of, value_shown
from adaptation.expressions import figure_of
from adaptation.people import Seen, activity_at
from adaptation.physiology.normal_range import NORMAL_RANGE_SD
from adaptation.physiology.stillness import asleep_at, recently
from adaptation.rules.tree import Between, Comparison, ForDays, Holds, Is, Number, Term
from adaptation.rules.vocabulary import STATUS
from adaptation.values import Source
from adaptation.zones import DAY_US
from schemas.measures import ACTIVITIES

_MINUTE_US: Final = 60_000_000
_MINUTES_OF_DAY: Final = 1440.0
_THURSDAY: Final = 3
"""Weekday of 1970-01-01, from Monday."""

_COMPARE: Final[Mapping[str, Callable[..., NDArray[np.bool_]]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


class Watch(Protocol):
    """One condition, ready to be asked about many people."""

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where the condition holds; false where a value of it is not known.

        Args:
            seen: the people.
            barred: flags of values that count as not known.
        """
        ...

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield what was compared for one person for whom it holds."""
        ...


def passes(operator: str, values: NDArray[np.float64], limit: float) -> NDArray[np.bool_]:
    """Return (n,) where values lie beyond a limit; false for NaN."""
    return _COMPARE[operator](values, limit)


class Compare:
    """Two numbers of each person."""

    def __init__(self, comparison: Comparison, sources: Mapping[str, Source]) -> None:
        self._compare = _COMPARE[comparison.operator]
        self._left, self._right = figure_of(comparison.left, sources), figure_of(comparison.right, sources)
        self._evidence = Evidence.of(comparison, sources)

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where the comparison is true; false for NaN."""
        return self._compare(self._left.of(seen, barred), self._right.of(seen, barred))

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield the values."""
        yield self._evidence.show(one)


class OverDays:
    """A value of whole local days in a row, the reading's day the last of them."""

    def __init__(self, condition: ForDays, sources: Mapping[str, Source]) -> None:
        part = condition.part
        assert isinstance(part.left, Term)  # noqa: S101  # the checker sees to it
        assert isinstance(part.right, Number)  # noqa: S101
        self._name, self._limit, self._part = part.left.name, part.right.value, part
        self._source = sources[self._name]
        self._window_minutes = condition.days * _MINUTES_OF_DAY

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where the values of all the days lie beyond the limit."""
        today = passes(self._part.operator, self._source.now(seen, barred), self._limit)
        return today & passes(self._part.operator, self._source.previous(seen, barred), self._limit)

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield the value of each day."""
        end = self._part.high if self._part.operator in (">", ">=") else self._part.low
        days = [self._source.shown(one, previous=True), self._source.shown(one)]
        extra = {"threshold": self._limit, "window_minutes": self._window_minutes}
        yield Compared(
            tuple(value_shown(self._name, day).model_copy(update=extra) for day in days),
            sum(certainty_of(day.value, self._limit, end) for day in days) / len(days),
        )


class StatusOfHrv:
    """The status of the day's HRV, or of the last day before it that had one, is one of some."""

    def __init__(self, condition: Is, places: BodyValues, hrv_z: Source) -> None:
        self._table = _members(condition, ("", *STATUS_CODES))
        self._before = condition.name == "hrv_status_before"
        self._places, self._hrv_z = places, hrv_z

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:  # noqa: ARG002  # nothing bars it
        """Return (n,) where it is, on the readings' local day."""
        is_today = self._places.is_of(seen.ints, seen.day)
        if not np.logical_or.reduce(is_today):
            return is_today
        return is_today & self._table[self._places.status_codes(seen.ints, before=self._before)]

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield how the 7-day mean lies in its normal range, in SD."""
        shown = self._hrv_z.shown(one)
        code = int(self._places.status_codes(one.ints, before=False)[0])
        if self._before or not code or not shown.is_known:
            return
        status = code - STATUS_CODES["within"]
        limit = status * NORMAL_RANGE_SD
        certainty = (
            certainty_of(shown.value, limit, status * 4.0)
            if status
            else certainty_of(-abs(shown.value), -NORMAL_RANGE_SD, 0.0)
        )
        value = value_shown("hrv_z", shown).model_copy(update={"threshold": limit if status else None})
        yield Compared((value,), certainty * self._hrv_z.trust(one))


class _Told:
    """A condition that compares no number."""

    def show(self, one: Seen) -> Iterator[Compared]:  # noqa: ARG002  # nothing
        """Yield nothing: there is no number to show."""
        yield from ()


class Word(_Told):
    """A word of each person is one of some."""

    def __init__(
        self, condition: Is, words: Iterable[str], codes: Callable[[Seen], NDArray[np.int64]]
    ) -> None:
        self._table = _members(condition, ("", *words))
        self._codes = codes
        """(n,) 1 + index of the word, 0 where it is not known."""

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:  # noqa: ARG002  # nothing bars it
        """Return (n,) where it is."""
        found: NDArray[np.bool_] = self._table[self._codes(seen)]
        return found


class Flagged(_Told):
    """How each person moves."""

    def __init__(self, condition: Holds, movement: slice) -> None:
        self._name, self._negated = condition.name, condition.negated
        self._movement = movement

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:  # noqa: ARG002  # nothing bars it
        """Return (n,) where it is so."""
        last_us = seen.ints[:, self._movement]
        moving, exercising, slept = recently(last_us, seen.time_us)
        asleep = asleep_at(seen.activity, slept)
        flags = {"moving": moving, "exercising": exercising, "asleep": asleep}
        found: NDArray[np.bool_] = (
            ~(moving | exercising | asleep) if self._name == "resting" else flags[self._name]
        )
        return ~found if self._negated else found


class TimeOfDay(_Told):
    """The local time of the reading."""

    def __init__(self, condition: Between) -> None:
        self._start_us = condition.start_minute * _MINUTE_US
        self._end_us = condition.end_minute * _MINUTE_US

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:  # noqa: ARG002  # nothing bars it
        """Return (n,) where it lies between, the end not included."""
        clock_us: NDArray[np.int64] = seen.local_us % DAY_US
        after: NDArray[np.bool_] = clock_us >= self._start_us
        before: NDArray[np.bool_] = clock_us < self._end_us
        return after & before if self._start_us < self._end_us else after | before


class Every:
    """All parts hold."""

    def __init__(self, parts: tuple[Watch, ...], asked_first: tuple[Watch, ...]) -> None:
        self.parts = parts
        self._asked_first = asked_first
        """The same, those first that cost least."""

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where they do."""
        first, *others = self._asked_first
        held = first.holds(seen, barred)
        for part in others:
            if not np.logical_or.reduce(held):
                break
            held = held & part.holds(seen, barred)
        return held

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield what the parts compared."""
        for part in self.parts:
            yield from part.show(one)


class Either:
    """At least one part holds."""

    def __init__(self, parts: tuple[Watch, ...]) -> None:
        self.parts = parts

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where one does."""
        first, *others = self.parts
        held = first.holds(seen, barred)
        for part in others:
            held = held | part.holds(seen, barred)
        return held

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield what those parts compared that hold.

        What has held for a while may do so no more at this reading, if the person began to move, say: then
        those count whose numbers still compare so.
        """
        holding = [part for part in self.parts if part.holds(one)[0]]
        holding = holding or [part for part in self.parts if _compares_so(part, one)]
        for part in holding or self.parts:
            yield from part.show(one)


def _compares_so(part: Watch, one: Seen) -> bool:
    """Tell whether a part holds for one person, whatever flags, words and the clock say."""
    match part:
        case Every():
            return all(_compares_so(inner, one) for inner in part.parts)
        case Either():
            return any(_compares_so(inner, one) for inner in part.parts)
        case Compare():
            return bool(part.holds(one)[0])
        case _:
            return True


def word_of(condition: Is, layout: Layout) -> Word:
    """Return a status that is no status of HRV."""
    if condition.name == "weekday":
        return Word(condition, STATUS["weekday"].members, lambda seen: 1 + (seen.day + _THURSDAY) % 7)
    told = layout.columns("activity").start
    return Word(condition, ACTIVITIES, lambda seen: activity_at(seen.ints[:, told], seen.time_us))


def _members(condition: Is, words: Iterable[str]) -> NDArray[np.bool_]:
    """Return where a word's code meets the condition; code 0, not known, never does."""
    return np.array([bool(word) and (word in condition.members) != condition.negated for word in words])
