"""Rules: what is watched and what answers it, as typed data read from TOML.

Here stand the models. Conditions are read in ``check.py``; how a wrong file is reported is in ``files.py``.
"""

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from adaptation.action_uses import ActionUse
from adaptation.actions import builtin_actions
from adaptation.rules.check import read_condition
from adaptation.rules.durations import Duration
from adaptation.rules.exclusion import overlap
from adaptation.rules.files import explain_rule_error, parse_rule_file, wrong
from adaptation.rules.parse import ConditionError, closest
from adaptation.rules.reasons import check_template, fill_template
from adaptation.rules.tree import Condition, count_lasting, values_of
from adaptation.rules.vocabulary import VALUE
from schemas.plan import Model
from schemas.records import Evidence

RULES_MAX: Final = 64
LASTING_MAX: Final = 64
"""Of ``within`` and ``for`` in all rules of a file together: each is kept for every person."""
FIRINGS_PER_DAY: Final = 3
"""Firings of a rule per person and local day where the rule does not say otherwise."""
FIRINGS_PER_DAY_MAX: Final = 20

Allowance = Literal["estimated", "low_quality", "exercise"]
"""Data that a rule may rest on although they are not certain: see ``allow`` in docs/rules.md."""


@dataclass(frozen=True, slots=True)
class Written:
    """A condition with the text it was read from."""

    text: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Randomisation:
    """A draw by lot at each firing: whether to act."""

    probability: float
    """To act; above 0 and below 1."""
    seed: str
    """Of the whole file; another seed draws anew."""


def _read_written(given: object) -> object:
    if isinstance(given, Written):
        return given
    if not isinstance(given, str):
        raise wrong(f"{given!r:.60} is not a condition", mend='write a text, such as "energy_level < 30 %"')
    try:
        return Written(given, read_condition(given))
    except ConditionError as error:
        raise wrong(error.what, mend=error.mend, at=error.at) from error


