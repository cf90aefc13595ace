"""Rules at work: which of them become true at n readings of n people, and which of those may act.

A rule is judged at a reading that carries, fresh, one of the measures its conditions name. It fires on
onset: when its conditions hold and did not when it was last judged. An onset within the cooldown after the
last firing, by arrival, is suppressed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.channels import TRACKED_INDEX, TRACKED_MEASURES
from adaptation.columns import Layout
from adaptation.conditions import Compared, Watch, WatchEarlier, memory_label, watch_for
from adaptation.people import Seen, people_layout
from adaptation.rules import Rule, RuleSet

COOLDOWN: Final = "cooldown"
"""Reason code of an onset that came too soon after the last firing."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One rule whose conditions became true for one of n people."""

    row: int
    rule: Rule
    compared: tuple[Compared, ...]
    """By condition."""
    why_not: str
    """Why it may not act, such as ``cooldown``; empty if it may."""


class Triggers:
    """A rule set compiled to masks over the people's columns, most urgent rule first."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules.by_priority()
        memories = {
            memory_label(rule.name, condition): None
            for rule in self._rules
            for condition in rule.when
            if condition.within is not None
        }
        self.usual: tuple[str, ...] = tuple(
            dict.fromkeys(one.measure for rule in self._rules for one in rule.when if one.against_baseline)
        )
        """Measures that a rule compares with their baseline."""
        place = {label: column for column, label in enumerate(memories)}
        self._watches: list[tuple[Watch, ...]] = [
            tuple(
                watch_for(one, memory=place.get(memory_label(rule.name, one)), usual=self.usual)
                for one in rule.when
            )
            for rule in self._rules
        ]
        self._memories = [w for watches in self._watches for w in watches if isinstance(w, WatchEarlier)]
        self._named = np.zeros((len(TRACKED_MEASURES), len(self._rules)), np.bool_)
        for number, rule in enumerate(self._rules):
            self._named[[TRACKED_INDEX[measure] for measure in rule.measures], number] = True
        self.layout: Layout = people_layout([rule.name for rule in self._rules], list(memories), self.usual)
        """Columns of the people's table that these rules need."""

    def judge(self, seen: Seen, fresh: NDArray[np.bool_], arrival_us: NDArray[np.int64]) -> list[Onset]:
        """Return the onsets at n readings, by reading and then by priority; ``seen`` keeps what they leave.

        Args:
            seen: the readings and people, current values taken.
            fresh: (n, 9) values of the readings that are on time and in order.
            arrival_us: (n,) arrivals of the readings.
        """
        carried = fresh @ self._named
        asked = np.logical_or.reduce(carried, axis=0).nonzero()[0].tolist()
        if not asked:
            return []
        for memory in self._memories:
            memory.remember(seen, fresh)
        holds = np.zeros(carried.shape, np.bool_)
        for number in asked:
            holds[:, number] = _all_hold(self._watches[number], seen)
        begins = carried & holds & (seen.active == 0)
        np.copyto(seen.active, holds, where=carried)
        rows, numbers = begins.nonzero()
        return [
            self._onset(seen, row, number, int(arrival_us[row]))
            for row, number in zip(rows.tolist(), numbers.tolist(), strict=True)
        ]

    def _onset(self, seen: Seen, row: int, number: int, arrival_us: int) -> Onset:
        rule = self._rules[number]
        resting = arrival_us - int(seen.fired_us[row, number]) < rule.cooldown // MICROSECOND
        if not resting:
            seen.fired_us[row, number] = arrival_us
        compared = tuple(watch.evidence(seen, row) for watch in self._watches[number])
        return Onset(row, rule, compared, COOLDOWN if resting else "")


def _all_hold(watches: tuple[Watch, ...], seen: Seen) -> NDArray[np.bool_]:
    held = watches[0].holds(seen)
    for watch in watches[1:]:
        held &= watch.holds(seen)
    return held
