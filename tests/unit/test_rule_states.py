"""What a rule keeps of a person: that it holds, since when, how often it fired today."""

import pytest

from schemas.commands import SetProfile
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    above,
    at,
    below,
    energies,
    firings_of,
    suppressed_of,
)
from support.rule_texts import rules_of


def stresses(*pairs: tuple[int, float]) -> list[Sent]:
    """Return readings of stress, each at a time after noon in µs and a level."""
    return [Sent(NOON + after_us, {"stress_level": level}) for after_us, level in pairs]


# -- hysteresis


@pytest.mark.parametrize(
    ("back_to", "fires_again"),
    [
        pytest.param(0.35, False, id="between_both"),
        pytest.param(0.4, False, id="at_the_leave"),
        pytest.param(above(0.4), True, id="just_beyond_the_leave"),
    ],
)
def test_a_rule_fires_again_only_after_its_leave_held(back_to: float, *, fires_again: bool) -> None:
    run = Run(rules_of("energy_level < 30 %", leave="energy_level > 40 %"))
    run.send(*energies((0, 0.2)))
    assert len(firings_of(run.events)) == 1
    assert run.fired(*energies((HOUR_US, back_to), (2 * HOUR_US, 0.2))) == ["mine"] * fires_again


def test_without_leave_a_rule_ends_when_it_no_longer_holds() -> None:
    run = Run(rules_of("energy_level < 30 %"))
    assert run.fired(*energies((0, 0.2), (HOUR_US, 0.3), (2 * HOUR_US, 0.2))) == ["mine", "mine"]


def test_an_active_rule_survives_a_restart() -> None:
    run = Run(rules_of("energy_level < 30 %", leave="energy_level > 40 %"))
    run.send(*energies((0, 0.2)))
    run.resume()
    assert run.fired(*energies((HOUR_US, 0.1), (2 * HOUR_US, 0.35), (3 * HOUR_US, 0.1))) == []


# -- at most so often a day


def drops(first_us: int, count: int) -> list[Sent]:
    """Return onsets a quarter of an hour apart."""
    return [
        Sent(first_us + number * 15 * MINUTE_US + step * MINUTE_US, {"energy_level": level})
        for number in range(count)
        for step, level in enumerate((0.5, 0.2))
    ]


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (2, 2), (20, 5)])
def test_a_rule_fires_at_most_so_often_a_day(most: int, expected: int) -> None:
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=most))
    events = run.send(*drops(NOON, 5))
    assert len(firings_of(events)) == expected
    assert suppressed_of(events) == [("mine", "daily_limit")] * (5 - expected)


def test_the_daily_limit_survives_a_restart() -> None:
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=1))
    run.send(*drops(NOON, 1))
    run.resume()
    assert suppressed_of(run.send(*drops(NOON + HOUR_US, 1))) == [("mine", "daily_limit")]


@pytest.mark.parametrize(
    ("zone", "first", "second", "same_day"),
    [
        pytest.param("UTC", "2026-11-20T23:00:00Z", "2026-11-20T23:58:58Z", True, id="before_midnight"),
        pytest.param("UTC", "2026-11-20T23:00:00Z", "2026-11-20T23:58:59Z", False, id="at_midnight"),
        pytest.param("Asia/Tokyo", "2026-11-20T14:00:00Z", "2026-11-20T14:58:59Z", False, id="in_tokyo"),
        pytest.param("Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T21:58:58Z", True, id="day_of_23_h"),
        pytest.param("Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T21:58:59Z", False, id="after_23_h"),
        pytest.param("Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25T22:58:58Z", True, id="day_of_25_h"),
        pytest.param("Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25T22:58:59Z", False, id="after_25_h"),
    ],
)
def test_firings_are_counted_by_the_local_day_of_their_arrival(
    zone: str, first: str, second: str, *, same_day: bool
) -> None:
    # The onset comes a minute after the start, and arrives a second later.
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=1), default_zone=zone)
    run.send(*drops(at(first), 1))
    events = run.send(*drops(at(second), 1))
    assert len(firings_of(events)) == (not same_day)


def test_a_move_to_another_zone_begins_no_day_twice() -> None:
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=1))
    run.send(*drops(at("2026-11-20T10:00:00Z"), 1))
    run.put_command("ada", SetProfile(command_id="move", time_zone="Asia/Tokyo"))
    run.advance()
    # 19:30 there, on the same day.
    assert suppressed_of(run.send(*drops(at("2026-11-20T10:30:00Z"), 1))) == [("mine", "daily_limit")]
    assert len(firings_of(run.send(*drops(at("2026-11-20T15:30:00Z"), 1)))) == 1


