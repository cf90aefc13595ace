"""Smoothed heart rate against a plain batch, and what share of its reserve it is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.physiology.heart_rate import (
    GAP_RESTART,
    SMOOTH_TAU,
    SmoothedHeartRate,
    heart_rate_reserve,
    is_exertion,
    maximal_heart_rate,
)

SECOND_US = 1_000_000
NOW_US = 1_800_000_000 * SECOND_US
NAN = math.nan

Floats = NDArray[np.float64]

bpms = st.floats(20, 250)


def one(value: float) -> Floats:
    return np.array([value], np.float64)


def at(time_us: int) -> NDArray[np.int64]:
    return np.array([time_us], np.int64)


def smooth(pairs: list[tuple[int, float]]) -> float:
    heart = SmoothedHeartRate.unknown(1)
    for time_us, bpm in pairs:
        heart.move(one(bpm), at(time_us))
    return float(heart.bpm[0])


def test_the_smoothing_looks_back_as_far_as_a_trailing_mean_over_a_minute() -> None:
    ages_s = np.arange(0.05, 2000, 0.1)
    tau_s = SMOOTH_TAU.total_seconds()
    weights = np.exp(-ages_s / tau_s)
    assert np.average(ages_s, weights=weights) == pytest.approx(30, abs=0.01)


def test_the_smoothed_heart_rate_is_the_batch_of_exponential_weights() -> None:
    rng = np.random.default_rng(2)
    gaps_s, bpm = rng.uniform(0.5, 100, 50), rng.uniform(40, 180, 50)
    times_us = NOW_US + (gaps_s.cumsum() * SECOND_US).astype(np.int64)
    elapsed_s = np.diff(times_us) / SECOND_US
    entered = np.concatenate([[1.0], -np.expm1(-elapsed_s / 30)])
    left = np.exp(-(times_us[-1] - times_us) / SECOND_US / 30)
    expected = np.average(bpm, weights=entered * left)
    assert smooth(list(zip(times_us.tolist(), bpm.tolist(), strict=True))) == pytest.approx(expected)


@settings(deadline=None)
@given(bpms, bpms, st.integers(1, 60 * SECOND_US), st.integers(1, 60 * SECOND_US))
def test_splitting_a_step_of_heart_rate_changes_nothing(
    first: float, then: float, some_us: int, more_us: int
) -> None:
    whole = smooth([(NOW_US, first), (NOW_US + some_us + more_us, then)])
    split = smooth([(NOW_US, first), (NOW_US + some_us, then), (NOW_US + some_us + more_us, then)])
    assert split == pytest.approx(whole)


def test_after_a_gap_of_more_than_two_minutes_heart_rate_begins_anew() -> None:
    gap_us = int(GAP_RESTART.total_seconds()) * SECOND_US
    assert smooth([(NOW_US, 60.0), (NOW_US + gap_us, 100.0)]) == pytest.approx(100 - 40 * math.exp(-4))
    assert smooth([(NOW_US, 60.0), (NOW_US + gap_us + 1, 100.0)]) == 100.0


@pytest.mark.parametrize("late_us", [0, 5 * SECOND_US], ids=["repeated", "older"])
def test_a_heart_rate_that_is_not_later_than_the_last_moves_nothing(late_us: int) -> None:
    heart = SmoothedHeartRate.unknown(1)
    assert heart.move(one(60.0), at(NOW_US)).moved[0]
    assert not heart.move(one(200.0), at(NOW_US - late_us)).moved[0]
    assert not heart.move(one(NAN), at(NOW_US + 1)).moved[0]
    assert (heart.bpm[0], heart.time_us[0]) == (60.0, NOW_US)


def test_maximal_heart_rate_falls_with_age_and_has_a_default() -> None:
    assert maximal_heart_rate(np.array([20.0, 60.0, NAN])).tolist() == [194.0, 166.0, 180.0]
    assert float(maximal_heart_rate()) == 180.0


def test_the_reserve_is_clipped_and_unknown_without_rest() -> None:
    bpm = np.array([50.0, 60.0, 120.0, 180.0, 200.0, 120.0])
    rest = np.array([60.0, 60.0, 60.0, 60.0, 60.0, NAN])
    reserve = heart_rate_reserve(bpm, rest, 180.0)
    assert reserve[:5].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert np.isnan(reserve[5])


@pytest.mark.parametrize(
    ("bpm", "rest", "expected"),
    [
        pytest.param(107.9, 60.0, False, id="just_below"),
        pytest.param(108.0, 60.0, True, id="at_0.4_of_the_reserve"),
        pytest.param(131.9, NAN, False, id="rest_unknown_below"),
        pytest.param(132.0, NAN, True, id="rest_unknown_at"),
        pytest.param(150.0, 148.0, True, id="a_strap_worn_only_on_runs"),
        pytest.param(NAN, 60.0, False, id="no_heart_rate"),
    ],
)
def test_a_heart_rate_of_moderate_exercise_is_exertion(bpm: float, rest: float, *, expected: bool) -> None:
    assert is_exertion(one(bpm), one(rest), 180.0).tolist() == [expected]
