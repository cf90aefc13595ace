import copy
import datetime as dt

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.patch import replace_tasks
from stores.plan_versions import BrokenVersionsError, apply_patch
from support.scenario import plan_for

PLAN = plan_for("ada", dt.date(2026, 11, 20))
TASKS = [task for block in PLAN.blocks for task in block.tasks]


@given(st.lists(st.tuples(st.integers(0, len(TASKS) - 1), st.integers(5, 60)), min_size=1, max_size=6))
def test_patches_of_a_plan_apply_as_the_reference_implementation_applies_them(
    changes: list[tuple[int, int]],
) -> None:
    plan = PLAN
    mine = theirs = plan.model_dump(mode="json")
    for index, minutes in changes:
        task = TASKS[index].model_copy(update={"duration_minutes": minutes})
        version = replace_tasks(plan, {task.task_id: task})
        mine = apply_patch(mine, version.patch, where="test")
        theirs = jsonpatch.apply_patch(theirs, version.patch)
        plan = version.plan
    assert mine == theirs == plan.model_dump(mode="json")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/version", "value": 99},
        {"op": "replace", "path": "/nowhere", "value": 1},
        {"op": "replace", "path": "/blocks/7/tasks/0", "value": {}},
        {"op": "replace", "path": "/blocks/first", "value": {}},
        {"op": "remove", "path": "/version"},
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, object]) -> None:
    document = PLAN.model_dump(mode="json")
    before = copy.deepcopy(document)
    with pytest.raises(BrokenVersionsError, match="version 7"):
        apply_patch(document, [operation], where="version 7")
    assert document == before