def test_the_cooldown_is_told_before_the_daily_limit() -> None:
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=1, cooldown="4h"))
    events = run.send(*drops(NOON, 2), *drops(NOON + 5 * HOUR_US, 1))
    assert [why for _, why in suppressed_of(events)] == ["cooldown", "daily_limit"]


# -- for a while


@pytest.mark.parametrize(
    ("last_us", "fires"),
    [
        pytest.param(10 * MINUTE_US - 1, False, id="just_short"),
        pytest.param(10 * MINUTE_US, True, id="at_ten_minutes"),
        pytest.param(10 * MINUTE_US + 1, True, id="just_longer"),
    ],
)
def test_a_condition_has_to_hold_for_its_time(last_us: int, *, fires: bool) -> None:
    run = Run(rules_of("stress_level > 80 % for 10 min"))
    assert run.fired(*stresses((0, 0.9), (5 * MINUTE_US, 0.85), (last_us, 0.9))) == ["mine"] * fires


def test_one_reading_that_does_not_meet_it_begins_the_time_anew() -> None:
    run = Run(rules_of("stress_level > 80 % for 10 min"))
    sent = stresses((0, 0.9), (8 * MINUTE_US, 0.8), (9 * MINUTE_US, 0.9), (18 * MINUTE_US, 0.9))
    assert run.fired(*sent) == []
    assert run.fired(*stresses((19 * MINUTE_US, 0.9))) == ["mine"]


@pytest.mark.parametrize(
    ("pause_us", "fires"),
    [
        pytest.param(15 * MINUTE_US, True, id="at_fifteen_minutes"),
        pytest.param(15 * MINUTE_US + 1, False, id="just_longer"),
    ],
)
def test_a_longer_pause_begins_the_time_anew(pause_us: int, *, fires: bool) -> None:
    run = Run(rules_of("stress_level > 80 % for 20 min"))
    sent = stresses((0, 0.9), (10 * MINUTE_US, 0.9), (10 * MINUTE_US + pause_us, 0.9))
    assert run.fired(*sent) == ["mine"] * fires


def test_a_hold_asks_only_readings_that_tell_of_it() -> None:
    run = Run(rules_of("stress_level > 80 % for 10 min and energy_level < 30 %"))
    sent = stresses((0, 0.9), (9 * MINUTE_US, 0.9))
    run.send(*sent, Sent(NOON + 9 * MINUTE_US, {"energy_level": 0.2}))
    assert firings_of(run.events) == []
    # That nothing was told for three minutes does not make it hold for longer.
    assert run.fired(Sent(NOON + 12 * MINUTE_US, {"energy_level": 0.2})) == []
    assert run.fired(*stresses((13 * MINUTE_US, 0.9))) == ["mine"]


def test_a_hold_that_was_told_of_too_long_ago_does_not_count() -> None:
    for later_us, expected in ((0, ["mine"]), (1, [])):
        run = Run(rules_of("stress_level > 80 % for 10 min and energy_level < 30 %"))
        run.send(*stresses((0, 0.9), (10 * MINUTE_US, 0.9)))
        assert run.fired(Sent(NOON + 25 * MINUTE_US + later_us, {"energy_level": 0.2})) == expected


def test_late_values_neither_begin_nor_end_a_hold() -> None:
    run = Run(rules_of("stress_level > 80 % for 10 min"))
    late = Sent(NOON + 5 * MINUTE_US, {"stress_level": 0.1}, device="ring", delay_us=HOUR_US)
    run.send(*stresses((0, 0.9), (4 * MINUTE_US, 0.9)), late)
    assert run.fired(*stresses((10 * MINUTE_US, 0.9))) == ["mine"]
    run = Run(rules_of("stress_level > 80 % for 10 min"))
    run.send(Sent(NOON, {"stress_level": 0.9}, delay_us=HOUR_US))
    assert run.fired(*stresses((10 * MINUTE_US, 0.9))) == []


