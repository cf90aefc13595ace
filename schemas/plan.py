"""A person's plan for one local day: blocks of tasks, and what an adaptation did to a task."""

import datetime as dt
import functools
from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from schemas.ids import Id

PLAN_BYTES_MAX: Final = 16 * 1024
"""A plan as JSON is at most this long in Redis (adaptations included)."""

PLAN_BYTES_PUT_MAX: Final = 12 * 1024
"""A plan that is put is at most this long, so that its adaptations have room."""

Intensity = Literal["easy", "moderate", "high"]
EnergyRequirement = Literal["low", "medium", "high"]
TaskStatus = Literal["upcoming", "started", "completed", "skipped"]
EditableField = Literal["title", "description", "start", "duration_minutes", "intensity", "locked"]
Level = Annotated[float, Field(ge=0, le=1)]


@functools.cache
def zone_names() -> frozenset[str]:
    """Return all IANA zone names; kept, because listing them reads the disk for some 4 ms."""
    return frozenset(available_timezones())


def _check_zone(name: str) -> str:
    if name not in zone_names():
        msg = f"{name!r} is not an IANA time zone (such as Europe/Berlin)"
        raise ValueError(msg)
    return name


ZoneName = Annotated[str, AfterValidator(_check_zone)]
"""A pydantic string field that holds an IANA time zone."""


Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""A pydantic string field without U+0000, which PostgreSQL cannot store."""


class Model(BaseModel):
    """Base of all plain documents: immutable, unknown fields refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskVariant(Model):
    """Another version of a task, for a day with less or more energy, or for recovery."""

    title: Text | None = Field(default=None, max_length=200)
    description: Text | None = Field(default=None, max_length=500)
    duration_minutes: int | None = Field(default=None, ge=1, le=1440)
    intensity: Intensity | None = None


class TaskVariants(Model):
    """The versions of a task that its planner foresaw."""

    low_energy: TaskVariant | None = None
    high_energy: TaskVariant | None = None
    recovery: TaskVariant | None = None


class TaskOriginal(Model):
    """What an adaptation replaced in a task; enough to put it back."""

    title: Text = Field(max_length=200)
    description: Text = Field(max_length=500)
    category: Text = Field(max_length=64)
    end: AwareDatetime
    duration_minutes: int = Field(ge=1, le=1440)
    intensity: Intensity
    energy_requirement: EnergyRequirement


class TaskAdaptation(Model):
    """The mark that an applied adaptation leaves on a task."""

    adaptation_id: Text
    rule: Text
    reason: Text
    expires_at: AwareDatetime | None
    """The original returns then, if the task has not started; None: the person accepted the change."""
    original: TaskOriginal
    overlapping: tuple[Text, ...] = ()
    """Tasks (``DATE/ID``) that reached into the original when it was replaced; it may return beside them."""


class Task(Model):
    """One thing to do. ``end`` is ``start`` plus the duration."""

    task_id: Id
    title: Text = Field(max_length=200)
    description: Text = Field(default="", max_length=500)
    category: Text = Field(max_length=64)
    start: AwareDatetime
    end: AwareDatetime
    duration_minutes: int = Field(ge=1, le=1440)
    intensity: Intensity = "moderate"
    energy_requirement: EnergyRequirement = "medium"
    status: TaskStatus = "upcoming"
    locked: bool = False
    variants: TaskVariants = TaskVariants()
    adaptation: TaskAdaptation | None = None
    origin: Text = Field(default="plan", max_length=64)
    edited: tuple[EditableField, ...] = ()
    """What the person set by hand: neither a rule nor a new plan changes it."""

    @model_validator(mode="after")
    def _end_follows_from_duration(self) -> Self:
        if self.end - self.start != timedelta(minutes=self.duration_minutes):
            msg = (
                f"task {self.task_id}: from start to end it is {self.end - self.start}, "
                f"but duration_minutes is {self.duration_minutes}"
            )
            raise ValueError(msg)
        original = self.adaptation and self.adaptation.original
        if original and original.end - self.start != timedelta(minutes=original.duration_minutes):
            msg = f"task {self.task_id}: the original's end does not follow from its duration_minutes"
            raise ValueError(msg)
        return self


class TimeBlock(Model):
    """A stretch of the day with one purpose, and its tasks in order of start."""

    block_id: Id
    title: Text = Field(max_length=200)
    start: AwareDatetime
    end: AwareDatetime
    purpose: Text = Field(default="", max_length=200)
    energy_requirement: EnergyRequirement = "medium"
    flexibility_minutes: int = Field(default=0, ge=0, le=720)
    dependencies: tuple[Id, ...] = ()
    tasks: tuple[Task, ...] = ()

    @model_validator(mode="after")
    def _end_after_start(self) -> Self:
        if self.end <= self.start:
            msg = f"block {self.block_id}: end {self.end.isoformat()} is not after its start"
            raise ValueError(msg)
        return self


class Plan(Model):
    """One person's plan for one local day."""

    user_id: Id
    date: dt.date
    time_zone: ZoneName
    version: int = Field(default=1, ge=1)
    archetype: Text = Field(default="", max_length=64)
    mode: Literal["high", "medium", "low"] = "medium"
    blocks: tuple[TimeBlock, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for kind, ids in (
            ("block_id", [block.block_id for block in self.blocks]),
            ("task_id", [task.task_id for block in self.blocks for task in block.tasks]),
        ):
            twice = sorted({one for one in ids if ids.count(one) > 1})
            if twice:
                msg = f"{kind} {', '.join(twice)} occurs more than once"
                raise ValueError(msg)
        return self
