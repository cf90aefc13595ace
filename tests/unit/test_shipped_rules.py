"""The rules that ship, at, just below and just above each of their limits; HRV: test_body_rules."""

import pytest

from adaptation.baselines import RunningBaseline
from schemas.readings import moment_of
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    USUAL_MS,
    Run,
    Sent,
    above,
    at,
    below,
    energies,
    firings_of,
    stressed,
    with_usual_rmssd,
)

# -- energy_drop: energy < 0.3, and > 0.6 at some time in the last 2 h


@pytest.mark.parametrize(
    ("before", "now", "fires"),
    [
        pytest.param(0.7, 0.3, False, id="now_at_limit"),
        pytest.param(0.7, below(0.3), True, id="now_just_below"),
        pytest.param(0.7, above(0.3), False, id="now_just_above"),
        pytest.param(0.6, 0.1, False, id="before_at_limit"),
        pytest.param(below(0.6), 0.1, False, id="before_just_below"),
        pytest.param(above(0.6), 0.1, True, id="before_just_above"),
    ],
)
def test_energy_drop_at_its_limits(before: float, now: float, *, fires: bool) -> None:
    assert Run().fired(*energies((0, before), (HOUR_US, now))) == ["energy_drop"] * fires


@pytest.mark.parametrize(
    ("gap_us", "fires"),
    [
        pytest.param(2 * HOUR_US, True, id="at_two_hours"),
        pytest.param(2 * HOUR_US - 1, True, id="just_within"),
        pytest.param(2 * HOUR_US + 1, False, id="just_beyond"),
    ],
)
def test_energy_drop_looks_back_two_hours(gap_us: int, *, fires: bool) -> None:
    assert Run().fired(*energies((0, 0.7), (gap_us, 0.2))) == ["energy_drop"] * fires


def test_energy_drop_counts_from_the_last_time_energy_was_high() -> None:
    steps = [(0, 0.9), (90 * MINUTE_US, 0.61), (100 * MINUTE_US, 0.5), (200 * MINUTE_US, 0.2)]
    assert Run().fired(*energies(*steps)) == ["energy_drop"]


def test_energy_drop_shows_the_highest_energy_of_the_window() -> None:
    run = Run()
    events = run.send(*energies((0, 0.7), (HOUR_US, 0.95), (90 * MINUTE_US, 0.65), (2 * HOUR_US, 0.2)))
    now, before = firings_of(events)[0].evidence.values
    assert (now.value, now.threshold, now.time) == (0.2, 0.3, moment_of(NOON + 2 * HOUR_US))
    assert (before.value, before.threshold, before.time) == (0.95, 0.6, moment_of(NOON + HOUR_US))
    assert now.unit == before.unit == "0-1"


def test_energy_drop_shows_the_last_high_energy_where_the_highest_is_too_old() -> None:
    events = Run().send(*energies((0, 0.95), (90 * MINUTE_US, 0.65), (150 * MINUTE_US, 0.2)))
    before = firings_of(events)[0].evidence.values[1]
    assert (before.value, before.time) == (0.65, moment_of(NOON + 90 * MINUTE_US))


# -- stress_spike: stress > 0.8 and RMSSD < 0.7 × the device's baseline


@pytest.mark.parametrize(
    ("stress", "rmssd_ms", "fires"),
    [
        pytest.param(0.8, 20.0, False, id="stress_at_limit"),
        pytest.param(above(0.8), 20.0, True, id="stress_just_above"),
        pytest.param(below(0.8), 20.0, False, id="stress_just_below"),
        pytest.param(0.9, 0.7 * USUAL_MS, False, id="rmssd_at_limit"),
        pytest.param(0.9, below(0.7 * USUAL_MS), True, id="rmssd_just_below"),
        pytest.param(0.9, above(0.7 * USUAL_MS), False, id="rmssd_just_above"),
    ],
)
def test_stress_spike_at_its_limits(stress: float, rmssd_ms: float, *, fires: bool) -> None:
    assert with_usual_rmssd().fired(stressed(rmssd_ms, stress)) == ["stress_spike"] * fires


@pytest.mark.parametrize(
    ("count", "days", "fires"),
    [
        pytest.param(20, 7, True, id="at_both"),
        pytest.param(19, 7, False, id="one_value_short"),
        pytest.param(20, 7 - 1 / 86_400_000_000, False, id="one_microsecond_short"),
        pytest.param(21, 7.1, True, id="beyond_both"),
    ],
)
def test_stress_spike_waits_until_the_baseline_is_known(count: int, days: float, *, fires: bool) -> None:
    assert with_usual_rmssd(count=count, days=days).fired(stressed()) == ["stress_spike"] * fires


