"""Numbers of conditions: values, aspects of values, arithmetic; each with its unit and range."""

import math
from typing import Final, Literal, NamedTuple, cast

from lark import Token, Tree

from adaptation.rules.parse import ConditionError, Node, closest
from adaptation.rules.ranges import Range
from adaptation.rules.tree import Arithmetic, Aspect, Expression, Number, Term
from adaptation.rules.vocabulary import (
    CLOCK,
    FLAG,
    FUNCTION,
    STATUS,
    UNIT_WORD,
    UNIT_WORDS,
    VALUE,
    Kind,
    Value,
)

Z_MAX: Final = 10.0
"""SD; a z-score is taken to lie within this, so that a threshold beyond it is called impossible."""
NUMBER_MAX: Final = 1e9
WORDS: Final = (*VALUE, *STATUS, *FLAG, CLOCK)
_SHARE: Final = "0-1"


class Quantity(NamedTuple):
    """A checked expression."""

    expression: Expression
    unit: str | None
    """None: a number without a unit, which fits any."""
    range: Range
    at: int
    """Where it starts in the text."""

    @property
    def is_constant(self) -> bool:
        """Whether it is a number, whoever it is asked about."""
        return isinstance(self.expression, Number)


def quantity_of(node: Node) -> Quantity:
    """Return the number that a part of a condition stands for.

    Raises:
        ConditionError: it stands for none, names something unknown, or mixes units.
    """
    parts, tokens = parts_of(node), tokens_of(node)
    match node.data:
        case "bracketed":
            return quantity_of(parts[0])._replace(at=start_of(node))
        case "number":
            return _number(*tokens)
        case "name":
            return _term(tokens[0], "now")
        case "call":
            return _aspect(tokens[0], parts)
        case "negative":
            one = Quantity(Number(-1.0), None, Range(-1.0, -1.0), start_of(node))
            return _join("*", one, quantity_of(parts[0]))
        case "arithmetic":
            return _join(str(tokens[0]), quantity_of(parts[0]), quantity_of(parts[1]))
        case "time":
            raise ConditionError(
                f"{tokens[0]} is a time of day, not a number",
                mend=f"write {CLOCK} between 08:00 and 20:00",
                at=start_of(node),
            )
        case _:
            raise ConditionError(
                "a condition stands where a number is needed",
                mend="compare numbers; join conditions with and, or",
                at=start_of(node),
            )


def start_of(node: Node) -> int:
    """Return the index of a node's first character."""
    return node.meta.start_pos


def parts_of(node: Node) -> list[Node]:
    """Return the nodes that stand in a node."""
    return [child for child in node.children if isinstance(child, Tree)]


def tokens_of(node: Node) -> list[Token]:
    """Return the words and signs that stand in a node itself, not in its parts."""
    return [child for child in node.children if isinstance(child, Token)]


def unknown_word(word: str, at: int) -> ConditionError:
    """Return that a name is none that conditions know."""
    if word in FUNCTION:
        return ConditionError(
            f"{word} is a function", mend=f"name its value in brackets: {word}(energy_level)", at=at
        )
    return ConditionError(f"there is no {word!r}", mend=closest(word, WORDS), at=at)


def unit_word(unit: str) -> str:
    """Return how a unit is written behind a number; empty for a count."""
    return next((one.word for one in UNIT_WORDS if one.unit == unit), "")


def written(number: float, unit: str) -> str:
    """Return a number as conditions write it.

    >>> written(0.3, "0-1"), written(45.0, "ms"), written(9000.0, "count")
    ('30 %', '45 ms', '9000')
    """
    word = UNIT_WORD.get(unit_word(unit))
    if word is None:
        return f"{number:.10g}"
    return f"{number / word.factor:.10g} {word.word}"


def _number(number: Token, unit: Token | None = None) -> Quantity:
    at = number.start_pos or 0
    value = float(number)
    if value > NUMBER_MAX:
        raise ConditionError(f"{number:.20} is too large", mend=f"no value exceeds {NUMBER_MAX:.0f}", at=at)
    if unit is None:
        return Quantity(Number(value), None, Range(value, value), at)
    word = UNIT_WORD.get(str(unit))
    if word is None:
        raise _unknown_unit(str(unit), unit.start_pos or 0)
    # 30 * 0.01 is not 0.3 in binary, 30 / 100 is.
    value = value / 100 if word.unit == _SHARE else value * word.factor
    return Quantity(Number(value), word.unit, Range(value, value), at)


def _unknown_unit(word: str, at: int) -> ConditionError:
    others = {"percent": "%", "beats": "bpm", "sd": "SD", "trimp": "TRIMP", "hrs": "h", "mins": "min"}
    meant = others.get(word.casefold())
    mend = f"write {meant}" if meant else closest(word, tuple(UNIT_WORD))
    return ConditionError(f"there is no unit {word!r}", mend=mend, at=at)


