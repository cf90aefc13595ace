"""The conditions of rules as masks over columns, and as evidence of what they compared.

Each kind of condition is one class with two sides: ``holds`` over many people at once, which every reading
pays for, and ``evidence`` of one person, which only a firing pays for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND, count_of, is_mature, maturity
from adaptation.channels import TRACKED_INDEX
from adaptation.people import DAY_NAMES, Seen
from adaptation.rules import Condition
from schemas.measures import MEASURE_INDEX, MEASURES
from schemas.readings import moment_of
from schemas.records import EvidenceValue

CERTAINTY_AT_LIMIT = 0.5
"""Certainty of a condition that is only just met; at the end of the measure's range it is 1."""


class Compared(NamedTuple):
    """What one condition compared for one person, and how clearly it is met."""

    values: tuple[EvidenceValue, ...]
    """Oldest first."""
    certainty: float
    """½ at the limit, 1 at the far end of the measure, times the maturity of a baseline: 0 to 1."""


class Watch(Protocol):
    """One condition, ready to be asked about many people."""

    def holds(self, seen: Seen) -> NDArray[np.bool_]:
        """Return (n,) where the condition holds."""
        ...

    def evidence(self, seen: Seen, row: int) -> Compared:
        """Return what was compared for one of the people for whom it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """A measure and the value it must lie above, or below."""

    measure: str
    is_above: bool
    value: float

    @property
    def column(self) -> int:
        """Where the measure stands among the tracked ones."""
        return TRACKED_INDEX[self.measure]

    def passed_by(
        self, values: NDArray[np.float64], times: NDArray[np.float64] | float = 1.0
    ) -> NDArray[np.bool_]:
        """Return where values lie beyond the limit (times a baseline); false where there is no value."""
        limit = self.value * times
        return values > limit if self.is_above else values < limit

    def certainty(self, value: float, limit: float) -> float:
        """Return how far beyond ``limit`` a value lies, on the way to the end of the measure's range."""
        measure = MEASURES[MEASURE_INDEX[self.measure]]
        end = measure.high if self.is_above else measure.low
        share = (value - limit) / (end - limit) if end != limit else 1.0
        return CERTAINTY_AT_LIMIT + (1 - CERTAINTY_AT_LIMIT) * min(1.0, max(0.0, share))

    def evidence(self, value: float, time_us: int) -> EvidenceValue:
        """Return a value as evidence, with this limit as its threshold."""
        return EvidenceValue(
            measure=self.measure,
            unit=MEASURES[MEASURE_INDEX[self.measure]].unit,
            value=value,
            time=moment_of(time_us),
            threshold=self.value,
        )


@dataclass(frozen=True, slots=True)
class WatchNow:
    """The value now."""

    limit: Limit

    def holds(self, seen: Seen) -> NDArray[np.bool_]:
        """Return (n,) where the current value, at most 2 h old, lies beyond the limit."""
        column = self.limit.column
        return self.limit.passed_by(seen.value[:, column]) & seen.is_current(column)

    def evidence(self, seen: Seen, row: int) -> Compared:
        """Return the current value."""
        column = self.limit.column
        value = float(seen.value[row, column])
        shown = self.limit.evidence(value, int(seen.value_us[row, column]))
        return Compared((shown,), self.limit.certainty(value, self.limit.value))


@dataclass(frozen=True, slots=True)
class WatchEarlier:
    """The value at some time in the last while.

    Of each person the last value that lay beyond the limit is kept, and the most extreme one since the one
    kept before left the window. The evidence is the extreme one while it lies in the window, else the last.
    """

    limit: Limit
    within_us: int
    memory: int
    """Column of what is remembered for this condition."""

    def remember(self, seen: Seen, fresh: NDArray[np.bool_]) -> None:
        """Keep the fresh values that lie beyond the limit."""
        values = seen.values[:, self.limit.column]
        (rows,) = (fresh[:, self.limit.column] & self.limit.passed_by(values)).nonzero()
        if not len(rows):
            return
        value, time_us = values[rows], seen.time_us[rows]
        seen.held[rows, self.memory] = value
        seen.held_us[rows, self.memory] = time_us
        peak, peak_us = seen.peak[rows, self.memory], seen.peak_us[rows, self.memory]
        tops = value >= peak if self.limit.is_above else value <= peak
        replaced = rows[tops | (peak_us < time_us - self.within_us)]
        seen.peak[replaced, self.memory] = values[replaced]
        seen.peak_us[replaced, self.memory] = seen.time_us[replaced]

    def holds(self, seen: Seen) -> NDArray[np.bool_]:
        """Return (n,) where a value lay beyond the limit in the window that ends with the reading."""
        ago_us = seen.time_us - seen.held_us[:, self.memory]
        return (ago_us >= 0) & (ago_us <= self.within_us)

    def evidence(self, seen: Seen, row: int) -> Compared:
        """Return the most extreme value known in the window."""
        value, time_us = float(seen.peak[row, self.memory]), int(seen.peak_us[row, self.memory])
        if not 0 <= int(seen.time_us[row]) - time_us <= self.within_us:
            value, time_us = float(seen.held[row, self.memory]), int(seen.held_us[row, self.memory])
        return Compared((self.limit.evidence(value, time_us),), self.limit.certainty(value, self.limit.value))


