"""What a firing shows: values, thresholds, baselines, quality, and how sure it is."""

import pytest

from adaptation.baselines import RunningBaseline
from schemas.records import EvidenceValue, Firing
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    USUAL_MS,
    Run,
    Sent,
    energies,
    firings_of,
    with_usual_rmssd,
)
from support.rule_texts import rules_of


def fired(when: str, *sent: Sent, run: Run | None = None, **other: object) -> Firing:
    """Return the one firing of a rule."""
    run = run or Run()
    run.resume(rules_of(when, **other))  # type: ignore[arg-type]
    (firing,) = firings_of(run.send(*sent))
    return firing


def shown(firing: Firing) -> list[tuple[str, float, float | None]]:
    return [(one.measure, one.value, one.threshold) for one in firing.evidence.values]


# -- thresholds


def test_a_number_is_the_threshold_of_the_value_compared_with_it() -> None:
    assert shown(fired("energy_level < 30 %", *energies((0, 0.2)))) == [("energy_level", 0.2, 0.3)]


def test_what_is_computed_is_the_threshold_in_the_unit_of_the_value() -> None:
    firing = fired(
        "hrv_rmssd_ms < 70 % * usual(hrv_rmssd_ms)",
        Sent(NOON, {"hrv_rmssd_ms": 20.0}),
        run=with_usual_rmssd(),
    )
    (value,) = firing.evidence.values
    assert value.threshold == pytest.approx(0.7 * USUAL_MS)
    assert (value.baseline, value.baseline_count) == (USUAL_MS, 40)


@pytest.mark.parametrize(
    ("when", "threshold"),
    [
        ("hrv_rmssd_ms - usual(hrv_rmssd_ms) < -10 ms", USUAL_MS - 10),
        ("hrv_rmssd_ms / usual(hrv_rmssd_ms) < 80 %", 0.8 * USUAL_MS),
        ("(hrv_rmssd_ms + 5 ms) * 2 < 100 ms", 45.0),
        ("2 * usual(hrv_rmssd_ms) > 3 * hrv_rmssd_ms", 2 / 3 * USUAL_MS),
    ],
)
def test_a_threshold_is_solved_for_the_value(when: str, threshold: float) -> None:
    firing = fired(when, Sent(NOON, {"hrv_rmssd_ms": 20.0}), run=with_usual_rmssd())
    (value,) = firing.evidence.values
    assert value.threshold == pytest.approx(threshold)


def test_what_is_no_line_has_no_threshold() -> None:
    firing = fired("10 ms / hrv_rmssd_ms > 20 %", Sent(NOON, {"hrv_rmssd_ms": 20.0}))
    assert shown(firing) == [("hrv_rmssd_ms", 20.0, None)]


def varied(days: int = 20) -> tuple[Run, RunningBaseline]:
    """Return a run whose person's RMSSD varies by day, and its baseline."""
    run, alone = Run(), RunningBaseline()
    for day in range(2 * days):
        time_us = NOON - days * DAY_US + day * DAY_US // 2
        value = USUAL_MS + 3 * (day % 3 - 1)
        run.send(Sent(time_us, {"hrv_rmssd_ms": value}))
        alone.update(value, time_us=time_us)
    return run, alone


def test_a_score_has_its_threshold_as_a_value() -> None:
    run, alone = varied()
    limit = alone.mean - 2 * alone.sd
    for value, fires in ((limit - 1e-9, True), (limit + 1e-9, False)):
        run, _ = varied()
        run.resume(rules_of("z(hrv_rmssd_ms) < -2 SD"))
        found = firings_of(run.send(Sent(NOON, {"hrv_rmssd_ms": value})))
        assert bool(found) == fires
        if fires:
            (one,) = found[0].evidence.values
            assert (one.measure, one.unit, one.value) == ("hrv_rmssd_ms", "ms", value)
            assert one.threshold == pytest.approx(limit)
            assert (one.baseline, one.baseline_sd) == (alone.mean, alone.sd)


def test_a_baseline_without_any_deviation_has_no_score() -> None:
    run = with_usual_rmssd()
    run.resume(rules_of("z(hrv_rmssd_ms) < -1 SD or z(hrv_rmssd_ms) > 1 SD"))
    assert run.fired(Sent(NOON, {"hrv_rmssd_ms": 10.0})) == []


def test_a_threshold_beyond_all_numbers_is_none() -> None:
    tiny = Sent(NOON, {"energy_level": 1.0, "stress_level": 5e-324})
    firing = fired("energy_level / stress_level > 3", tiny)
    assert [one.threshold for one in firing.evidence.values] == [None, None]
    assert 0 <= firing.confidence <= 1


# -- which values


