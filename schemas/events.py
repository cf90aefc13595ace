"""Events of a person's feed, as an app receives them over the websocket."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.plan import Model, Plan, Task
from schemas.records import Adaptation, HrvDay


class _Event(Model):
    event_id: str
    previous_id: str
    """The id of the event before this one in the person's feed; ``0-0`` for the first."""
    time: AwareDatetime


class PlanChanged(_Event):
    """A plan got a new version by a patch."""

    type: Literal["plan.changed"] = "plan.changed"
    date: str
    version: int
    patch: list[dict[str, object]]
    """RFC 6902; the first operation tests ``/version``."""
    adaptation: Adaptation | None


class PlanReplaced(_Event):
    """A planner put a whole plan."""

    type: Literal["plan.replaced"] = "plan.replaced"
    plan: Plan


class AdaptationProposed(_Event):
    """A change waits for the person's answer."""

    type: Literal["adaptation.proposed"] = "adaptation.proposed"
    adaptation: Adaptation


class AdaptationApplied(_Event):
    """A change was made; the ``plan.changed`` beside it carries the patch."""

    type: Literal["adaptation.applied"] = "adaptation.applied"
    adaptation: Adaptation


class AdaptationReverted(_Event):
    """A change is no longer in force: undone by the person, or its time is over.

    The ``plan.changed`` beside it carries the patch; there is none where no task could return any more.
    """

    type: Literal["adaptation.reverted"] = "adaptation.reverted"
    adaptation: Adaptation
    """As it was, with status ``undone`` or ``expired``."""


class AdaptationNoted(_Event):
    """A rule fired and nothing was changed, or a proposal was declined or lapsed."""

    type: Literal["adaptation.noted"] = "adaptation.noted"
    adaptation: Adaptation


class TaskChanged(_Event):
    """A person did something with a task."""

    type: Literal["task.changed"] = "task.changed"
    date: str
    version: int
    task: Task


class BaselineChanged(_Event):
    """The person's 7-day HRV left the normal range, or came back into it."""

    type: Literal["baseline.changed"] = "baseline.changed"
    baseline: HrvDay


class CommandDone(_Event):
    """A command of this person was carried out or refused."""

    type: Literal["command.done"] = "command.done"
    command_id: str
    ok: bool
    reason: str


Event = Annotated[
    PlanChanged
    | PlanReplaced
    | AdaptationProposed
    | AdaptationApplied
    | AdaptationReverted
    | AdaptationNoted
    | TaskChanged
    | BaselineChanged
    | CommandDone,
    Field(discriminator="type"),
]
