"""Data that must not set anything off: each gate, and that what it holds back is told once."""

import itertools

import pytest

from adaptation.columns import NEVER_US
from adaptation.shard import Shard
from schemas.frames import CONTACT, CONTACT_GIVEN
from support.beating import midnight, worn
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    Run,
    Sent,
    energies,
    firings_of,
    suppressed_of,
)
from support.rule_texts import rules_of

CALM, STRESSED = {"stress_level": 0.1}, {"stress_level": 0.9}
OFF_SKIN = CONTACT_GIVEN
ON_SKIN = CONTACT_GIVEN | CONTACT


def outcomes(run: Run, *sent: Sent) -> list[str]:
    """Return what became of the onsets of the one rule, in order: its reason code, or ``fired``."""
    told = []
    for one in sent:
        events = run.send(one)
        told += ["fired" for _ in firings_of(events)] + [why for _, why in suppressed_of(events)]
    return told


def stress_rule(**other: object) -> Run:
    return Run(rules_of("stress_level > 80 %", **other))  # type: ignore[arg-type]


# -- late


@pytest.mark.parametrize(
    ("delay_us", "expected"),
    [
        pytest.param(10 * MINUTE_US, "fired", id="at_ten_minutes"),
        pytest.param(10 * MINUTE_US + 1, "late", id="just_later"),
        pytest.param(9 * HOUR_US, "late", id="much_later"),
    ],
)
def test_a_late_value_sets_nothing_off_and_that_is_told(delay_us: int, expected: str) -> None:
    assert outcomes(stress_rule(), Sent(NOON, STRESSED, delay_us=delay_us)) == [expected]


def test_a_stretch_of_late_values_is_told_once() -> None:
    late = [Sent(NOON + minute * MINUTE_US, STRESSED, delay_us=HOUR_US) for minute in range(5)]
    calm = Sent(NOON + 10 * MINUTE_US, CALM, delay_us=HOUR_US)
    again = Sent(NOON + 11 * MINUTE_US, STRESSED, delay_us=HOUR_US)
    assert outcomes(stress_rule(), *late, calm, again) == ["late", "late"]


def test_good_data_fire_after_late_data_were_told() -> None:
    run = stress_rule()
    assert outcomes(run, Sent(NOON, STRESSED, delay_us=HOUR_US), Sent(NOON + HOUR_US, STRESSED)) == [
        "late",
        "fired",
    ]


def test_a_device_that_is_always_late_is_told_of_once_beside_a_good_one() -> None:
    pairs = (
        (
            Sent(NOON + minute * MINUTE_US, CALM, device="watch"),
            Sent(NOON + minute * MINUTE_US + 1, STRESSED, device="ring", delay_us=HOUR_US),
        )
        for minute in range(5)
    )
    assert outcomes(stress_rule(), *(one for pair in pairs for one in pair)) == ["late"]


def test_late_data_neither_end_nor_repeat_what_holds() -> None:
    run = stress_rule()
    late = [Sent(NOON + MINUTE_US, values, delay_us=HOUR_US) for values in (STRESSED, CALM)]
    assert outcomes(run, Sent(NOON, STRESSED), *late, Sent(NOON + HOUR_US, STRESSED)) == ["fired"]


def test_late_data_count_beside_what_is_current() -> None:
    run = Run(rules_of("stress_level > 80 % and energy_level < 30 %"))
    run.send(Sent(NOON, {"energy_level": 0.2}))
    late = Sent(NOON + MINUTE_US, STRESSED, delay_us=HOUR_US)
    assert outcomes(run, late) == ["late"]
    assert outcomes(run, Sent(NOON + HOUR_US, {"energy_level": 0.1})) == []


def test_a_late_night_is_on_time_while_its_day_lasts() -> None:
    run = Run(rules_of("sleep_quality < 50 %"))
    assert outcomes(run, Sent(NOON, {"sleep_quality": 0.4}, delay_us=11 * HOUR_US)) == ["fired"]
    run = Run(rules_of("sleep_quality < 50 %"))
    assert outcomes(run, Sent(NOON, {"sleep_quality": 0.4}, delay_us=13 * HOUR_US)) == ["late"]


