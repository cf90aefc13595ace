"""Readiness and sleep debt by hand; unknown terms are left out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.physiology.readiness_estimate import estimate_readiness, sleep_debt_hours

NAN = math.nan

Floats = NDArray[np.float64]

shares = st.floats(0, 1)
maybe_z = st.floats(-3, 3) | st.just(NAN)


def one(value: float) -> Floats:
    return np.array([value], np.float64)


def readiness(
    hrv_z: float, heart_rate_z: float, debt_hours: float, trust: float = 1.0
) -> tuple[float, float]:
    found = estimate_readiness(
        hrv_z=one(hrv_z),
        hrv_trust=one(trust),
        heart_rate_z=one(heart_rate_z),
        heart_rate_trust=one(trust),
        debt_hours=one(debt_hours),
        sleep_trust=one(trust),
    )
    return float(found.level[0]), float(found.confidence[0])


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param((0.0, 0.0, 0.0), 0.7311, id="usual"),
        pytest.param((-1.0, 0.0, 0.0), 0.5, id="variability_one_sd_below"),
        pytest.param((0.0, 2.0, 0.0), 0.5, id="heart_rate_two_sd_above"),
        pytest.param((0.0, 0.0, 14.0), 0.4700, id="an_hour_short_for_two_weeks"),
        pytest.param((1.0, -1.0, 0.0), 0.9241, id="well_rested"),
    ],
)
def test_readiness_by_hand(terms: tuple[float, float, float], expected: float) -> None:
    assert readiness(*terms) == (pytest.approx(expected, abs=1e-4), 1.0)


def test_a_term_that_is_unknown_is_left_out_and_lowers_the_confidence() -> None:
    assert readiness(-1.0, NAN, NAN) == (0.5, 0.5)
    assert readiness(NAN, 2.0, NAN) == (0.5, 0.25)
    assert readiness(NAN, NAN, 0.0) == (pytest.approx(0.7311, abs=1e-4), 0.25)
    assert all(math.isnan(value) for value in readiness(NAN, NAN, NAN))


@settings(deadline=None)
@given(maybe_z, maybe_z, st.floats(0, 40) | st.just(NAN), shares)
def test_readiness_and_its_confidence_stay_within_0_and_1(
    hrv_z: float, heart_rate_z: float, debt_hours: float, trust: float
) -> None:
    level, confidence = readiness(hrv_z, heart_rate_z, debt_hours, trust)
    if all(math.isnan(term) for term in (hrv_z, heart_rate_z, debt_hours)):
        assert math.isnan(level)
    else:
        assert 0 < level < 1
        assert readiness(hrv_z, heart_rate_z, debt_hours, trust / 2)[1] <= confidence <= 1


def test_sleep_debt_is_what_fourteen_nights_lack() -> None:
    nights = np.full((5, 14), 420.0)
    nights[1] = 540.0
    nights[2, 5:] = NAN
    nights[3, 4:] = NAN
    nights[4] = 60.0
    debt, known = sleep_debt_hours(nights)
    assert debt[[0, 1, 2, 4]].tolist() == pytest.approx([14.0, 0.0, 14.0, 40.0])
    assert np.isnan(debt[3])
    assert known.tolist() == pytest.approx([1.0, 1.0, 5 / 14, 4 / 14, 1.0])