@dataclass(frozen=True, slots=True)
class WatchBaseline:
    """The value now against the baseline that its device had for this person just before it."""

    limit: Limit
    """Its value is a factor of the baseline."""
    usual: int
    """Which of ``Seen.usual`` it is compared with."""

    def holds(self, seen: Seen) -> NDArray[np.bool_]:
        """Return (n,) where the current value lies beyond the limit, and its baseline gives a verdict."""
        column = self.limit.column
        usual = seen.usual[:, :, self.usual]
        bits = usual.view(np.int64)
        beyond = self.limit.passed_by(seen.value[:, column], usual[:, 0])
        mature = is_mature(count_of(bits[:, 2]), bits[:, 3], seen.value_us[:, column])
        return beyond & mature & seen.is_current(column)

    def evidence(self, seen: Seen, row: int) -> Compared:
        """Return the current value, with the baseline it was compared with."""
        column = self.limit.column
        usual = seen.usual[row, :, self.usual]
        bits = usual.copy().view(np.int64)
        mean, value, time_us = (
            float(usual[0]),
            float(seen.value[row, column]),
            int(seen.value_us[row, column]),
        )
        threshold = self.limit.value * mean
        shown = self.limit.evidence(value, time_us).model_copy(
            update={
                "threshold": threshold,
                "baseline": mean,
                "baseline_sd": float(np.sqrt(usual[1])),
                "baseline_count": int(count_of(bits[2])),
            }
        )
        return Compared((shown,), self.limit.certainty(value, threshold) * maturity(int(bits[3]), time_us))


@dataclass(frozen=True, slots=True)
class WatchDays:
    """The values of whole local days in a row, the reading's day the last of them."""

    limit: Limit
    days: int

    @property
    def _column(self) -> int:
        return DAY_NAMES.index(self.limit.measure)

    def holds(self, seen: Seen) -> NDArray[np.bool_]:
        """Return (n,) where the values of all the days lie beyond the limit."""
        column = self._column
        held = self.limit.passed_by(seen.day_value[:, column])
        held &= seen.latest_day[:, column] == seen.day
        if self.days > 1:
            held &= self.limit.passed_by(seen.day_before_value[:, column])
        return held

    def evidence(self, seen: Seen, row: int) -> Compared:
        """Return the value of each day."""
        column = self._column
        kept = [(seen.day_value[row, column], seen.day_us[row, column])]
        if self.days > 1:
            kept.insert(0, (seen.day_before_value[row, column], seen.day_before_us[row, column]))
        certainties = [self.limit.certainty(float(value), self.limit.value) for value, _ in kept]
        values = tuple(self.limit.evidence(float(value), int(time_us)) for value, time_us in kept)
        return Compared(values, sum(certainties) / len(certainties))


def memory_label(rule: str, condition: Condition) -> str:
    """Return the name under which a rule's look-back is kept; another limit or window starts anew."""
    side = "above" if condition.is_above else "below"
    within_us = (condition.within or MICROSECOND) // MICROSECOND
    return f"{rule}.{condition.measure}.{side}.{condition.limit!r}.{within_us}"


def watch_for(condition: Condition, *, memory: int | None, usual: Sequence[str]) -> Watch:
    """Return the mask and the evidence of one condition.

    Args:
        condition: as the rule file has it.
        memory: its column of memory, if it looks back.
        usual: the measures of which ``Seen.usual`` holds the baselines.
    """
    limit = Limit(condition.measure, condition.is_above, condition.limit)
    if condition.days:
        return WatchDays(limit, condition.days)
    if condition.against_baseline:
        return WatchBaseline(limit, usual.index(condition.measure))
    if condition.within is not None and memory is not None:
        return WatchEarlier(limit, condition.within // MICROSECOND, memory)
    return WatchNow(limit)
