"""A rule's checked conditions compiled to masks over the people's columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from adaptation.body_values import BodyValues
from adaptation.columns import Layout
from adaptation.conditions import (
    Compare,
    Either,
    Every,
    Flagged,
    OverDays,
    StatusOfHrv,
    TimeOfDay,
    Watch,
    word_of,
)
from adaptation.current_values import CurrentValues
from adaptation.memories import Lasting, Lately, Memory
from adaptation.needs import HRV_STATUSES, Needs, can_bar, conditions_of, held_label, within_label
from adaptation.rules import Rule
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Between,
    Comparison,
    Condition,
    ForDays,
    HeldFor,
    Holds,
    Is,
    Within,
    leaves_of,
    terms_of,
    values_of,
)
from adaptation.rules.vocabulary import VALUE, VALUES, Kind
from adaptation.strain import Strain
from adaptation.value_flags import barred_by
from adaptation.values import CurrentValue, Source
from adaptation.values_of_days import DayValue, HrvOfDay, RestingHeartRate, StrainOfDay

CARRIES: Final = {one.name: 1 << index for index, one in enumerate(VALUES)}
"""Value → the bit that says that a reading carries it. Those of a body day share the first one's bit."""
CARRIES_DAYS: Final = sum(CARRIES[one.name] for one in VALUES if one.kind is Kind.DAY)
"""The bits of all values of whole days that readings tell."""
CARRIES_BODY_DAY: Final = CARRIES["hrv_z"]
CARRIES_STRAIN: Final = CARRIES["strain"]
CARRIES_ANYTHING: Final = 1 << len(VALUES)
"""The reading is on time, whatever it carries."""


@dataclass(frozen=True)
class Places:
    """Where the values of rules stand in the people's table; None where no rule names any."""

    current: CurrentValues
    body_days: BodyValues | None
    strain: Strain | None

    @classmethod
    def of(cls, layout: Layout, needs: Needs) -> "Places":
        """Return the places in a table with that layout."""
        return cls(
            current=CurrentValues(layout, needs),
            body_days=BodyValues(layout, has_resting=needs.resting) if needs.body_days else None,
            strain=Strain(layout, has_usual=needs.usual_strain) if needs.strain else None,
        )


@dataclass(frozen=True)
class Compiled:
    """One rule, ready to be judged for many people."""

    rule: Rule
    when: Watch
    leave: Watch | None
    asked_at: int
    """Bits of what a reading carries at which it is judged."""
    memories: tuple[tuple[Memory, int], ...]
    """What its conditions remember, each with the bits at which it moves."""
    barring: int
    """Flags of values that it names and must not rest on; 0: none of its values ever has any."""
    shown: tuple[tuple[str, Source], ...]
    """Values to show besides those that are compared."""
    of_body_day: bool
    """Whether it holds only on a day that the person's body has closed; on others it need not be asked."""
    of_days: bool
    """Whether it names values of whole days only, so that each day with such a value begins anew."""


