"""Taking a change back, whenever that is: its tasks become what they were. Pure."""

import datetime as dt

from adaptation.candidates import blocks_of
from adaptation.days import ONE_DAY, kept_dates, local_day
from adaptation.decision_rows import later_row
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.marks import mark_of
from adaptation.proposals import without_adaptation
from adaptation.reverting import changed_plans, return_tasks
from schemas.commands import UndoAdaptation
from schemas.events import AdaptationReverted
from schemas.plan import Plan, Task
from schemas.records import Adaptation, Outcome


def dates_to_undo(command: UndoAdaptation, now: dt.datetime, time_zone: str) -> tuple[dt.date, ...]:
    """Return the dates whose plans an undo may concern: all that may still be there."""
    recorded = () if command.record is None else command.record.changes
    return tuple(sorted({*kept_dates(now, time_zone), *(change.date for change in recorded)}))


def undo(command: UndoAdaptation, context: CommandContext) -> Effect | Refusal:
    """Return the effect of taking a change back.

    Tasks that carry its mark and are still ``upcoming`` return to the original, apart from what the person
    edited since; those that were begun, done or skipped keep what was done.
    """
    adaptation = _undoable(command, context)
    if isinstance(adaptation, Refusal):
        return adaptation
    undone = adaptation.model_copy(update={"status": "undone"})

    def is_wanted(plan: Plan, task: Task) -> bool:
        return _can_return(undone, plan, task)

    versions = [(version, undone) for version, _ in return_tasks(context.situation.plans, is_wanted).values()]
    changed = changed_plans(
        context.situation, versions, context.chain, cause=undone.adaptation_id, at=context.now
    )
    row = later_row(undone, Outcome.UNDONE, at=context.now, position=context.position)
    return Effect(
        person=without_adaptation(context.situation.person, undone.adaptation_id),
        plans=changed.plans,
        events=(*changed.events, AdaptationReverted(**context.chain.next_head(), adaptation=undone)),
        records=(row, *changed.records),
    )


def _undoable(command: UndoAdaptation, context: CommandContext) -> Adaptation | Refusal:
    """Return the adaptation as it stands beside the plans, else as the history has it, or a refusal."""
    standing = context.situation.person.adaptations.get(command.adaptation_id)
    if standing is not None:
        return standing
    record = command.record
    if (
        record is None
        or (record.adaptation_id, record.user_id) != (command.adaptation_id, context.situation.user_id)
        or command.adaptation_id in context.situation.person.proposals
    ):
        return Refusal.UNKNOWN_ADAPTATION
    if record.status == "undone":
        return Refusal.ALREADY_UNDONE
    if record.status in ("applied", "accepted"):
        # One so recent would stand beside the plans, had it not been undone: the history lags.
        has_ended = _is_recent(record, context) and not _is_marked(record, context)
        return Refusal.ALREADY_UNDONE if has_ended else record
    if record.status == "expired":
        # A proposal that lapsed, or a change that returned by itself: then there may be marks of it left.
        return record if _is_marked(record, context) else Refusal.EXPIRED
    return Refusal.UNKNOWN_ADAPTATION


def _is_recent(record: Adaptation, context: CommandContext) -> bool:
    yesterday = local_day(context.now, context.time_zone) - ONE_DAY
    return any(change.date >= yesterday for change in record.changes)


def _is_marked(record: Adaptation, context: CommandContext) -> bool:
    tasks = blocks_of(context.situation.plans.values())
    return any(_can_return(record, plan, task) for plan, _, task in tasks)


def _can_return(adaptation: Adaptation, plan: Plan, task: Task) -> bool:
    own_mark = mark_of(plan, task, {adaptation.adaptation_id: adaptation})
    return own_mark is not None and task.status == "upcoming"
