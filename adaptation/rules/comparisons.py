"""Comparisons: two numbers of one unit, and an outcome that is not the same for everyone."""

import math
from typing import Final, cast

from lark import Token

from adaptation.rules.parse import ConditionError, Node
from adaptation.rules.quantities import Quantity, mixed_units, quantity_of, written
from adaptation.rules.tree import Comparison, Operator, Term, terms_of
from adaptation.rules.vocabulary import STATUS

_MIRRORED: Final[dict[str, Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final[dict[str, Operator]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MISSPELT: Final = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}


def comparison_of(nodes: list[Node], signs: list[Token], *, negated: bool) -> Comparison:
    """Return the comparison that is written, or its opposite.

    Args:
        nodes: what is compared, from left to right.
        signs: the operators between them.
        negated: whether it stands under ``not``.

    Raises:
        ConditionError: an operator is none, units differ, or it always comes out the same.
    """
    for sign in signs:
        _check_operator(sign, nodes[0])
    if len(signs) > 1:
        raise ConditionError(
            "three numbers are compared at once",
            mend="write two comparisons, joined with and",
            at=signs[1].start_pos or 0,
        )
    left, right = quantity_of(nodes[0]), quantity_of(nodes[1])
    if left.unit and right.unit and left.unit != right.unit:
        raise mixed_units(left.unit, right.unit, at=right.at)
    operator = cast("Operator", str(signs[0]))
    if not _names_now(left) and (_names_now(right) or left.is_constant):
        left, right, operator = right, left, _MIRRORED[operator]
    operator = _OPPOSITE[operator] if negated else operator
    unit = left.unit or right.unit or ""
    _check_possible(left, operator, right, unit)
    return Comparison(
        left.expression, operator, right.expression, unit, low=left.range.low, high=left.range.high
    )


def _names_now(one: Quantity) -> bool:
    return any(term.aspect in ("now", "z", "z_at_hour") for term in terms_of(one.expression))


def _check_operator(sign: Token, left: Node) -> None:
    if sign in _MIRRORED:
        return
    at = sign.start_pos or 0
    if sign in _MISSPELT:
        raise ConditionError(f"there is no operator {sign}", mend=f"write {_MISSPELT[sign]}", at=at)
    name = str(left.children[0]) if left.data == "name" else ""
    if name in STATUS:
        mend = f"write {name} is {STATUS[name].members[0]}, or {name} is not {STATUS[name].members[0]}"
    else:
        mend = "a measured value is hardly ever equal to a number: use <, <=, > or >="
    raise ConditionError(f"there is no operator {sign}", mend=mend, at=at)


def _check_possible(left: Quantity, operator: Operator, right: Quantity, unit: str) -> None:
    at = right.at if right.is_constant else left.at
    if left.expression == right.expression or left.is_constant:
        raise ConditionError(
            "the comparison is the same for everyone", mend="compare a value with something else", at=at
        )
    (low, high), (least, most) = left.range, right.range
    if operator in (">", ">="):
        (low, high), (least, most) = (least, most), (low, high)
    if operator in ("<", ">"):
        always, never = high < least, low >= most
    else:
        always, never = high <= least, low > most
    if always or never:
        raise ConditionError(
            f"the comparison is {'always' if always else 'never'} true",
            mend=_range_said(left, right, unit),
            at=at,
        )


def _range_said(left: Quantity, right: Quantity, unit: str) -> str:
    if unit == "0-1" and right.is_constant and right.unit is None and 1 < abs(right.range.low) <= 100:
        return f"write {right.range.low:g} %"
    return " and ".join(_extent(one, unit) for one in (left, right) if not one.is_constant)


def _extent(one: Quantity, unit: str) -> str:
    low, high = written(one.range.low, unit), written(one.range.high, unit)
    if math.isinf(one.range.high):
        return f"{_described(one)} is {low} or more"
    return f"{_described(one)} lies between {low} and {high}"


def _described(one: Quantity) -> str:
    match one.expression:
        case Term(name, "now"):
            return name
        case Term(name, aspect):
            return f"{aspect}({name})"
        case _:
            return "what it computes"
