"""Numbers of conditions over many people at once: values, aspects of values, arithmetic. NaN: not known."""

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptation.people import Seen
from adaptation.rules.tree import Arithmetic, Expression, Number, Term
from adaptation.values import Source

USUAL_ASPECT: Final = {
    "usual": "usual",
    "z": "usual",
    "usual_at_hour": "usual_at_hour",
    "z_at_hour": "usual_at_hour",
}
"""Aspect of a value → the baseline that it needs."""


class Figure(Protocol):
    """A number of each person."""

    def of(self, seen: Seen, barred: int) -> NDArray[np.float64] | float:
        """Return (n,) the numbers, or one that is everybody's.

        Args:
            seen: the people.
            barred: flags of values that count as not known.
        """
        ...


class Constant:
    """A number of the rule."""

    def __init__(self, number: Number) -> None:
        self._value = number.value

    def of(self, seen: Seen, barred: int) -> float:  # noqa: ARG002  # everybody's
        """Return the number."""
        return self._value


class Aspected:
    """One aspect of a value."""

    def __init__(self, term: Term, source: Source) -> None:
        self._aspect = term.aspect
        self._source = source

    def of(self, seen: Seen, barred: int) -> NDArray[np.float64]:
        """Return (n,) the numbers."""
        source, aspect = self._source, self._aspect
        if aspect == "now":
            return source.now(seen, barred)
        if aspect == "previous":
            return source.previous(seen, barred)
        usual = source.usual(seen, USUAL_ASPECT[aspect])
        if aspect == USUAL_ASPECT[aspect]:
            return usual.mean
        score: NDArray[np.float64] = (source.now(seen, barred) - usual.mean) / usual.sd
        return score


class Joined:
    """Two numbers, joined; nothing is known of a division by zero."""

    def __init__(self, arithmetic: Arithmetic, left: Figure, right: Figure) -> None:
        self._operator = arithmetic.operator
        self._left, self._right = left, right

    def of(self, seen: Seen, barred: int) -> NDArray[np.float64]:
        """Return (n,) the numbers."""
        left, right = np.asarray(self._left.of(seen, barred)), np.asarray(self._right.of(seen, barred))
        joined: NDArray[np.float64]
        match self._operator:
            case "+":
                joined = left + right
            case "-":
                joined = left - right
            case "*":
                joined = left * right
            case "/":
                with np.errstate(over="ignore"):  # what is next to nothing may divide to infinity
                    joined = left / np.where(right == 0.0, np.nan, right)
        return joined


def figure_of(expression: Expression, sources: Mapping[str, Source]) -> Figure:
    """Return a number of a condition, ready to be asked about many people.

    Args:
        expression: as the checker made it.
        sources: where each value stands.
    """
    match expression:
        case Number():
            return Constant(expression)
        case Term():
            return Aspected(expression, sources[expression.name])
        case Arithmetic(left=left, right=right):
            return Joined(expression, figure_of(left, sources), figure_of(right, sources))
