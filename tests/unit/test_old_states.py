"""States of versions 1 and 2, of earlier releases: resumed, gone on with, written as version 3."""

import math
from pathlib import Path

import numpy as np
import pytest

from adaptation.baselines import count_of
from adaptation.columns import NEVER_US
from adaptation.shard import Shard
from adaptation.snapshots import ShardState
from schemas.commands import SkipTask
from schemas.errors import InputError
from schemas.positions import EntryId
from schemas.readings import moment_of
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    commands_of,
    firings_of,
    suppressed_of,
    timers_of,
)

UP = {"energy_level": 0.9, "readiness_score": 0.9}
DOWN = {"energy_level": 0.5}

V1 = Path(__file__).parents[1] / "data" / "shard-state-v1.bin"
"""Eight days of ada's watch, every hour until an hour before noon, then energy and readiness of 0.9 at noon;
bob's ring gave stress every six hours. A reading of each and a command of ada's wait."""
V2 = V1.with_name("shard-state-v2.bin")
"""The same eight days, with energy of 0.5; at noon energy and readiness of 0.9 fired energy_surge, then
stress of 0.9 with an RMSSD of 20 ms fired stress_spike. bob's ring gave the beats of twelve minutes of sleep
from 11:00 on. A reading of each and a command of ada's wait."""
V1_HOURS = range(8 * 24)
V1_START_US = NOON - 8 * DAY_US
V1_ENERGY = [0.5 + 0.2 * (hour % 24 / 24) for hour in V1_HOURS] + [0.9]
V1_HOURS_US = [V1_START_US + hour * HOUR_US for hour in V1_HOURS] + [NOON]
TAU_US = 14 * DAY_US


def resumed_v1() -> Run:
    run = Run()
    run.shard = Shard.restore(ShardState.from_bytes(V1.read_bytes()), run.rules, default_zone="UTC")
    run.entries = 3 * 76
    assert run.next_entry() > run.shard.position == EntryId(1076, 0)
    return run


def cells_of(run: Run, user: str) -> dict[str, tuple[float, int]]:
    """Return the columns of a person's device, as a float and as an integer."""
    state = run.shard.copy_state()
    row = [owner for owner, _ in state.devices].index(user)
    cells = state.streams.cells[row]
    return dict(
        zip(state.streams.names, zip(cells.tolist(), cells.view(np.int64).tolist(), strict=True), strict=True)
    )


def counted(tally: int) -> int:
    return int(count_of(np.array([tally]))[0])


def plain_mean(times_us: list[int], xs: list[float]) -> float:
    """Return the mean as that release weighted it: each value by the whole time before it."""
    entered = -np.expm1(-np.diff(times_us) / TAU_US)
    left = np.exp((np.array(times_us) - times_us[-1]) / TAU_US)
    return float(np.average(xs, weights=[left[0], *(entered * left[1:])]))


