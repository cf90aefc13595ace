"""A shard: commands and readings in one order per person, queues, and baselines by the hour."""

import pytest

from adaptation.rules import builtin_rules
from adaptation.shard import Shard
from schemas.commands import SetProfile, SkipTask
from schemas.errors import InputError
from schemas.positions import EntryId, Position
from schemas.readings import moment_of
from schemas.records import BaselineRow
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    baselines_of,
    commands_of,
    firings_of,
    frame_of,
    suppressed_of,
)

UP = {"energy_level": 0.9, "readiness_score": 0.9}
DOWN = {"energy_level": 0.5}


# -- order and queues


def test_commands_wait_behind_the_readings_before_them_and_ahead_of_those_after() -> None:
    run = Run()
    run.put(Sent(NOON, UP), Sent(NOON + 1, DOWN))
    run.put_command("ada", SkipTask(command_id="c-1", task_id="t-1"))
    run.put(Sent(NOON + 5 * HOUR_US, UP))
    kinds = [type(event).__name__ for event in run.advance() if not isinstance(event, BaselineRow)]
    assert kinds == ["ReadingEvent", "CommandAt", "ReadingEvent"]


def test_a_command_stands_at_index_zero_of_its_entry() -> None:
    run = Run(default_zone="Asia/Tokyo")
    run.put_command("ada", SkipTask(command_id="c-1", task_id="t-1"))
    (found,) = commands_of(run.advance())
    assert found.position == Position(1000, 1, 0)
    assert found.entry.command.command_id == "c-1"
    assert found.time_zone == "Asia/Tokyo"


def test_a_new_zone_counts_from_its_command_on() -> None:
    run = Run()
    run.put(Sent(NOON, UP), Sent(NOON + HOUR_US, DOWN))
    run.put_command("ada", SetProfile(command_id="c-1", time_zone="America/New_York"))
    run.put(Sent(NOON + 4 * HOUR_US, UP), Sent(NOON + 4 * HOUR_US, UP, user="bob"))
    events = run.advance()
    assert [f.time_zone for f in firings_of(events) if f.user_id == "ada"] == ["UTC", "America/New_York"]
    assert [f.time_zone for f in firings_of(events) if f.user_id == "bob"] == ["UTC"]
    assert [c.time_zone for c in commands_of(events)] == ["America/New_York"]


def test_a_move_at_noon_moves_the_quarter_of_the_day() -> None:
    run = Run()
    minutes = [Sent(NOON + minute * MINUTE_US, {"energy_level": 0.5}) for minute in range(3)]
    run.send(*minutes)
    run.put_command("ada", SetProfile(command_id="c-1", time_zone="America/New_York"))
    run.send(*[Sent(NOON + minute * MINUTE_US, {"energy_level": 0.5}) for minute in range(3, 6)])
    rows = baselines_of(
        run.send(
            Sent(NOON + HOUR_US, {"energy_level": 0.5}),
            Sent(NOON + 6 * HOUR_US, {"energy_level": 0.5}),
        )
    )
    assert [(row.slot, row.count, row.time) for row in rows] == [
        ("morning", 3, moment_of(NOON + HOUR_US)),
        ("all_day", 6, moment_of(NOON + HOUR_US)),
        ("afternoon", 3, moment_of(NOON + 6 * HOUR_US)),
        ("all_day", 7, moment_of(NOON + 6 * HOUR_US)),
    ]


def test_a_long_queue_of_one_person_lets_others_pass() -> None:
    run = Run()
    run.put(*[Sent(NOON + step, UP if step % 2 else DOWN) for step in range(200)])
    assert [f.rule for f in firings_of(run.advance(rounds_max=5))] == ["energy_surge"]
    run.put(Sent(NOON, UP, user="bob"))
    assert run.shard.has_pending
    events = run.advance(rounds_max=5)
    assert [f.user_id for f in firings_of(events)] == ["bob"]
    calls = 2
    while run.shard.has_pending:
        run.advance(rounds_max=5)
        calls += 1
    assert calls == 40
    assert len(suppressed_of(run.events)) == 99


def test_positions_of_a_person_only_grow() -> None:
    run = Run()
    for _ in range(3):
        run.put(*[Sent(NOON + run.entries * 20 + step, UP if step % 2 else DOWN) for step in range(10)])
        run.put_command("ada", SkipTask(command_id="c", task_id="t"))
    positions = [event.position for event in run.advance()]  # type: ignore[union-attr]  # no hour ends here
    assert len(positions) == 18
    assert positions == sorted(set(positions))


def test_nothing_is_pending_at_first_and_after_all_is_applied() -> None:
    run = Run()
    assert not run.shard.has_pending
    assert run.advance() == []
    run.put(Sent(NOON, UP))
    assert run.shard.has_pending
    run.advance()
    assert not run.shard.has_pending


def test_an_empty_frame_moves_the_position_alone() -> None:
    run = Run()
    run.put()
    assert not run.shard.has_pending
    assert run.shard.position == EntryId(1000, 1)


def test_a_reading_without_scalar_measures_sets_nothing_off() -> None:
    assert Run().send(Sent(NOON, {})) == []


