"""Stress by hand, in its bounds, and silent where nothing can be said."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.baselines import Baselines
from adaptation.columns import NEVER_US
from adaptation.physiology.heart_rate import (
    HeartRateStep,
    is_rest_known,
)
from adaptation.physiology.stress_estimate import RestingWindows, estimate_stress

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
NOW_US = 1_800_000_000 * SECOND_US
NAN = math.nan

Floats = NDArray[np.float64]

bpms = st.floats(20, 250)


def one(value: float) -> Floats:
    return np.array([value], np.float64)


def at(time_us: int) -> NDArray[np.int64]:
    return np.array([time_us], np.int64)


def rest_of(
    *, mean: float = 60.0, sd: float = 5.0, count: int = 500, age_us: int = 14 * DAY_US, n: int = 1
) -> Baselines:
    return Baselines(
        np.full(n, mean), np.full(n, sd**2), np.full(n, count), np.full(n, NOW_US - age_us, np.int64)
    )


def stress(
    bpm: float,
    *,
    rest: Baselines | None = None,
    speaks: bool = True,
    moved: bool = True,
    elapsed_us: int = SECOND_US,
    windows: RestingWindows | None = None,
) -> tuple[float, float]:
    step = HeartRateStep(np.array([moved]), at(elapsed_us))
    found = estimate_stress(
        one(bpm),
        step,
        at(NOW_US),
        speaks=np.array([speaks]),
        rest=rest or rest_of(),
        windows=windows,
    )
    return float(found.level[0]), float(found.confidence[0])


@pytest.mark.parametrize(
    ("bpm", "expected"),
    [
        (60.0, 1 / (1 + math.exp(1.5))),
        (65.0, 0.5),
        (70.0, 1 / (1 + math.exp(-1.5))),
        (45.0, 1 / (1 + math.exp(6.0))),
    ],
    ids=["usual", "one_sd", "two_sd", "three_below"],
)
def test_stress_by_hand(bpm: float, expected: float) -> None:
    assert stress(bpm)[0] == pytest.approx(expected)


def test_a_tiny_deviation_at_rest_is_taken_for_two_beats() -> None:
    assert stress(62.0, rest=rest_of(sd=0.0))[0] == 0.5


@settings(deadline=None)
@given(st.lists(bpms, min_size=2, max_size=20), st.floats(30, 120), st.floats(0, 30))
def test_stress_grows_with_heart_rate_within_0_and_1(values: list[float], mean: float, sd: float) -> None:
    n = len(values)
    found = estimate_stress(
        np.sort(values),
        HeartRateStep(np.ones(n, np.bool_), np.full(n, SECOND_US)),
        np.full(n, NOW_US),
        speaks=np.ones(n, np.bool_),
        rest=rest_of(mean=mean, sd=sd, n=n),
    )
    assert (np.diff(found.level) >= 0).all()
    assert (found.level >= 0).all()
    assert (found.level <= 1).all()
    assert (found.confidence >= 0).all()
    assert (found.confidence <= 1).all()


@pytest.mark.parametrize(
    "circumstance",
    [
        pytest.param({"speaks": False}, id="moving_or_not_worn"),
        pytest.param({"moved": False}, id="no_heart_rate_that_counts"),
        pytest.param({"rest": rest_of(count=19)}, id="19_values_at_rest"),
        pytest.param({"rest": rest_of(age_us=10 * MINUTE_US - 1)}, id="rest_not_yet_10_minutes_old"),
        pytest.param({"rest": Baselines(one(0), one(0), at(0), at(NEVER_US))}, id="nothing_at_rest"),
    ],
)
def test_stress_is_silent_and_never_zero(circumstance: dict[str, Any]) -> None:
    level, confidence = stress(60.0, **circumstance)
    assert math.isnan(level)
    assert math.isnan(confidence)


def test_stress_speaks_from_20_values_over_10_minutes_on() -> None:
    rest = rest_of(count=20, age_us=10 * MINUTE_US)
    assert is_rest_known(rest, at(NOW_US)).tolist() == [True]
    level, confidence = stress(65.0, rest=rest)
    assert level == 0.5
    assert 0 < confidence < 0.001


def test_confidence_in_stress_grows_with_the_baseline_and_falls_with_the_pause_before() -> None:
    ages = [stress(65.0, rest=rest_of(age_us=days * DAY_US))[1] for days in (1, 7, 14, 100)]
    assert ages[0] < ages[1] < ages[2] == ages[3] == pytest.approx(0.5, rel=0.01)
    pauses = [stress(65.0, elapsed_us=us)[1] for us in (SECOND_US, MINUTE_US, 2 * MINUTE_US, DAY_US)]
    assert pauses[0] > pauses[1] > pauses[2] == pauses[3] == 0.25


def windows_of(ln_rmssd: float, *, count: int = 10, age_us: int = 0) -> RestingWindows:
    usual = Baselines(one(3.5), one(0.04), at(count), at(NOW_US - DAY_US))
    return RestingWindows(one(ln_rmssd), at(NOW_US - age_us), usual)


def test_lowered_rmssd_raises_stress_and_raised_rmssd_lowers_it() -> None:
    alone, confidence = stress(65.0)
    lowered, surer = stress(65.0, windows=windows_of(3.1))
    assert lowered == pytest.approx(1 / (1 + math.exp(-1.5 * (0.75 * 1 + 0.25 * 2 - 1))))
    assert stress(65.0, windows=windows_of(3.9))[0] < alone < lowered
    assert surer > confidence


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param(windows_of(3.1, count=9), id="nine_before_it"),
        pytest.param(windows_of(3.1, age_us=2 * MINUTE_US + 1), id="too_long_ago"),
        pytest.param(windows_of(3.1, age_us=-1), id="not_yet"),
        pytest.param(RestingWindows(one(NAN), at(NEVER_US), windows_of(3.1).usual), id="none"),
    ],
)
def test_rmssd_that_says_nothing_leaves_heart_rate_alone(windows: RestingWindows) -> None:
    assert stress(66.0, windows=windows) == stress(66.0)
