"""Commands: what an app or an operator asks for. Those that change something go through the log."""

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from schemas.ids import Id
from schemas.plan import Model, Plan, Text, ZoneName

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


class AcceptAdaptation(_Command):
    """Take a proposed adaptation: the plan changes now."""

    type: Literal["adaptation.accept"] = "adaptation.accept"
    adaptation_id: Id


class DeclineAdaptation(_Command):
    """Refuse a proposed adaptation: the plan stays as it is."""

    type: Literal["adaptation.decline"] = "adaptation.decline"
    adaptation_id: Id


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
    | AcceptAdaptation
    | DeclineAdaptation
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
