"""Copies of a shard's state: their bytes, what goes on from them, and how large they are."""

import tracemalloc

import numpy as np
import pytest

from adaptation.columns import NEVER_US
from adaptation.rules import RuleSet, builtin_rules
from adaptation.shard import Shard
from adaptation.snapshots import SavedTable, ShardState
from schemas.commands import SetProfile, SkipTask
from schemas.errors import InputError
from schemas.positions import EntryId
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
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
    later = [Sent(NOON + 2 + step * HOUR_US, DOWN) for step in range(2)]
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


def test_a_person_with_one_device_takes_less_than_two_kibibytes() -> None:
    people = 2048
    frame = frame_of(
        [Sent(NOON, UP, user=f"person-{number:08d}", device="wrist") for number in range(people)]
    )
    shard = Shard(builtin_rules(), default_zone="UTC")
    tracemalloc.start()
    try:
        shard.take_frame(EntryId(1, 0), frame)
        shard.advance()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    state = shard.copy_state()
    assert 8 * (len(state.people.names) + len(state.streams.names)) == 968
    # The ids themselves belong to the frame here; each is a string of at most 113 bytes.
    assert held / people + 113 < 2048