def test_holds_survive_a_restart_and_do_not_mix() -> None:
    when = "stress_level > 80 % for 10 min or energy_level < 30 % for 10 min"
    run = Run(rules_of(when))
    run.send(*stresses((0, 0.9)), *energies((5 * MINUTE_US, 0.2)))
    run.resume()
    assert run.fired(*energies((10 * MINUTE_US, 0.2))) == []
    assert run.fired(*stresses((10 * MINUTE_US + SECOND_US, 0.9))) == ["mine"]


def test_a_hold_of_no_value_is_told_by_any_reading() -> None:
    run = Run(rules_of("activity is rest for 10 min"))
    sent = [
        Sent(NOON + minute * MINUTE_US, {"steps": 1.0}, activity=activity)
        for minute, activity in ((0, "rest"), (5, ""), (9, ""), (11, "rest"))
    ]
    events = [run.send(one) for one in sent]
    assert [len(firings_of(found)) for found in events] == [0, 0, 0, 1]


# -- which readings judge


def test_a_rule_without_values_is_judged_at_every_reading_on_time() -> None:
    run = Run(rules_of("time_of_day between 12:00 and 13:00"))
    before = Sent(NOON - SECOND_US, {"heart_rate_bpm": 60.0})
    late = Sent(NOON, {"heart_rate_bpm": 60.0}, delay_us=HOUR_US)
    assert run.fired(before, late) == []
    assert run.fired(Sent(NOON + SECOND_US, {"steps": 3.0})) == ["mine"]
    assert run.fired(Sent(NOON + HOUR_US, {"steps": 3.0}), Sent(NOON + DAY_US, {"steps": 3.0})) == ["mine"]


@pytest.mark.parametrize(
    ("clock", "when", "holds"),
    [
        pytest.param("07:59:59", "08:00 and 20:00", False, id="just_before"),
        pytest.param("08:00:00", "08:00 and 20:00", True, id="at_the_start"),
        pytest.param("19:59:59", "08:00 and 20:00", True, id="just_before_the_end"),
        pytest.param("20:00:00", "08:00 and 20:00", False, id="at_the_end"),
        pytest.param("23:30:00", "22:00 and 06:00", True, id="over_midnight"),
        pytest.param("05:59:59", "22:00 and 06:00", True, id="after_midnight"),
        pytest.param("06:00:00", "22:00 and 06:00", False, id="in_the_morning"),
    ],
)
def test_time_of_day_is_that_of_the_reading_where_the_person_is(
    clock: str, when: str, *, holds: bool
) -> None:
    rules = rules_of(f"energy_level < 30 % and time_of_day between {when}")
    run = Run(rules, default_zone="Asia/Tokyo")
    sent = Sent(at(f"2026-11-20T{clock}+09:00"), {"energy_level": 0.2}, delay_us=5 * MINUTE_US)
    assert run.fired(sent) == ["mine"] * holds


@pytest.mark.parametrize(("day", "holds"), [("20", False), ("21", True), ("22", True), ("23", False)])
def test_weekdays_are_those_of_the_local_day(day: str, *, holds: bool) -> None:
    run = Run(rules_of("energy_level < 30 % and weekday in (sat, sun)"), default_zone="Asia/Tokyo")
    sent = Sent(at(f"2026-11-{day}T00:00:00+09:00"), {"energy_level": 0.2})
    assert run.fired(sent) == ["mine"] * holds


@pytest.mark.parametrize(
    ("after_us", "holds"),
    [
        pytest.param(10 * MINUTE_US, True, id="at_ten_minutes"),
        pytest.param(10 * MINUTE_US + 1, False, id="just_later"),
    ],
)
def test_an_activity_counts_for_ten_minutes(after_us: int, *, holds: bool) -> None:
    run = Run(rules_of("energy_level < 30 % and activity is walk"))
    run.send(Sent(NOON, {"steps": 3.0}, activity="walk"))
    assert run.fired(Sent(NOON + after_us, {"energy_level": 0.2})) == ["mine"] * holds


def test_an_activity_that_is_not_known_is_neither_something_nor_something_else() -> None:
    for when in ("activity is rest", "activity is not rest"):
        assert Run(rules_of(f"energy_level < 30 % and {when}")).fired(*energies((0, 0.2))) == []


