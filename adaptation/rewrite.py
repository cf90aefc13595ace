"""Rewriting plans: which tasks a firing changes, and into what. Pure.

Eligible is a task that is ``upcoming``, not locked, not adapted already, and starts after ``now`` and at
most the rule's horizon later. Of these an easing action takes every one that it would really change:
someone who is exhausted should not have to be found exhausted again before the next task. A hardening
action takes one, the task with the highest energy requirement, and of these the earliest: strength is
offered where it counts, once. Starts never move, so a task that becomes shorter leaves its time free.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adaptation.actions import Actions, adapt_task, builtin_actions
from adaptation.patch import PlanVersion, fits, replace_tasks
from adaptation.rules import Rule, render_reason
from schemas.plan import Plan, Task, TaskAdaptation, TaskOriginal, TimeBlock
from schemas.records import Firing, TaskChange

_ENERGY_ORDER = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class PlanRewritten(PlanVersion):
    """One plan's next version, the patch that leads there, and each task before and after."""

    changes: tuple[TaskChange, ...]


@dataclass(frozen=True, slots=True)
class NoEffect:
    """A firing that changes nothing: ``nothing_to_change``, or ``plan_full`` if the change has no room."""

    why: str


@dataclass(frozen=True, slots=True)
class _Change:
    plan: Plan
    before: Task
    after: Task


def rewrite_plan(plan: Plan, firing: Firing, rule: Rule, *, now: dt.datetime) -> PlanRewritten | NoEffect:
    """Return what a firing makes of one plan; see :func:`rewrite_plans`."""
    rewritten = rewrite_plans((plan,), firing, rule, now=now)
    return rewritten if isinstance(rewritten, NoEffect) else rewritten[0]


def rewrite_plans(
    plans: Sequence[Plan], firing: Firing, rule: Rule, *, now: dt.datetime
) -> tuple[PlanRewritten, ...] | NoEffect:
    """Return what a firing makes of a person's plans: at least one plan in a new version, or no effect.

    Args:
        plans: the plans that the horizon may reach into, such as today's and tomorrow's.
        firing: what fired.
        rule: the rule that fired.
        now: arrival of the reading.
    """
    actions = builtin_actions()
    changes = sorted(
        _possible_changes(plans, rule, actions, now=now),
        key=lambda change: (change.before.start, change.plan.date),
    )
    if actions.named(rule.action).tasks == "first":
        changes = sorted(changes, key=lambda change: _ENERGY_ORDER[change.before.energy_requirement])[:1]
    if not changes:
        return NoEffect("nothing_to_change")
    reason = render_reason(rule, firing.evidence)
    marked = [_mark(change, firing, rule, reason=reason, now=now) for change in changes]
    of_plans = ([change for change in marked if change.plan is plan] for plan in plans)
    rewritten = tuple(one for one in map(_rewrite, of_plans) if one is not None)
    return rewritten or NoEffect("plan_full")


def minutes_free(block: TimeBlock, task: Task, plans: Sequence[Plan]) -> int:
    """Return how long a task may at most become, in whole minutes from its start; at least what it has.

    It ends before the next task of any of the plans begins, and at the latest when its block ends plus the
    block's flexibility. A task that another one overlaps already does not grow.
    """
    limit = block.end + dt.timedelta(minutes=block.flexibility_minutes)
    for other in (other for plan in plans for other_block in plan.blocks for other in other_block.tasks):
        if other is not task and other.end > task.start:
            limit = min(limit, other.start)
    return max(int((limit - task.start).total_seconds() // 60), task.duration_minutes)


def _possible_changes(
    plans: Sequence[Plan], rule: Rule, actions: Actions, *, now: dt.datetime
) -> Iterator[_Change]:
    for plan in plans:
        for block in plan.blocks:
            for task in block.tasks:
                if not _is_eligible(task, rule, now=now):
                    continue
                free = minutes_free(block, task, plans)
                after = adapt_task(task, rule.action, actions, minutes_free=free)
                if after is not None:
                    yield _Change(plan, task, after)


def _is_eligible(task: Task, rule: Rule, *, now: dt.datetime) -> bool:
    return (
        task.status == "upcoming"
        and not task.locked
        and task.adaptation is None
        and now < task.start <= now + rule.horizon
    )


def _mark(change: _Change, firing: Firing, rule: Rule, *, reason: str, now: dt.datetime) -> _Change:
    before = change.before
    mark = TaskAdaptation(
        adaptation_id=firing.firing_id,
        rule=rule.name,
        reason=reason,
        expires_at=now + rule.expires,
        original=TaskOriginal(
            title=before.title,
            description=before.description,
            category=before.category,
            end=before.end,
            duration_minutes=before.duration_minutes,
            intensity=before.intensity,
            energy_requirement=before.energy_requirement,
        ),
    )
    return _Change(change.plan, before, change.after.model_copy(update={"adaptation": mark}))


def _rewrite(changes: Sequence[_Change]) -> PlanRewritten | None:
    """Return the plan with as many of its changes, the earliest first, as fit into a stored plan."""
    for count in range(len(changes), 0, -1):
        kept = changes[:count]
        version = replace_tasks(kept[0].plan, {change.before.task_id: change.after for change in kept})
        if fits(version.plan):
            made = tuple(
                TaskChange(
                    date=version.plan.date,
                    task_id=change.before.task_id,
                    original=change.before,
                    adapted=change.after,
                )
                for change in kept
            )
            return PlanRewritten(version.plan, version.patch, made)
    return None
