"""New versions of a plan, each with the JSON Patch (RFC 6902) that leads to it."""

from collections.abc import Mapping
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
    version = plan.version + 1
    patch: PatchOperations = [
        {"op": "test", "path": "/version", "value": plan.version},
        {"op": "replace", "path": "/version", "value": version},
    ]
    blocks = []
    for block_index, block in enumerate(plan.blocks):
        new_tasks = list(block.tasks)
        for task_index, task in enumerate(block.tasks):
            if task.task_id in tasks:
                new_tasks[task_index] = new = tasks[task.task_id]
                path = f"/blocks/{block_index}/tasks/{task_index}"
                patch.append({"op": "replace", "path": path, "value": new.model_dump(mode="json")})
        blocks.append(block.model_copy(update={"tasks": tuple(new_tasks)}))
    return PlanVersion(plan.model_copy(update={"version": version, "blocks": tuple(blocks)}), patch)


def fits(plan: Plan) -> bool:
    """Tell whether the plan as JSON is short enough to be stored."""
    return len(plan.model_dump_json().encode()) <= PLAN_BYTES_MAX