@pytest.mark.parametrize("when", ["energy_level < 30 % and {}", "energy_level < 30 % and not {}"])
@pytest.mark.parametrize(
    ("flag", "activity", "after_us", "holds"),
    [
        pytest.param("exercising", "run", 10 * MINUTE_US - 1, True, id="exercise_just_now"),
        pytest.param("exercising", "run", 10 * MINUTE_US, False, id="exercise_long_ago"),
        pytest.param("moving", "walk", 2 * MINUTE_US - 1, True, id="moved_just_now"),
        pytest.param("moving", "walk", 2 * MINUTE_US, False, id="moved_long_ago"),
        pytest.param("asleep", "sleep", 5 * MINUTE_US - 1, True, id="asleep_just_now"),
        pytest.param("asleep", "sleep", 5 * MINUTE_US, False, id="asleep_long_ago"),
        pytest.param("resting", "run", 10 * MINUTE_US - 1, False, id="not_at_rest"),
        pytest.param("resting", "run", 10 * MINUTE_US, True, id="at_rest"),
    ],
)
def test_flags_hold_for_their_time(
    when: str, flag: str, activity: str, after_us: int, *, holds: bool
) -> None:
    run = Run(rules_of(when.format(flag)))
    run.send(Sent(NOON, {"steps": 0.0}, activity=activity))
    expected = holds != (" not " in when)
    assert run.fired(Sent(NOON + after_us, {"energy_level": 0.2})) == ["mine"] * expected


# -- the value before


@pytest.mark.parametrize(
    ("now", "fires"),
    [
        pytest.param(0.5, False, id="at_the_limit"),
        pytest.param(below(0.5), True, id="just_beyond"),
        pytest.param(above(0.5), False, id="just_short"),
    ],
)
def test_the_value_before_is_compared_with(now: float, *, fires: bool) -> None:
    run = Run(rules_of("energy_level < previous(energy_level) - 25 %"))
    assert run.fired(*energies((0, 0.75), (HOUR_US, now))) == ["mine"] * fires


@pytest.mark.parametrize(
    ("gap_us", "fires"),
    [
        pytest.param(2 * HOUR_US, True, id="at_two_hours"),
        pytest.param(2 * HOUR_US + 1, False, id="just_older"),
    ],
)
def test_the_value_before_is_at_most_two_hours_old(gap_us: int, *, fires: bool) -> None:
    run = Run(rules_of("energy_level < previous(energy_level) - 25 %"))
    assert run.fired(*energies((0, 0.9), (gap_us, 0.2))) == ["mine"] * fires


def test_a_reading_that_comes_twice_is_not_its_own_predecessor() -> None:
    run = Run(rules_of("stress_level > 80 % and previous(energy_level) > 80 %"))
    run.send(*energies((0, 0.9), (HOUR_US, 0.2), (HOUR_US, 0.2)))
    assert run.fired(*stresses((HOUR_US, 0.9))) == ["mine"]


# -- quarters of the day


def test_a_value_is_compared_with_what_is_usual_at_its_time_of_day() -> None:
    rules = rules_of("energy_level < 70 % * usual_at_hour(energy_level)")
    run = Run(rules)
    for day in range(22, 0, -1):
        for hours, level in ((-4, 0.9), (2, 0.4)):  # mornings are high, afternoons low
            time_us = NOON - day * DAY_US + hours * HOUR_US + day * SECOND_US
            run.send(Sent(time_us, {"energy_level": level}))
    assert firings_of(run.events) == []
    assert run.fired(Sent(NOON + 2 * HOUR_US, {"energy_level": 0.4})) == []
    assert run.fired(Sent(NOON + 20 * HOUR_US, {"energy_level": 0.4})) == ["mine"]
    (value,) = firings_of(run.events)[0].evidence.values
    assert value.baseline == pytest.approx(0.9)
    assert value.threshold == pytest.approx(0.63)
    assert value.baseline_count == 22


def test_a_journey_west_over_the_date_line_and_back_gives_no_further_firings() -> None:
    run = Run(rules_of("energy_level < 30 %", at_most_per_day=1))
    told = []
    for number, zone in enumerate(["Pacific/Kiritimati", "Pacific/Pago_Pago"] * 2):
        run.put_command("ada", SetProfile(command_id=f"move{number}", time_zone=zone))
        time_us = NOON + 10 * number * MINUTE_US
        events = run.send(
            Sent(time_us, {"energy_level": 0.9}), Sent(time_us + MINUTE_US, {"energy_level": 0.1})
        )
        told += ["fired" for _ in firings_of(events)] + [why for _, why in suppressed_of(events)]
    assert told == ["fired", "daily_limit", "daily_limit", "daily_limit"]