def test_a_state_of_version_1_keeps_means_counts_and_times() -> None:
    assert V1.read_bytes()[4] == 1
    ada, bob = (cells_of(resumed_v1(), user) for user in ("ada", "bob"))
    hrv, rates = ([base + hour % step for hour in V1_HOURS] for base, step in ((45.0, 5), (60.0, 7)))
    energy = plain_mean(V1_HOURS_US, V1_ENERGY)
    assert ada["mean.energy_level.all_day"][0] == pytest.approx(energy, rel=1e-12)
    assert ada["mean.hrv_rmssd_ms.all_day"][0] == pytest.approx(plain_mean(V1_HOURS_US[:-1], hrv), rel=1e-12)
    assert ada["mean.heart_rate_bpm.all_day"][0] == pytest.approx(
        plain_mean(V1_HOURS_US[:-1], rates), rel=1e-12
    )
    nights = [hour for hour in V1_HOURS if (hour + 13) % 24 < 6]  # in Berlin noon UTC is 13:00
    of_nights = plain_mean([V1_HOURS_US[hour] for hour in nights], [V1_ENERGY[hour] for hour in nights])
    assert ada["mean.energy_level.night"][0] == pytest.approx(of_nights, rel=1e-12)
    assert bob["mean.stress_level.all_day"][0] == pytest.approx(0.3, rel=1e-12)
    counts = {
        name: counted(cell[1])
        for cells in (ada, bob)
        for name, cell in cells.items()
        if name.startswith("count.") and cell[1]
    }
    assert counts == {
        "count.heart_rate_bpm.all_day": 192,
        "count.hrv_rmssd_ms.all_day": 192,
        "count.energy_level.all_day": 193,
        "count.energy_level.night": 48,
        "count.energy_level.morning": 48,
        "count.energy_level.afternoon": 49,
        "count.energy_level.evening": 48,
        "count.readiness_score.all_day": 1,
        "count.stress_level.all_day": 32,
    }
    assert ada["since_us.energy_level.all_day"][1] == V1_START_US
    assert ada["last_us.energy_level.all_day"][1] == NOON
    assert bob["since_us.stress_level.all_day"][1] == V1_START_US
    assert ada["since_us.heart_rate_rest_bpm.all_day"][1] == NEVER_US


def test_baselines_of_version_1_go_on_with_the_weight_of_their_age() -> None:
    run = resumed_v1()
    before = cells_of(run, "ada")
    run.send(Sent(NOON + HOUR_US, {"heart_rate_bpm": 90.0}))
    after = cells_of(run, "ada")
    age_us, pause_us = 191 * HOUR_US, 2 * HOUR_US
    left = -math.expm1(-age_us / TAU_US) * math.exp(-pause_us / TAU_US)
    entered = -math.expm1(-15 * MINUTE_US / TAU_US)
    name = "mean.heart_rate_bpm.all_day"
    expected = (90.0 - before[name][0]) * entered / (left + entered)
    assert after[name][0] - before[name][0] == pytest.approx(expected, rel=1e-6)
    assert 0.0 < expected < 0.06
    assert counted(after["count.heart_rate_bpm.all_day"][1]) == 193


def test_the_queue_of_version_1_is_applied() -> None:
    run = resumed_v1()
    assert run.shard.has_pending
    (command,) = commands_of(run.advance())
    assert (command.entry.command.command_id, command.time_zone) == ("c-2", "Europe/Berlin")
    assert not run.shard.has_pending
    people = run.shard.copy_state().people
    current = dict(zip(people.names, people.cells.T, strict=True))
    assert current["value.energy_level"][0] == 0.4
    assert current["day_value.sleep_quality"][1] == 0.5


def test_rules_remember_what_they_did_before_version_2() -> None:
    run = resumed_v1()
    run.advance()
    assert run.fired(Sent(NOON + 5 * MINUTE_US, {"energy_level": 0.2})) == ["energy_drop"]
    events = run.send(Sent(NOON + 6 * MINUTE_US, UP))
    assert suppressed_of(events) == [("energy_surge", "cooldown")]
    assert firings_of(run.send(Sent(NOON + 5 * HOUR_US, DOWN), Sent(NOON + 5 * HOUR_US + 1, UP)))


def test_a_state_of_version_1_is_written_as_version_3_and_resumed_again() -> None:
    run = resumed_v1()
    data = run.shard.copy_state().to_bytes()
    assert data[:5] == b"DBSH\x03"
    run.resume()
    assert run.shard.copy_state().to_bytes() == data
    found = run.advance()
    assert found == resumed_v1().advance()
    run.send(Sent(NOON + HOUR_US, {}, rr_ms=[800.0, 810.0]))
    assert len(run.shard.copy_state().bodies.beats) == 6


