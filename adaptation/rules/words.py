"""Conditions without numbers: statuses, flags, the time of day."""

from lark import Token

from adaptation.rules.parse import ConditionError, Node, closest
from adaptation.rules.quantities import WORDS, start_of, unknown_word, written
from adaptation.rules.spans import minute_of_day
from adaptation.rules.tree import Between, Holds, Is
from adaptation.rules.vocabulary import CLOCK, FLAG, STATUS, VALUE, Value


def status_of(node: Node, tokens: list[Token], *, negated: bool) -> Is:
    """Return that a status is one of some words, or none of them.

    Args:
        node: what stands before ``is`` or ``in``.
        tokens: what stands behind it, perhaps with ``not``.
        negated: whether it stands under ``not``.
    """
    name = _status_name(node)
    status = STATUS[name]
    words = [token for token in tokens if token.type != "NOT"]
    for word in words:
        if str(word) not in status.members:
            mend = closest(str(word), status.members)
            raise ConditionError(f"{name} is never {str(word)!r}", mend=mend, at=word.start_pos or 0)
    members = frozenset(map(str, words))
    if members == set(status.members):
        raise ConditionError(
            f"{name} is always one of these", mend="leave a word out", at=words[0].start_pos or 0
        )
    has_not = any(token.type == "NOT" for token in tokens)
    return Is(name, members, negated != has_not)


def _status_name(node: Node) -> str:
    name = str(node.children[0]) if node.data == "name" else ""
    if name in STATUS:
        return name
    if name in FLAG:
        what, mend = f"{name} is so or not", f"write {name}, or not {name}"
    elif name in VALUE:
        what, mend = f"{name} is a number", "compare it with <, <=, > or >="
    elif name and name not in WORDS:
        raise unknown_word(name, start_of(node))
    else:
        what, mend = "this is not a status", f"the statuses are {', '.join(STATUS)}"
    raise ConditionError(what, mend=mend, at=start_of(node))


def flag_of(word: Token, *, negated: bool) -> Holds:
    """Return that a flag is so, or is not."""
    name, at = str(word), word.start_pos or 0
    if name in FLAG:
        return Holds(name, negated)
    if name in VALUE:
        what, mend = f"{name} is a number", f"compare it, such as {name} < {_example(VALUE[name])}"
    elif name in STATUS:
        what, mend = f"{name} is a word", f"say which: {name} is {STATUS[name].members[0]}"
    elif name == CLOCK:
        what, mend = f"{name} is a time", f"write {name} between 08:00 and 20:00"
    else:
        raise unknown_word(name, at)
    raise ConditionError(what, mend=mend, at=at)


def _example(value: Value) -> str:
    return written((value.low + value.high) / 2, value.unit)


def between_of(nodes: list[Node], *, negated: bool) -> Between:
    """Return that the local time lies between two times of day, or does not."""
    clock, start, end = nodes
    if clock.data != "name" or str(clock.children[0]) != CLOCK:
        name = str(clock.children[0]) if clock.data == "name" else "…"
        raise ConditionError(
            f"between goes with {CLOCK} only",
            mend=f"write {name} >= … and {name} <= …",
            at=start_of(clock),
        )
    first, last = minute_of_day(start), minute_of_day(end)
    if first == last:
        raise ConditionError("both times are the same", mend="write two that differ", at=start_of(end))
    return Between(last, first) if negated else Between(first, last)
