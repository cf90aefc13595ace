"""What fired runs out by the partition's clock: once, at one place of the log, also for the silent."""

import datetime as dt

import pytest

from adaptation.rules import RuleSet, load_rules
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt
from schemas.commands import SetProfile, SkipTask
from schemas.positions import EntryId, Position
from schemas.readings import moment_of
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    firings_of,
    timers_of,
)

RULES = """
version = 2

[[rule]]
name = "stressed"
kind = "protective"
priority = 1
when = "stress_level > 60 %"
cooldown = "1h"
at_most_per_day = 20
horizon = "6h"
expires = "4h"
action = "reduce_intensity"
reason = "Stress {stress_level}."

[[rule]]
name = "tired"
kind = "protective"
priority = 2
when = "energy_level < 30 %"
cooldown = "1h"
at_most_per_day = 20
horizon = "6h"
expires = "30min"
action = "reduce_intensity"
reason = "Energy {energy_level}."
"""
HIGH, LOW = {"stress_level": 0.9}, {"stress_level": 0.1}
TIRED = {"energy_level": 0.1}


def rules() -> RuleSet:
    return load_rules(RULES, where="rules")


def started() -> Run:
    return Run(rules())


def test_what_fired_runs_out_at_the_first_tick_that_reaches_its_time() -> None:
    run = started()
    assert run.fired(Sent(NOON, HIGH)) == ["stressed"]
    due_us = NOON + SECOND_US + 4 * HOUR_US
    run.put_tick(due_us - 1)
    assert run.advance() == []
    run.put_tick(due_us)
    assert run.advance() == [
        TimerAt(Position(1001, 0, 0), "ada", moment_of(due_us), "UTC"),
    ]
    run.put_tick(due_us + DAY_US)
    assert run.advance() == []


def test_a_timer_stands_behind_the_readings_of_its_entry_whoever_sent_them() -> None:
    run = started()
    run.send(Sent(NOON, HIGH))
    later = NOON + 5 * HOUR_US
    run.put(
        Sent(later, LOW), Sent(later, LOW, user="bob"), Sent(later + 1, HIGH), Sent(later, LOW, user="eve")
    )
    found = [event for event in run.advance() if isinstance(event, ReadingEvent | TimerAt)]
    assert [(type(event).__name__, event.position.index) for event in found] == [
        ("ReadingEvent", 2),
        ("TimerAt", 4),
    ]
    assert [event.at for event in timers_of(found)] == [moment_of(later + 1 + SECOND_US)]


def test_a_timer_stands_behind_the_command_of_its_entry() -> None:
    run = started()
    run.send(Sent(NOON, HIGH))
    run.put_command("ada", SkipTask(command_id="c", task_id="t"), arrival_us=NOON + DAY_US)
    command, timer = run.advance()
    assert isinstance(command, CommandAt)
    assert isinstance(timer, TimerAt)
    assert (command.position.index, timer.position) == (0, Position(1000, 2, 1))


def test_a_zone_that_is_set_counts_for_the_timers_behind_it() -> None:
    run = started()
    run.send(Sent(NOON, HIGH), Sent(NOON, HIGH, user="bob"))
    run.put_command("ada", SetProfile(command_id="c", time_zone="Asia/Tokyo"))
    run.put_tick(NOON + DAY_US)
    zones = {timer.user_id: timer.time_zone for timer in timers_of(run.advance())}
    assert zones == {"ada": "Asia/Tokyo", "bob": "UTC"}


def test_all_that_runs_out_at_one_place_is_told_once() -> None:
    run = started()
    run.send(Sent(NOON, HIGH | TIRED), Sent(NOON + 2 * HOUR_US, LOW), Sent(NOON + 3 * HOUR_US, HIGH))
    assert len(firings_of(run.events)) == 3
    run.put_tick(NOON + DAY_US)
    assert [timer.position.ms for timer in timers_of(run.events)] == [1000]  # tired, before the last reading
    assert len(timers_of(run.advance())) == 1