def test_a_value_out_of_order_would_have_set_nothing_off_on_time_either() -> None:
    run = stress_rule()
    run.send(Sent(NOON, CALM))
    assert outcomes(run, Sent(NOON - 1, STRESSED, delay_us=HOUR_US)) == []


# -- future


@pytest.mark.parametrize(
    ("ahead_us", "expected"),
    [
        pytest.param(5 * MINUTE_US, "fired", id="at_five_minutes"),
        pytest.param(5 * MINUTE_US + 1, "future", id="just_further"),
        pytest.param(80 * 365 * DAY_US, "future", id="another_century"),
    ],
)
def test_a_reading_of_a_clock_far_ahead_sets_nothing_off(ahead_us: int, expected: str) -> None:
    assert outcomes(stress_rule(), Sent(NOON + ahead_us, STRESSED, delay_us=-ahead_us)) == [expected]


def test_a_reading_from_the_future_moves_nothing() -> None:
    before = [*energies((-HOUR_US, 0.5)), Sent(NOON - HOUR_US, {"heart_rate_bpm": 60.0}, activity="rest")]
    values = {
        "heart_rate_bpm": 180.0,
        "energy_level": 0.9,
        "stress_level": 0.7,
        "hrv_rmssd_ms": 20.0,
        "sleep_quality": 0.1,
        "sleep_minutes": 100.0,
    }
    run, plain = Run(), Run()
    for one in (run, plain):
        one.send(*before)
    future = Sent(NOON + 30 * DAY_US, values, delay_us=-30 * DAY_US, activity="run", rr_ms=[800.0] * 9)
    run.send(future, future)
    people, streams = (getattr(run.shard.copy_state(), table) for table in ("people", "streams"))
    expected = plain.shard.copy_state()
    assert streams.cells.tobytes() == expected.streams.cells.tobytes()
    changed = {
        name
        for column, name in enumerate(people.names)
        if people.cells[0, column].tobytes() != expected.people.cells[0, column].tobytes()
    }
    assert changed == {"rule.poor_night"}  # keeps that it was told
    assert suppressed_of(run.events) == [("poor_night", "future")]
    after = Sent(NOON, {"energy_level": 0.4, "stress_level": 0.9}, activity="rest")
    assert [type(event) for event in run.send(after)] == [type(event) for event in plain.send(after)]


def test_readings_of_others_in_the_same_round_are_not_held_back_by_one_from_the_future() -> None:
    run = stress_rule()
    ahead = Sent(NOON + HOUR_US, STRESSED, delay_us=-HOUR_US)
    run.put(ahead, Sent(NOON, STRESSED, user="bob"), Sent(NOON, CALM, user="eve"))
    events = run.advance()
    assert [one.user_id for one in firings_of(events)] == ["bob"]
    assert suppressed_of(events) == [("mine", "future")]


# -- not worn


def test_a_sensor_off_the_skin_sets_nothing_off_and_that_is_told_once() -> None:
    run = stress_rule()
    off = [Sent(NOON + minute * MINUTE_US, STRESSED, flags=OFF_SKIN) for minute in range(3)]
    assert outcomes(run, *off) == ["not_worn"]
    assert outcomes(run, Sent(NOON + 4 * MINUTE_US, STRESSED, flags=ON_SKIN)) == ["fired"]


def test_what_follows_lost_contact_is_not_worn_either() -> None:
    run = stress_rule()
    run.send(Sent(NOON, CALM, flags=OFF_SKIN))
    assert outcomes(run, Sent(NOON + MINUTE_US, STRESSED)) == ["not_worn"]


def test_what_needs_no_skin_counts_without_contact() -> None:
    run = Run(rules_of("energy_level < 30 %"))
    assert outcomes(run, Sent(NOON, {"energy_level": 0.2}, flags=OFF_SKIN)) == ["fired"]


