"""Whether two conditions can hold together: what ``and`` must not join, and how ``leave`` must differ."""

from typing import Final

from adaptation.rules.tree import AllOf, Comparison, Condition, Expression, Holds, Is, Number
from adaptation.rules.vocabulary import STATUS

_LOWER: Final = (">", ">=")


def exclude(one: Condition, other: Condition) -> bool:
    """Return whether two conditions can never hold together, as far as their form alone tells."""
    match one, other:
        case Comparison(right=Number()), Comparison(right=Number()):
            return one.left == other.left and (_misses(one, other) or _misses(other, one))
        case Is(), Is():
            return one.name == other.name and not _words(one) & _words(other)
        case Holds(), Holds():
            return one.name == other.name and one.negated != other.negated
        case _:
            return False


def overlap(when: Condition, leave: Condition) -> bool:
    """Return whether ``leave`` may hold while ``when`` still does, where both are about one same value."""
    conditions = when.parts if isinstance(when, AllOf) else (when,)
    about = [one for one in conditions if _subject(one) is not None and _subject(one) == _subject(leave)]
    return bool(about) and not any(exclude(one, leave) for one in about)


def _subject(condition: Condition) -> Expression | str | None:
    match condition:
        case Comparison(left=left, right=Number()):
            return left
        case Is(name=name) | Holds(name=name):
            return name
        case _:
            return None


def _misses(lower: Comparison, upper: Comparison) -> bool:
    """Return whether ``lower``, a bound from below, lies above ``upper``, one from above."""
    if lower.operator not in _LOWER or upper.operator in _LOWER:
        return False
    least, most = _limit(lower), _limit(upper)
    return least > most or (least == most and (lower.operator, upper.operator) != (">=", "<="))


def _limit(comparison: Comparison) -> float:
    return comparison.right.value if isinstance(comparison.right, Number) else 0.0


def _words(status: Is) -> frozenset[str]:
    every = frozenset(STATUS[status.name].members)
    return every - status.members if status.negated else status.members
