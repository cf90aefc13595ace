"""Checked conditions as data: what the parser makes of their text and the engine compiles to masks.

There is no negation: ``not`` has been pushed down to comparisons, where an unknown value meets neither side.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Aspect = Literal["now", "previous", "usual", "usual_at_hour", "z", "z_at_hour"]
"""Of a value: itself, the one before it, its mean (of this quarter of the day), or how many SD from that."""

Operator = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Number:
    """A constant in the unit of what it stands beside."""

    value: float


@dataclass(frozen=True, slots=True)
class Term:
    """One aspect of a value of the vocabulary."""

    name: str
    aspect: Aspect = "now"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers, joined; unknown where one of them is, and where it divides by 0."""

    operator: Literal["+", "-", "*", "/"]
    left: "Expression"
    right: "Expression"


Expression = Number | Term | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``; false where a value of it is unknown.

    ``left`` names at least one value, and if any side names a value as it is now, ``left`` does.
    """

    left: Expression
    operator: Operator
    right: Expression
    unit: str
    """Of both sides."""
    low: float
    """Least that ``left`` can be; may be infinite, as may ``high``, where it divides."""
    high: float
    """Most that ``left`` can be."""


@dataclass(frozen=True, slots=True)
class Is:
    """A status is one of some words (or none of them, if negated); false where it is unknown."""

    name: str
    members: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Holds:
    """A flag of the vocabulary is so, or is not."""

    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """Local time, in minutes since midnight, lies from ``start`` to before ``end``; may span midnight."""

    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Within:
    """The comparison held at some reading in the last ``span``: a current value now against a number."""

    part: Comparison
    span: timedelta
    negated: bool = False


@dataclass(frozen=True, slots=True)
class HeldFor:
    """The condition has held at every reading that told of it for ``span``, with no pause over 15 minutes."""

    part: "Condition"
    """Holds no ``Within``, ``HeldFor`` or ``ForDays``."""
    span: timedelta


@dataclass(frozen=True, slots=True)
class ForDays:
    """The comparison, of one day value with a number, holds for today and the local days right before it."""

    part: Comparison
    days: int
    """2."""


Condition = Comparison | Is | Holds | Between | AllOf | AnyOf | Within | HeldFor | ForDays


def terms_of(expression: Expression) -> Iterator[Term]:
    """Yield the terms of an expression, from left to right."""
    match expression:
        case Term():
            yield expression
        case Arithmetic(left=left, right=right):
            yield from terms_of(left)
            yield from terms_of(right)


def leaves_of(condition: Condition) -> Iterator[Comparison | Is | Holds | Between]:
    """Yield what a condition is joined from, from left to right; without what modifies it."""
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves_of(part)
        case Within(part=one) | ForDays(part=one):
            yield one
        case HeldFor(part=held):
            yield from leaves_of(held)
        case _:
            yield condition


def count_lasting(condition: Condition) -> int:
    """Return how many ``within`` and ``for`` a condition has."""
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return sum(map(count_lasting, parts))
        case Within() | HeldFor() | ForDays():
            return 1
        case _:
            return 0


def values_of(condition: Condition) -> frozenset[str]:
    """Return the names of the values that a condition compares, in whatever aspect."""
    compared = (leaf for leaf in leaves_of(condition) if isinstance(leaf, Comparison))
    return frozenset(
        term.name for leaf in compared for side in (leaf.left, leaf.right) for term in terms_of(side)
    )