def _read_action(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


def _check_action(use: ActionUse) -> ActionUse:
    known = tuple(builtin_actions().actions)
    if use.name not in known:
        raise wrong(f"there is no action {use.name!r}", mend=closest(use.name, known), field="name")
    return use


def _draw(given: object, info: ValidationInfo) -> object:
    if isinstance(given, Randomisation):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        raise wrong(f"{given!r} is not a probability", mend="write a number above 0 and below 1, such as 0.5")
    return Randomisation(float(given), (info.context or {}).get("seed", ""))


def _check_value(name: str) -> str:
    if name not in VALUE:
        raise wrong(f"there is no value {name!r}", mend=closest(name, tuple(VALUE)))
    return name


def _check_named_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((index for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise wrong(f"{names[twice]} is named twice", mend="take one of them out", field=(twice,))
    return names


def _check_text(text: str) -> str:
    at = text.find("\0")
    if at >= 0:
        raise wrong("U+0000 stands in the text", mend="leave it out: the database cannot keep it", at=at)
    return text


ShownValues = Annotated[
    tuple[Annotated[str, AfterValidator(_check_value)], ...], AfterValidator(_check_named_once)
]
ShownText = Annotated[str, AfterValidator(_check_text)]
WrittenCondition = Annotated[
    InstanceOf[Written],
    BeforeValidator(_read_written),
    PlainSerializer(lambda written: written.text, return_type=str),
]


class Rule(Model):
    """One rule: when it fires, and what it asks for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: ShownText = Field(default="", max_length=60)
    """A few words for the app; the name in words if it is left out."""
    kind: Literal["protective", "upgrading"]
    priority: int = Field(ge=1, le=100, strict=True)
    """1 comes first."""
    when: WrittenCondition
    """It fires when this begins to hold."""
    leave: WrittenCondition | None = None
    """It can fire anew once this holds; None: once ``when`` no longer does."""
    cooldown: Duration
    at_most_per_day: int = Field(default=FIRINGS_PER_DAY, ge=1, le=FIRINGS_PER_DAY_MAX, strict=True)
    horizon: Duration
    expires: Duration
    action: Annotated[ActionUse, BeforeValidator(_read_action), AfterValidator(_check_action)]
    evidence: ShownValues = Field(default=(), max_length=8)
    """Values to show besides those that ``when`` compares."""
    allow: frozenset[Allowance] = frozenset()
    randomise: Annotated[InstanceOf[Randomisation], BeforeValidator(_draw)] | None = None
    reason: ShownText = Field(min_length=1, max_length=400)
    """Template of the sentence shown; see ``reasons.py``."""

    @property
    def default_autonomy(self) -> Literal["apply", "propose"]:
        """What it may do where the person has not said otherwise."""
        return "apply" if self.kind == "protective" else "propose"

    @property
    def names(self) -> frozenset[str]:
        """The values of the vocabulary that its conditions compare."""
        left = values_of(self.leave.condition) if self.leave else frozenset()
        return values_of(self.when.condition) | left

    @model_validator(mode="before")
    @classmethod
    def _title_from_name(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("name"), str) and not given.get("title"):
            return {**given, "title": given["name"].replace("_", " ").capitalize()}
        return given

    @model_validator(mode="after")
    def _action_fits_kind(self) -> Self:
        wanted = "easier" if self.kind == "protective" else "harder"
        actions = builtin_actions().actions
        if actions[self.action.name].direction != wanted:
            fitting = ", ".join(sorted(name for name, one in actions.items() if one.direction == wanted))
            raise wrong(
                f"{self.action.name} makes no task {wanted}, which {self.kind} rules do",
                mend=f"use one of {fitting}",
                field="action",
            )
        if wanted == "easier" and self.action.intensity_steps is not None:
            raise wrong(
                "intensity_steps does nothing in an action that makes tasks easier",
                mend="leave it out: it goes with upgrade",
                field=("action", "intensity_steps"),
            )
        return self

    @model_validator(mode="after")
    def _leave_ends_when(self) -> Self:
        if self.leave is not None and overlap(self.when.condition, self.leave.condition):
            raise wrong(
                "leave may hold while when still does",
                mend="leave beyond the threshold of when: > 40 % where it begins at < 30 %",
                field="leave",
                at=0,
            )
        return self

    @model_validator(mode="after")
    def _reason_can_be_filled(self) -> Self:
        complaint = check_template(self.reason, self.when.condition, shown=self.evidence)
        if complaint is not None:
            raise wrong(complaint.what, mend=complaint.mend, field="reason", at=complaint.at)
        return self


class RuleSet(Model):
    """All rules, in the order of their file."""

    rules: tuple[Rule, ...] = Field(max_length=RULES_MAX)
    text: str = ""
    """The TOML they were read from; empty if they were not."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = next((index for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise wrong(
                f"two rules are called {names[twice]}",
                mend="give each rule a name of its own",
                field=("rules", twice, "name"),
            )
        return self

    @model_validator(mode="after")
    def _few_last(self) -> Self:
        written = [
            (index, field, condition)
            for index, rule in enumerate(self.rules)
            for field, condition in (("when", rule.when), ("leave", rule.leave))
            if condition is not None
        ]
        count = 0
        for index, field, one in written:
            count += count_lasting(one.condition)
            if count > LASTING_MAX:
                raise wrong(
                    f"with {self.rules[index].name} the rules have more than {LASTING_MAX} within and for",
                    mend="take some out: each is kept for every person",
                    field=("rules", index, field),
                )
        return self

    def find(self, name: str) -> Rule | None:
        """Return the rule called ``name``, or None if there is none."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def by_priority(self) -> tuple[Rule, ...]:
        """Return the rules, most urgent first; equal ones in the order of their file."""
        return tuple(sorted(self.rules, key=lambda rule: rule.priority))


def load_rules(text: str, *, where: str) -> RuleSet:
    """Return the rules written in ``text`` (TOML, as docs/rules.md explains).

    Args:
        text: the file's text.
        where: the file's name, for errors.

    Raises:
        InputError: the text is not TOML, or a rule is wrong; names line, column and the way to mend it.
    """
    file = parse_rule_file(text, where=where)
    try:
        return RuleSet.model_validate(
            {"rules": file.rules, "text": text}, context={"seed": file.randomisation_seed}
        )
    except ValidationError as error:
        raise explain_rule_error(error, text, where=where, fields=tuple(Rule.model_fields)) from error


def render_reason(rule: Rule, evidence: Evidence) -> str:
    """Return the sentence that tells a person why a rule fired.

    Raises:
        InputError: the evidence is not that of this rule.
    """
    return fill_template(rule.reason, evidence, where=f"rule {rule.name}")


@functools.cache
def builtin_rules() -> RuleSet:
    """Return the rules that Daybeat ships with."""
    text = resources.files("adaptation.rules").joinpath("rules.toml").read_text("utf-8")
    return load_rules(text, where="adaptation/rules/rules.toml")
