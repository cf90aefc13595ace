"""A person's answer: accept a proposal, or keep a change for good; decline a proposal. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from adaptation.acting import close_upgrades
from adaptation.candidates import Candidate, blocks_of, minutes_free
from adaptation.decision_rows import later_row
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.marks import mark_of, marked
from adaptation.patch import PlanVersion, fits, replace_tasks
from adaptation.proposals import with_adaptation, without_proposal
from adaptation.reverting import changed_plans
from schemas.commands import AcceptAdaptation, DeclineAdaptation
from schemas.events import AdaptationApplied, AdaptationNoted
from schemas.people import PersonState
from schemas.plan import Plan, Task
from schemas.records import Adaptation, Outcome, TaskChange


def accept(command: AcceptAdaptation, context: CommandContext) -> Effect | Refusal:
    """Return what accepting comes to.

    A proposal changes its tasks, as proposed, in today's version of the plans; if it makes the day easier,
    open proposals to do more are closed. A change that was made already stays for good.
    """
    applied = context.situation.person.adaptations.get(command.adaptation_id)
    if applied is not None and applied.status == "applied":
        return Refusal.EXPIRED if applied.expires_at <= context.now else _keep(applied, context)
    proposal = _open_proposal(command.adaptation_id, context)
    if isinstance(proposal, Refusal):
        return proposal
    accepted = _for_good(proposal, context.situation.plans.values())
    versions = _apply_changes(accepted.changes, context.situation.plans, now=context.now)
    if versions is None:
        return Refusal.NOT_APPLICABLE
    person = without_proposal(context.situation.person, proposal.adaptation_id)
    effect = _accepted(with_adaptation(person, accepted), accepted, versions, context)
    if accepted.kind == "upgrading":
        return effect
    return effect.then(close_upgrades(effect.person, context.chain, now=context.now, reserved=1))


def decline(command: DeclineAdaptation, context: CommandContext) -> Effect | Refusal:
    """Return what a declined proposal leaves behind: a row and a note; no plan changes."""
    proposal = _open_proposal(command.adaptation_id, context)
    if isinstance(proposal, Refusal):
        return proposal
    adaptation = proposal.model_copy(update={"status": "declined"})
    return Effect(
        person=without_proposal(context.situation.person, proposal.adaptation_id),
        events=(AdaptationNoted(**context.chain.next_head(), adaptation=adaptation),),
        records=(later_row(adaptation, Outcome.DECLINED, at=context.now, position=context.position),),
    )


def _open_proposal(adaptation_id: str, context: CommandContext) -> Adaptation | Refusal:
    proposal = context.situation.person.proposals.get(adaptation_id)
    if proposal is None:
        return Refusal.UNKNOWN_ADAPTATION
    return Refusal.EXPIRED if proposal.expires_at <= context.now else proposal


def _keep(applied: Adaptation, context: CommandContext) -> Effect:
    """Return the effect of keeping a change: the marks of its tasks no longer end."""
    plans = context.situation.plans
    changes = tuple(
        change.model_copy(update={"adapted": _lasting(change.adapted)}) for change in applied.changes
    )
    accepted = applied.model_copy(update={"status": "accepted", "changes": changes})
    kept: dict[dt.date, dict[str, Task]] = {}
    for plan, _, task in blocks_of(plans.values()):
        if mark_of(plan, task, {applied.adaptation_id: applied}) is not None:
            kept.setdefault(plan.date, {})[task.task_id] = _lasting(task)
    versions = [replace_tasks(plans[date], kept[date]) for date in sorted(kept)]
    person = with_adaptation(context.situation.person, accepted)
    return _accepted(person, accepted, versions, context)


def _lasting(task: Task) -> Task:
    """Return a task whose change, if it carries one, no longer ends."""
    if task.adaptation is None:
        return task
    return task.model_copy(update={"adaptation": task.adaptation.model_copy(update={"expires_at": None})})


def _accepted(
    person: PersonState, accepted: Adaptation, versions: Sequence[PlanVersion], context: CommandContext
) -> Effect:
    changed = changed_plans(
        context.situation,
        [(version, accepted) for version in versions],
        context.chain,
        cause=accepted.adaptation_id,
        at=context.now,
    )
    row = later_row(accepted, Outcome.ACCEPTED, at=context.now, position=context.position)
    return Effect(
        person=person,
        plans=changed.plans,
        events=(*changed.events, AdaptationApplied(**context.chain.next_head(), adaptation=accepted)),
        records=(row, *changed.records),
    )


def _for_good(proposal: Adaptation, plans: Iterable[Plan]) -> Adaptation:
    """Return the proposal as accepted; its tasks carry marks that do not end, as the plans are today."""
    at_hand = {plan.date: plan for plan in plans}
    changes = []
    for change in proposal.changes:
        plan = at_hand.get(change.date)
        if plan is None:
            changes.append(change)
            continue
        made = marked(
            Candidate(plan, change.original, change.adapted),
            at_hand.values(),
            adaptation_id=proposal.adaptation_id,
            rule=proposal.rule,
            reason=proposal.reason,
            expires_at=None,
        )
        changes.append(change.model_copy(update={"adapted": made.after}))
    return proposal.model_copy(update={"status": "accepted", "changes": tuple(changes)})


def _apply_changes(
    changes: tuple[TaskChange, ...], plans: Mapping[dt.date, Plan], *, now: dt.datetime
) -> list[PlanVersion] | None:
    """Return the plans with all changes, or None if one of them cannot be made any more."""
    versions = []
    for date in sorted({change.date for change in changes}):
        of_date = [change for change in changes if change.date == date]
        plan = plans.get(date)
        if plan is None or not all(_is_applicable(change, plan, plans, now=now) for change in of_date):
            return None
        version = replace_tasks(plan, {change.task_id: change.adapted for change in of_date})
        if not fits(version.plan):
            return None
        versions.append(version)
    return versions


def _is_applicable(
    change: TaskChange, plan: Plan, plans: Mapping[dt.date, Plan], *, now: dt.datetime
) -> bool:
    """Tell whether the task is as it was proposed for, still ahead, and has the room it would need.

    A task equal to the proposal's original is upcoming, unlocked and not adapted, because that one was.
    """
    for _, block, task in blocks_of((plan,)):
        if task.task_id == change.task_id:
            room_minutes = minutes_free(plan, block, task, plans.values())
            return (
                task == change.original
                and task.start > now
                and change.adapted.duration_minutes <= room_minutes
            )
    return False