def test_values_off_the_skin_change_no_current_value() -> None:
    run = stress_rule()
    run.send(Sent(NOON, CALM))
    run.send(Sent(NOON + MINUTE_US, STRESSED, flags=OFF_SKIN))
    people = run.shard.copy_state().people
    kept = dict(zip(people.names, people.cells[0], strict=True))
    assert kept["value.stress_level"] == 0.1


# -- exercise


@pytest.mark.parametrize(
    ("after_us", "expected"),
    [
        pytest.param(0, "exercise", id="at_once"),
        pytest.param(10 * MINUTE_US - 1, "exercise", id="just_before_ten_minutes"),
        pytest.param(10 * MINUTE_US, "fired", id="at_ten_minutes"),
    ],
)
def test_exercise_holds_back_what_it_confounds(after_us: int, expected: str) -> None:
    run = stress_rule()
    run.send(Sent(NOON, {"steps": 100.0}, activity="run"))
    assert outcomes(run, Sent(NOON + after_us, STRESSED)) == [expected]


def test_exercise_is_told_once_and_what_lasts_fires_when_it_has_settled() -> None:
    run = stress_rule()
    run.send(Sent(NOON, {"steps": 100.0}, activity="run"))
    sent = [Sent(NOON + minute * MINUTE_US, STRESSED) for minute in range(1, 14)]
    assert outcomes(run, *sent) == ["exercise", "fired"]
    assert firings_of(run.events)[0].evidence.reading.time.minute == 10


def test_exercise_is_told_again_after_the_value_was_back() -> None:
    run = stress_rule()
    run.send(Sent(NOON, {"steps": 100.0}, activity="run"))
    values = [STRESSED, STRESSED, CALM, STRESSED]
    sent = [Sent(NOON + minute * MINUTE_US, value) for minute, value in enumerate(values)]
    assert outcomes(run, *sent) == ["exercise", "exercise"]


def test_exercise_says_nothing_about_energy() -> None:
    run = Run(rules_of("energy_level < 30 %"))
    assert outcomes(run, Sent(NOON, {"energy_level": 0.2}, activity="run")) == ["fired"]


def test_a_rule_may_allow_exercise() -> None:
    run = stress_rule(allow=("exercise",))
    assert outcomes(run, Sent(NOON, STRESSED, activity="run")) == ["fired"]


def test_a_value_of_a_quiet_time_stays_good_while_someone_exercises() -> None:
    run = Run(rules_of("stress_level > 80 % and energy_level < 30 %"))
    run.send(Sent(NOON, STRESSED), Sent(NOON + MINUTE_US, {"steps": 100.0}, activity="run"))
    assert outcomes(run, Sent(NOON + 2 * MINUTE_US, {"energy_level": 0.2})) == ["fired"]


def test_a_heart_rate_that_only_exercise_explains_holds_back_as_well() -> None:
    run = Run(rules_of("heart_rate_bpm > 150 bpm"))
    resting = [
        Sent(NOON - HOUR_US + 30 * number * SECOND_US, {"heart_rate_bpm": 60.0 + number % 2}, activity="rest")
        for number in range(60)
    ]
    run.send(*resting)
    assert outcomes(run, Sent(NOON, {"heart_rate_bpm": 170.0})) == ["exercise"]


def test_what_holds_without_a_confounded_value_fires_during_exercise() -> None:
    run = Run(rules_of("stress_level > 80 % or energy_level < 30 %"))
    both = Sent(NOON, {"stress_level": 0.9, "energy_level": 0.2}, activity="run")
    assert outcomes(run, both) == ["fired"]
    run = Run(rules_of("stress_level > 80 % or energy_level < 30 %"))
    assert outcomes(run, Sent(NOON, {"stress_level": 0.9, "energy_level": 0.5}, activity="run")) == [
        "exercise"
    ]


def test_the_value_before_is_held_back_where_it_was_after_exercise() -> None:
    when = "stress_level - previous(stress_level) < -50 %"
    for activity, expected in (("run", "exercise"), ("rest", "fired")):
        run = Run(rules_of(when))
        run.send(Sent(NOON, STRESSED, activity=activity))
        assert outcomes(run, Sent(NOON + 11 * MINUTE_US, CALM)) == [expected]


