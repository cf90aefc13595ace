"""What ``daybeat watch`` says of each message."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from adaptation.decide import decide_reading
from daybeat.app_client import Received
from daybeat.watch_lines import help_lines, lines_of, profile_lines
from daybeat.watch_state import Watched
from push.profiles import Profile
from push.protocol import profile_message, resync_message, welcome_message
from schemas.events import (
    AdaptationApplied,
    AdaptationNoted,
    AdaptationProposed,
    AdaptationReverted,
    BaselineChanged,
    CommandDone,
    Event,
    PlanReplaced,
    TaskChanged,
)
from schemas.plan import Plan
from schemas.records import Adaptation, HrvDay
from support.adapting import NOW, firing, firings_at, plan, situation, task
from support.shown_rules import SHIPPED

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def received(text: str) -> Received:
    fields = orjson.loads(text)
    return Received(fields["type"], fields.get("event_id", ""), text, 0.0)


def told(message: str | Event, watched: Watched | None = None, *, can_answer: bool = False) -> list[str]:
    watched = watched or Watched(UTC)
    one = received(message if isinstance(message, str) else message.model_dump_json())
    watched.take(one)
    return [str(line) for line in lines_of(one, watched, can_answer=can_answer)]


def events_of(rule: str) -> dict[str, Event]:
    decided = decide_reading(situation(plan(task("walk", "10:00", 40))), firings_at(firing(rule)))
    return {event.type: event for event in decided.events}


def changed_by(rule: str, status: str) -> Adaptation:
    """What a rule made or proposed, with the status that it has later."""
    (adaptation,) = [
        event.adaptation
        for event in events_of(rule).values()
        if isinstance(event, AdaptationApplied | AdaptationProposed)
    ]
    return adaptation.model_copy(update={"status": status})


def test_a_welcome_shows_the_plan_in_local_time() -> None:
    message = welcome_message("ada", in_zone("Europe/Berlin"), "1-1")
    assert told(message) == [
        "Friday 20 November, version 1",
        "  11:00 Title of walk, 40 min, moderate",
    ]


def test_a_resumption_says_nothing_and_a_first_day_without_plan_says_so() -> None:
    assert told(welcome_message("ada", None, "1-1")) == []
    assert told(welcome_message("ada", None, "0-0")) == ["There is no plan for today."]


def test_a_resync_says_that_events_are_gone() -> None:
    assert told(resync_message(None, "1-1", [])) == [
        "Some events are gone; this is the plan as it stands now.",
        "There is no plan for today.",
    ]


def test_a_change_tells_its_reason_and_the_task_before_and_after() -> None:
    event = events_of("energy_drop")["adaptation.applied"]
    head, change, until = told(event)
    assert isinstance(event, AdaptationApplied)
    assert until.strip() == f"in force until {event.adaptation.expires_at:%H:%M}"
    assert head == f"09:00:00  changed, protective: {event.adaptation.reason}"
    assert change.split("  →  ") == [
        "          10:00 Title of walk, 40 min, moderate",
        "10:00 Title of walk, 20 min, easy",
    ]


def test_a_proposal_tells_how_long_it_waits_and_what_to_answer_with() -> None:
    event = events_of("energy_surge")["adaptation.proposed"]
    lines = told(event)
    assert lines[0].startswith("09:00:00  proposed, upgrading: ")
    assert lines[-1].strip() == f"waits for an answer until 10:00: {firing('energy_surge').firing_id}"


HEAD: dict[str, Any] = {"event_id": "1-2", "previous_id": "1-1", "time": NOW}


def test_at_a_terminal_each_change_has_a_number_and_says_what_can_be_typed() -> None:
    watched = Watched(UTC)
    applied = told(events_of("energy_drop")["adaptation.applied"], watched, can_answer=True)
    until = changed_by("energy_drop", "applied").expires_at
    assert applied[-1].strip() == f"in force until {until:%H:%M}: accept 1 to keep it, undo 1 to take it back"
    proposed = told(events_of("energy_surge")["adaptation.proposed"], watched, can_answer=True)
    assert proposed[-1].strip() == "waits for an answer until 10:00: accept 2 or decline 2"
    kept = AdaptationApplied(**HEAD, adaptation=changed_by("energy_drop", "accepted"))
    assert told(kept, watched, can_answer=True)[-1].strip() == "undo 1 takes it back"


def test_a_welcome_shows_what_is_in_force_and_what_waits() -> None:
    proposal, change = changed_by("energy_surge", "proposed"), changed_by("energy_drop", "applied")
    watched = Watched(UTC)
    lines = told(welcome_message("ada", None, "1-1", [proposal], [change]), watched, can_answer=True)
    assert [line for line in lines if line.startswith("09:00:00")] == [
        f"09:00:00  changed, protective: {change.reason}",
        f"09:00:00  proposed, upgrading: {proposal.reason}",
    ]
    assert (watched.waiting(), watched.in_force()) == ([1], [2])
    told(resync_message(None, "1-1", []), watched)
    assert (watched.waiting(), watched.in_force()) == ([], [])


ENDINGS: dict[str, tuple[str, type[AdaptationReverted | AdaptationNoted], str]] = {
    "undone": ("energy_drop", AdaptationReverted, "taken back"),
    "expired": ("energy_drop", AdaptationReverted, "its time is over, what had not begun is as it was"),
    "lapsed": ("energy_surge", AdaptationNoted, "no longer open"),
    "declined": ("energy_surge", AdaptationNoted, "declined"),
    "noted": ("energy_drop", AdaptationNoted, "noted"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_says_so_with_the_reason_of_the_record(ending: str) -> None:
    rule, kind, words = ENDINGS[ending]
    watched = Watched(UTC)
    if ending != "noted":
        for event in events_of(rule).values():
            told(event, watched)
    adaptation = changed_by(rule, {"lapsed": "expired"}.get(ending, ending))
    assert told(kind(**HEAD, adaptation=adaptation), watched) == [f"09:00:00  {words}: {adaptation.reason}"]
    assert (watched.waiting(), watched.in_force()) == ([], [])


def test_what_was_typed_is_answered_by_its_own_words() -> None:
    watched = Watched(UTC)
    watched.note_sent("c1", "undo 1")
    done = CommandDone(**HEAD, command_id="c1", ok=True, reason="")
    assert told(done, watched) == ["09:00:00  undo 1: done"]
    refused = CommandDone(**HEAD, command_id="c1", ok=False, reason="already_undone")
    assert told(refused, watched) == ["09:00:00  undo 1: refused: it was taken back already (already_undone)"]
    at_once = '{"type":"command.done","command_id":"c1","ok":false,"reason":"busy"}'
    assert told(at_once, watched) == ["undo 1: refused: Daybeat is busy, nothing was changed (busy)"]


def a_profile(**decided: object) -> Profile:
    plain = {"time_zone": "Europe/Berlin", "autonomy": {}, "reduce_only": False, "paused_until": None}
    return Profile.model_validate({**plain, "rules": SHIPPED.rules, **decided})


def test_a_profile_tells_only_what_the_person_decided() -> None:
    paused = a_profile(
        autonomy={"stress_spike": "off", "energy_surge": "propose"},
        reduce_only=True,
        paused_until=NOW + dt.timedelta(hours=2),
    )
    assert [str(line) for line in profile_lines(paused, UTC, now=NOW)] == [
        "Everything is paused until 11:00.",
        "Nothing may make the day harder.",
        "stress_spike: off (by default apply)",
    ]
    later = a_profile(paused_until=NOW + dt.timedelta(days=2))
    assert [str(line) for line in profile_lines(later, UTC, now=NOW)] == [
        "Everything is paused until Sunday 22 November, 09:00."
    ]
    assert list(profile_lines(a_profile(), UTC, now=NOW)) == []
    assert str(list(help_lines(paused))[-2]) == "  stress_spike: off; stress_level > 80 %"


def test_an_edited_task_is_shown_as_it_is_now() -> None:
    edited = task("walk", "10:00", 40, title="A walk with Ben")
    assert told(TaskChanged(**HEAD, date="2026-11-20", version=2, task=edited)) == [
        "09:00:00  10:00 A walk with Ben, 40 min, moderate"
    ]


def test_small_events_take_a_line() -> None:
    done = task("walk").model_copy(update={"status": "completed"})
    assert told(TaskChanged(**HEAD, date="2026-11-20", version=2, task=done)) == [
        "09:00:00  Title of walk: completed"
    ]
    assert told(CommandDone(**HEAD, command_id="c1", ok=True, reason="")) == ["09:00:00  command c1: done"]
    assert told(CommandDone(**HEAD, command_id="c1", ok=False, reason="no_plan")) == [
        "09:00:00  command c1: refused: no_plan"
    ]
    assert told(events_of("energy_drop")["plan.changed"]) == [
        "09:00:00  the plan of 2026-11-20 is now version 2"
    ]


def baseline_changed(**changes: object) -> BaselineChanged:
    day = {
        "day": dt.date(2026, 11, 20),
        "device_id": "watch",
        "measure": "rmssd_ms",
        "slot": "asleep",
        "values": 84,
        "ln_value": 3.05,
        "heart_rate_bpm": 57.5,
        "mean7": 3.214,
        "cv7": 4.6,
        "normal_low": 3.346,
        "normal_high": 3.78,
        "have": 41,
        "need": 41,
        "maturity": "stable",
        "status": "below",
        "onset": True,
    }
    baseline = HrvDay.model_validate(day | changes)
    return BaselineChanged(event_id="1-2", previous_id="1-1", time=NOW, baseline=baseline)


BASELINES = {
    "below": ({}, "fell below your normal range (7-day mean 3.21, usually 3.35–3.78)"),
    "above": (
        {"status": "above", "mean7": 3.8},
        "rose above your normal range (7-day mean 3.80, usually 3.35–3.78)",
    ),
    "back": (
        {"status": "within", "mean7": 3.5, "onset": False},
        "is back in your normal range (7-day mean 3.50, usually 3.35–3.78)",
    ),
    "provisional": (
        {"maturity": "provisional", "have": 9, "need": 14},
        "fell below your normal range (7-day mean 3.21, usually 3.35–3.78, provisional: 9 of 14 days)",
    ),
    "learning": (
        {
            "maturity": "learning",
            "have": 2,
            "need": 7,
            "status": None,
            "mean7": None,
            "normal_low": None,
            "normal_high": None,
        },
        "has no normal range yet (learning: 2 of 7 days)",
    ),
    "unknown": (
        {"status": None, "mean7": None, "onset": False},
        "cannot be judged today (usually 3.35–3.78)",
    ),
}


@pytest.mark.parametrize(("changes", "words"), BASELINES.values(), ids=BASELINES.keys())
def test_a_baseline_says_where_the_mean_lies_and_what_is_usual(
    changes: dict[str, object], words: str
) -> None:
    assert told(baseline_changed(**changes)) == [f"09:00:00  HRV {words}"]


def in_zone(name: str) -> Plan:
    return plan(task("walk", "10:00", 40)).model_copy(update={"time_zone": name})


def test_a_new_plan_may_bring_another_zone_and_without_one_the_profile_tells_it() -> None:
    moved = in_zone("Europe/Berlin")
    watched = Watched(UTC)
    told(PlanReplaced(**HEAD, plan=moved), watched)
    assert watched.zone == BERLIN
    watched = Watched(UTC)
    told(welcome_message("ada", moved, "1-1"), watched)
    assert watched.zone == BERLIN
    watched = Watched(UTC)
    assert told(profile_message("q1", a_profile()), watched) == []
    assert watched.zone == BERLIN


def test_a_title_that_looks_like_markup_is_shown_as_it_is() -> None:
    sly = plan(task("walk", title="[bold]not bold[/bold]"))
    assert "[bold]not bold[/bold]" in told(welcome_message("ada", sly, "1-1"))[1]


def test_every_kind_of_event_is_told() -> None:
    kinds = {arm.__name__ for arm in Event.__args__[0].__args__}
    shown = {
        type(event).__name__
        for event in (*events_of("energy_drop").values(), *events_of("energy_surge").values())
        if told(event)
    }
    shown |= {kind.__name__ for _, kind, _ in ENDINGS.values()}
    assert kinds == shown | {"PlanReplaced", "TaskChanged", "BaselineChanged", "CommandDone"}
