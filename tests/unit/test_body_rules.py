"""Rules on what a body's day says: HRV of seven days, heart rate at rest, readiness of the morning."""

import random
from dataclasses import replace

import pytest

from adaptation.shard import Shard
from schemas.records import Firing, HrvDayRow
from support.beating import midnight, night, nights
from support.readings import DAY_US, HOUR_US, MINUTE_US, Run, Sent, firings_of
from support.rule_texts import rules_of

FIRST = midnight("2026-09-01")


def usual_nights(count: int, *, seed: int = 1, bpm: float = 60.0) -> list[Sent]:
    """Return nights with what is usual: RMSSD around 45 ms."""
    chance = random.Random(seed)
    return nights(FIRST, [chance.uniform(40, 50) for _ in range(count)], bpm=bpm)


def fired_at(run: Run, sent: list[Sent]) -> list[Firing]:
    return firings_of([event for one in sent for event in run.send(one)])


def statuses(run: Run) -> list[str | None]:
    return [event.status for event in run.events if isinstance(event, HrvDayRow)]


def test_hrv_below_normal_fires_at_its_onset_and_again_only_after_it_was_back() -> None:
    run = Run()
    lived = [*usual_nights(20), *nights(FIRST + 20 * DAY_US, [14.0] * 5)]
    found = [one for one in fired_at(run, lived) if one.rule == "hrv_below_normal"]
    below = statuses(run).index("below")
    assert statuses(run)[below:] == ["below"] * (25 - below)
    (firing,) = found
    # At the reading that closes the night, at eight in the morning.
    assert firing.at.hour == 8
    day = FIRST // DAY_US + below
    assert firing.evidence.reading.time.timestamp() * 1e6 == day * DAY_US + 8 * HOUR_US
    z = next(value for value in firing.evidence.values if value.measure == "hrv_z")
    assert (z.unit, z.threshold) == ("SD", -1.0)
    assert z.value < -1
    have = next(value for value in firing.evidence.values if value.measure == "hrv_days")
    assert (have.value, have.threshold) == (below + 1, 14)
    back = nights(FIRST + 25 * DAY_US, [60.0] * 8)
    assert [one.rule for one in fired_at(run, back)] == ["recovered"]
    again = [one.rule for one in fired_at(run, nights(FIRST + 33 * DAY_US, [8.0] * 7))]
    assert "hrv_below_normal" in again


@pytest.mark.parametrize(("count", "fires"), [(12, False), (13, True)])
def test_hrv_days_counts_the_days_with_a_value_today_included(count: int, *, fires: bool) -> None:
    run = Run(rules_of("hrv_days >= 14"))
    assert bool(fired_at(run, usual_nights(count + 1))) == fires


def test_what_a_day_says_holds_on_that_day_only() -> None:
    rules = rules_of("hrv_days >= 3 and energy_level < 30 %")
    for hours, fires in ((23, True), (24, False)):
        run = Run(rules)
        run.send(*usual_nights(3))
        at_us = FIRST + 2 * DAY_US + hours * HOUR_US
        assert run.fired(Sent(at_us, {"energy_level": 0.2})) == ["mine"] * fires


def test_a_rule_on_a_bodys_day_is_judged_when_the_day_becomes_known() -> None:
    run = Run(rules_of("hrv_days >= 3 and energy_level < 30 %"))
    lived = usual_nights(3)
    morning = replace(lived[-1], values={**lived[-1].values})
    run.send(*lived[:-1])
    assert run.fired(Sent(morning.time_us - MINUTE_US, {"energy_level": 0.2}, device="ring")) == []
    assert run.fired(morning) == ["mine"]


def test_a_night_that_comes_late_counts_while_its_day_lasts() -> None:
    run = Run(rules_of("hrv_days >= 3"))
    lived = usual_nights(3)
    late = [replace(one, delay_us=5 * HOUR_US) for one in lived]
    assert run.fired(*late) == ["mine"]
    run = Run(rules_of("hrv_days >= 3"))
    assert run.fired(*[replace(one, delay_us=20 * HOUR_US) for one in lived]) == []


@pytest.mark.parametrize(
    ("days", "bpm", "fires"),
    [
        pytest.param(7, 66.0, True, id="after_seven_days"),
        pytest.param(6, 66.0, False, id="a_day_short"),
        pytest.param(14, 62.9, False, id="just_less_than_three_beats_more"),
        pytest.param(14, 63.1, True, id="just_more_than_three"),
    ],
)
def test_heart_rate_at_rest_is_compared_with_that_of_the_days_before(
    days: int, bpm: float, *, fires: bool
) -> None:
    run = Run()
    run.send(*usual_nights(days))
    found = fired_at(run, night(FIRST + days * DAY_US, bpm=bpm))
    assert [one.rule for one in found if one.rule == "resting_heart_rate_high"] == [
        "resting_heart_rate_high"
    ] * fires
    if fires:
        value = next(v for v in found[0].evidence.values if v.measure == "resting_heart_rate_bpm")
        assert value.value == pytest.approx(bpm, abs=0.1)
        assert (value.baseline, value.baseline_count) == (pytest.approx(60.0), days)
        # The deviation of rates that hardly vary is taken for 2 beats/min.
        assert value.baseline_sd == 2.0
        assert value.threshold == pytest.approx(63.0)


def test_the_night_says_more_than_the_morning_and_rmssd_more_than_sdnn() -> None:
    run = Run(rules_of("hrv_days >= 2"))
    run.send(*usual_nights(4))
    state = run.shard.copy_state().people
    before = state.cells[0, state.names.index("body_day_us.known")]
    morning = [
        Sent(FIRST + 3 * DAY_US + 9 * HOUR_US + minute * MINUTE_US, {"hrv_sdnn_ms": 60.0}, device="phone")
        for minute in (0, 40)
    ]
    run.send(*morning)
    state = run.shard.copy_state().people
    assert state.cells[0, state.names.index("body_day_us.known")] == before


def test_the_readiness_of_a_morning_is_an_estimate() -> None:
    for allow, fires in (((), False), (("estimated",), True)):
        run = Run(rules_of("readiness_score > 1 %", allow=allow))
        found = fired_at(run, usual_nights(9))
        assert bool(found) == fires
        if fires:
            (value,) = found[0].evidence.values
            assert (value.measure, value.quality) == ("readiness_score", "estimated")
            assert 0 < found[0].confidence < 0.7


def test_a_device_that_gives_readiness_silences_the_estimate_at_the_same_reading_too() -> None:
    run = Run(rules_of("readiness_score > 1 %", allow=("estimated",)))
    lived = usual_nights(8)
    lived[-1] = replace(lived[-1], values={**lived[-1].values, "readiness_score": 0.005})
    given = [replace(one, values={**one.values, "readiness_score": 0.005}) for one in lived]
    assert fired_at(run, given) == []


def test_what_a_bodys_day_says_survives_a_restart() -> None:
    run = Run(rules_of("hrv_days >= 3 and energy_level < 30 %"))
    run.send(*usual_nights(3))
    run.resume()
    assert isinstance(run.shard, Shard)
    assert run.fired(Sent(FIRST + 2 * DAY_US + 9 * HOUR_US, {"energy_level": 0.2})) == ["mine"]
