"""What ``daybeat watch`` says of each message."""

import datetime as dt
from zoneinfo import ZoneInfo

import orjson
import pytest

from adaptation.decide import decide_reading
from daybeat.app_client import Received
from daybeat.watch_lines import lines_of, zone_of
from push.protocol import resync_message, welcome_message
from schemas.events import (
    AdaptationApplied,
    BaselineChanged,
    CommandDone,
    Event,
    PlanReplaced,
    TaskChanged,
)
from schemas.records import HrvDay
from support.adapting import NOW, RULES, firing, firings_at, plan, situation, task

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def received(text: str) -> Received:
    fields = orjson.loads(text)
    return Received(fields["type"], fields["event_id"], text, 0.0)


def told(message: str | Event, zone: ZoneInfo = UTC) -> list[str]:
    text = message if isinstance(message, str) else message.model_dump_json()
    return [str(line) for line in lines_of(received(text), zone)]


def events_of(rule: str) -> dict[str, Event]:
    decided = decide_reading(situation(plan(task("walk", "10:00", 40))), firings_at(firing(rule)), RULES)
    return {event.type: event for event in decided.events}


def test_a_welcome_shows_the_plan_in_local_time() -> None:
    message = welcome_message("ada", plan(task("walk", "10:00", 40)), "1-1")
    assert told(message, BERLIN) == [
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
    head, change = told(event)
    assert isinstance(event, AdaptationApplied)
    assert head == f"09:00:00  changed, protective: {event.adaptation.reason}"
    assert change.split("  →  ") == [
        "          10:00 Title of walk, 40 min, moderate",
        "10:00 Title of walk, 20 min, easy",
    ]


def test_a_proposal_tells_how_long_it_waits_and_what_to_answer_with() -> None:
    event = events_of("energy_surge")["adaptation.proposed"]
    lines = told(event)
    assert lines[0].startswith("09:00:00  proposed, upgrading: ")
    assert lines[-1].strip() == f"waits for an answer until 15:00: {firing('energy_surge').firing_id}"


def test_small_events_take_a_line() -> None:
    head = {"event_id": "1-2", "previous_id": "1-1", "time": NOW}
    done = task("walk").model_copy(update={"status": "completed"})
    assert told(TaskChanged(**head, date="2026-11-20", version=2, task=done)) == [
        "09:00:00  Title of walk: completed"
    ]
    assert told(CommandDone(**head, command_id="c1", ok=True, reason="")) == ["09:00:00  command c1 done"]
    assert told(CommandDone(**head, command_id="c1", ok=False, reason="no_plan")) == [
        "09:00:00  command c1 refused: no_plan"
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


def test_a_new_plan_may_bring_another_zone() -> None:
    head = {"event_id": "1-2", "previous_id": "1-1", "time": NOW}
    moved = plan(task("walk")).model_copy(update={"time_zone": "Europe/Berlin"})
    replaced = received(PlanReplaced(**head, plan=moved).model_dump_json())
    assert zone_of(replaced, UTC) == BERLIN
    assert zone_of(received(welcome_message("ada", moved, "1-1")), UTC) == BERLIN
    assert zone_of(received(welcome_message("ada", None, "1-1")), BERLIN) == BERLIN


def test_a_title_that_looks_like_markup_is_shown_as_it_is() -> None:
    sly = plan(task("walk", title="[bold]not bold[/bold]"))
    assert "[bold]not bold[/bold]" in told(welcome_message("ada", sly, "1-1"))[1]


def test_every_kind_of_event_is_told() -> None:
    kinds = {arm.__name__ for arm in Event.__args__[0].__args__}
    head = {"event_id": "1-2", "previous_id": "1-1", "time": dt.datetime.now(dt.UTC)}
    shown = {
        type(event).__name__
        for event in (*events_of("energy_drop").values(), *events_of("energy_surge").values())
        if told(event)
    }
    shown |= {"PlanReplaced", "TaskChanged", "BaselineChanged", "CommandDone"}
    noted = events_of("energy_surge")["adaptation.proposed"].model_dump() | head
    noted["type"] = "adaptation.noted"
    assert told(orjson.dumps(noted, default=str).decode())
    assert kinds == shown | {"AdaptationNoted"}
