"""A planner puts a plan: it replaces the day's plan, but not what has happened to its tasks. Pure."""

from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.patch import fits
from schemas.commands import PutPlan
from schemas.events import PlanReplaced
from schemas.plan import PLAN_BYTES_PUT_MAX, Plan, Task, TimeBlock
from schemas.records import PlanVersionRow


def put_plan(command: PutPlan, context: CommandContext) -> Effect | Refusal:
    """Return the effect of a plan that is put.

    Its version follows that of the plan it replaces, whatever was sent; the first plan of a date keeps the
    version that was sent. Tasks that the old plan knows as started, completed, skipped or adapted stay as
    they are there.
    """
    if command.plan.user_id != context.situation.user_id:
        return Refusal.WRONG_USER
    if _bytes_without_adaptations(command.plan) > PLAN_BYTES_PUT_MAX:
        return Refusal.TOO_LARGE
    old = context.situation.plans.get(command.plan.date)
    plan = command.plan if old is None else _with_state_of(old, command.plan)
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


def _with_state_of(old: Plan, new: Plan) -> Plan:
    kept = {
        task.task_id: task
        for block in old.blocks
        for task in block.tasks
        if task.status != "upcoming" or task.adaptation is not None
    }
    blocks = tuple(
        _with_tasks(block, [kept.get(task.task_id, task) for task in block.tasks]) for block in new.blocks
    )
    return new.model_copy(update={"version": old.version + 1, "blocks": blocks})


def _bytes_without_adaptations(plan: Plan) -> int:
    """Return the plan's length as JSON; adaptations have room of their own (a rebuilt plan has some)."""
    blocks = tuple(
        _with_tasks(block, [task.model_copy(update={"adaptation": None}) for task in block.tasks])
        for block in plan.blocks
    )
    return len(plan.model_copy(update={"blocks": blocks}).model_dump_json().encode())


def _with_tasks(block: TimeBlock, tasks: list[Task]) -> TimeBlock:
    return block.model_copy(update={"tasks": tuple(tasks)})
