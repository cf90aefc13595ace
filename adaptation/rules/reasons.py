"""The sentence that says why a rule fired: a template, filled from the evidence and nothing else.

Fields of a template, for a value ``m`` that the rule's condition compares or its ``evidence`` names:

==================  ==========================================================================
``{m}``             the value; the latest where there are several
``{m.earlier}``     the older of its two values (``within``, ``for 2 days``, ``previous``)
``{m.span}``        the time between the two
``{m.usual}``       the person's own mean
``{m.of_usual}``    the value as a share of it
``{m.z}``           how far the value lies from it, in SD
==================  ==========================================================================

A part in [square brackets] is left out where one of its fields has no value.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import reduce
from typing import Final, NamedTuple

from adaptation.rules.parse import closest
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ForDays,
    HeldFor,
    Within,
    leaves_of,
    terms_of,
)
from adaptation.rules.vocabulary import VALUE
from schemas.errors import InputError
from schemas.records import Evidence, EvidenceValue

_FIELD = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"\[([^\[\]]*)\]")
_EARLIER: Final = frozenset({"earlier", "span"})
_USUAL: Final = frozenset({"usual", "of_usual", "z"})
_NUMBERS_NOW: Final = frozenset({"now", "z", "z_at_hour"})

_Shown = frozenset[tuple[str, str]]
"""Values of an evidence: the name of each, and which of its values it is."""


class Complaint(NamedTuple):
    """What is wrong with a template, how to mend it, and the index of the character where it is."""

    what: str
    mend: str
    at: int


def check_template(template: str, condition: Condition, *, shown: Sequence[str] = ()) -> Complaint | None:
    """Return what is wrong with a template, or None if it can always be filled.

    Args:
        template: the template's text.
        condition: the rule's condition; its evidence is what the template may speak of.
        shown: names of values that are evidence too, where they are known.
    """
    blank = _PART.sub(r" \1 ", template)
    blank = _FIELD.sub(lambda field: " " * len(field[0]), blank)
    loose = re.search(r"[{}\[\]]", blank)
    if loose:
        return Complaint(
            f"{loose[0]} has no partner, or stands inside another pair",
            "pair { } and [ ], unnested",
            loose.start(),
        )
    known = {*_fields(_possible(condition)), *_usual_fields(condition), *shown}
    for field in _FIELD.finditer(template):
        if field[1] not in known:
            mend = closest(field[1], tuple(sorted(known))) if known else "name a value in evidence = [...]"
            return Complaint(f"{{{field[1]}}} is not a field of this rule", mend, field.start())
    outside = _PART.sub(lambda part: " " * len(part[0]), template)
    sure = _fields(_sure(condition))
    for field in _FIELD.finditer(outside):
        if field[1] not in sure:
            return Complaint(
                f"{{{field[1]}}} may be without a value",
                "put the part with it in [ ]: it is left out where there is none",
                field.start(),
            )
    return None


def fill_template(template: str, evidence: Evidence, *, where: str) -> str:
    """Return ``template`` with its fields filled from ``evidence``.

    Raises:
        InputError: a field outside of square brackets has no value in the evidence.
    """

    def optional(part: re.Match[str]) -> str:
        filled = _fill(part[1], evidence)
        return filled if isinstance(filled, str) else ""

    filled = _fill(_PART.sub(optional, template), evidence)
    if isinstance(filled, str):
        return filled
    raise InputError(f"the evidence has no {{{filled.field}}}", where=where, mend="take it out of the reason")


def format_value(value: float, unit: str) -> str:
    """Return a value as a person reads it.

    >>> format_value(0.274, "0-1"), format_value(27.6, "ms"), format_value(432, "min")
    ('27%', '28 ms', '7 h 12 min')
    >>> format_value(-1.26, "SD"), format_value(9500, "count")
    ('−1.3 SD', '9,500')
    """
    if unit == "0-1":
        return f"{value:.0%}"
    if unit == "SD":
        return f"{value:+.1f} SD".replace("-", "−")
    if unit == "min":
        return format_span(timedelta(minutes=value))
    number = f"{value:,.0f}"
    return number if unit == "count" else f"{number} {unit}"


def format_span(span: timedelta) -> str:
    """Return a length of time in hours and minutes, rounded to the minute and at least one minute.

    >>> format_span(timedelta(hours=2)), format_span(timedelta(minutes=80)), format_span(timedelta(seconds=5))
    ('2 h', '1 h 20 min', '1 min')
    """
    hours, minutes = divmod(max(1, round(span.total_seconds() / 60)), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))


class _Missing(NamedTuple):
    field: str


def _possible(condition: Condition) -> _Shown:
    """Return the values that the evidence of a firing may hold."""
    return _gather(condition, any_of=lambda parts: reduce(frozenset.union, parts))


def _sure(condition: Condition) -> _Shown:
    """Return the values that the evidence of every firing holds."""
    found = _gather(condition, any_of=lambda parts: reduce(frozenset.intersection, parts))
    # Two looks back over one span may find the same value, which the evidence then holds once.
    return frozenset((name, which.partition(" within ")[2] or which) for name, which in found)


def _gather(condition: Condition, *, any_of: Callable[[list[_Shown]], _Shown]) -> _Shown:
    found: _Shown = frozenset()
    match condition:
        case AllOf(parts=parts):
            found = found.union(*(_gather(part, any_of=any_of) for part in parts))
        case AnyOf(parts=parts):
            found = any_of([_gather(part, any_of=any_of) for part in parts])
        case HeldFor(part=held):
            found = _gather(held, any_of=any_of)
        case Within(part=part, span=span, negated=False):
            found = frozenset((name, f"{part.operator} within {span}") for name, _ in _compared(part))
        case ForDays(part=part):
            found = frozenset((name, day) for name, _ in _compared(part) for day in ("today", "yesterday"))
        case Comparison():
            found = _compared(condition)
    return found


def _compared(comparison: Comparison) -> _Shown:
    terms = [term for side in (comparison.left, comparison.right) for term in terms_of(side)]
    now = {(term.name, "now") for term in terms if term.aspect in _NUMBERS_NOW}
    return frozenset(now | {(term.name, "previous") for term in terms if term.aspect == "previous"})


def _fields(values: Iterable[tuple[str, str]]) -> set[str]:
    names = [name for name, _ in values]
    twice = {name for name in names if names.count(name) > 1}
    return {*names, *(f"{name}.{suffix}" for name in twice for suffix in _EARLIER)}


def _usual_fields(condition: Condition) -> set[str]:
    compared = (leaf for leaf in leaves_of(condition) if isinstance(leaf, Comparison))
    terms = (term for leaf in compared for side in (leaf.left, leaf.right) for term in terms_of(side))
    return {
        f"{term.name}.{suffix}"
        for term in terms
        if term.aspect not in ("now", "previous")
        for suffix in _USUAL
    }


def _fill(text: str, evidence: Evidence) -> str | _Missing:
    parts: list[str] = []
    end = 0
    for match in _FIELD.finditer(text):
        value = _field_value(match[1], evidence)
        if value is None:
            return _Missing(match[1])
        parts += [text[end : match.start()], value]
        end = match.end()
    return "".join([*parts, text[end:]])


def _field_value(field: str, evidence: Evidence) -> str | None:
    measure, _, suffix = field.partition(".")
    values = sorted((value for value in evidence.values if value.measure == measure), key=lambda v: v.time)
    if not values or (suffix in _EARLIER and len(values) < 2):
        return None
    latest, unit = values[-1], VALUE[measure].unit
    match suffix:
        case "earlier":
            return format_value(values[0].value, unit)
        case "span":
            return format_span(latest.time - values[0].time)
        case "usual" | "of_usual" | "z":
            return _usual(latest, unit, suffix)
        case _:
            return format_value(latest.value, unit)


def _usual(latest: EvidenceValue, unit: str, suffix: str) -> str | None:
    usual, sd = latest.baseline, latest.baseline_sd
    if usual is None:
        return None
    if suffix == "usual":
        return format_value(usual, unit)
    if suffix == "of_usual":
        return f"{latest.value / usual:.0%}" if usual > 0 else None
    return format_value((latest.value - usual) / sd, "SD") if sd else None
