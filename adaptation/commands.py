"""What becomes of commands. Pure.

Every command leads to a ``command.done`` event; what is over by then ends behind it. A command that is
refused changes nothing else; one that is repeated gets its recorded outcome again and changes nothing either.
"""

import datetime as dt
from dataclasses import replace

from adaptation.answers import accept, decline
from adaptation.autonomy import pause, set_autonomy, set_profile
from adaptation.days import local_day, standing_dates
from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.feed_chain import FeedChain
from adaptation.plan_puts import put_plan
from adaptation.task_commands import change_task, date_of
from adaptation.timed import end_over
from adaptation.undo import dates_to_undo, undo
from schemas.commands import (
    AcceptAdaptation,
    CommandEntry,
    CommandOutcome,
    CompleteTask,
    DeclineAdaptation,
    EditTask,
    PauseAdaptations,
    PutPlan,
    RateTask,
    SetAutonomy,
    SetProfile,
    SkipTask,
    StartTask,
    UndoAdaptation,
)
from schemas.events import CommandDone
from schemas.positions import Position
from schemas.readings import moment_of
from schemas.situations import Decided, Situation

__all__ = ["Refusal", "dates_of_command", "decide_command"]


def dates_of_command(entry: CommandEntry, time_zone: str) -> tuple[dt.date, ...]:
    """Return the dates whose plans must be loaded to decide a command.

    An answer may concern other plans than today's: a task after midnight, or a person who has travelled.
    """
    now = moment_of(entry.arrival_us)
    match entry.command:
        case StartTask() | CompleteTask() | SkipTask() | RateTask() | EditTask() as command:
            return (date_of(command, now, time_zone),)
        case AcceptAdaptation():
            return standing_dates(now, time_zone)
        case UndoAdaptation() as command:
            return dates_to_undo(command, now, time_zone)
        case PutPlan() as command:
            return (command.plan.date,)
        case DeclineAdaptation() | PauseAdaptations() | SetAutonomy() | SetProfile():
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
    effect = effect.then(Effect(effect.person, events=(done,)))
    dates = dates_of_command(entry, time_zone)
    over = end_over(effect.on(situation), chain, now=now, dates=dates, today=local_day(now, time_zone))
    return replace(effect.then(over).decided(now), outcome=outcome)


def _carry_out(entry: CommandEntry, context: CommandContext) -> Effect | Refusal:  # noqa: PLR0911  # one a command
    match entry.command:
        case StartTask() | CompleteTask() | SkipTask() | RateTask() | EditTask() as command:
            return change_task(command, context)
        case AcceptAdaptation() as command:
            return accept(command, context)
        case DeclineAdaptation() as command:
            return decline(command, context)
        case UndoAdaptation() as command:
            return undo(command, context)
        case PauseAdaptations() as command:
            return pause(command, context)
        case SetAutonomy() as command:
            return set_autonomy(command, context)
        case SetProfile() as command:
            return set_profile(command, context)
        case PutPlan() as command:
            return put_plan(command, context)