def test_the_value_before_is_shown_before_the_value() -> None:
    firing = fired("energy_level < previous(energy_level) - 25 %", *energies((0, 0.9), (HOUR_US, 0.2)))
    assert [value for _, value, _ in shown(firing)] == [0.9, 0.2]
    assert firing.evidence.values[1].threshold == pytest.approx(0.65)


def test_only_those_parts_of_an_or_are_shown_that_hold() -> None:
    when = "energy_level < 30 % or stress_level > 80 % or readiness_score < 20 %"
    values = {"energy_level": 0.5, "stress_level": 0.9, "readiness_score": 0.1}
    assert shown(fired(when, Sent(NOON, values))) == [
        ("stress_level", 0.9, 0.8),
        ("readiness_score", 0.1, 0.2),
    ]


def test_a_value_that_is_compared_twice_is_shown_once() -> None:
    run = with_usual_rmssd()
    when = "hrv_rmssd_ms < 30 ms and hrv_rmssd_ms < 80 % * usual(hrv_rmssd_ms)"
    (value,) = fired(when, Sent(NOON, {"hrv_rmssd_ms": 20.0}), run=run).evidence.values
    assert (value.threshold, value.baseline) == (30.0, USUAL_MS)


def test_a_rule_shows_further_values_as_far_as_they_are_known() -> None:
    firing = fired(
        "energy_level < 30 %",
        Sent(NOON - 2 * HOUR_US - 1, {"readiness_score": 0.5}),
        Sent(NOON - HOUR_US, {"heart_rate_bpm": 64.0}),
        *energies((0, 0.2)),
        evidence=("heart_rate_bpm", "energy_level", "readiness_score"),
    )
    assert shown(firing) == [("energy_level", 0.2, 0.3), ("heart_rate_bpm", 64.0, None)]


def test_flags_words_and_times_show_no_value_and_cost_no_confidence() -> None:
    firing = fired("resting and weekday is fri", Sent(NOON, {"steps": 1.0}))
    assert (firing.evidence.values, firing.confidence) == ((), 1.0)


@pytest.mark.parametrize(
    ("when", "minutes"),
    [
        ("energy_level < 30 % within 2 h", 120.0),
        ("energy_level < 30 % for 10 min", 10.0),
        ("energy_level < 30 %", None),
    ],
)
def test_how_far_a_rule_looked_is_shown(when: str, minutes: float | None) -> None:
    firing = fired(when, *energies((0, 0.2), (10 * MINUTE_US, 0.2)))
    assert [value.window_minutes for value in firing.evidence.values] == [minutes]


def test_days_are_shown_with_their_window() -> None:
    nights = [Sent(NOON - day * DAY_US, {"sleep_quality": 0.4}) for day in (1, 0)]
    firing = fired("sleep_quality < 60 % for 2 days", *nights)
    assert [value.window_minutes for value in firing.evidence.values] == [2880.0, 2880.0]


def test_a_value_that_was_not_so_lately_is_shown_as_it_is() -> None:
    firing = fired("energy_level > 20 % and not (energy_level > 60 % within 2 h)", *energies((0, 0.3)))
    values = firing.evidence.values
    assert [(one.value, one.threshold) for one in values] == [(0.3, 0.2), (0.3, 0.6)]


# -- confidence: the mean of (½ + ½·d)·m·q


def test_a_score_is_clearest_at_four_deviations() -> None:
    def confidence(sd: float) -> float:
        run, alone = varied(days=20)
        value = alone.mean + sd * alone.sd
        return fired("z(hrv_rmssd_ms) > 2 SD", Sent(NOON, {"hrv_rmssd_ms": value}), run=run).confidence

    assert confidence(2.000001) == pytest.approx(0.5, abs=1e-4)
    assert confidence(3) == pytest.approx(0.75)
    assert confidence(4) == pytest.approx(1.0)
    assert confidence(6) == pytest.approx(1.0)


def test_confidence_is_the_mean_over_what_was_compared() -> None:
    values = {"energy_level": 0.15, "stress_level": 0.8}
    firing = fired("energy_level < 30 % and stress_level > 60 %", Sent(NOON, values))
    assert firing.confidence == pytest.approx((0.75 + 0.75) / 2)
    firing = fired("energy_level < 30 % and stress_level > 60 %", Sent(NOON, {**values, "stress_level": 1.0}))
    assert firing.confidence == pytest.approx((0.75 + 1.0) / 2)


def test_what_a_device_gives_has_no_quality() -> None:
    def first(firing: Firing) -> EvidenceValue:
        return firing.evidence.values[0]

    assert first(fired("energy_level < 30 %", *energies((0, 0.2)))).quality is None
