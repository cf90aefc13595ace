"""New versions of a plan, each with the JSON Patch (RFC 6902) that leads to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.plan import PLAN_BYTES_MAX, Plan, Task

PatchOperations = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan's next version and the patch from the one before."""

    plan: Plan
    patch: PatchOperations


def replace_tasks(plan: Plan, tasks: Mapping[str, Task]) -> PlanVersion:
    """Return the plan's next version with some tasks replaced; keys are task ids of the plan.

    The patch first tests ``/version``, then replaces it and every task that is touched, whole.
    """
    return _next_version(
        plan, [tuple(tasks.get(task.task_id, task) for task in block.tasks) for block in plan.blocks]
    )


def move_task(plan: Plan, moved: Task) -> PlanVersion:
    """Return the plan's next version with one task replaced, and its block in order of start again."""
    blocks = []
    for block in plan.blocks:
        tasks = tuple(moved if task.task_id == moved.task_id else task for task in block.tasks)
        blocks.append(tuple(in_order(tasks)) if moved in tasks else tasks)
    return _next_version(plan, blocks)


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return tasks by start; those that start together stay in their order."""
    return sorted(tasks, key=lambda task: task.start)


def fits(plan: Plan) -> bool:
    """Tell whether the plan as JSON is short enough to be stored."""
    return len(plan.model_dump_json().encode()) <= PLAN_BYTES_MAX


def _next_version(plan: Plan, tasks_by_block: Sequence[tuple[Task, ...]]) -> PlanVersion:
    version = plan.version + 1
    patch: PatchOperations = [
        {"op": "test", "path": "/version", "value": plan.version},
        {"op": "replace", "path": "/version", "value": version},
    ]
    blocks = []
    for block_index, (block, tasks) in enumerate(zip(plan.blocks, tasks_by_block, strict=True)):
        for task_index, (old, new) in enumerate(zip(block.tasks, tasks, strict=True)):
            if new is not old:
                path = f"/blocks/{block_index}/tasks/{task_index}"
                patch.append({"op": "replace", "path": path, "value": new.model_dump(mode="json")})
        blocks.append(block.model_copy(update={"tasks": tasks}))
    return PlanVersion(plan.model_copy(update={"version": version, "blocks": tuple(blocks)}), patch)
