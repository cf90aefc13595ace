"""Rules that are loaded while people send: they apply from their place in the log, and memory goes on."""

import pytest

from adaptation.rules import load_rules
from adaptation.shard import Shard
from adaptation.snapshots import ShardState
from adaptation.tracked import ReadingEvent
from schemas.commands import SkipTask
from schemas.errors import InputError
from schemas.positions import Position
from schemas.rule_entries import RulesEntry
from support.readings import (
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

RULE = """
[[rule]]
name = "{name}"
kind = "protective"
priority = {priority}
when = "{when}"
cooldown = "4h"
at_most_per_day = {limit}
horizon = "6h"
expires = "2h"
action = "reduce_intensity"
reason = "As it is."
"""


def rule(when: str, *, name: str = "stressed", priority: int = 1, limit: int = 20) -> str:
    return RULE.format(when=when, name=name, priority=priority, limit=limit)


def file_of(*rules: str) -> str:
    return "version = 2\n" + "".join(rules)


STRESSED = file_of(rule("stress_level > 60 %"))
CALM = file_of(rule("stress_level < 30 %"))
TIRED = file_of(rule("energy_level < 30 %", name="tired"))
BROKEN = file_of(rule("stress_level > 60 %", name="tired"), rule("mood > 60 %"))
HIGH, MIDDLE, LOW = ({"stress_level": level} for level in (0.9, 0.5, 0.1))


def run_with(text: str) -> Run:
    return Run(load_rules(text, where="rules"))


def fired(run: Run) -> list[tuple[str, int]]:
    """Return rule and index of the reading of each firing of one activation."""
    events = [event for event in run.advance() if isinstance(event, ReadingEvent)]
    return [(one.rule.name, event.position.index) for event in events for one in event.firings]


def test_readings_before_other_rules_obey_the_old_ones_and_those_behind_the_new() -> None:
    run = run_with(STRESSED)
    run.put(Sent(NOON, HIGH | {"energy_level": 0.1}))
    run.put_rules(TIRED)
    run.put(Sent(NOON + 1, HIGH), Sent(NOON + 2, {"energy_level": 0.1}))
    assert fired(run) == [("stressed", 0), ("tired", 1)]


@pytest.mark.parametrize("rounds_max", [1, 2, 3, 64])
def test_other_rules_wait_for_the_rows_before_them_however_long_the_queue(rounds_max: int) -> None:
    run = run_with(STRESSED)
    run.put(*[Sent(NOON + step, MIDDLE) for step in range(5)], Sent(NOON, MIDDLE, user="bob"))
    run.put_rules(CALM)
    run.put(Sent(NOON + 10, LOW, user="bob"), Sent(NOON + 10, HIGH), Sent(NOON + 11, LOW))
    run.put_command("ada", SkipTask(command_id="c", task_id="t"))
    run.put_rules(TIRED)
    run.put(Sent(NOON + 20, HIGH), Sent(NOON + 21, {"energy_level": 0.1}))
    calls = 0
    while run.shard.has_pending:
        before = len(run.events)
        run.advance(rounds_max)
        calls += 1
        assert len([one for one in run.events[before:] if isinstance(one, ReadingEvent)]) <= 2 * rounds_max
    assert [(f.user_id, f.rule) for f in firings_of(run.events)] == [
        ("bob", "stressed"),
        ("ada", "stressed"),
        ("ada", "tired"),
    ]
    assert len(commands_of(run.events)) == 1
    assert calls == -(-10 // rounds_max)


def test_a_file_without_a_text_brings_the_shipped_rules_back() -> None:
    run = run_with(STRESSED)
    run.put_rules(CALM)
    run.put_rules("")
    run.put(Sent(NOON, LOW), Sent(NOON + 1, HIGH))
    assert fired(run) == [("stressed", 1)]
    assert run.shard.copy_state().rules is None


def test_a_file_that_cannot_be_read_is_refused_and_the_rules_stay() -> None:
    run = run_with(STRESSED)
    with pytest.raises(InputError, match=r"file\.toml, line") as caught:
        run.put_rules(BROKEN, arrival_us=NOON)
    assert "mood" in str(caught.value)
    assert run.shard.clock_us == NOON
    run.put(Sent(NOON, HIGH))
    assert fired(run) == [("stressed", 0)]
    assert run.shard.copy_state().rules is None


def test_rules_that_were_taken_before_are_left_out() -> None:
    run = run_with(STRESSED)
    run.put_rules(CALM)
    run.put(Sent(NOON, MIDDLE))
    run.shard.take_rules(run.shard.position, RulesEntry(name="file.toml", text=BROKEN, arrival_us=NOON))
    run.advance()
    assert not run.shard.has_pending
    assert run.shard.copy_state().rules == CALM


def test_rules_alone_are_pending_until_they_apply() -> None:
    run = run_with(STRESSED)
    pending = [run.shard.has_pending]
    run.put_rules(CALM)
    pending.append(run.shard.has_pending)
    assert run.advance() == []
    assert [*pending, run.shard.has_pending] == [False, True, False]
    assert run.shard.copy_state().rules == CALM


def test_rules_that_wait_and_rules_in_force_survive_a_restart() -> None:
    run = run_with(STRESSED)
    run.put_rules(CALM)
    run.advance()
    run.put(Sent(NOON, MIDDLE), Sent(NOON + 1, LOW))
    run.put_rules(TIRED)
    run.put(Sent(NOON + 2, {"energy_level": 0.1}))
    state = ShardState.from_bytes(run.shard.copy_state().to_bytes())
    assert state.rules == CALM
    assert [entry.text for _, entry in state.rule_changes] == [TIRED]
    run.resume()
    assert fired(run) == [("stressed", 1), ("tired", 0)]
    run.resume()
    assert run.shard.copy_state().rules == TIRED
    run.put(Sent(NOON + 2 * HOUR_US, LOW, user="bob"), Sent(NOON + 3, {"energy_level": 0.1}, user="bob"))
    assert fired(run) == [("tired", 1)]


def test_a_state_with_rules_that_this_release_cannot_read_is_refused() -> None:
    run = run_with(STRESSED)
    run.put_rules(CALM)
    run.advance()
    state = run.shard.copy_state()
    fields = {name: getattr(state, name) for name in ShardState.__slots__}
    with pytest.raises(InputError, match="the rules in force, line"):
        Shard.restore(ShardState(**fields | {"rules": BROKEN}), run.rules, default_zone="UTC")


def test_a_file_right_behind_another_applies_although_the_rounds_are_used_up() -> None:
    run = run_with(STRESSED)
    run.put(Sent(NOON, HIGH))
    run.put_rules(CALM)
    run.put_rules(TIRED, arrival_us=NOON + SECOND_US + 2 * HOUR_US)
    run.put(Sent(NOON + 3 * HOUR_US, MIDDLE, user="bob"))
    run.advance(rounds_max=1)
    assert run.shard.copy_state().rules == TIRED
    run.advance()
    assert [timer.position for timer in timers_of(run.events)] == [Position(1001, 0, 0)]


# -- what rules remember


def test_the_same_rules_again_change_nothing() -> None:
    run = run_with(STRESSED)
    run.send(Sent(NOON, HIGH))
    run.put_rules(STRESSED)
    run.put(Sent(NOON + MINUTE_US, HIGH))
    assert fired(run) == []  # it still holds: no onset
    run.put_rules(STRESSED)
    run.put(Sent(NOON + 2 * MINUTE_US, LOW), Sent(NOON + 3 * MINUTE_US, HIGH))
    run.advance()
    assert suppressed_of(run.events) == [("stressed", "cooldown")]


def test_a_cooldown_and_the_count_of_a_day_survive_a_change_of_the_rule() -> None:
    run = run_with(STRESSED)
    run.send(Sent(NOON, HIGH), Sent(NOON + MINUTE_US, LOW))
    run.put_rules(file_of(rule("stress_level > 50 %", limit=1)))
    run.send(Sent(NOON + HOUR_US, HIGH), Sent(NOON + 2 * HOUR_US, LOW), Sent(NOON + 5 * HOUR_US, HIGH))
    assert suppressed_of(run.events) == [("stressed", "cooldown"), ("stressed", "daily_limit")]


HELD = "stress_level > 60 % for 10 min"


def held(run: Run, minutes: list[int]) -> list[int]:
    """Send much stress at these minutes after noon; return at which the rule fired."""
    return [minute for minute in minutes if firings_of(run.send(Sent(NOON + minute * MINUTE_US, HIGH)))]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(file_of(rule(HELD)), [10], id="unchanged_goes_on"),
        pytest.param(
            file_of(rule("stress_level < 5 %", name="other", priority=1), rule(HELD, priority=2)),
            [10],
            id="beside_another_goes_on",
        ),
        pytest.param(file_of(rule("stress_level > 55 % for 10 min")), [14], id="changed_begins_anew"),
        pytest.param(file_of(rule("stress_level > 60 % for 6 min")), [10], id="shorter_begins_anew"),
    ],
)
def test_a_hold_goes_on_over_other_rules_if_its_condition_is_the_same(
    other: str, expected: list[int]
) -> None:
    run = run_with(file_of(rule(HELD)))
    assert held(run, [0, 2]) == []
    run.put_rules(other)
    assert held(run, [4, 6, 8, 10, 12, 14, 16]) == expected