@pytest.mark.parametrize(
    ("gap_us", "fires"),
    [
        pytest.param(2 * HOUR_US, True, id="at_two_hours"),
        pytest.param(2 * HOUR_US + 1, False, id="just_beyond"),
    ],
)
def test_stress_spike_takes_an_rmssd_of_the_last_two_hours(gap_us: int, *, fires: bool) -> None:
    run = with_usual_rmssd()
    sent = Sent(NOON, {"hrv_rmssd_ms": 20.0}), Sent(NOON + gap_us, {"stress_level": 0.9})
    assert run.fired(*sent) == ["stress_spike"] * fires


def test_stress_spike_compares_with_the_baseline_before_the_value_itself() -> None:
    run, alone = with_usual_rmssd(), RunningBaseline()
    first_us = NOON - 8 * DAY_US
    step_us = (NOON - HOUR_US - first_us) // 40
    for number in range(40):
        alone.update(USUAL_MS, time_us=first_us + number * step_us)
    for number, value in enumerate((30.0, 60.0, 52.0)):
        run.send(Sent(NOON - HOUR_US + number * MINUTE_US, {"hrv_rmssd_ms": value}))
        alone.update(value, time_us=NOON - HOUR_US + number * MINUTE_US)
    (firing,) = firings_of(run.send(stressed(rmssd_ms=10.0)))
    stress, rmssd = firing.evidence.values
    assert (stress.value, stress.threshold, stress.baseline) == (0.9, 0.8, None)
    assert rmssd.value == 10.0
    assert (rmssd.baseline, rmssd.baseline_sd, rmssd.baseline_count) == (alone.mean, alone.sd, 43)
    assert rmssd.threshold == 0.7 * alone.mean


def test_stress_spike_shows_the_baseline_of_the_moment_its_rmssd_came() -> None:
    run = with_usual_rmssd()
    run.send(Sent(NOON, {"hrv_rmssd_ms": 20.0}))
    (firing,) = firings_of(run.send(Sent(NOON + HOUR_US, {"stress_level": 0.9})))
    rmssd = firing.evidence.values[1]
    assert (rmssd.baseline, rmssd.baseline_count, rmssd.time) == (USUAL_MS, 40, moment_of(NOON))


def test_each_device_has_a_baseline_of_its_own() -> None:
    run = with_usual_rmssd()
    from_ring = Sent(NOON, {"hrv_rmssd_ms": 20.0}, device="ring")
    assert run.fired(from_ring, Sent(NOON + 1, {"stress_level": 0.9})) == []
    assert run.fired(Sent(NOON + 2, {"hrv_rmssd_ms": 20.0}), Sent(NOON + 3, {"stress_level": 0.91})) == [
        "stress_spike"
    ]


def test_sdnn_is_no_substitute_for_rmssd() -> None:
    run = with_usual_rmssd()
    assert run.fired(Sent(NOON, {"stress_level": 0.9, "hrv_sdnn_ms": 20.0})) == []


# -- sleep_debt: sleep quality < 0.6 on two local days in a row


@pytest.mark.parametrize(
    ("yesterday", "today", "fires"),
    [
        pytest.param(0.5, 0.6, False, id="today_at_limit"),
        pytest.param(0.5, below(0.6), True, id="today_just_below"),
        pytest.param(0.5, above(0.6), False, id="today_just_above"),
        pytest.param(0.6, 0.5, False, id="yesterday_at_limit"),
        pytest.param(below(0.6), 0.5, True, id="yesterday_just_below"),
        pytest.param(above(0.6), 0.5, False, id="yesterday_just_above"),
    ],
)
def test_sleep_debt_at_its_limits(yesterday: float, today: float, *, fires: bool) -> None:
    nights = Sent(NOON - DAY_US, {"sleep_quality": yesterday}), Sent(NOON, {"sleep_quality": today})
    assert Run().fired(*nights) == ["sleep_debt"] * fires


def test_poor_nights_in_a_row_are_each_told_of() -> None:
    run = Run()
    nights = (Sent(NOON + day * DAY_US, {"sleep_quality": 0.4, "sleep_minutes": 300}) for day in range(4))
    assert [sorted(run.fired(night)) for night in nights] == [["poor_night"]] + [
        ["poor_night", "sleep_debt"]
    ] * 3


def test_a_night_that_is_told_twice_is_one_night() -> None:
    first = Sent(NOON, {"sleep_quality": 0.4})
    again = Sent(NOON + 5 * HOUR_US, {"sleep_minutes": 250})
    assert Run().fired(first, again) == ["poor_night"]


