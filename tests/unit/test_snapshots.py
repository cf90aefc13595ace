"""Copies of a shard's state: their bytes, what goes on from them, and how large they are."""

import gc
import tracemalloc

import numpy as np
import pytest

from adaptation.columns import NEVER_US, SavedTable
from adaptation.rules import RuleSet, builtin_rules
from adaptation.shard import Shard
from adaptation.snapshots import ShardState
from schemas.commands import SetProfile, SkipTask
from schemas.errors import InputError
from schemas.positions import EntryId
from schemas.records import HrvDayRow
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    at,
    baselines_of,
    firings_of,
    frame_of,
    suppressed_of,
)

UP = {"energy_level": 0.9, "readiness_score": 0.9}
DOWN = {"energy_level": 0.5}


def state_of_a_day() -> Run:
    run = Run()
    for user in ("ada", "bob", "eve"):
        run.put_command(user, SetProfile(command_id="c-1", time_zone="Europe/Berlin"))
        for hour in range(24):
            run.put(Sent(NOON + hour * HOUR_US, {"energy_level": hour / 24, "hrv_rmssd_ms": 40.0}, user=user))
    run.advance(rounds_max=20)
    run.put_command("ada", SkipTask(command_id="c-2", task_id="t-1"))
    return run


def test_a_state_survives_its_bytes() -> None:
    state = state_of_a_day().shard.copy_state()
    again = ShardState.from_bytes(state.to_bytes())
    assert again.to_bytes() == state.to_bytes()
    assert (again.position, again.clock_us, again.zones) == (state.position, state.clock_us, state.zones)
    assert (again.users, again.devices) == (("ada", "bob", "eve"), state.devices)
    assert again.commands == state.commands
    assert again.zones == ("Europe/Berlin",)


def test_a_copy_stays_as_it_was_while_the_shard_goes_on() -> None:
    run = state_of_a_day()
    state = run.shard.copy_state()
    before = state.to_bytes()
    run.put(Sent(NOON + 2 * DAY_US, UP, user="new"), Sent(NOON + 2 * DAY_US, UP))
    run.put_command("bob", SetProfile(command_id="c-3", time_zone="Asia/Tokyo"))
    while run.shard.has_pending:
        run.advance()
    assert state.to_bytes() == before
    assert run.shard.copy_state().to_bytes() != before


def test_a_restored_shard_does_not_write_into_the_state_it_came_from() -> None:
    state = state_of_a_day().shard.copy_state()
    before = state.to_bytes()
    for _ in range(2):
        shard = Shard.restore(state, builtin_rules(), default_zone="UTC")
        while shard.has_pending:
            shard.advance()
    assert state.to_bytes() == before


def test_a_restored_shard_keeps_queue_cooldowns_zones_and_clock() -> None:
    run = Run()
    run.put_command("ada", SetProfile(command_id="c-1", time_zone="Asia/Tokyo"))
    run.put(Sent(NOON, UP), Sent(NOON + 1, DOWN), Sent(NOON + 2, UP))
    run.advance(rounds_max=2)
    run.resume()
    assert run.shard.has_pending
    run.advance()
    assert [f.time_zone for f in firings_of(run.events)] == ["Asia/Tokyo"]
    assert suppressed_of(run.events) == [("energy_surge", "cooldown")]
    assert run.shard.clock_us == NOON + SECOND_US + 2
    assert run.shard.position == EntryId(1000, 2)


def test_people_without_a_zone_follow_another_default_after_a_restart() -> None:
    run = Run()
    run.put_command("bob", SetProfile(command_id="c-1", time_zone="UTC"))
    run.send(Sent(NOON, DOWN), Sent(NOON, DOWN, user="bob"))
    run.resume(default_zone="Asia/Tokyo")
    events = run.send(Sent(NOON + 1, UP), Sent(NOON + 1, UP, user="bob"))
    assert [(f.user_id, f.time_zone) for f in firings_of(events)] == [("ada", "Asia/Tokyo"), ("bob", "UTC")]
    later = [Sent(NOON + 2 + after_us, DOWN) for after_us in (0, 1, HOUR_US)]
    slots = {row.slot for row in baselines_of(run.send(*later)) if row.measure == "energy_level"}
    assert slots == {"all_day", "evening"}


