"""A person's stream in words: each message of the server as lines for a terminal."""

import datetime as dt
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import orjson
from rich.text import Text

from daybeat.app_client import Received
from daybeat.watch_input import HELP
from daybeat.watch_state import Watched
from push.profiles import Profile
from schemas.events import (
    AdaptationApplied,
    AdaptationNoted,
    AdaptationProposed,
    AdaptationReverted,
    BaselineChanged,
    CommandDone,
    Event,
    PlanChanged,
    PlanReplaced,
    TaskChanged,
)
from schemas.plan import Plan, Task
from schemas.records import Adaptation, HrvDay

# Colours that people who see red and green alike can tell apart, as on the page; a word says the same.
_COLOURS: Final = {"protective": "dodger_blue1", "upgrading": "dark_orange"}
_QUIET: Final = "dim"
_INDENT: Final = " " * 10

_REFUSALS: Final = {
    "unknown_adaptation": "it was answered already, or never was",
    "already_undone": "it was taken back already",
    "expired": "its time is over",
    "not_applicable": "a task of it has begun, was changed or has no room any more",
    "unknown_rule": "no such rule is in force",
    "upgrades_need_consent": "a rule that makes the day harder may propose at most",
    "bad_pause": "a pause ends in the future, within 366 days",
    "busy": "Daybeat is busy, nothing was changed",
    "unavailable": "the store cannot be reached just now",
}

# What has become of a change that was made before anybody was asked, and of one that was proposed.
_WORDS_OF_CHANGES: Final = {
    "applied": "changed",
    "accepted": "kept",
    "undone": "taken back",
    "expired": "its time is over, what had not begun is as it was",
}
_WORDS_OF_PROPOSALS: Final = {"undone": "taken back", "expired": "no longer open"}

_RANGE_WORDS: Final = {
    "below": "fell below your normal range",
    "above": "rose above your normal range",
    "within": "is back in your normal range",
}


def lines_of(received: Received, watched: Watched, *, can_answer: bool = False) -> Iterator[Text]:
    """Yield the lines that tell of one message.

    Args:
        received: the message.
        watched: what is known, this message included; times are local in its zone.
        can_answer: whether the lines say what can be typed.
    """
    if received.is_event:
        yield from _event_lines(received.event(), watched, can_answer=can_answer)
    elif received.type in {"welcome", "resync"}:
        yield from _standing_lines(received, watched, can_answer=can_answer)
    elif received.type != "profile":
        answer = orjson.loads(received.text)
        name = watched.name_of(answer.get("command_id", "")) or "a message"
        yield Text(f"{name}: refused: {_refusal(answer['reason'])}", _QUIET)


def profile_lines(profile: Profile, zone: ZoneInfo, *, now: dt.datetime) -> Iterator[Text]:
    """Yield what a person has decided, the defaults left out."""
    if profile.paused_until is not None and profile.paused_until > now:
        yield Text(f"Everything is paused until {_day_clock(profile.paused_until, zone, now)}.", _QUIET)
    if profile.reduce_only:
        yield Text("Nothing may make the day harder.", _QUIET)
    for rule in profile.rules:
        level = profile.autonomy.get(rule.name, rule.default)
        if level != rule.default:
            yield Text(f"{rule.name}: {level} (by default {rule.default})", _QUIET)


def help_lines(profile: Profile | None) -> Iterator[Text]:
    """Yield what can be typed, and the rules with what they may do."""
    for line in HELP:
        yield Text(f"  {line}", _QUIET)
    for rule in profile.rules if profile is not None else ():
        level = profile.autonomy.get(rule.name, rule.default) if profile is not None else rule.default
        yield Text.assemble("  ", (rule.name, _COLOURS[rule.kind]), (f": {level}; {rule.when}", _QUIET))


def _standing_lines(received: Received, watched: Watched, *, can_answer: bool) -> Iterator[Text]:
    plan = received.plan()
    if received.type == "resync":
        yield Text("Some events are gone; this is the plan as it stands now.", _QUIET)
    if plan is not None:
        yield from _plan_lines(plan, watched.zone)
    elif received.type == "resync" or received.event_id == "0-0":
        yield Text("There is no plan for today.", _QUIET)
    for adaptation in sorted(
        (*received.adaptations(), *received.proposals()), key=lambda one: one.created_at
    ):
        yield from _adaptation_lines(adaptation, adaptation.created_at, watched, can_answer=can_answer)


