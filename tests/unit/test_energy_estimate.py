"""Energy by hand, however its time is split, and what is not known of it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.physiology.energy_estimate import (
    AWAKE_PER_HOUR,
    PER_TRIMP,
    REST_PER_HOUR,
    SLEEP_PER_HOUR,
    Energy,
    energy_per_hour,
    start_of_day,
    trimp_per_minute,
)
from adaptation.physiology.estimates import Estimate
from adaptation.physiology.heart_rate import (
    HeartRateStep,
)

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
NOW_US = 1_800_000_000 * SECOND_US
NAN = math.nan

Floats = NDArray[np.float64]

shares = st.floats(0, 1)


def one(value: float) -> Floats:
    return np.array([value], np.float64)


def at(time_us: int) -> NDArray[np.int64]:
    return np.array([time_us], np.int64)


@pytest.mark.parametrize(
    ("reserve", "minutes", "expected"),
    [(0.0, 60, 0.0), (0.5, 30, 25.07), (0.7, 60, 103.07), (1.0, 1, 4.37)],
)
def test_trimp_by_hand(reserve: float, minutes: float, expected: float) -> None:
    # 30·0.5·0.64·e^0.96 = 9.6·2.6117; 60·0.7·0.64·e^1.344 = 26.88·3.8343; 0.64·e^1.92 = 0.64·6.8210
    assert minutes * trimp_per_minute(one(reserve))[0] == pytest.approx(expected, abs=0.01)


def per_hour(reserve: float, *, quiet: bool = False, asleep: bool = False) -> float:
    return float(energy_per_hour(one(reserve), quiet=np.array([quiet]), asleep=np.array([asleep]))[0])


def test_energy_drains_awake_more_with_work_and_recovers_at_rest_and_asleep() -> None:
    assert per_hour(0.0) == AWAKE_PER_HOUR
    assert per_hour(0.7) == pytest.approx(AWAKE_PER_HOUR + PER_TRIMP * 103.07, abs=1e-4)
    assert per_hour(0.0, quiet=True) == REST_PER_HOUR
    assert per_hour(0.01, quiet=True) < 0
    assert per_hour(0.3, asleep=True) == per_hour(NAN, asleep=True) == SLEEP_PER_HOUR
    assert math.isnan(per_hour(NAN))
    assert math.isnan(per_hour(NAN, quiet=True))


def started(level: float = 0.8, confidence: float = 0.9) -> Energy:
    energy = Energy.unknown(1)
    energy.start(Estimate(one(level), one(confidence)), at(NOW_US), at(20_000))
    return energy


def pass_time(
    energy: Energy, steps_us: list[int], rate: float, *, from_us: int = NOW_US, worn_since_us: int = NOW_US
) -> int:
    time_us = from_us
    for elapsed_us in steps_us:
        time_us += elapsed_us
        step = HeartRateStep(np.array([True]), at(elapsed_us))
        energy.move(step, at(time_us), one(rate), at(worn_since_us))
    return time_us


def energy_at(
    energy: Energy, time_us: int, *, speaks: bool = True, trust: float = 1.0
) -> tuple[float, float]:
    found = energy.estimate(at(time_us), speaks=np.array([speaks]), rest_trust=one(trust))
    return float(found.level[0]), float(found.confidence[0])


@settings(deadline=None)
@given(
    shares,
    st.floats(-5, 1),
    st.lists(st.integers(1, 5 * MINUTE_US), min_size=1, max_size=6),
    st.integers(1, 5),
)
def test_splitting_a_step_of_energy_changes_nothing(
    level: float, rate: float, steps_us: list[int], parts: int
) -> None:
    whole, split = started(level), started(level)
    pass_time(whole, steps_us, rate)
    pass_time(
        split,
        [part for us in steps_us for part in np.diff(np.arange(parts + 1) * us // parts).tolist()],
        rate,
    )
    assert split.level[0] == pytest.approx(whole.level[0])
    assert split.seen_us[0] == whole.seen_us[0] == sum(steps_us)
    assert 0 <= whole.level[0] <= 1


def test_ten_minutes_of_work_are_twice_five() -> None:
    energy = started(0.8)
    rate = per_hour(0.7)
    pass_time(energy, [5 * MINUTE_US, 5 * MINUTE_US], rate)
    assert energy.level[0] == pytest.approx(0.8 + rate / 6)


def test_a_gap_neither_drains_nor_recovers_and_lowers_the_confidence() -> None:
    seen, gap = started(), started()
    end_us = pass_time(seen, [MINUTE_US] * 120, 0.0)
    pass_time(gap, [MINUTE_US] * 60, -0.1)
    before = float(gap.level[0])
    pass_time(gap, [HOUR_US], -0.1, from_us=NOW_US + HOUR_US, worn_since_us=end_us)
    assert gap.level[0] == before
    assert gap.seen_us[0] == HOUR_US
    assert energy_at(seen, end_us)[1] == 0.9
    assert energy_at(gap, end_us)[1] == pytest.approx(0.9 * (60 + 20) / (120 + 20))


def test_a_short_pause_in_which_the_device_was_off_is_not_seen() -> None:
    energy = started()
    pass_time(energy, [4 * MINUTE_US], -1.0, worn_since_us=NOW_US + MINUTE_US)
    assert (energy.level[0], energy.seen_us[0]) == (0.8, 0)
    pass_time(energy, [4 * MINUTE_US], -1.0, worn_since_us=NOW_US)
    assert energy.level[0] < 0.8


def test_time_with_an_unknown_rate_is_not_seen() -> None:
    energy = started()
    pass_time(energy, [MINUTE_US], NAN)
    assert (energy.level[0], energy.seen_us[0]) == (0.8, 0)


def test_a_day_that_no_night_started_has_no_energy_however_long_it_is_seen() -> None:
    energy = Energy.unknown(1)
    end_us = pass_time(energy, [MINUTE_US] * 10, -0.1)
    assert all(math.isnan(value) for value in energy_at(energy, end_us))


@pytest.mark.parametrize(
    ("after_us", "speaks", "known"),
    [
        pytest.param(30 * HOUR_US, True, True, id="at_30_hours"),
        pytest.param(30 * HOUR_US + 1, True, False, id="beyond_30_hours"),
        pytest.param(-1, True, False, id="before_the_start"),
        pytest.param(0, False, False, id="no_heart_rate_that_counts"),
    ],
)
def test_energy_holds_for_its_day_and_is_silent_else(after_us: int, *, speaks: bool, known: bool) -> None:
    level, confidence = energy_at(started(), NOW_US + after_us, speaks=speaks)
    assert (level == 0.8) is known
    assert math.isnan(level) is math.isnan(confidence) is not known


@settings(deadline=None)
@given(shares, shares, st.lists(st.integers(1, HOUR_US), max_size=8), shares)
def test_confidence_in_energy_stays_within_0_and_1_and_grows_with_trust(
    level: float, confidence: float, steps_us: list[int], trust: float
) -> None:
    energy = started(level, confidence)
    end_us = pass_time(energy, steps_us, -0.1)
    less, more = (energy_at(energy, end_us, trust=one)[1] for one in (trust / 2, trust))
    assert 0 <= less <= more <= 1


def test_more_told_of_the_same_night_shifts_the_day_and_an_older_night_changes_nothing() -> None:
    energy = started(0.8)
    end_us = pass_time(energy, [MINUTE_US] * 30, -0.2)
    energy.start(Estimate(one(0.7), one(0.95)), at(end_us), at(20_000))
    assert energy.level[0] == pytest.approx(0.6)
    assert (energy.start_us[0], energy.seen_us[0]) == (NOW_US, 30 * MINUTE_US)
    energy.start(Estimate(one(0.1), one(0.1)), at(end_us), at(19_999))
    energy.start(Estimate(one(NAN), one(NAN)), at(end_us), at(20_001))
    assert energy.level[0] == pytest.approx(0.6)
    energy.start(Estimate(one(0.9), one(0.5)), at(end_us), at(20_001))
    assert (energy.level[0], energy.start_us[0], energy.seen_us[0]) == (0.9, end_us, 0)


def start(ln_z: float, sleep_hours: float, trust: float = 1.0) -> tuple[float, float]:
    found = start_of_day(one(ln_z), one(trust), one(sleep_hours), 8.0)
    return float(found.level[0]), float(found.confidence[0])


def test_a_day_starts_by_the_night_before() -> None:
    assert start(0.0, 8.0) == (pytest.approx(0.8176, abs=1e-4), 1.0)
    assert start(-1.0, 8.0)[0] == pytest.approx(0.6900, abs=1e-4)
    assert start(0.0, 6.0)[0] == pytest.approx(0.6682, abs=1e-4)
    assert start(0.0, 9.0)[0] == start(0.0, 8.0)[0]
    assert start(-1.0, NAN) == (pytest.approx(0.6900, abs=1e-4), 0.6)
    assert start(NAN, 6.0) == (pytest.approx(0.6682, abs=1e-4), 0.4)
    assert start(-1.0, NAN, trust=0.5)[1] == 0.3
    assert all(math.isnan(value) for value in start(NAN, NAN))
