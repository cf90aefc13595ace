"""Which tasks a rule may change, into what, and which of them first. Pure.

Eligible is a task that is ``upcoming``, not locked, not adapted already, and starts after ``now`` and at most
the rule's horizon later. No task is made harder in a block that depends on one with a skipped task.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adaptation.actions import adapt_task, builtin_actions
from adaptation.rules import Rule
from schemas.plan import Intensity, Plan, Task, TimeBlock

INTENSITY_WEIGHT: Final[dict[Intensity, int]] = {"easy": 1, "moderate": 2, "high": 3}
"""What a minute of an intensity counts (ours)."""

ONE_MINUTE: Final = dt.timedelta(minutes=1)
_SLEEP: Final = "sleep"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task of a plan before and after a change."""

    plan: Plan
    before: Task
    after: Task

    @property
    def effect(self) -> int:
        """How much it changes: the distance between the task's load before and after, in weighted minutes.

        The load of a task is its minutes times the weight of its intensity: 1 for easy, 2 for moderate, 3 for
        high. So 40 minutes at high intensity that become 20 at easy have the effect 40 × 3 - 20 × 1 = 100. A
        change of words alone has the effect 0.
        """
        return abs(load_minutes(self.before) - load_minutes(self.after))


def load_minutes(task: Task) -> int:
    """Return a task's load: its minutes, weighted by intensity."""
    return task.duration_minutes * INTENSITY_WEIGHT[task.intensity]


def candidates(plans: Sequence[Plan], rule: Rule, *, now: dt.datetime) -> list[Candidate]:
    """Return the tasks that a rule would really change: greatest effect first, then the earliest.

    Args:
        plans: the plans that the horizon may reach into.
        rule: the rule that fired.
        now: arrival of the reading.
    """
    found = sorted(_all(plans, rule, now=now), key=lambda one: (-one.effect, one.before.start, one.plan.date))
    tasks = builtin_actions().used(rule.action).tasks
    if tasks == "all":
        return found
    return found[: 1 if tasks == "first" else tasks]


def minutes_free(plan: Plan, block: TimeBlock, task: Task, plans: Iterable[Plan]) -> int:
    """Return how long a task may at most become, in whole minutes from its start; at least what it has.

    It ends before the next task of any of the plans begins, before a block begins that depends on its own,
    before sleep, and at the latest when its block ends plus the block's flexibility. A task that another one
    overlaps already does not grow.

    Args:
        plan: the task's plan.
        block: the task's block.
        task: the task.
        plans: all plans that have tasks around it, its own among them.
    """
    limits = [_minutes_until(task, block.end) + block.flexibility_minutes]
    limits += [_minutes_until(task, one.start) for one in plan.blocks if block.block_id in one.dependencies]
    for other_block in (one for plan in plans for one in plan.blocks):
        if _SLEEP in other_block.purpose.casefold().split() and other_block.end > task.start:
            limits.append(_minutes_until(task, other_block.start))
        limits += [
            _minutes_until(task, other.start)
            for other in other_block.tasks
            if other is not task and other.end > task.start
        ]
    return max(min(limits), task.duration_minutes)


def blocks_of(plans: Iterable[Plan]) -> Iterator[tuple[Plan, TimeBlock, Task]]:
    """Yield every task with its plan and block."""
    for plan in plans:
        for block in plan.blocks:
            for task in block.tasks:
                yield plan, block, task


def _all(plans: Sequence[Plan], rule: Rule, *, now: dt.datetime) -> Iterator[Candidate]:
    actions = builtin_actions()
    for plan, block, task in blocks_of(plans):
        if not _is_eligible(plan, block, task, rule, now=now):
            continue
        free = minutes_free(plan, block, task, plans)
        after = adapt_task(task, rule.action, actions, minutes_free=free)
        if after is not None:
            yield Candidate(plan, task, after)


def _is_eligible(plan: Plan, block: TimeBlock, task: Task, rule: Rule, *, now: dt.datetime) -> bool:
    return (
        task.status == "upcoming"
        and not task.locked
        and task.adaptation is None
        and now < task.start <= now + rule.horizon
        and not (rule.kind == "upgrading" and _depends_on_skipped(plan, block))
    )


def _depends_on_skipped(plan: Plan, block: TimeBlock) -> bool:
    return any(
        task.status == "skipped"
        for other in plan.blocks
        if other.block_id in block.dependencies
        for task in other.tasks
    )


def _minutes_until(task: Task, moment: dt.datetime) -> int:
    return (moment - task.start) // ONE_MINUTE
