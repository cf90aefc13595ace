"""What the rules of a set look at: what none of them looks at is neither kept nor computed for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from adaptation.baselines import MICROSECOND
from adaptation.rules import Rule
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Aspect,
    Between,
    Comparison,
    Condition,
    Expression,
    HeldFor,
    Holds,
    Is,
    Number,
    Term,
    Within,
    leaves_of,
    terms_of,
)
from adaptation.rules.vocabulary import VALUE, VALUES, Kind
from adaptation.value_flags import FLAGGED, barred_by

CURRENT_VALUES: Final = tuple(one.name for one in VALUES if one.kind is Kind.CURRENT)
DAY_VALUES: Final = tuple(one.name for one in VALUES if one.kind is Kind.DAY)
HRV_STATUSES: Final = frozenset({"hrv_status", "hrv_status_before"})

_Z: Final = {"z": "usual", "z_at_hour": "usual_at_hour"}
_SIDES: Final = {"<": "below", ">": "above", "<=": "at_most", ">=": "at_least"}


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of values unless said otherwise."""

    current: tuple[str, ...]
    """Current values of which any aspect is named."""
    previous: tuple[str, ...]
    usual: tuple[str, ...]
    """Current values whose baseline over the whole day is compared with."""
    usual_at_hour: tuple[str, ...]
    days: tuple[str, ...]
    """Values of a whole day."""
    body_days: bool
    """Whether the days that bodies close are looked at: HRV or heart rate at rest."""
    resting: bool
    """Whether heart rate at rest is."""
    strain: bool
    usual_strain: bool
    activity: bool
    """Whether the activity that was told last is looked at."""
    movement: bool
    """Whether it matters to a rule how the person moves: by its flags, or because exercise confounds."""
    windows: bool
    """Whether RMSSD of windows of beats is looked at."""
    within: tuple[str, ...]
    """Labels of the comparisons that look back."""
    within_flagged: tuple[str, ...]
    """Those whose values may have flags, see ``value_flags.py``."""
    held: tuple[str, ...]
    """Labels of the conditions that have to hold for a while."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Self:
        """Return what these rules look at."""
        rules = tuple(rules)
        conditions = [(rule, one) for rule in rules for one in conditions_of(rule)]
        leaves = [leaf for _, condition in conditions for leaf in leaves_of(condition)]
        aspects = {term for leaf in leaves for term in _terms(leaf)}
        aspects |= {Term(name) for rule in rules for name in rule.evidence}
        names = {term.name for term in aspects}
        compared = {Term(term.name, _based(term.aspect)) for term in aspects}
        words = {leaf.name for leaf in leaves if isinstance(leaf, Is | Holds)}
        looking_back = [
            (rule, one)
            for rule, condition in conditions
            for one in _inner(condition)
            if isinstance(one, Within)
        ]

        def having(aspect: Aspect) -> tuple[str, ...]:
            return tuple(name for name in CURRENT_VALUES if Term(name, aspect) in compared)

        return cls(
            current=tuple(name for name in CURRENT_VALUES if name in names),
            previous=having("previous"),
            usual=having("usual"),
            usual_at_hour=having("usual_at_hour"),
            days=tuple(name for name in DAY_VALUES if name in names),
            body_days=bool(words & HRV_STATUSES) or any(VALUE[one].kind is Kind.BODY_DAY for one in names),
            resting="resting_heart_rate_bpm" in names,
            strain="strain" in names,
            usual_strain=Term("strain", "usual") in compared,
            activity="activity" in words,
            movement=bool(words & {"exercising", "moving", "asleep", "resting"})
            or any(VALUE[name].exercise_confounds for name in names),
            windows="rmssd_ms" in names,
            within=_unique(within_label(rule, one) for rule, one in looking_back),
            within_flagged=_unique(
                within_label(rule, one)
                for rule, one in looking_back
                if any(FLAGGED[term.name] for term in _terms(one.part))
            ),
            held=_unique(
                held_label(rule, one)
                for rule, condition in conditions
                for one in _inner(condition)
                if isinstance(one, HeldFor)
            ),
        )


def conditions_of(rule: Rule) -> tuple[Condition, ...]:
    """Return the conditions of a rule: when it begins and, if it says so, when it ends."""
    return (rule.when.condition,) if rule.leave is None else (rule.when.condition, rule.leave.condition)


def can_bar(rule: Rule, condition: Condition) -> bool:
    """Tell whether a condition names a value that may be such that the rule must not rest on it."""
    barred = barred_by(rule.allow)
    names = {term.name for leaf in leaves_of(condition) for term in _terms(leaf)}
    return any(FLAGGED.get(name, 0) & barred for name in names)


def within_label(rule: Rule, condition: Within) -> str:
    """Return the name under which a look back is kept; another limit or span starts anew."""
    term, limit = condition.part.left, condition.part.right
    assert isinstance(term, Term)  # noqa: S101  # the checker sees to it
    assert isinstance(limit, Number)  # noqa: S101
    side = _SIDES[condition.part.operator]
    return f"{rule.name}.{term.name}.{side}.{limit.value!r}.{condition.span // MICROSECOND}"


def held_label(rule: Rule, condition: HeldFor) -> str:
    """Return the name under which it is kept since when a condition holds."""
    return f"{rule.name}.{_spelt(condition.part)}.{condition.span // MICROSECOND}"


def _terms(leaf: Condition) -> Iterator[Term]:
    if isinstance(leaf, Comparison):
        yield from terms_of(leaf.left)
        yield from terms_of(leaf.right)


def _based(aspect: Aspect) -> Aspect:
    """Return the aspect that has to be kept for one."""
    match aspect:
        case "z":
            return "usual"
        case "z_at_hour":
            return "usual_at_hour"
        case _:
            return aspect


def _inner(condition: Condition) -> Iterator[Condition]:
    """Yield a condition's parts that are no joins."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from _inner(part)
    else:
        yield condition


def _unique(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def _spelt(condition: Condition) -> str:
    match condition:
        case Comparison(left, operator, right):
            return f"({_number(left)}{operator}{_number(right)})"
        case Is(name, members, negated):
            return f"({name}{'!' * negated}={','.join(sorted(members))})"
        case Holds(name, negated):
            return f"({'!' * negated}{name})"
        case Between(start, end):
            return f"({start}-{end})"
        case AllOf(parts):
            return f"({'&'.join(map(_spelt, parts))})"
        case AnyOf(parts):
            return f"({'|'.join(map(_spelt, parts))})"
    raise AssertionError(condition)  # nothing else stands inside of a HeldFor


def _number(one: Expression) -> str:
    match one:
        case Number(value):
            return repr(value)
        case Term(name, aspect):
            return f"{aspect}:{name}"
        case _:
            return f"({_number(one.left)}{one.operator}{_number(one.right)})"