# -- looking back, and holding for a while


def test_what_was_remembered_of_exercise_does_not_fire_later() -> None:
    run = Run(rules_of("energy_level < 30 % and stress_level > 80 % within 2 h"))
    run.send(Sent(NOON, STRESSED, activity="run"))
    assert outcomes(run, Sent(NOON + HOUR_US, {"energy_level": 0.2})) == ["exercise"]


def test_a_good_value_remembered_is_not_replaced_by_one_of_exercise() -> None:
    run = Run(rules_of("energy_level < 30 % and stress_level > 80 % within 2 h"))
    run.send(Sent(NOON, STRESSED), Sent(NOON + MINUTE_US, {"stress_level": 0.99}, activity="run"))
    events = run.send(Sent(NOON + HOUR_US, {"energy_level": 0.2}))
    (firing,) = firings_of(events)
    assert firing.evidence.values[1].value == 0.9


def test_a_hold_that_began_in_exercise_counts_from_its_end() -> None:
    run = Run(rules_of("stress_level > 80 % for 15 min"))
    running = [Sent(NOON + minute * MINUTE_US, STRESSED, activity="run") for minute in range(0, 21, 5)]
    assert outcomes(run, *running) == ["exercise"]
    resting = [Sent(NOON + (20 + minute) * MINUTE_US, STRESSED, activity="rest") for minute in range(1, 40)]
    events = run.send(*resting)
    (firing,) = firings_of(events)
    # Exercise is over at 20 min, its trace in the values at 30: the last that is barred comes at 29.
    assert firing.evidence.reading.time.minute == 44
    assert suppressed_of(events) == []


# -- estimated


def rested(rules_when: str, **other: object) -> Run:
    """Return a run whose person has a known heart rate at rest, and no device that gives a level."""
    run = Run(rules_of(rules_when, **other))  # type: ignore[arg-type]
    begin_us = NOON - HOUR_US
    run.send(*worn(begin_us, begin_us + 50 * MINUTE_US, each_s=50, bpm=60.0, activity="rest"))
    return run


def raised(minute: int) -> Sent:
    return Sent(NOON + minute * MINUTE_US, {"heart_rate_bpm": 72.0}, activity="rest")


def test_an_estimate_is_held_back_unless_the_rule_allows_it() -> None:
    assert outcomes(rested("stress_level > 80 %"), *map(raised, range(10))) == ["estimated"]
    run = rested("stress_level > 80 %", allow=("estimated",))
    assert outcomes(run, *map(raised, range(10))) == ["fired"]
    (firing,) = firings_of(run.events)
    (value,) = firing.evidence.values
    assert (value.measure, value.quality, value.threshold) == ("stress_level", "estimated", 0.8)
    # What an hour at rest is worth: maturity of one hour in 14 days, half for heart rate alone.
    assert 0 < firing.confidence < 0.01


def test_a_device_that_gives_the_level_silences_the_estimate() -> None:
    run = rested("stress_level > 80 %", allow=("estimated",))
    run.send(Sent(NOON - MINUTE_US, CALM, device="ring"))
    assert outcomes(run, *map(raised, range(10))) == []


def test_an_estimate_has_no_baseline() -> None:
    run = Run(rules_of("z(stress_level) > -9 SD or stress_level > usual(stress_level)", allow=("estimated",)))
    day_us = NOON - 30 * DAY_US
    run.send(*[Sent(day_us + hour * HOUR_US, {"stress_level": 0.3 + hour % 3 / 10}) for hour in range(400)])
    assert len(firings_of(run.events)) == 1
    begin_us = NOON - HOUR_US
    run.send(*worn(begin_us, NOON, each_s=50, bpm=60.0, activity="rest"))
    assert outcomes(run, *map(raised, range(1, 10))) == []


# -- low quality