def test_each_of_several_firings_of_a_rule_runs_out_at_its_own_time() -> None:
    run = started()
    hours = (0, 1.5, 3)
    for hour in hours:
        run.send(Sent(NOON + round(hour * HOUR_US), HIGH), Sent(NOON + round(hour * HOUR_US) + 1, LOW))
    assert len(firings_of(run.events)) == 3
    run.events.clear()
    for minute in range(3 * 60, 9 * 60):
        run.put_tick(NOON + minute * MINUTE_US)
        run.advance()
    expected = [NOON + round((hour + 4) * HOUR_US) + MINUTE_US for hour in hours]
    assert [timer.at for timer in timers_of(run.events)] == [moment_of(time_us) for time_us in expected]


def test_after_an_outage_what_ran_out_is_told_once_in_due_order_before_newer_entries() -> None:
    run = started()
    run.send(Sent(NOON, HIGH, user="eve"), Sent(NOON, TIRED, user="bob"), Sent(NOON + 1, HIGH))
    run.put_tick(NOON + 3 * DAY_US)
    run.put(Sent(NOON + 3 * DAY_US, TIRED), Sent(NOON + 3 * DAY_US, HIGH, user="bob"))
    events = [event for event in run.advance() if isinstance(event, ReadingEvent | TimerAt)]
    assert [(type(event).__name__, event.user_id) for event in events] == [
        ("TimerAt", "bob"),
        ("TimerAt", "eve"),
        ("TimerAt", "ada"),
        ("ReadingEvent", "ada"),
        ("ReadingEvent", "bob"),
    ]
    assert {event.position.entry for event in timers_of(events)} == {EntryId(1001, 1)}
    assert {event.at for event in timers_of(events)} == {moment_of(NOON + 3 * DAY_US)}


def test_a_suppressed_firing_runs_out_never() -> None:
    run = started()
    run.send(Sent(NOON, HIGH), Sent(NOON + 1, LOW), Sent(NOON + 30 * MINUTE_US, HIGH))
    assert len(firings_of(run.events)) == 1
    for hour in range(10):
        run.put_tick(NOON + hour * HOUR_US)
        run.advance()
    assert len(timers_of(run.events)) == 1


def test_a_deadline_that_is_over_when_it_is_set_falls_due_at_its_own_entry() -> None:
    run = started()
    run.put_tick(NOON + DAY_US)
    run.advance()
    run.put(Sent(NOON, TIRED), Sent(NOON, {}, user="bob"))
    fired, timer = run.advance()
    assert isinstance(fired, ReadingEvent)
    assert isinstance(timer, TimerAt)
    assert (timer.position, timer.at) == (Position(1000, 2, 2), moment_of(NOON + DAY_US))


@pytest.mark.parametrize("resumed", [False, True])
def test_a_timer_waits_behind_a_long_queue_of_its_person_alone(*, resumed: bool) -> None:
    run = started()
    run.send(Sent(NOON, HIGH), Sent(NOON, HIGH, user="bob"))
    begun = run.entries
    later = NOON + 5 * HOUR_US
    run.put(*[Sent(later + step, LOW) for step in range(8)])
    run.put(Sent(later + 9, LOW), Sent(later + 9, LOW, user="bob"))
    run.put_tick(later + HOUR_US)
    seen: list[tuple[str, Position]] = []
    for _ in range(3):
        seen += [(event.user_id, event.position) for event in timers_of(run.advance(rounds_max=4))]
        if resumed:
            run.resume()
    assert not run.shard.has_pending
    assert begun == 2
    assert seen == [("bob", Position(1001, 0, 8)), ("ada", Position(1001, 0, 8))]


def test_timers_that_are_due_are_pending_although_no_reading_is() -> None:
    run = started()
    run.send(Sent(NOON, HIGH))
    run.put_tick(NOON + DAY_US)
    assert run.shard.has_pending
    run.resume()
    assert run.shard.has_pending
    (timer,) = run.advance()
    assert timer == TimerAt(Position(1000, 2, 0), "ada", moment_of(NOON + DAY_US), "UTC")
    assert not run.shard.has_pending


def test_a_rule_that_is_gone_still_lets_its_changes_run_out() -> None:
    run = started()
    run.send(Sent(NOON, HIGH))
    run.resume(RuleSet(rules=()))
    run.put_tick(NOON + 5 * HOUR_US)
    (timer,) = run.advance()
    assert isinstance(timer, TimerAt)
    assert timer.at - moment_of(NOON) == dt.timedelta(hours=5)
