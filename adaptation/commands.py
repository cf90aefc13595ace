"""What becomes of commands. Pure.

Every command ends with a ``command.done`` event. One that is refused changes nothing else; one that is
repeated gets its recorded outcome again and changes nothing else either.
"""

import datetime as dt

from adaptation.answers import accept, decline
from adaptation.days import ONE_DAY, local_day
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.feed_chain import FeedChain
from adaptation.plan_puts import put_plan
from adaptation.proposals import close_expired
from adaptation.task_commands import change_task, date_of
from schemas.commands import (
    AcceptAdaptation,
    CommandEntry,
    CommandOutcome,
    CompleteTask,
    DeclineAdaptation,
    PutPlan,
    RateTask,
    SetProfile,
    SkipTask,
    StartTask,
)
from schemas.events import CommandDone
from schemas.positions import Position
from schemas.readings import moment_of
from schemas.records import ProfileRow
from schemas.situations import Decided, Situation

__all__ = ["Refusal", "dates_of_command", "decide_command"]


def dates_of_command(entry: CommandEntry, time_zone: str) -> tuple[dt.date, ...]:
    """Return the dates whose plans must be loaded to decide a command.

    An answer may concern yesterday's plan too: a task after midnight, or a person who has travelled east.
    """
    now = moment_of(entry.arrival_us)
    match entry.command:
        case StartTask() | CompleteTask() | SkipTask() | RateTask() as command:
            return (date_of(command, now, time_zone),)
        case AcceptAdaptation():
            today = local_day(now, time_zone)
            return today - ONE_DAY, today, today + ONE_DAY
        case PutPlan() as command:
            return (command.plan.date,)
        case DeclineAdaptation() | SetProfile():
            return ()


def decide_command(
    situation: Situation,
    entry: CommandEntry,
    position: Position,
    *,
    time_zone: str,
    recorded: CommandOutcome | None,
) -> Decided:
    """Return what a command comes to.

    Args:
        situation: the person and the plans of :func:`dates_of_command`.
        entry: the command as it stands in the log.
        position: its place in the log.
        time_zone: the person's zone once the command is in force.
        recorded: the outcome that is recorded for this command id, if any.
    """
    now = moment_of(entry.arrival_us)
    chain = FeedChain(position, feed_last=situation.feed_last, at=now)
    command_id = entry.command.command_id
    context = CommandContext(command_id, situation, position, now, time_zone, chain)
    effect = Effect(situation.person)
    outcome = recorded
    if outcome is None:
        result = _carry_out(entry, context)
        if isinstance(result, Refusal):
            outcome = CommandOutcome(command_id=command_id, ok=False, reason=result.value)
        else:
            effect = result
            outcome = CommandOutcome(command_id=command_id, ok=True)
    done = CommandDone(**chain.next_head(), command_id=command_id, ok=outcome.ok, reason=outcome.reason)
    person, closed = close_expired(effect.person, now=now, today=local_day(now, time_zone), position=position)
    return Decided(
        at=now,
        person=person,
        plans=effect.plans,
        events=(*effect.events, done),
        records=(*closed, *effect.records),
        outcome=outcome,
    )


def _carry_out(entry: CommandEntry, context: CommandContext) -> Effect | Refusal:
    match entry.command:
        case StartTask() | CompleteTask() | SkipTask() | RateTask() as command:
            return change_task(command, context)
        case AcceptAdaptation() as command:
            return accept(command, context)
        case DeclineAdaptation() as command:
            return decline(command, context)
        case SetProfile() as command:
            return _set_profile(command, context)
        case PutPlan() as command:
            return put_plan(command, context)


def _set_profile(command: SetProfile, context: CommandContext) -> Effect:
    row = ProfileRow(
        user_id=context.situation.user_id,
        time=context.now,
        position=str(context.position),
        profile={"time_zone": command.time_zone},
    )
    person = context.situation.person.model_copy(update={"time_zone": command.time_zone})
    return Effect(person=person, records=(row,))
