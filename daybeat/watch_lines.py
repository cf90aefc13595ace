"""A person's stream in words: each message of the server as lines for a terminal."""

import datetime as dt
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from rich.text import Text

from daybeat.app_client import Received
from schemas.events import (
    AdaptationApplied,
    AdaptationNoted,
    AdaptationProposed,
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
_PROTECTIVE: Final = "dark_orange"
_UPGRADING: Final = "dodger_blue1"
_QUIET: Final = "dim"
_INDENT: Final = " " * 10

_RANGE_WORDS: Final = {
    "below": "fell below your normal range",
    "above": "rose above your normal range",
    "within": "is back in your normal range",
}


def lines_of(received: Received, zone: ZoneInfo) -> Iterator[Text]:
    """Yield the lines that tell of one message; times are local in ``zone``."""
    if received.is_event:
        yield from _event_lines(received.event(), zone)
        return
    plan = received.plan()
    if received.type == "resync":
        yield Text("Some events are gone; this is the plan as it stands now.", _QUIET)
    if plan is not None:
        yield from _plan_lines(plan, zone)
    elif received.type == "resync" or received.event_id == "0-0":
        yield Text("There is no plan for today.", _QUIET)


def zone_of(received: Received, known: ZoneInfo) -> ZoneInfo:
    """Return the zone of the plan that a message carries, else the one that was known."""
    if not received.is_event:
        plan = received.plan()
        return known if plan is None else ZoneInfo(plan.time_zone)
    if received.type == "plan.replaced":
        event = received.event()
        return ZoneInfo(event.plan.time_zone) if isinstance(event, PlanReplaced) else known
    return known


def _event_lines(event: Event, zone: ZoneInfo) -> Iterator[Text]:
    time = _clock(event.time, zone, seconds=True)
    match event:
        case PlanReplaced():
            yield Text(f"{time}  a new plan")
            yield from _plan_lines(event.plan, zone)
        case PlanChanged():
            yield Text(f"{time}  the plan of {event.date} is now version {event.version}", _QUIET)
        case AdaptationApplied():
            yield from _adaptation_lines(f"{time}  changed", event.adaptation, zone)
        case AdaptationProposed():
            yield from _adaptation_lines(f"{time}  proposed", event.adaptation, zone)
            until = _clock(event.adaptation.expires_at, zone)
            yield Text(
                f"{_INDENT}waits for an answer until {until}: {event.adaptation.adaptation_id}", _QUIET
            )
        case AdaptationNoted():
            yield Text(f"{time}  {event.adaptation.status}: {event.adaptation.reason}", _QUIET)
        case TaskChanged():
            yield Text(f"{time}  {event.task.title}: {event.task.status}")
        case BaselineChanged():
            yield Text(f"{time}  {_baseline_words(event.baseline)}")
        case CommandDone():
            outcome = "done" if event.ok else f"refused: {event.reason}"
            yield Text(f"{time}  command {event.command_id} {outcome}", _QUIET)


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


def _adaptation_lines(head: str, adaptation: Adaptation, zone: ZoneInfo) -> Iterator[Text]:
    colour = _PROTECTIVE if adaptation.kind == "protective" else _UPGRADING
    yield Text.assemble(f"{head}, ", (adaptation.kind, colour), f": {adaptation.reason}")
    for change in adaptation.changes:
        before, after = _task_words(change.original, zone), _task_words(change.adapted, zone)
        yield Text.assemble(_INDENT, (before, "strike dim"), "  →  ", (after, colour))


def _plan_lines(plan: Plan, zone: ZoneInfo) -> Iterator[Text]:
    yield Text(f"{plan.date:%A} {plan.date.day} {plan.date:%B}, version {plan.version}", "bold")
    for block in plan.blocks:
        for task in block.tasks:
            colour = _PROTECTIVE if task.adaptation is not None else ""
            status = "" if task.status == "upcoming" else f"  ({task.status})"
            yield Text.assemble("  ", (_task_words(task, zone), colour), (status, _QUIET))


def _task_words(task: Task, zone: ZoneInfo) -> str:
    return f"{_clock(task.start, zone)} {task.title}, {task.duration_minutes} min, {task.intensity}"


def _clock(moment: dt.datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    return moment.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")