def test_rules_keep_their_memory_when_others_come_and_go() -> None:
    shipped = builtin_rules()
    without_first = RuleSet(rules=tuple(rule for rule in shipped.rules if rule.name != "energy_drop"))
    run = Run(without_first)
    assert run.fired(Sent(NOON, UP)) == ["energy_surge"]
    run.resume(shipped)
    assert run.fired(Sent(NOON + MINUTE_US, UP)) == []
    assert suppressed_of(run.send(Sent(NOON + HOUR_US, DOWN), Sent(NOON + 2 * HOUR_US, UP))) == [
        ("energy_surge", "cooldown")
    ]
    assert run.fired(Sent(NOON + 3 * HOUR_US, {"energy_level": 0.1})) == ["energy_drop"]
    run.resume(without_first)
    assert run.fired(Sent(NOON + 6 * HOUR_US, UP)) == ["energy_surge"]


def test_a_state_with_other_columns_is_resumed_by_their_names() -> None:
    run = Run()
    run.send(Sent(NOON - HOUR_US, {"energy_level": 0.7}))
    state = run.shard.copy_state()
    shuffled = np.random.default_rng(5).permutation(len(state.people.names))
    names = [*(state.people.names[column] for column in shuffled), "mood.of_tomorrow"]
    dropped = names.index("fired_us.energy_drop")
    cells = np.column_stack([state.people.cells[:, shuffled], np.ones(1)])
    older = ShardState(
        **{name: getattr(state, name) for name in ShardState.__slots__ if name != "people"},
        people=SavedTable((*names[:dropped], *names[dropped + 1 :]), np.delete(cells, dropped, axis=1)),
    )
    run.shard = Shard.restore(ShardState.from_bytes(older.to_bytes()), run.rules, default_zone="UTC")
    restored = run.shard.copy_state().people
    column = restored.names.index("fired_us.energy_drop")
    assert restored.cells.view(np.int64)[0, column] == NEVER_US
    assert run.fired(Sent(NOON, {"energy_level": 0.2})) == ["energy_drop"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: b"DBSH\x63" + data[5:], id="version_of_the_future"),
        pytest.param(lambda data: data[:-8], id="cut"),
        pytest.param(lambda data: data + b"\0", id="too_long"),
        pytest.param(lambda data: data[:9] + b"[" + data[10:], id="header_is_not_json"),
        pytest.param(lambda data: data[:20], id="header_cut"),
    ],
)
def test_bytes_that_are_no_state_are_refused(damage: object) -> None:
    data = state_of_a_day().shard.copy_state().to_bytes()
    with pytest.raises(InputError, match="shard state"):
        ShardState.from_bytes(damage(data))  # type: ignore[operator]  # a function of bytes


# -- beats, open days and rings


def resting_rr_ms(person: int) -> list[float]:
    """Return a minute at 75 beats/min that breathing modulates, in each person by more or less."""
    breaths = np.sin(2 * np.pi * np.arange(75) * 14 / 75)
    rr_ms: list[float] = (800.0 + np.rint((20 + 5 * (person % 4)) * breaths)).tolist()
    return rr_ms


def a_night(
    people: int = 1, *, asleep_min: int = 17, awake_min: int = 3, day: str = "2026-11-20"
) -> list[list[Sent]]:
    """Return the messages of each minute of people who sleep from 03:20 on and are awake from 04:15 on."""
    asleep_us, awake_us = (at(f"{day}T{clock}:00+00:00") for clock in ("03:20", "04:15"))
    minutes = [(asleep_us + (1 + minute) * MINUTE_US, "sleep") for minute in range(asleep_min)]
    minutes += [(awake_us + (1 + minute) * MINUTE_US, "") for minute in range(awake_min)]
    return [
        [
            Sent(
                time_us,
                {"heart_rate_bpm": 75.0},
                user=f"person-{number:08d}",
                device="wrist",
                activity=activity,
                rr_ms=resting_rr_ms(number),
            )
            for number in range(people)
        ]
        for time_us, activity in minutes
    ]


