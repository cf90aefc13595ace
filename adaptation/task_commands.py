"""What a person does with a task: start, complete, skip, rate, edit. Pure."""

import datetime as dt
from typing import Final, Literal, TypedDict
from uuid import NAMESPACE_URL, uuid5

from adaptation.days import local_day
from adaptation.decision_rows import version_row
from adaptation.edits import edit_task
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.patch import PlanVersion, replace_tasks
from adaptation.reverting import changed_plans
from schemas.commands import CompleteTask, EditTask, RateTask, SkipTask, StartTask
from schemas.events import TaskChanged
from schemas.plan import Plan, Task, TaskStatus
from schemas.records import PlanVersionRow, TaskEventRow

StatusCommand = StartTask | CompleteTask | SkipTask
TaskCommand = StatusCommand | RateTask | EditTask

_NEW_STATUS: Final[dict[str, Literal["started", "completed", "skipped"]]] = {
    "task.start": "started",
    "task.complete": "completed",
    "task.skip": "skipped",
}
_ALLOWED_FROM: Final[dict[str, frozenset[TaskStatus]]] = {
    "task.start": frozenset({"upcoming"}),
    "task.complete": frozenset({"upcoming", "started"}),
    "task.skip": frozenset({"upcoming", "started"}),
    "task.rate": frozenset({"started", "completed", "skipped"}),
    "task.edit": frozenset({"upcoming", "started"}),
}


def date_of(command: TaskCommand, now: dt.datetime, time_zone: str) -> dt.date:
    """Return the date of the plan that a task command is about: as given, else today, local."""
    return local_day(now, time_zone) if command.date is None else dt.date.fromisoformat(command.date)


def change_task(command: TaskCommand, context: CommandContext) -> Effect | Refusal:
    """Return what a task command changes: a task, in a new plan version; a rating only leaves a row."""
    plan = context.situation.plans.get(date_of(command, context.now, context.time_zone))
    if plan is None:
        return Refusal.NO_PLAN
    task = find_task(plan, command.task_id)
    if task is None:
        return Refusal.UNKNOWN_TASK
    if task.status not in _ALLOWED_FROM[command.type]:
        return Refusal.WRONG_STATUS
    if isinstance(command, RateTask):
        return _rated(command, context, plan, task)
    if isinstance(command, EditTask):
        return _edited(command, context, plan, task)
    return _with_status(command, context, plan, task)


def find_task(plan: Plan, task_id: str) -> Task | None:
    """Return the plan's task of that id, or None."""
    return next((task for block in plan.blocks for task in block.tasks if task.task_id == task_id), None)


def _with_status(command: StatusCommand, context: CommandContext, plan: Plan, task: Task) -> Effect:
    status = _NEW_STATUS[command.type]
    changed = task.model_copy(update={"status": status})
    version = replace_tasks(plan, {task.task_id: changed})
    reason = command.reason if isinstance(command, SkipTask) else None
    return Effect(
        person=context.situation.person,
        plans=(version.plan,),
        events=(_task_changed(context, version.plan, changed),),
        records=(
            TaskEventRow(**_row_head(context, plan, task), event=status, reason=reason),
            _version_row(context, version),
        ),
    )


def _rated(command: RateTask, context: CommandContext, plan: Plan, task: Task) -> Effect:
    return Effect(
        person=context.situation.person,
        events=(_task_changed(context, plan, task),),
        records=(TaskEventRow(**_row_head(context, plan, task), event="rated", rating=command.rating),),
    )


def _edited(command: EditTask, context: CommandContext, plan: Plan, task: Task) -> Effect | Refusal:
    """Return the effect of an edit: ``plan.changed`` if tasks changed places, else ``task.changed``."""
    version = edit_task(command, plan, task)
    if isinstance(version, Refusal):
        return version
    row = TaskEventRow(
        **_row_head(context, plan, task),
        event="edited",
        changes=command.edits.model_dump(mode="json", exclude_none=True),
    )
    if _order_of(version.plan) != _order_of(plan):
        moved = changed_plans(
            context.situation, [(version, None)], context.chain, cause=context.command_id, at=context.now
        )
        return Effect(moved.person, moved.plans, moved.events, (row, *moved.records))
    changed = find_task(version.plan, task.task_id)
    assert changed is not None  # noqa: S101  # an edit removes no task
    return Effect(
        person=context.situation.person,
        plans=(version.plan,),
        events=(_task_changed(context, version.plan, changed),),
        records=(row, _version_row(context, version)),
    )


def _order_of(plan: Plan) -> list[str]:
    return [task.task_id for block in plan.blocks for task in block.tasks]


def _version_row(context: CommandContext, version: PlanVersion) -> PlanVersionRow:
    return version_row(version, cause=context.command_id, at=context.now, position=context.position)


def _task_changed(context: CommandContext, plan: Plan, task: Task) -> TaskChanged:
    return TaskChanged(
        **context.chain.next_head(), date=plan.date.isoformat(), version=plan.version, task=task
    )


class _RowHead(TypedDict):
    event_id: str
    time: dt.datetime
    user_id: str
    plan_date: dt.date
    task_id: str


def _row_head(context: CommandContext, plan: Plan, task: Task) -> _RowHead:
    return _RowHead(
        event_id=str(uuid5(NAMESPACE_URL, f"daybeat:task_event:{plan.user_id}:{context.position}")),
        time=context.now,
        user_id=plan.user_id,
        plan_date=plan.date,
        task_id=task.task_id,
    )
