"""A planner puts a plan: it replaces the day's plan, but not what has happened to its tasks. Pure."""

import datetime as dt
from collections.abc import Callable

from adaptation.edits import with_edits_of
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.marks import can_return, is_over, returned
from adaptation.patch import fits, in_order
from schemas.commands import PutPlan
from schemas.events import PlanReplaced
from schemas.plan import PLAN_BYTES_PUT_MAX, Plan, Task, TimeBlock
from schemas.records import PlanVersionRow


def put_plan(command: PutPlan, context: CommandContext) -> Effect | Refusal:
    """Return the effect of a plan that is put.

    Its version follows that of the plan it replaces, whatever was sent; the first plan of a date keeps the
    version that was sent. Tasks that the old plan knows as started, completed, skipped, adapted or locked
    stay as they are there; of the others the fields that the person edited do. A mark of a change that the
    plan no longer has, or whose time is over, does not come back: its task is put as it was planned.
    """
    if command.plan.user_id != context.situation.user_id:
        return Refusal.WRONG_USER
    if _bytes_without_adaptations(command.plan) > PLAN_BYTES_PUT_MAX:
        return Refusal.TOO_LARGE
    old = context.situation.plans.get(command.plan.date)
    try:
        plan = _first(command.plan, context.now) if old is None else _with_state_of(old, command.plan)
    except OverflowError:
        return Refusal.OTHER_DAY
    if not fits(plan):
        return Refusal.TOO_LARGE
    row = PlanVersionRow(
        user_id=plan.user_id,
        plan_date=plan.date,
        version=plan.version,
        time=context.now,
        position=str(context.position),
        cause="plan.put",
        patch=None,
        plan=plan.model_dump(mode="json"),
    )
    return Effect(
        person=context.situation.person,
        plans=(plan,),
        events=(PlanReplaced(**context.chain.next_head(), plan=plan),),
        records=(row,),
    )


def _without_marks(plan: Plan, is_unwanted: Callable[[Task], bool]) -> Plan:
    """Return the plan with some marked tasks as they were."""

    def unmarked(task: Task) -> Task:
        return returned(task, (plan,)) if is_unwanted(task) else task

    blocks = [_with_tasks(block, [unmarked(task) for task in block.tasks]) for block in plan.blocks]
    return plan.model_copy(update={"blocks": tuple(blocks)})


def _first(plan: Plan, now: dt.datetime) -> Plan:
    """Return the first plan of its date: a rebuilt one keeps the marks of changes whose time is not over."""
    return _without_marks(plan, lambda task: is_over(task, now) and can_return(task, now))


def _with_state_of(old: Plan, put: Plan) -> Plan:
    before = {task.task_id: task for block in old.blocks for task in block.tasks}
    new = _without_marks(put, lambda task: task.adaptation is not None)
    blocks = tuple(
        _with_tasks(block, [_with_state(before.get(task.task_id), task) for task in block.tasks])
        for block in new.blocks
    )
    return new.model_copy(update={"version": old.version + 1, "blocks": blocks})


def _with_state(old: Task | None, new: Task) -> Task:
    if old is None:
        return new
    if old.status != "upcoming" or old.adaptation is not None or old.locked:
        return old
    return with_edits_of(old, new)


def _bytes_without_adaptations(plan: Plan) -> int:
    """Return the plan's length as JSON; adaptations have room of their own (a rebuilt plan has some)."""
    blocks = tuple(
        _with_tasks(block, [task.model_copy(update={"adaptation": None}) for task in block.tasks])
        for block in plan.blocks
    )
    return len(plan.model_copy(update={"blocks": blocks}).model_dump_json().encode())


def _with_tasks(block: TimeBlock, tasks: list[Task]) -> TimeBlock:
    """Return the block with other versions of its tasks, in order of start again where one has moved."""
    moved = any(new.start != old.start for new, old in zip(tasks, block.tasks, strict=True))
    return block.model_copy(update={"tasks": tuple(in_order(tasks) if moved else tasks)})
