"""A person edits a task: what they set wins over rules and planners, the rest stays as it is. Pure."""

from adaptation.actions import with_fields
from adaptation.days import ONE_DAY
from adaptation.effects import Refusal
from adaptation.marks import as_planned, original_of
from adaptation.patch import PlanVersion, fits, move_task
from schemas.commands import EditTask, TaskEdits
from schemas.plan import Plan, Task


def edit_task(command: EditTask, plan: Plan, task: Task) -> PlanVersion | Refusal:
    """Return the plan's next version with the edited task, its block in order of start.

    The fields are merged into the plan as it stands, whichever version the person was looking at. Should the
    task carry a change, then what they set also stays when that ends.
    """
    if command.base_version > plan.version:
        return Refusal.UNKNOWN_VERSION
    start = command.edits.start
    if start is not None and abs(start.date() - plan.date) > ONE_DAY:
        return Refusal.OTHER_DAY
    try:
        version = move_task(plan, with_edits(task, command.edits))
    except OverflowError:
        return Refusal.OTHER_DAY
    return version if fits(version.plan) else Refusal.TOO_LARGE


def with_edits(task: Task, edits: TaskEdits) -> Task:
    """Return the task with the fields that a person set, in force and in what would return.

    Raises:
        OverflowError: it would end behind the year 9999.
    """
    given = {name: value for name in TaskEdits.model_fields if (value := getattr(edits, name)) is not None}
    names = tuple(name for name in TaskEdits.model_fields if name in given or name in task.edited)
    edited = with_fields(task, {**given, "edited": names})
    if task.adaptation is None:
        return edited
    original = original_of(with_fields(as_planned(task), given))
    return edited.model_copy(update={"adaptation": task.adaptation.model_copy(update={"original": original})})


def with_edits_of(old: Task, new: Task) -> Task:
    """Return a planner's new version of a task with the fields that the person had set in the old one.

    Raises:
        OverflowError: it would end behind the year 9999.
    """
    if not old.edited:
        return new
    return with_edits(new, TaskEdits.model_construct(**{name: getattr(old, name) for name in old.edited}))
