"""What an action does to one task: read from ``actions.toml``, applied to tasks, never to plans."""

import functools
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from importlib import resources
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from adaptation.action_uses import MINUTES_PER_DAY, ActionUse
from schemas.errors import InputError
from schemas.plan import EnergyRequirement, Intensity, Model, Task, TaskVariant

INTENSITIES: Final[tuple[Intensity, ...]] = ("easy", "moderate", "high")
"""From the lightest to the hardest."""

_FILE: Final = "adaptation/actions.toml"


class Wording(Model):
    """Title and description of a generic version of a task."""

    title: str = Field(min_length=1, max_length=200)
    description: str = Field(max_length=500)


class Action(Model):
    """One action; the fields are explained at the top of ``actions.toml``."""

    direction: Literal["easier", "harder"]
    variant: Literal["low_energy", "high_energy", "recovery"]
    tasks: Literal["all", "first"] | Annotated[int, Field(ge=1)]
    only_intensities: frozenset[Intensity] = frozenset(INTENSITIES)
    duration_factor: float = Field(default=1.0, gt=0, le=4)
    duration_min_minutes: int = Field(default=1, ge=1, le=MINUTES_PER_DAY)
    duration_max_minutes: int = Field(default=MINUTES_PER_DAY, ge=1, le=MINUTES_PER_DAY)
    intensity: Intensity | None = None
    intensity_steps: int = Field(default=0, ge=0, le=2)
    energy_requirement: EnergyRequirement | None = None
    category: str | None = Field(default=None, min_length=1, max_length=64)
    wording: str | None = None


class Actions(Model):
    """All actions, by name."""

    version: Literal[1]
    kept_categories: frozenset[str]
    actions: dict[str, Action]
    wordings: dict[str, dict[str, Wording]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _wordings_exist(self) -> Self:
        for name, action in self.actions.items():
            if action.wording is not None and "default" not in self.wordings.get(action.wording, {}):
                msg = f"action {name}: there is no [wordings.{action.wording}.default]"
                raise ValueError(msg)
        return self

    def named(self, name: str) -> Action:
        """Return the action that a rule names.

        Raises:
            InputError: there is none of that name.
        """
        try:
            return self.actions[name]
        except KeyError:
            known = ", ".join(sorted(self.actions))
            raise InputError(f"unknown action {name!r}", where=_FILE, mend=f"use one of {known}") from None

    def used(self, use: ActionUse) -> Action:
        """Return an action as a rule uses it: what the rule gives stands instead of what the file says.

        Raises:
            InputError: there is none of that name.
        """
        return self.named(use.name).model_copy(update=use.parameters)


def load_actions(text: str, *, where: str) -> Actions:
    """Return the actions of a TOML text.

    Raises:
        InputError: it is not TOML, or a field is wrong; the error names the first that is.
    """
    try:
        return Actions.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", where=where, mend="see adaptation/actions.toml") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            first["msg"], where=f"{where}, {place}" if place else where, mend="see adaptation/actions.toml"
        ) from error


@functools.cache
def builtin_actions() -> Actions:
    """Return the actions that come with Daybeat."""
    return load_actions(resources.files("adaptation").joinpath("actions.toml").read_text(), where=_FILE)


def adapt_task(task: Task, use: ActionUse, actions: Actions, *, minutes_free: int) -> Task | None:
    """Return the task as the action makes it, or None if the action would not really change it.

    Start, id and status stay, and so does every field that the person set by hand. An easier action never
    lengthens a task nor raises its intensity, a harder one never shortens it nor lowers its intensity,
    whatever the planner's variant says.

    Args:
        task: the task as it is; it must not carry an adaptation.
        use: the action and its parameters.
        actions: what the actions do.
        minutes_free: how long the task may at most become, in minutes from its start, where it gets longer.
    """
    action = actions.used(use)
    variant: TaskVariant | None = getattr(task.variants, action.variant)
    if variant is None and task.category in actions.kept_categories:
        return None
    if task.intensity not in action.only_intensities:
        return None
    wording = _wording(task, action, variant, actions)
    changes = {
        "title": wording.title,
        "description": wording.description,
        "category": action.category or task.category,
        "duration_minutes": _duration_minutes(task, action, variant, minutes_free),
        "intensity": _intensity(task, action, variant),
        "energy_requirement": action.energy_requirement or task.energy_requirement,
    }
    adapted = with_fields(task, {name: value for name, value in changes.items() if name not in task.edited})
    return adapted if _what_to_do(adapted) != _what_to_do(task) else None


def with_fields(task: Task, fields: Mapping[str, object]) -> Task:
    """Return the task with some fields set, its end following from start and duration.

    Raises:
        OverflowError: the end would lie behind the year 9999.
    """
    changed = task.model_copy(update=dict(fields))
    end = changed.start + timedelta(minutes=changed.duration_minutes)
    return changed if end == changed.end else changed.model_copy(update={"end": end})


def _what_to_do(task: Task) -> tuple[str, str, str, int, str]:
    """Return what a person would do differently; the energy requirement alone is only a label."""
    return task.title, task.description, task.category, task.duration_minutes, task.intensity


def _duration_minutes(task: Task, action: Action, variant: TaskVariant | None, minutes_free: int) -> int:
    before = task.duration_minutes
    if variant is not None and variant.duration_minutes is not None:
        wanted = variant.duration_minutes
    else:
        wanted = _round_down(before * action.duration_factor)
        wanted = min(max(wanted, action.duration_min_minutes), action.duration_max_minutes)
    if action.direction == "easier":
        return min(wanted, before)
    return max(min(wanted, minutes_free), before)


def _round_down(minutes: float) -> int:
    # 1.3 is not exact in binary: 10 × 1.3 must give 13, not 12.
    return int(minutes + 1e-9)


def _intensity(task: Task, action: Action, variant: TaskVariant | None) -> Intensity:
    before = INTENSITIES.index(task.intensity)
    wanted = min(before + action.intensity_steps, len(INTENSITIES) - 1)
    if action.intensity is not None:
        wanted = INTENSITIES.index(action.intensity)
    if variant is not None and variant.intensity is not None:
        wanted = INTENSITIES.index(variant.intensity)
    return INTENSITIES[min(wanted, before) if action.direction == "easier" else max(wanted, before)]


def _wording(task: Task, action: Action, variant: TaskVariant | None, actions: Actions) -> Wording:
    own = Wording.model_construct(title=task.title, description=task.description)
    if variant is not None:
        return Wording.model_construct(
            title=own.title if variant.title is None else variant.title,
            description=own.description if variant.description is None else variant.description,
        )
    if action.wording is None:
        return own
    by_category = actions.wordings[action.wording]
    return by_category.get(task.category, by_category["default"])