def test_a_high_is_remembered_over_other_rules() -> None:
    crash = file_of(rule("energy_level < 30 % and energy_level > 60 % within 2 h", name="crash"))
    run = run_with(crash)
    run.send(Sent(NOON, {"energy_level": 0.8}))
    run.put_rules(crash + rule("stress_level > 60 %", priority=9))
    run.put(Sent(NOON + HOUR_US, {"energy_level": 0.1}))
    assert fired(run) == [("crash", 0)]


def test_windows_that_wait_are_judged_before_other_rules_apply() -> None:
    runs = [run_with(STRESSED), run_with(STRESSED)]
    found = []
    for change, run in enumerate(runs):
        for minute in range(1, 8):
            beats = [800.0 + 20 * (beat % 3) for beat in range(75)]
            run.put(Sent(NOON + minute * MINUTE_US, {"heart_rate_bpm": 75.0}, rr_ms=beats))
        run.shard.advance(judge=False)
        assert run.shard.has_waiting
        if change:
            run.put_rules(STRESSED)
        found.append(run.shard.advance())
    assert found[0] == found[1]
    assert [type(event).__name__ for event in found[0]] == ["FeatureRow", "FeatureRow"]
    assert not runs[1].shard.has_waiting


def test_rules_move_the_clock_and_what_ran_out_falls_due_at_them() -> None:
    run = run_with(STRESSED)
    run.send(Sent(NOON, HIGH))
    run.put_rules(TIRED, arrival_us=NOON + SECOND_US + 2 * HOUR_US)
    run.put(Sent(NOON + 3 * HOUR_US, {"energy_level": 0.1}))
    kinds = [(type(event).__name__, event.position.index) for event in run.advance()]  # type: ignore[union-attr]
    assert kinds == [("TimerAt", 0), ("ReadingEvent", 0)]


def test_any_number_of_rule_files_may_stand_one_behind_the_other() -> None:
    run = run_with(STRESSED)
    for _ in range(1_100):
        run.put_rules(STRESSED)
    run.put(Sent(NOON, HIGH))
    assert len(firings_of(run.advance())) == 1