@pytest.mark.parametrize(
    ("zone", "first", "second", "fires"),
    [
        pytest.param("UTC", "2026-11-19T23:59:59Z", "2026-11-20T00:00:00Z", True, id="one_second_apart"),
        pytest.param("UTC", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z", False, id="same_day"),
        pytest.param("UTC", "2026-11-18T23:59:59Z", "2026-11-20T00:00:00Z", False, id="a_day_between"),
        pytest.param("Asia/Tokyo", "2026-11-19T14:59:59Z", "2026-11-19T15:00:00Z", True, id="tokyo_midnight"),
        pytest.param(
            "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", False, id="day_of_23_h"
        ),
        pytest.param("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", True, id="after_23_h"),
        pytest.param(
            "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", False, id="day_of_25_h"
        ),
        pytest.param(
            "Asia/Beirut", "2026-10-24T20:59:59Z", "2026-10-24T21:00:00Z", False, id="midnight_put_back"
        ),
        pytest.param("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z", True, id="after_25_h"),
    ],
)
def test_sleep_debt_counts_local_days(zone: str, first: str, second: str, *, fires: bool) -> None:
    nights = [Sent(at(text.replace("Z", "+00:00")), {"sleep_quality": 0.5}) for text in (first, second)]
    assert Run(default_zone=zone).fired(*nights) == ["sleep_debt"] * fires


def test_sleep_debt_takes_the_latest_value_of_a_day() -> None:
    first, corrected = (
        Sent(NOON - DAY_US, {"sleep_quality": 0.5}),
        Sent(NOON - DAY_US + HOUR_US, {"sleep_quality": 0.7}),
    )
    assert Run().fired(first, corrected, Sent(NOON, {"sleep_quality": 0.5})) == []
    assert Run().fired(corrected, first, Sent(NOON, {"sleep_quality": 0.5})) == []


def test_sleep_debt_takes_what_arrived_last_of_one_time() -> None:
    bad, good = (Sent(NOON - DAY_US, {"sleep_quality": quality}) for quality in (0.5, 0.7))
    assert Run().fired(bad, good, Sent(NOON, {"sleep_quality": 0.5})) == []
    assert Run().fired(good, bad, Sent(NOON, {"sleep_quality": 0.5})) == ["sleep_debt"]


def test_sleep_debt_takes_the_latest_value_of_the_day_before_too() -> None:
    run = Run()
    run.send(Sent(NOON, {"sleep_quality": 0.5}), Sent(NOON - DAY_US, {"sleep_quality": 0.7}))
    older = Sent(NOON - DAY_US - HOUR_US, {"sleep_quality": 0.5})
    assert run.fired(older, Sent(NOON + HOUR_US, {"sleep_quality": 0.5})) == []


def test_sleep_debt_knows_the_night_before_however_late_it_came() -> None:
    before = Sent(NOON - DAY_US, {"sleep_quality": 0.5}, delay_us=20 * HOUR_US)
    assert Run().fired(before, Sent(NOON, {"sleep_quality": 0.5})) == ["sleep_debt"]


def test_sleep_debt_takes_a_night_before_that_came_after_last_night() -> None:
    last, before = Sent(NOON, {"sleep_quality": 0.5}), Sent(NOON - DAY_US, {"sleep_quality": 0.5})
    assert Run().fired(last, before, Sent(NOON + HOUR_US, {"sleep_quality": 0.5})) == ["sleep_debt"]


@pytest.mark.parametrize(
    ("zone", "arrival", "fires"),
    [
        pytest.param("UTC", "2026-11-20T23:59:59+00:00", True, id="last_second_of_the_day"),
        pytest.param("UTC", "2026-11-21T00:00:00+00:00", False, id="next_day"),
        pytest.param("Asia/Tokyo", "2026-11-20T14:59:59+00:00", True, id="last_second_in_tokyo"),
        pytest.param("Asia/Tokyo", "2026-11-20T15:00:00+00:00", False, id="next_day_in_tokyo"),
    ],
)
def test_a_night_is_on_time_as_long_as_its_day_lasts(zone: str, arrival: str, *, fires: bool) -> None:
    woke = at("2026-11-20T06:00:00+00:00")
    run = Run(default_zone=zone)
    before = Sent(woke - DAY_US, {"sleep_quality": 0.5})
    assert (
        run.fired(before, Sent(woke, {"sleep_quality": 0.5}, delay_us=at(arrival) - woke))
        == ["sleep_debt"] * fires
    )


def test_sleep_debt_shows_both_nights_oldest_first() -> None:
    nights = Sent(NOON - DAY_US, {"sleep_quality": 0.5}), Sent(NOON, {"sleep_quality": 0.55})
    (firing,) = firings_of(Run().send(*nights))
    assert [(v.value, v.threshold, v.time) for v in firing.evidence.values] == [
        (0.5, 0.6, moment_of(NOON - DAY_US)),
        (0.55, 0.6, moment_of(NOON)),
    ]


# -- energy_surge: energy > 0.8 and readiness > 0.8


@pytest.mark.parametrize(
    ("energy", "readiness", "fires"),
    [
        pytest.param(0.8, 0.9, False, id="energy_at_limit"),
        pytest.param(above(0.8), 0.9, True, id="energy_just_above"),
        pytest.param(below(0.8), 0.9, False, id="energy_just_below"),
        pytest.param(0.9, 0.8, False, id="readiness_at_limit"),
        pytest.param(0.9, above(0.8), True, id="readiness_just_above"),
        pytest.param(0.9, below(0.8), False, id="readiness_just_below"),
    ],
)
def test_energy_surge_at_its_limits(energy: float, readiness: float, *, fires: bool) -> None:
    sent = Sent(NOON, {"energy_level": energy, "readiness_score": readiness})
    assert Run().fired(sent) == ["energy_surge"] * fires


@pytest.mark.parametrize(
    ("gap_us", "fires"),
    [
        pytest.param(2 * HOUR_US, True, id="at_two_hours"),
        pytest.param(2 * HOUR_US + 1, False, id="just_beyond"),
    ],
)
def test_values_of_other_readings_count_for_two_hours(gap_us: int, *, fires: bool) -> None:
    sent = (
        Sent(NOON, {"readiness_score": 0.9}, device="ring"),
        Sent(NOON + gap_us, {"energy_level": 0.9}),
    )
    assert Run().fired(*sent) == ["energy_surge"] * fires


# -- poor_night: sleep quality < 0.45 or less than 5 h


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        pytest.param({"sleep_quality": 0.45}, False, id="quality_at_limit"),
        pytest.param({"sleep_quality": below(0.45)}, True, id="quality_just_below"),
        pytest.param({"sleep_minutes": 300.0}, False, id="five_hours"),
        pytest.param({"sleep_minutes": 299.0}, True, id="a_minute_less"),
        pytest.param({"sleep_minutes": 299.0, "sleep_quality": 0.9}, True, id="short_and_good"),
    ],
)
def test_poor_night_at_its_limits(values: dict[str, float], *, fires: bool) -> None:
    assert Run().fired(Sent(NOON, values)) == ["poor_night"] * fires


