"""What the estimates share: their scale, their trust, and state that lies in columns."""

import math

import numpy as np
import pytest

from adaptation.columns import NEVER_US
from adaptation.physiology.estimates import logistic, maturities, z_of
from adaptation.physiology.heart_rate import (
    SmoothedHeartRate,
)
from adaptation.physiology.stillness import Movement

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
NOW_US = 1_800_000_000 * SECOND_US
NAN = math.nan


def test_z_is_bounded_floored_and_unknown_where_anything_is() -> None:
    z = z_of(
        np.array([62.0, 90.0, 10.0, NAN, 60.0]),
        np.array([60.0, 60.0, 60.0, 60.0, NAN]),
        np.array([0.0, 5.0, 5.0, 5.0, 5.0]),
        sd_min=2.0,
    )
    assert z[:3].tolist() == [1.0, 3.0, -3.0]
    assert np.isnan(z[3:]).all()


def test_the_logistic_is_bounded_for_all_that_can_come() -> None:
    values = logistic(np.array([-700.0, 0.0, 700.0, NAN]))
    assert values[:3].tolist() == [pytest.approx(0.0), 0.5, 1.0]
    assert np.isnan(values[3])


def test_trust_in_a_baseline_grows_for_fourteen_days() -> None:
    since_us = NOW_US - np.array([0, 7, 14, 60]) * DAY_US
    assert maturities(since_us, np.full(4, NOW_US)).tolist() == [0.0, 0.5, 1.0, 1.0]


def test_states_may_be_columns_of_a_wider_table() -> None:
    table = np.full((3, 8), NAN)
    times = table.view(np.int64)
    times[:, 2:6] = NEVER_US
    heart = SmoothedHeartRate(table[:, 0], times[:, 2])
    movement = Movement(times[:, 3:6])
    now = np.full(3, NOW_US)
    step = heart.move(np.array([60.0, NAN, 70.0]), now)
    told = movement.move(np.array([0, 2, 0]), np.full(3, NAN), step.moved, now)
    assert told.quiet.tolist() == [False, False, False]
    assert times[:, 2].tolist() == [NOW_US, NEVER_US, NOW_US]
    assert times[:, 3:6].tolist() == [
        [NEVER_US, NOW_US, NEVER_US],
        [NOW_US, NEVER_US, NEVER_US],
        [NEVER_US, NOW_US, NEVER_US],
    ]
    assert table[[0, 2], 0].tolist() == [60.0, 70.0]
