"""Lengths of time and times of day, as conditions write them."""

import datetime as dt
from typing import Final

from adaptation.rules.parse import ConditionError, Node
from adaptation.rules.quantities import start_of, tokens_of

SPAN_MAX: Final = dt.timedelta(hours=24)
"""The longest look back of a ``within`` and the longest ``for``."""

_SECONDS: Final = {
    **dict.fromkeys(("s", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
}
_DAY_WORDS: Final = ("d", "day", "days")


def days_of(node: Node) -> int | None:
    """Return the number of days that a span names; None if it is a length of time."""
    number, *words = tokens_of(node)
    if not words or (str(words[-1]) not in _DAY_WORDS and str(words[0]) != "consecutive"):
        return None
    if str(words[-1]) not in _DAY_WORDS:
        raise ConditionError("consecutive goes with days", mend="write for 2 days", at=start_of(node))
    return int(number) if number.isdecimal() else 0


def span_of(node: Node) -> dt.timedelta:
    """Return the length of time that a span names: more than nothing, ``SPAN_MAX`` at most."""
    number, *words = tokens_of(node)
    at = start_of(node)
    if not words:
        raise ConditionError(f"{number} has no unit", mend=f"write {number} min or {number} h", at=at)
    unit = str(words[-1])
    if unit not in _SECONDS:
        raise ConditionError(
            f"{unit!r} is not a unit of time here", mend="write s, min or h", at=words[-1].start_pos or 0
        )
    if not number.isdecimal():
        raise ConditionError(
            f"{number} is not a whole number", mend="write it in the next smaller unit, such as 90 min", at=at
        )
    seconds = int(number) * _SECONDS[unit]
    if not 0 < seconds <= SPAN_MAX.total_seconds():
        what = "no time at all" if seconds == 0 else "too long"
        raise ConditionError(
            f"{number:.20} {unit} is {what}", mend="write at most 24 h and at least 1 s", at=at
        )
    return dt.timedelta(seconds=seconds)


def minute_of_day(node: Node) -> int:
    """Return the minutes since midnight of a time written as 08:00."""
    if node.data != "time":
        raise ConditionError("this is not a time of day", mend="write it as 08:00", at=start_of(node))
    written = str(node.children[0])
    hours, _, minutes = written.partition(":")
    if (len(hours), len(minutes)) != (2, 2) or int(hours) >= 24 or int(minutes) >= 60:
        mend = "write midnight as 00:00" if written == "24:00" else "write it as 08:00, from 00:00 to 23:59"
        raise ConditionError(f"{written:.20} is not a time of day", mend=mend, at=start_of(node))
    return int(hours) * 60 + int(minutes)