def test_a_window_of_low_quality_is_held_back_unless_the_rule_allows_it() -> None:
    for allow, expected in (((), "low_quality"), (("low_quality",), "fired")):
        run = Run(rules_of("rmssd_ms > 10 ms", allow=allow))
        # Half a minute of beats in each minute fills half of a window.
        begin_us = midnight("2026-09-13") + 10 * HOUR_US
        sent = [
            one
            for minute in range(7)
            for one in worn(
                begin_us + minute * MINUTE_US, begin_us + minute * MINUTE_US + 36 * SECOND_US, each_s=36
            )
        ]
        told = outcomes(run, *sent)
        assert told == [expected]
        found = [
            *firings_of(run.events),
            *(one for event in run.events for one, _ in getattr(event, "suppressed", ())),
        ]
        (value,) = found[0].evidence.values
        assert (value.measure, value.unit, value.quality) == ("rmssd_ms", "ms", "low")
        assert value.value == pytest.approx(40.0)


def test_a_good_window_at_rest_is_a_current_value() -> None:
    run = Run(rules_of("rmssd_ms > 30 ms"))
    begin_us = midnight("2026-09-13") + 10 * HOUR_US
    sent = worn(begin_us, begin_us + 12 * MINUTE_US, each_s=50)
    # The first window is half empty.
    assert outcomes(run, *sent) == ["low_quality", "fired"]
    (value,) = firings_of(run.events)[0].evidence.values
    assert (value.measure, value.quality, value.value) == ("rmssd_ms", "good", pytest.approx(40.0))
    assert value.time.second == 0  # a window ends with a minute


def test_windows_become_current_every_five_minutes() -> None:
    run = Run(rules_of("rmssd_ms > 30 ms"))
    begin_us = midnight("2026-09-13") + 10 * HOUR_US
    times_us: list[int] = []
    for one in worn(begin_us, begin_us + 20 * MINUTE_US, each_s=50):
        run.send(one)
        people = run.shard.copy_state().people
        times_us.append(int(people.cells.view("i8")[0, people.names.index("value_us.rmssd_ms")]))
    known = sorted({time_us for time_us in times_us if time_us > 0})
    assert [later - earlier for earlier, later in itertools.pairwise(known)] == [5 * MINUTE_US] * 3


@pytest.mark.parametrize("activity", ["run", "sleep"])
def test_a_window_of_someone_who_is_not_awake_and_still_is_none(activity: str) -> None:
    run = Run(rules_of("rmssd_ms > 10 ms", allow=("exercise", "low_quality")))
    begin_us = midnight("2026-09-13") + 10 * HOUR_US
    assert outcomes(run, *worn(begin_us, begin_us + 12 * MINUTE_US, activity=activity)) == []


def test_windows_that_come_late_are_none() -> None:
    run = Run(rules_of("rmssd_ms > 10 ms"))
    begin_us = midnight("2026-09-13") + 10 * HOUR_US
    sent = worn(begin_us, begin_us + 12 * MINUTE_US, delay_us=11 * MINUTE_US)
    assert outcomes(run, *sent) == []


# -- what is kept


def test_that_something_was_told_survives_a_restart() -> None:
    run = stress_rule()
    assert outcomes(run, Sent(NOON, STRESSED, activity="run")) == ["exercise"]
    run.resume()
    assert outcomes(run, Sent(NOON + MINUTE_US, STRESSED)) == []
    assert outcomes(run, Sent(NOON + 10 * MINUTE_US, STRESSED)) == ["fired"]


def test_a_barred_onset_uses_up_neither_cooldown_nor_the_days_firings() -> None:
    run = stress_rule(cooldown="4h", at_most_per_day=1)
    assert outcomes(run, Sent(NOON, STRESSED, activity="run")) == ["exercise"]
    state = run.shard.copy_state().people
    fired = state.cells.view("i8")[0, state.names.index("fired_us.mine")]
    assert fired == NEVER_US
    assert isinstance(run.shard, Shard)
    assert outcomes(run, Sent(NOON + 10 * MINUTE_US, STRESSED)) == ["fired"]
