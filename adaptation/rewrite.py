"""Rewriting plans: what a firing makes of a person's tasks. Pure.

Which tasks and in which order is in :mod:`adaptation.candidates`. Starts never move, so a task that becomes
shorter leaves its time free.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from adaptation.candidates import Candidate, candidates
from adaptation.marks import marked
from adaptation.patch import PlanVersion, fits, replace_tasks
from adaptation.rules import Rule, render_reason
from schemas.plan import Plan
from schemas.records import Firing, TaskChange


@dataclass(frozen=True, slots=True)
class PlanRewritten(PlanVersion):
    """One plan's next version, the patch that leads there, and each task before and after."""

    changes: tuple[TaskChange, ...]
    """In order of start."""


@dataclass(frozen=True, slots=True)
class NoEffect:
    """A firing that changes nothing: ``nothing_to_change``, or ``plan_full`` if the change has no room."""

    why: str


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
    chosen = candidates(plans, rule, now=now)
    if not chosen:
        return NoEffect("nothing_to_change")
    reason = render_reason(rule, firing.evidence)
    changes = [
        marked(
            one,
            plans,
            adaptation_id=firing.firing_id,
            rule=rule.name,
            reason=reason,
            expires_at=now + rule.expires,
        )
        for one in chosen
    ]
    of_plans = ([change for change in changes if change.plan is plan] for plan in plans)
    rewritten = tuple(one for one in map(_rewrite, of_plans) if one is not None)
    return rewritten or NoEffect("plan_full")


def _rewrite(changes: Sequence[Candidate]) -> PlanRewritten | None:
    """Return the plan with as many of its changes, most effect first, as fit into a stored plan."""
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
                for change in sorted(kept, key=lambda change: change.before.start)
            )
            return PlanRewritten(version.plan, version.patch, made)
    return None
