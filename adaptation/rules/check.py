"""Conditions from their text, checked: names that exist, units that fit, comparisons with two outcomes.

An unknown value meets neither a comparison nor its opposite. So ``not`` is pushed down to the comparisons
here, by De Morgan's laws, and the engine never negates a mask.
"""

from itertools import combinations
from typing import Final, cast

from adaptation.rules.comparisons import comparison_of
from adaptation.rules.exclusion import exclude
from adaptation.rules.parse import ConditionError, Node, parse_condition
from adaptation.rules.quantities import parts_of, quantity_of, start_of, tokens_of
from adaptation.rules.spans import days_of, span_of
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ForDays,
    HeldFor,
    Number,
    Term,
    Within,
)
from adaptation.rules.vocabulary import VALUE, Kind
from adaptation.rules.words import between_of, flag_of, status_of

DAYS: Final = 2
"""Days of ``for 2 days``: a person's day ring holds the latest and the one before."""


def read_condition(text: str) -> Condition:
    """Return the condition that a text says.

    Raises:
        ConditionError: it says none; names the column, what is wrong and how to mend it.
    """
    return _condition(parse_condition(text), negated=False)


def _condition(node: Node, *, negated: bool) -> Condition:
    parts, tokens = parts_of(node), tokens_of(node)
    found: Condition
    match node.data:
        case "bracketed":
            found = _condition(parts[0], negated=negated)
        case "negated":
            found = _condition(parts[0], negated=not negated)
        case "any_of" | "all_of":
            found = _joined(node, every=(node.data == "all_of") != negated, negated=negated)
        case "within":
            found = _within(parts[0], parts[1], negated=negated)
        case "held_for":
            found = _held_for(parts[0], parts[1], negated=negated)
        case "compared":
            found = comparison_of(parts, tokens, negated=negated)
        case "worded" | "listed":
            found = status_of(parts[0], tokens, negated=negated)
        case "between":
            found = between_of(parts, negated=negated)
        case "name":
            found = flag_of(tokens[0], negated=negated)
        case _:
            quantity_of(node)  # which may know better what is wrong
            raise ConditionError(
                "a number stands where a condition is needed",
                mend="compare it, such as energy_level < 30 %",
                at=start_of(node),
            )
    return found


def _joined(node: Node, *, every: bool, negated: bool) -> Condition:
    join = AllOf if every else AnyOf
    parts: list[Condition] = []
    for part in (_condition(one, negated=negated) for one in parts_of(node)):
        parts += part.parts if isinstance(part, join) else (part,)
    if every and any(exclude(one, other) for one, other in combinations(parts, 2)):
        raise ConditionError(
            "two of these conditions can never hold together",
            mend="join them with or, or give one of them a within",
            at=start_of(node),
        )
    return join(tuple(parts))


# -- modifiers


def _within(node: Node, span: Node, *, negated: bool) -> Within:
    part = _unmodified(node, "within")
    if not _compares_one(part, Kind.CURRENT):
        raise ConditionError(
            "within goes with one current value, compared with a number",
            mend="write it like energy_level > 60 % within 2 h",
            at=start_of(node),
        )
    return Within(cast("Comparison", part), span_of(span), negated)


def _held_for(node: Node, span: Node, *, negated: bool) -> HeldFor | ForDays:
    if negated:
        raise ConditionError("a for stands under not", mend="write (not …) for 10 min", at=start_of(node))
    part = _unmodified(node, "for")
    days = days_of(span)
    if days is None:
        return HeldFor(part, span_of(span))
    if days != DAYS:
        raise ConditionError(
            f"for goes over {DAYS} days only",
            mend=f"write for {DAYS} days: no more are kept, and one day needs no for",
            at=start_of(span),
        )
    if not _compares_one(part, Kind.DAY):
        names = " or ".join(one.name for one in VALUE.values() if one.kind is Kind.DAY)
        raise ConditionError(
            "days go with one value of a whole day, compared with a number",
            mend=f"use {names}, such as sleep_quality < 60 % for 2 days",
            at=start_of(node),
        )
    return ForDays(cast("Comparison", part), DAYS)


def _unmodified(node: Node, modifier: str) -> Condition:
    for inner in node.find_pred(lambda one: one.data in ("within", "held_for")):
        raise ConditionError(
            f"{modifier} stands around another within or for",
            mend="give each comparison at most one of them",
            at=start_of(inner),
        )
    return _condition(node, negated=False)


def _compares_one(part: Condition, kind: Kind) -> bool:
    match part:
        case Comparison(left=Term(name, "now"), right=Number()):
            return VALUE[name].kind is kind
        case _:
            return False
