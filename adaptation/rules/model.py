"""Rules: what is watched and what answers it, as typed data read from ``rules.toml``.

Here stand the models and the checks of their meaning. The masks that they become are in
``adaptation/conditions.py``; how a wrong file is reported is in ``adaptation/rule_files.py``.
"""

import functools
import re
from datetime import timedelta
from importlib import resources
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from adaptation.channels import BASELINE_MEASURES
from adaptation.rules.files import closest, explain_rule_error, parse_rule_file, wrong
from adaptation.rules.reasons import check_template, fill_template
from schemas.measures import DAY_MEASURES, MEASURE_INDEX, MEASURE_NAMES, MEASURES
from schemas.plan import Model
from schemas.records import Evidence

RULES_VERSION: Final = 1

WITHIN_MAX: Final = timedelta(hours=24)
"""The longest look back of a ``within``."""

DAYS_MAX: Final = 2
"""Days that a person's day ring holds: the latest and the one before."""

BASELINE_TIMES_MAX: Final = 10.0
"""A factor beyond this is taken for a percentage or a value by mistake."""

_DURATION = re.compile(r"(\d{1,6})\s*(min|h|d)")
_DURATION_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days"}


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


def _check_measure(name: str) -> str:
    if name not in MEASURE_INDEX:
        raise wrong(f"there is no measure {name!r}", mend=closest(name, MEASURE_NAMES))
    return name


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
MeasureName = Annotated[str, AfterValidator(_check_measure)]
_Factor = Annotated[float, Field(gt=0, le=BASELINE_TIMES_MAX)]


class Condition(Model):
    """One condition about one measure; exactly one of the four comparisons is given."""

    measure: MeasureName
    above: float | None = None
    below: float | None = None
    above_baseline_times: _Factor | None = None
    below_baseline_times: _Factor | None = None
    within: Duration | None = None
    """It is enough that the comparison held at some time in this long; None: it must hold now."""
    consecutive_days: int | None = Field(default=None, ge=1, le=DAYS_MAX)
    """Local days in a row, today included; only for measures of a whole day, 1 if left out."""

    @property
    def against_baseline(self) -> bool:
        """Whether the value is compared with the person's own baseline."""
        return self.above_baseline_times is not None or self.below_baseline_times is not None

    @property
    def is_above(self) -> bool:
        """Whether larger values meet the condition."""
        return self.above is not None or self.above_baseline_times is not None

    @property
    def limit(self) -> float:
        """What the value is compared with: a value in the measure's unit, or a factor of the baseline."""
        given = (self.above, self.below, self.above_baseline_times, self.below_baseline_times)
        return next(limit for limit in given if limit is not None)

    @property
    def days(self) -> int:
        """Number of local days for a measure of a whole day, 0 for any other measure."""
        return (self.consecutive_days or 1) if self.measure in DAY_MEASURES else 0

    @model_validator(mode="after")
    def _one_comparison(self) -> Self:
        names = ("above", "below", "above_baseline_times", "below_baseline_times")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            raise wrong(
                f"a condition on {self.measure} has {' and '.join(given) or 'no comparison'}",
                mend=f"give exactly one of {', '.join(names)}",
            )
        return self

    @model_validator(mode="after")
    def _limit_can_be_met(self) -> Self:
        measure = MEASURES[MEASURE_INDEX[self.measure]]
        if self.against_baseline:
            if self.measure not in BASELINE_MEASURES:
                raise wrong(
                    f"{self.measure} has no baseline",
                    mend=f"those with one are {', '.join(BASELINE_MEASURES)}",
                )
            return self
        low, high = measure.low, measure.high
        possible = low <= self.limit < high if self.is_above else low < self.limit <= high
        if not possible:
            raise wrong(
                f"{measure.name} is never or always {'above' if self.is_above else 'below'} {self.limit:g}",
                mend=f"it lies between {low:g} and {high:g}",
            )
        return self

    @model_validator(mode="after")
    def _modifiers_fit(self) -> Self:
        whole_day = self.measure in DAY_MEASURES
        if self.consecutive_days is not None and not whole_day:
            raise wrong(
                f"consecutive_days needs a measure of a whole day, not {self.measure}",
                mend=f"use it with {' or '.join(sorted(DAY_MEASURES))}",
            )
        if whole_day and (self.within is not None or self.against_baseline):
            raise wrong(
                f"{self.measure} belongs to a whole day",
                mend="compare it with above or below over consecutive_days",
            )
        if self.within is not None and (self.against_baseline or self.within > WITHIN_MAX):
            raise wrong(
                "within goes with above or below, and looks back 24 h at most",
                mend="leave within out or shorten it",
            )
        return self


class Rule(Model):
    """One rule: when it fires, and what it asks for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    kind: Literal["protective", "upgrading"]
    """Protective rules act by themselves, upgrading rules propose."""
    action: Literal["reduce_intensity", "switch_to_recovery", "prioritize_recovery", "upgrade"]
    priority: int = Field(ge=1, le=100)
    """1 comes first."""
    cooldown: Duration
    expires: Duration
    horizon: Duration
    reason: str = Field(min_length=1, max_length=400)
    """Template of the sentence shown; see ``adaptation/reasons.py``."""
    when: tuple[Condition, ...] = Field(min_length=1, max_length=8)

    @property
    def measures(self) -> frozenset[str]:
        """The measures its conditions name; the rule is judged only at readings that carry one of them."""
        return frozenset(condition.measure for condition in self.when)

    @model_validator(mode="after")
    def _reason_can_be_filled(self) -> Self:
        paired = {c.measure for c in self.when if c.within is not None or c.days > 1}
        usual = {c.measure for c in self.when if c.against_baseline}
        complaint = check_template(self.reason, measures=self.measures, with_earlier=paired, with_usual=usual)
        if complaint is not None:
            raise wrong(f"reason: {complaint.what}", mend=complaint.mend, field="reason")
        return self


class RuleSet(Model):
    """All rules, in the order of their file."""

    rules: tuple[Rule, ...] = Field(max_length=64)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise wrong(f"two rules are called {twice[0]}", mend="give each rule a name of its own")
        return self

    def find(self, name: str) -> Rule | None:
        """Return the rule called ``name``, or None if there is none."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def by_priority(self) -> tuple[Rule, ...]:
        """Return the rules, most urgent first; equal ones in the order of their file."""
        return tuple(sorted(self.rules, key=lambda rule: rule.priority))


def load_rules(text: str, *, where: str) -> RuleSet:
    """Return the rules written in ``text`` (TOML, as explained at the top of ``rules.toml``).

    Args:
        text: the file's text.
        where: the file's name, for errors.

    Raises:
        InputError: the text is not TOML, or a rule is wrong; names the line and the way to mend it.
    """
    rules = parse_rule_file(text, version=RULES_VERSION, where=where)
    try:
        return RuleSet.model_validate({"rules": rules})
    except ValidationError as error:
        raise explain_rule_error(
            error,
            text,
            where=where,
            rule_fields=tuple(Rule.model_fields),
            condition_fields=tuple(Condition.model_fields),
        ) from error


@functools.cache
def builtin_rules() -> RuleSet:
    """Return the rules that Daybeat ships with."""
    text = resources.files("adaptation.rules").joinpath("rules.toml").read_text("utf-8")
    return load_rules(text, where="adaptation/rules.toml")


def render_reason(rule: Rule, evidence: Evidence) -> str:
    """Return the sentence that says why ``rule`` fired, made from the evidence alone.

    Raises:
        InputError: the evidence lacks a value that the sentence cannot do without.
    """
    return fill_template(rule.reason, evidence, where=f"rule {rule.name}")