def _event_lines(event: Event, watched: Watched, *, can_answer: bool) -> Iterator[Text]:
    zone = watched.zone
    time = _clock(event.time, zone, seconds=True)
    match event:
        case PlanReplaced():
            yield Text(f"{time}  a new plan")
            yield from _plan_lines(event.plan, zone)
        case PlanChanged():
            yield Text(f"{time}  the plan of {event.date} is now version {event.version}", _QUIET)
        case AdaptationApplied() | AdaptationProposed() | AdaptationReverted() | AdaptationNoted():
            yield from _adaptation_lines(event.adaptation, event.time, watched, can_answer=can_answer)
        case TaskChanged():
            yield Text(f"{time}  {_task_changed_words(event.task, zone)}")
        case BaselineChanged():
            yield Text(f"{time}  {_baseline_words(event.baseline)}")
        case CommandDone():
            name = watched.name_of(event.command_id) or f"command {event.command_id}"
            outcome = "done" if event.ok else f"refused: {_refusal(event.reason)}"
            yield Text(f"{time}  {name}: {outcome}", _QUIET)


def _task_changed_words(task: Task, zone: ZoneInfo) -> str:
    """Return a task's status, or, where it has none yet, the task as it was edited."""
    return f"{task.title}: {task.status}" if task.status != "upcoming" else _task_words(task, zone)


def _baseline_words(day: HrvDay) -> str:
    """Return where the 7-day mean lies, in natural logarithms of ms as the record has it."""
    numbers = []
    if day.mean7 is not None:
        numbers.append(f"7-day mean {day.mean7:.2f}")
    if day.normal_low is not None and day.normal_high is not None:
        numbers.append(f"usually {day.normal_low:.2f}–{day.normal_high:.2f}")
    if day.maturity in {"learning", "provisional"}:
        numbers.append(f"{day.maturity}: {day.have} of {day.need} days")
    if day.status is not None:
        words = _RANGE_WORDS[day.status]
    else:
        words = "has no normal range yet" if day.maturity == "learning" else "cannot be judged today"
    return f"HRV {words}" + (f" ({', '.join(numbers)})" if numbers else "")


def _adaptation_lines(
    adaptation: Adaptation, at: dt.datetime, watched: Watched, *, can_answer: bool
) -> Iterator[Text]:
    made_by_itself = watched.was_made_by_itself(adaptation.adaptation_id)
    words = (_WORDS_OF_CHANGES if made_by_itself else _WORDS_OF_PROPOSALS).get(adaptation.status)
    head = f"{_clock(at, watched.zone, seconds=True)}  {words or adaptation.status}"
    if adaptation.status not in {"applied", "proposed", "accepted"}:
        yield Text(f"{head}: {adaptation.reason}", _QUIET)
        return
    colour = _COLOURS[adaptation.kind]
    yield Text.assemble(f"{head}, ", (adaptation.kind, colour), f": {adaptation.reason}")
    for change in adaptation.changes:
        before, after = _task_words(change.original, watched.zone), _task_words(change.adapted, watched.zone)
        yield Text.assemble(_INDENT, (before, "strike dim"), "  →  ", (after, colour))
    number = watched.number_of(adaptation.adaptation_id)
    choice = _choice_words(
        adaptation, number, _clock(adaptation.expires_at, watched.zone), can_answer=can_answer
    )
    if choice:
        yield Text(f"{_INDENT}{choice}", _QUIET)


def _choice_words(adaptation: Adaptation, number: int, until: str, *, can_answer: bool) -> str:
    """Return until when a change holds or waits, and what can be typed about it."""
    match adaptation.status:
        case "proposed":
            waits = f"waits for an answer until {until}: "
            return waits + (
                f"accept {number} or decline {number}" if can_answer else adaptation.adaptation_id
            )
        case "applied":
            holds = f"in force until {until}"
            return (
                f"{holds}: accept {number} to keep it, undo {number} to take it back" if can_answer else holds
            )
        case _:
            return f"undo {number} takes it back" if can_answer else ""


def _refusal(reason: str) -> str:
    words = _REFUSALS.get(reason)
    return reason if words is None else f"{words} ({reason})"


def _plan_lines(plan: Plan, zone: ZoneInfo) -> Iterator[Text]:
    yield Text(f"{plan.date:%A} {plan.date.day} {plan.date:%B}, version {plan.version}", "bold")
    for block in plan.blocks:
        for task in block.tasks:
            colour = "bold" if task.adaptation is not None else ""
            status = "" if task.status == "upcoming" else f"  ({task.status})"
            yield Text.assemble("  ", (_task_words(task, zone), colour), (status, _QUIET))


def _task_words(task: Task, zone: ZoneInfo) -> str:
    return f"{_clock(task.start, zone)} {task.title}, {task.duration_minutes} min, {task.intensity}"


def _day_clock(moment: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> str:
    local = moment.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    return local.strftime("%H:%M") if is_today else f"{local:%A} {local.day} {local:%B, %H:%M}"


def _clock(moment: dt.datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    return moment.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")