def _value(word: Token) -> Value:
    name, at = str(word), word.start_pos or 0
    if name in VALUE:
        return VALUE[name]
    if name in STATUS:
        example = STATUS[name].members[0]
        raise ConditionError(f"{name} is a word, not a number", mend=f"write {name} is {example}", at=at)
    if name in FLAG:
        raise ConditionError(f"{name} is so or not, it has no number", mend=f"write {name} alone", at=at)
    if name == CLOCK:
        raise ConditionError(
            f"{name} cannot be compared this way", mend=f"write {name} between 08:00 and 20:00", at=at
        )
    raise unknown_word(name, at)


def _term(word: Token, aspect: Aspect) -> Quantity:
    value = _value(word)
    is_z = aspect in ("z", "z_at_hour")
    span = Range(-Z_MAX, Z_MAX) if is_z else Range(value.low, value.high)
    return Quantity(Term(value.name, aspect), "SD" if is_z else value.unit, span, word.start_pos or 0)


def _aspect(function: Token, arguments: list[Node]) -> Quantity:
    name, at = str(function), function.start_pos or 0
    if name not in FUNCTION:
        if name in WORDS:
            raise ConditionError(f"{name} takes nothing in brackets", mend=f"write {name} alone", at=at)
        raise ConditionError(f"there is no function {name!r}", mend=closest(name, tuple(FUNCTION)), at=at)
    if len(arguments) != 1 or arguments[0].data != "name":
        raise ConditionError(f"{name} takes one value by its name", mend=f"write {name}(energy_level)", at=at)
    word = cast("Token", arguments[0].children[0])
    _check_aspect(name, _value(word), word.start_pos or 0)
    return _term(word, cast("Aspect", name))._replace(at=at)


def _check_aspect(function: str, value: Value, at: int) -> None:
    if function == "previous":
        known = tuple(one.name for one in VALUE.values() if one.kind is Kind.CURRENT)
        mend = f"for two days write {value.name} < … for 2 days" if value.kind is Kind.DAY else ""
    elif function in ("usual", "z"):
        known, mend = tuple(one.name for one in VALUE.values() if one.has_usual), ""
    else:
        known, mend = tuple(one.name for one in VALUE.values() if one.has_hour), ""
    if value.name not in known:
        raise ConditionError(
            f"{function} does not know {value.name}", mend=mend or f"it knows {', '.join(known)}", at=at
        )


def _join(operator: str, left: Quantity, right: Quantity) -> Quantity:
    unit = _unit_of(operator, left, right)
    match operator:
        case "+":
            span = left.range.plus(right.range)
        case "-":
            span = left.range.minus(right.range)
        case "*":
            span = left.range.times(right.range)
        case _:
            if right.range == (0, 0):
                raise ConditionError("division by 0", mend="divide by another number", at=right.at)
            span = left.range.over(right.range)
    if left.is_constant and right.is_constant:
        if not math.isfinite(span.low) or abs(span.low) > NUMBER_MAX:
            raise ConditionError("the number is too large", mend="write smaller ones", at=left.at)
        return Quantity(Number(span.low), unit, span, left.at)
    sign = cast("Literal['+', '-', '*', '/']", operator)
    return Quantity(Arithmetic(sign, left.expression, right.expression), unit, span, left.at)


def _unit_of(operator: str, left: Quantity, right: Quantity) -> str | None:
    if operator in "+-":
        if left.unit and right.unit and left.unit != right.unit:
            raise mixed_units(left.unit, right.unit, at=right.at)
        return left.unit or right.unit
    if operator == "*":
        units = [one.unit for one in (left, right) if not _is_factor(one)]
        if len(units) > 1:
            raise ConditionError(
                "two numbers with units are multiplied", mend="leave the unit of one out", at=right.at
            )
        return units[0] if units else left.unit or right.unit
    if _is_factor(right):
        return left.unit or right.unit
    if left.unit != right.unit:
        raise ConditionError(
            "numbers of different units are divided",
            mend="divide by a number without a unit or by one of the same unit",
            at=right.at,
        )
    return _SHARE


def _is_factor(one: Quantity) -> bool:
    return one.unit is None or (one.is_constant and one.unit == _SHARE)


def mixed_units(left: str, right: str, *, at: int) -> ConditionError:
    """Return that two numbers that should have one unit have two."""
    words = [unit_word(unit) or "a count" for unit in (left, right)]
    mend = f"write the second in {words[0]}" if unit_word(left) else "write the second without a unit"
    return ConditionError(f"{words[0]} and {words[1]} do not go together", mend=mend, at=at)
