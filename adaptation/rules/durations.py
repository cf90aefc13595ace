"""Lengths of time in rules: how they are written, and how long each field may be at most."""

import re
from datetime import timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from adaptation.rules.files import wrong

_DURATION = re.compile(r"(\d{1,6})\s*(min|h|d)")
_DURATION_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days"}


class Longest(NamedTuple):
    """What a field may be at most."""

    days: int
    because: str


LONGEST: Final = {
    "cooldown": Longest(60, "a person turns a rule off with its dial"),
    "horizon": Longest(2, "plans are looked at up to tomorrow"),
    "expires": Longest(7, "what should last longer, the person accepts for good"),
}
"""By the name of the field; ours."""


def parse_duration(text: object) -> timedelta:
    """Return a duration written as a whole number and a unit; a timedelta passes through.

    >>> parse_duration("90min") == parse_duration(timedelta(hours=1, minutes=30))
    True

    Raises:
        PydanticCustomError: it is not a positive duration of that form.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or int(match[1]) == 0:
        raise wrong(f"{text!r} is not a duration", mend="write a whole number and min, h or d, such as 4h")
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def _check_longest(length: timedelta, info: ValidationInfo) -> timedelta:
    longest = LONGEST[info.field_name or ""]
    if length > timedelta(days=longest.days):
        raise wrong(
            f"{info.field_name} is longer than {longest.days}d",
            mend=f"write at most {longest.days}d: {longest.because}",
        )
    return length


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_check_longest)]
"""Of a field in ``LONGEST``."""