class Compiler:
    """Compiles the rules of one set.

    Args:
        layout: of the people's table.
        places: where values stand in it.
    """

    def __init__(self, layout: Layout, places: Places) -> None:
        self._layout = layout
        self._places = places
        self._sources: dict[str, Source] = {}

    def compile(self, rule: Rule) -> Compiled:
        """Return a rule, ready to be judged."""
        memories: dict[str, tuple[Memory, int]] = {}
        conditions = conditions_of(rule)
        when, *leave = (self._watch(rule, one, memories) for one in conditions)
        asked_at = 0
        for condition in conditions:
            asked_at |= told_by(condition)
        bars = any(can_bar(rule, one) for one in conditions)
        return Compiled(
            rule=rule,
            when=when,
            leave=leave[0] if leave else None,
            asked_at=asked_at if _is_told(asked_at) else asked_at | CARRIES_ANYTHING,
            memories=tuple(memories.values()),
            barring=barred_by(rule.allow) if bars else 0,
            shown=tuple((name, self._source(name)) for name in rule.evidence),
            of_body_day=_asks_body_day(rule.when.condition),
            of_days=bool(asked_at) and not asked_at & ~CARRIES_DAYS,
        )

    def _watch(self, rule: Rule, condition: Condition, memories: dict[str, tuple[Memory, int]]) -> Watch:
        """Return a condition; what it remembers is added to ``memories`` under its label."""
        match condition:
            case AllOf(parts):
                watched = [(self._watch(rule, part, memories), _costs(part)) for part in parts]
                asked_first = tuple(part for part, _ in sorted(watched, key=itemgetter(1)))
                return Every(tuple(part for part, _ in watched), asked_first)
            case AnyOf(parts):
                return Either(tuple(self._watch(rule, part, memories) for part in parts))
            case Within():
                label, told = within_label(rule, condition), told_by(condition)
                lately = Lately(
                    condition,
                    self._sources_of(condition),
                    self._layout,
                    label=label,
                    barring=barred_by(rule.allow),
                )
                memories.setdefault(label, (lately, told))
                return lately
            case HeldFor(part=part):
                label, told = held_label(rule, condition), told_by(condition)
                lasting = Lasting(
                    condition,
                    self._watch(rule, part, memories),
                    self._layout,
                    label=label,
                    barring=barred_by(rule.allow) if can_bar(rule, part) else 0,
                )
                memories.setdefault(label, (lasting, told if _is_told(told) else told | CARRIES_ANYTHING))
                return lasting
            case _:
                return self._plain(condition)

    def _plain(self, condition: Comparison | ForDays | Is | Holds | Between) -> Watch:
        """Return a condition that remembers nothing and joins nothing."""
        match condition:
            case Comparison():
                return Compare(condition, self._sources_of(condition))
            case ForDays():
                return OverDays(condition, self._sources_of(condition))
            case Is(name=name) if name in HRV_STATUSES:
                assert self._places.body_days is not None  # noqa: S101  # it is kept where a rule names it
                return StatusOfHrv(condition, self._places.body_days, self._source("hrv_z"))
            case Is():
                return word_of(condition, self._layout)
            case Holds():
                return Flagged(condition, self._layout.columns("movement_us"))
            case Between():
                return TimeOfDay(condition)

    def _sources_of(self, condition: Condition) -> Mapping[str, Source]:
        return {name: self._source(name) for name in values_of(condition)}

    def _source(self, name: str) -> Source:
        found = self._sources.get(name)
        if found is None:
            found = self._sources[name] = self._make_source(name)
        return found

    def _make_source(self, name: str) -> Source:
        places = self._places
        match VALUE[name].kind:
            case Kind.CURRENT:
                return CurrentValue(name, places.current)
            case Kind.DAY:
                return DayValue(name, self._layout)
            case Kind.TALLY:
                assert places.strain is not None  # noqa: S101  # it is kept where a rule names it
                return StrainOfDay(places.strain)
            case Kind.BODY_DAY:
                assert places.body_days is not None  # noqa: S101  # it is kept where a rule names it
                if name == "resting_heart_rate_bpm":
                    return RestingHeartRate(places.body_days)
                return HrvOfDay(name, places.body_days)


def told_by(condition: Condition) -> int:
    """Return the bits of what a condition names."""
    bits = 0
    for name in values_of(condition):
        bits |= CARRIES_BODY_DAY if VALUE[name].kind is Kind.BODY_DAY else CARRIES[name]
    if any(isinstance(leaf, Is) and leaf.name in HRV_STATUSES for leaf in leaves_of(condition)):
        bits |= CARRIES_BODY_DAY
    return bits


def _costs(condition: Condition) -> int:
    """Return how many numbers a condition looks up; statuses and flags are words."""
    compared = (leaf for leaf in leaves_of(condition) if isinstance(leaf, Comparison))
    return sum(
        1 + (term.aspect != "now")
        for leaf in compared
        for side in (leaf.left, leaf.right)
        for term in terms_of(side)
    )


def _asks_body_day(condition: Condition) -> bool:
    """Tell whether a condition holds only where the day that a body has closed is the reading's."""
    match condition:
        case AllOf(parts):
            return any(map(_asks_body_day, parts))
        case AnyOf(parts):
            return all(map(_asks_body_day, parts))
        case Comparison() | Is():
            return bool(told_by(condition) & CARRIES_BODY_DAY)
        case _:
            return False


def _is_told(bits: int) -> bool:
    """Tell whether anything is named that a reading tells: a value but that of a body's day."""
    return bool(bits & ~CARRIES_BODY_DAY)
