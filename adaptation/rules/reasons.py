"""The sentence that says why a rule fired: a template, filled from the evidence and nothing else.

Fields of a template, for a measure ``m`` that the rule's conditions name:

==================  ==================================================================
``{m}``             its latest value
``{m.earlier}``     the older of its two values (``within``, ``consecutive_days = 2``)
``{m.span}``        the time between the two
``{m.usual}``       the person's baseline
``{m.of_usual}``    the latest value as a share of the baseline
==================  ==================================================================

A part in [square brackets] is left out where one of its fields has no value.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import timedelta
from difflib import get_close_matches
from typing import Final, NamedTuple

from schemas.errors import InputError
from schemas.measures import MEASURE_INDEX, MEASURES
from schemas.records import Evidence, EvidenceValue

_FIELD = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"\[([^\[\]]*)\]")
_EARLIER: Final = frozenset({"earlier", "span"})
_USUAL: Final = frozenset({"usual", "of_usual"})


class Complaint(NamedTuple):
    """What is wrong with a template, and how to mend it."""

    what: str
    mend: str


def check_template(
    template: str,
    *,
    measures: AbstractSet[str],
    with_earlier: AbstractSet[str],
    with_usual: AbstractSet[str],
) -> Complaint | None:
    """Return what is wrong with a template, or None if it can always be filled.

    Args:
        template: the template's text.
        measures: measures that the rule's conditions name.
        with_earlier: those of them that leave two values as evidence.
        with_usual: those of them that are compared with a baseline.
    """
    if any(mark in _FIELD.sub("", _PART.sub(r"\1", template)) for mark in "{}[]"):
        return Complaint(
            "a brace or bracket has no partner, or stands inside another", "pair { } and [ ], unnested"
        )
    known = _field_names(measures, with_earlier, with_usual)
    for field in _FIELD.findall(template):
        if field not in known:
            meant = get_close_matches(field, sorted(known), n=1) or sorted(known)
            return Complaint(f"{{{field}}} is not a field of this rule", f"it may use {', '.join(meant)}")
    for field in _FIELD.findall(_PART.sub("", template)):
        if field.partition(".")[2] in _USUAL:
            return Complaint(
                f"{{{field}}} stands outside of square brackets",
                "put the part with the baseline in [ ]: it is left out where there is none yet",
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
    """
    if unit == "0-1":
        return f"{value:.0%}"
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


def _field_names(
    measures: AbstractSet[str], with_earlier: AbstractSet[str], with_usual: AbstractSet[str]
) -> set[str]:
    earlier = {f"{measure}.{suffix}" for measure in with_earlier for suffix in _EARLIER}
    usual = {f"{measure}.{suffix}" for measure in with_usual for suffix in _USUAL}
    return set(measures) | earlier | usual


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
    latest, unit = values[-1], MEASURES[MEASURE_INDEX[measure]].unit
    match suffix:
        case "earlier":
            return format_value(values[0].value, unit)
        case "span":
            return format_span(latest.time - values[0].time)
        case "usual" | "of_usual":
            return _usual(latest, unit, as_share=suffix == "of_usual")
        case _:
            return format_value(latest.value, unit)


def _usual(latest: EvidenceValue, unit: str, *, as_share: bool) -> str | None:
    if latest.baseline is None or (as_share and latest.baseline <= 0):
        return None
    return f"{latest.value / latest.baseline:.0%}" if as_share else format_value(latest.baseline, unit)