def resumed_v2() -> Run:
    run = Run()
    run.shard = Shard.restore(ShardState.from_bytes(V2.read_bytes()), run.rules, default_zone="UTC")
    run.entries = 3 * 69 + 2
    assert run.next_entry() > run.shard.position == EntryId(1069, 2)
    return run


def test_rules_that_held_in_version_2_do_not_fire_again() -> None:
    assert V2.read_bytes()[4] == 2
    run = resumed_v2()
    assert firings_of(run.advance()) == []  # energy of 0.85 waited: energy_surge holds since noon
    assert run.fired(Sent(NOON + 2 * MINUTE_US, UP), Sent(NOON + 3 * MINUTE_US, {"stress_level": 0.9})) == []
    events = run.send(Sent(NOON + 4 * MINUTE_US, DOWN), Sent(NOON + 5 * MINUTE_US, UP))
    assert suppressed_of(events) == [("energy_surge", "cooldown")]


def test_what_fired_in_version_2_runs_out_by_the_clock() -> None:
    run = resumed_v2()
    run.put_command("ada", SkipTask(command_id="c-3", task_id="t-1"), arrival_us=NOON + 3 * HOUR_US)
    assert timers_of(run.advance()) == []
    run.put_tick(NOON + SECOND_US + 4 * HOUR_US)
    (timer,) = timers_of(run.advance())
    assert (timer.user_id, timer.time_zone) == ("ada", "Europe/Berlin")
    assert timer.at == moment_of(NOON + SECOND_US + 4 * HOUR_US)


def test_what_ran_out_in_version_2_before_it_was_kept_falls_due_at_the_next_entry_once() -> None:
    run = resumed_v2()
    state = run.shard.copy_state()
    assert state.timers is not None
    fields = {name: getattr(state, name) for name in ShardState.__slots__} | {"timers": None}
    for hours, expected in ((6, ["ada"]), (3 * 24, [])):
        late = ShardState(**fields | {"clock_us": NOON + hours * HOUR_US})
        run.shard = Shard.restore(late, run.rules, default_zone="UTC")
        assert timers_of(run.advance()) == []
        run.put_tick(NOON + hours * HOUR_US + SECOND_US)
        assert [timer.user_id for timer in timers_of(run.advance())] == expected
        run.put_tick(NOON + 9 * 24 * HOUR_US)
        assert timers_of(run.advance()) == []


def test_beats_days_and_rings_of_version_2_go_on() -> None:
    run = resumed_v2()
    bodies = run.shard.copy_state().bodies
    assert len(bodies.beat_rows) == len(bodies.open_days) == len(bodies.ring_keys) == 1
    data = run.shard.copy_state().to_bytes()
    assert data[:5] == b"DBSH\x03"
    run.resume()
    assert run.shard.copy_state().to_bytes() == data
    assert run.advance() == resumed_v2().advance()


@pytest.mark.parametrize("version", [0, 4, 0x63])
def test_a_state_of_an_unknown_version_is_refused_with_what_to_do(version: int) -> None:
    for data in (V1.read_bytes(), Run().shard.copy_state().to_bytes()):
        with pytest.raises(InputError, match="reads versions up to 3; start it without this state") as caught:
            ShardState.from_bytes(data[:4] + bytes([version]) + data[5:])
        assert f"has version {version};" in str(caught.value)


@pytest.mark.parametrize("head", [b"", b"DBSH", b"DBSX\x03", b"dbsh\x03", b"\x02"])
def test_bytes_of_something_else_are_refused_with_what_to_do(head: bytes) -> None:
    for data in (head, head + V1.read_bytes()[5:] if len(head) == 5 else head):
        with pytest.raises(InputError, match=r"is no state of a shard; .* start it without this state"):
            ShardState.from_bytes(data)


@pytest.mark.parametrize("length", [9, 500, 6459])
def test_a_cut_state_of_version_1_is_refused(length: int) -> None:
    with pytest.raises(InputError, match="shard state"):
        ShardState.from_bytes(V1.read_bytes()[:length])
