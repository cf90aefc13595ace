"""A person's answer to a proposal: accept or decline. Pure."""

import datetime as dt
from collections.abc import Mapping

from adaptation.decision_rows import answer_row, version_row
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.patch import PlanVersion, fits, replace_tasks
from adaptation.rewrite import minutes_free
from schemas.commands import AcceptAdaptation, DeclineAdaptation
from schemas.events import AdaptationApplied, AdaptationNoted, Event, PlanChanged
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.records import Adaptation, Outcome, Record, TaskChange


def accept(command: AcceptAdaptation, context: CommandContext) -> Effect | Refusal:
    """Return what an accepted proposal changes: its tasks, as proposed, in today's version of the plans."""
    proposal = _open_proposal(command.adaptation_id, context)
    if isinstance(proposal, Refusal):
        return proposal
    versions = _apply_changes(proposal.changes, context.situation.plans, now=context.now)
    if versions is None:
        return Refusal.NOT_APPLICABLE
    adaptation = proposal.model_copy(update={"status": "accepted"})
    events: list[Event] = [
        PlanChanged(
            **context.chain.next_head(),
            date=version.plan.date.isoformat(),
            version=version.plan.version,
            patch=version.patch,
            adaptation=adaptation,
        )
        for version in versions
    ]
    events.append(AdaptationApplied(**context.chain.next_head(), adaptation=adaptation))
    records: list[Record] = [
        answer_row(adaptation, Outcome.ACCEPTED, at=context.now, position=context.position)
    ]
    records += [
        version_row(version, cause=adaptation.adaptation_id, at=context.now, position=context.position)
        for version in versions
    ]
    return Effect(
        person=_without(context.situation.person, proposal),
        plans=tuple(version.plan for version in versions),
        events=tuple(events),
        records=tuple(records),
    )


def decline(command: DeclineAdaptation, context: CommandContext) -> Effect | Refusal:
    """Return what a declined proposal leaves behind: a row and a note; no plan changes."""
    proposal = _open_proposal(command.adaptation_id, context)
    if isinstance(proposal, Refusal):
        return proposal
    adaptation = proposal.model_copy(update={"status": "declined"})
    return Effect(
        person=_without(context.situation.person, proposal),
        events=(AdaptationNoted(**context.chain.next_head(), adaptation=adaptation),),
        records=(answer_row(adaptation, Outcome.DECLINED, at=context.now, position=context.position),),
    )


def _open_proposal(adaptation_id: str, context: CommandContext) -> Adaptation | Refusal:
    proposal = context.situation.person.proposals.get(adaptation_id)
    if proposal is None:
        return Refusal.UNKNOWN_ADAPTATION
    return Refusal.EXPIRED if proposal.expires_at <= context.now else proposal


def _without(person: PersonState, proposal: Adaptation) -> PersonState:
    proposals = {key: one for key, one in person.proposals.items() if key != proposal.adaptation_id}
    return person.model_copy(update={"proposals": proposals})


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
    for block in plan.blocks:
        for task in block.tasks:
            if task.task_id == change.task_id:
                room_minutes = minutes_free(block, task, tuple(plans.values()))
                return (
                    task == change.original
                    and task.start > now
                    and change.adapted.duration_minutes <= room_minutes
                )
    return False