def test_an_entry_that_is_read_again_changes_nothing() -> None:
    run = Run()
    run.put(Sent(NOON, UP))
    run.shard.take_frame(EntryId(1000, 1), frame_of([Sent(NOON + 1, DOWN), Sent(NOON + 2, UP)]))
    run.shard.take_tick(EntryId(999, 5), NOON + DAY_US)
    assert len(firings_of(run.advance())) == 1
    assert suppressed_of(run.events) == []
    assert run.shard.clock_us == NOON + SECOND_US


def test_the_clock_is_the_largest_tick_or_arrival() -> None:
    run = Run()
    run.shard.take_tick(run.next_entry(), NOON)
    assert run.shard.clock_us == NOON
    run.put(Sent(NOON - HOUR_US, DOWN), Sent(NOON + HOUR_US, DOWN), Sent(NOON, DOWN))
    assert run.shard.clock_us == NOON + HOUR_US + SECOND_US
    run.shard.take_tick(run.next_entry(), NOON)
    run.put_command("ada", SkipTask(command_id="c-1", task_id="t-1"))
    assert run.shard.clock_us == NOON + HOUR_US + SECOND_US
    run.put_command("ada", SkipTask(command_id="c-2", task_id="t-1"), arrival_us=NOON + 2 * HOUR_US)
    assert run.shard.clock_us == NOON + 2 * HOUR_US
    assert run.shard.position == EntryId(1001, 2)


def test_an_unknown_default_zone_is_refused() -> None:
    with pytest.raises(InputError, match="Europe/Atlantis"):
        Shard(builtin_rules(), default_zone="Europe/Atlantis")


# -- baselines by the hour


def test_a_baseline_is_recorded_as_it_stood_before_the_first_value_of_an_hour() -> None:
    run = Run()
    for minute, rate in [(0, 60.0), (15, 66.0), (30, 63.0)]:
        assert baselines_of(run.send(Sent(NOON + minute * MINUTE_US, {"heart_rate_bpm": rate}))) == []
    (row,) = baselines_of(run.send(Sent(NOON + 61 * MINUTE_US, {"heart_rate_bpm": 180.0})))
    assert (row.user_id, row.device_id, row.measure, row.slot) == (
        "ada",
        "watch",
        "heart_rate_bpm",
        "all_day",
    )
    assert (row.count, row.since, row.time) == (3, moment_of(NOON), moment_of(NOON + 61 * MINUTE_US))
    assert row.mean == pytest.approx((66.0 + 63.0) / 2, abs=0.01)
    assert row.sd == pytest.approx(1.5, abs=0.01)
    # 180 was no heart rate at rest, so that baseline begins its hour only now.
    later = baselines_of(run.send(Sent(NOON + 119 * MINUTE_US, {"heart_rate_bpm": 61.0})))
    assert {row.measure for row in later} == {"heart_rate_rest_bpm"}


@pytest.mark.parametrize(
    ("minutes", "rows"),
    [
        pytest.param([0, 61], 0, id="one_value_is_no_baseline"),
        pytest.param([0, 1, 61], 0, id="nor_are_two"),
        pytest.param([0, 1, 2, 59], 0, id="same_hour"),
        pytest.param([0, 1, 2, 60], 1, id="next_hour"),
        pytest.param([0, 1, 2, 400, 460], 2, id="each_hour_with_values"),
        pytest.param([0, 1, 100, 50, 110], 0, id="an_hour_gone_by_is_not_new"),
    ],
)
def test_one_baseline_an_hour_is_recorded(minutes: list[int], rows: int) -> None:
    run = Run()
    run.send(*[Sent(NOON + minute * MINUTE_US, {"hrv_sdnn_ms": 40.0}) for minute in minutes])
    assert len(baselines_of(run.events)) == rows


def test_late_values_move_baselines_too() -> None:
    on_time, late = Run(), Run()
    for run, delay_us in ((on_time, 0), (late, 14 * DAY_US)):
        for hour in range(30):
            value = {"hrv_rmssd_ms": 40.0 + hour % 7}
            run.send(Sent(NOON + hour * HOUR_US, value, delay_us=delay_us))
    assert baselines_of(on_time.events) == baselines_of(late.events)
    assert len(baselines_of(late.events)) == 27


def test_each_person_device_measure_and_quarter_has_its_own_baseline() -> None:
    run = Run()
    for minute in (0, 1, 2, 61):
        for user, device, level in (("ada", "watch", 0.2), ("ada", "ring", 0.4), ("bob", "watch", 0.5)):
            values = {"energy_level": level, "stress_level": level / 2}
            run.put(Sent(NOON + minute * MINUTE_US, values, user=user, device=device))
    rows = baselines_of(run.advance())
    found = {(row.user_id, row.device_id, row.measure, row.slot): (row.mean, row.sd) for row in rows}
    assert len(rows) == len(found) == 12
    assert found["ada", "ring", "energy_level", "afternoon"] == (0.4, 0.0)
    assert found["ada", "ring", "stress_level", "afternoon"] == (0.2, 0.0)
    assert found["ada", "ring", "stress_level", "all_day"] == (0.2, 0.0)
    assert found["bob", "watch", "energy_level", "all_day"] == (0.5, 0.0)