def test_a_restart_at_any_minute_of_a_night_changes_nothing() -> None:
    minutes = a_night(2)
    straight = Run()
    expected = [straight.send(*minute) for minute in minutes]
    days = [event for events in expected for event in events if isinstance(event, HrvDayRow)]
    assert [(day.slot, day.values, day.have) for day in days] == [("asleep", 4, 1)] * 2
    for before in range(1, len(minutes)):
        run = Run()
        found = [run.send(*minute) for minute in minutes[:before]]
        run.resume()
        found += [run.send(*minute) for minute in minutes[before:]]
        assert found == expected
        assert run.shard.copy_state().to_bytes() == straight.shard.copy_state().to_bytes()


def test_a_queue_of_beats_is_kept_with_their_rows() -> None:
    minutes = a_night(3)
    straight = Run()
    for minute in minutes:
        straight.send(*minute)
    run = Run()
    for minute in minutes:
        run.put(*minute)
    found = run.advance(rounds_max=5)
    assert run.shard.has_pending
    run.resume()
    while run.shard.has_pending:
        found += run.advance(rounds_max=5)
    assert sorted(map(repr, found)) == sorted(map(repr, straight.events))


def test_a_copy_holds_what_was_open_while_the_night_goes_on() -> None:
    minutes = a_night(2)
    run = Run()
    for minute in minutes[:12]:
        run.send(*minute)
    state = run.shard.copy_state()
    before = state.to_bytes()
    assert len(state.bodies.open_days) == len(state.bodies.beat_rows) == 2
    for minute in minutes[12:]:
        run.send(*minute)
    assert state.to_bytes() == before
    assert len(run.shard.copy_state().bodies.ring_keys) == 2


def test_a_copy_holds_the_rings_as_they_were_when_the_next_night_joins_them() -> None:
    run = Run()
    for minute in a_night():
        run.send(*minute)
    state = run.shard.copy_state()
    before = state.to_bytes()
    for minute in a_night(day="2026-11-21"):
        run.send(*minute)
    assert state.to_bytes() == before
    days = [event for event in run.events if isinstance(event, HrvDayRow)]
    assert [day.have for day in days] == [1, 2]


# -- what a person takes


def applied(minutes: list[list[Sent]]) -> Shard:
    shard = Shard(builtin_rules(), default_zone="UTC")
    for number, minute in enumerate(minutes, start=1):
        shard.take_frame(EntryId(1, number), frame_of(minute))
        shard.advance()
    return shard


def test_columns_ring_and_beats_of_a_person_with_a_watch_take_less_than_two_and_a_quarter_kibibytes() -> None:
    people = 16
    state = applied(a_night(people)).copy_state()
    bodies = state.bodies
    assert len(state.users) == len(state.devices) == len(bodies.ring_keys) == people
    columns = state.people.cells.nbytes + state.streams.cells.nbytes
    assert columns == people * 8 * (75 + 119)
    assert bodies.rings.cells.nbytes == people * 8 * 37
    # The minute before and the last one: 75 beats each, the end of a pane between them.
    assert len(bodies.beats) == people * 2 * (75 + 1 + 75)
    assert columns + bodies.rings.cells.nbytes + len(bodies.beats) <= people * 2304
    # The morning's slot, open with one value.
    assert bodies.open_days.nbytes + bodies.day_rates.nbytes == people * 8 * (8 + 1)
    assert len(bodies.day_values) == people * 4


def test_an_open_night_takes_four_bytes_for_five_minutes() -> None:
    bodies = applied(a_night(1, asleep_min=62, awake_min=0)).copy_state().bodies
    assert len(bodies.open_days) == 1
    assert len(bodies.day_values) == 4 * bodies.open_days[0, 6]
    assert bodies.open_days[0, 6] == 13  # windows end from 03:22 to 04:21


def test_a_person_with_a_watch_takes_less_than_three_and_a_half_kibibytes_with_ids_and_rows() -> None:
    people = 128
    minutes = a_night(people)
    applied(a_night(1))  # what is loaded and cached once is nobody's
    gc.collect()
    tracemalloc.start()
    try:
        shard = applied(minutes)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(shard.copy_state().bodies.ring_keys) == people
    # The ids themselves belong to the messages here; each is a string of at most 113 bytes.
    assert held / people + 113 < 3.5 * 1024
