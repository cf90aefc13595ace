"""Commands: what an app or an operator asks for. Those that change something go through the log."""

import datetime as dt
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, model_validator

from schemas.ids import Id
from schemas.people import Autonomy
from schemas.plan import Intensity, Model, Plan, Text, ZoneName
from schemas.records import Adaptation

REPEAT_WINDOW_DAYS: Final = 7
"""A command whose id was seen within this time gets its recorded outcome again."""


def _check_date(text: str) -> str:
    dt.date.fromisoformat(text)
    return text


LocalDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_check_date)]
"""A local date that the calendar has, such as ``2026-11-20``."""


class _Command(Model):
    command_id: Id


class _TaskCommand(_Command):
    task_id: Id
    date: LocalDate | None = None
    """Local date of the plan; today's where left out."""


class StartTask(_TaskCommand):
    """Begin a task; a started task is no longer rewritten."""

    type: Literal["task.start"] = "task.start"


class CompleteTask(_TaskCommand):
    """Mark a task as done."""

    type: Literal["task.complete"] = "task.complete"


class SkipTask(_TaskCommand):
    """Leave a task out, with an optional reason."""

    type: Literal["task.skip"] = "task.skip"
    reason: Text | None = Field(default=None, max_length=200)


class RateTask(_TaskCommand):
    """Say how a task was, 1 (bad) to 5 (good)."""

    type: Literal["task.rate"] = "task.rate"
    rating: int = Field(ge=1, le=5)


class TaskEdits(Model):
    """The fields of a task that a person sets; None: left as they are. At least one is set."""

    title: Text | None = Field(default=None, min_length=1, max_length=200)
    description: Text | None = Field(default=None, max_length=500)
    start: AwareDatetime | None = None
    duration_minutes: int | None = Field(default=None, ge=1, le=1440)
    intensity: Intensity | None = None
    locked: bool | None = None
    """A locked task is never rewritten."""

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            msg = f"nothing is edited: give one of {', '.join(type(self).model_fields)}"
            raise ValueError(msg)
        return self


class EditTask(_TaskCommand):
    """Edit a task. It is merged field by field into the plan as it stands; what the person set wins."""

    type: Literal["task.edit"] = "task.edit"
    base_version: int = Field(ge=1)
    """Version of the plan that the person was looking at."""
    edits: TaskEdits


class AcceptAdaptation(_Command):
    """Take a proposed adaptation: the plan changes now. One that is applied already stays for good."""

    type: Literal["adaptation.accept"] = "adaptation.accept"
    adaptation_id: Id


class DeclineAdaptation(_Command):
    """Refuse a proposed adaptation: the plan stays as it is."""

    type: Literal["adaptation.decline"] = "adaptation.decline"
    adaptation_id: Id


class UndoAdaptation(_Command):
    """Take a change back: its tasks become what they were, but for what the person edited since."""

    type: Literal["adaptation.undo"] = "adaptation.undo"
    adaptation_id: Id
    record: Adaptation | None = None
    """The adaptation as the history has it. Set by the server where it is too old to stand beside the plan;
    refused from clients."""


class PauseAdaptations(_Command):
    """Let no rule change, propose or tell anything until a moment; None: go on."""

    type: Literal["adaptation.pause"] = "adaptation.pause"
    until: AwareDatetime | None


class SetAutonomy(_Command):
    """Set what rules may do by themselves: one rule's dial, or whether anything may make the day harder."""

    type: Literal["autonomy.set"] = "autonomy.set"
    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = None
    level: Autonomy | Literal["default"] | None = None
    """For ``rule``. An upgrading rule may propose at most."""
    reduce_only: bool | None = None

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if (self.rule is None) != (self.level is None) or (self.rule is None and self.reduce_only is None):
            msg = "give rule and level together, or reduce_only, or all three"
            raise ValueError(msg)
        return self


class SetProfile(_Command):
    """Set what Daybeat knows of a person; later readings are judged by it."""

    type: Literal["profile.set"] = "profile.set"
    time_zone: ZoneName


class PutPlan(_Command):
    """Put a plan for a day; it replaces that day's plan."""

    type: Literal["plan.put"] = "plan.put"
    plan: Plan


Command = Annotated[
    StartTask
    | CompleteTask
    | SkipTask
    | RateTask
    | EditTask
    | AcceptAdaptation
    | DeclineAdaptation
    | UndoAdaptation
    | PauseAdaptations
    | SetAutonomy
    | SetProfile
    | PutPlan,
    Field(discriminator="type"),
]
COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Command)


class CommandEntry(Model):
    """A command as it stands in the log."""

    user_id: Id
    arrival_us: int
    """µs since 1970 UTC, stamped by whoever appended it."""
    command: Command


class CommandOutcome(Model):
    """What became of a command; sent as ``command.done`` and kept for repeats."""

    command_id: str
    ok: bool
    reason: str = ""
    """Empty if ok, else a refusal reason of docs/protocol.md, such as ``unknown_task``."""