def test_poor_night_shows_what_is_known_of_it() -> None:
    (firing,) = firings_of(Run().send(Sent(NOON, {"sleep_minutes": 299.0, "sleep_quality": 0.9})))
    minutes, quality = firing.evidence.values
    assert (minutes.measure, minutes.value, minutes.threshold) == ("sleep_minutes", 299.0, 300.0)
    assert (quality.measure, quality.value, quality.threshold) == ("sleep_quality", 0.9, None)


# -- hysteresis of energy_drop: it ends above 0.4


@pytest.mark.parametrize(
    ("back_to", "fires"),
    [
        pytest.param(0.4, False, id="at_limit"),
        pytest.param(above(0.4), True, id="just_above"),
    ],
)
def test_energy_drop_comes_again_only_after_energy_was_back(back_to: float, *, fires: bool) -> None:
    run = Run()
    steps = [(0, 0.7), (HOUR_US, 0.2), (4 * HOUR_US, back_to), (5 * HOUR_US, 0.7), (6 * HOUR_US, 0.2)]
    assert run.fired(*energies(*steps[:2])) == ["energy_drop"]
    run.send(*energies(steps[2]))
    # Without a value above the leave it is still the same drop, whatever was high lately.
    held = [(5 * HOUR_US, 0.35)] if not fires else [steps[3]]
    assert run.fired(*energies(*held, steps[4])) == ["energy_drop"] * fires


# -- strain_high: strain > 1.5 × what is usual of a day, and > 100 TRIMP; test_strain has the arithmetic


@pytest.mark.parametrize(
    ("usual_minutes", "minutes", "fires"),
    [
        pytest.param(30, 60, True, id="twice_the_usual"),
        pytest.param(50, 60, False, id="hardly_more_than_usual"),
        pytest.param(10, 40, False, id="below_100"),
    ],
)
def test_strain_high_compares_with_days_before(usual_minutes: int, minutes: int, *, fires: bool) -> None:
    run = Run()
    for day, length in enumerate([usual_minutes] * 7 + [minutes]):
        noon_us = NOON + day * DAY_US
        rest = [
            Sent(noon_us - HOUR_US + n * MINUTE_US // 2, {"heart_rate_bpm": 60.0}, activity="rest")
            for n in range(70)
        ]
        work = [
            Sent(noon_us + n * MINUTE_US // 2, {"heart_rate_bpm": 150.0}, activity="run")
            for n in range(2 * length + 1)
        ]
        run.send(*rest, *work)
    assert [firing.rule for firing in firings_of(run.events)] == ["strain_high"] * fires
