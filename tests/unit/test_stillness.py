"""Who is quiet, who is asleep, and how long movement takes to settle."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adaptation.columns import NEVER_US
from adaptation.physiology.stillness import Movement, stillness_at
from schemas.measures import ACTIVITIES

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
NOW_US = 1_800_000_000 * SECOND_US
NAN = math.nan

Floats = NDArray[np.float64]


def one(value: float) -> Floats:
    return np.array([value], np.float64)


def at(time_us: int) -> NDArray[np.int64]:
    return np.array([time_us], np.int64)


def quiet_after(activity: str, after_us: int, *, steps: float = NAN, exerts: bool = False) -> bool:
    """Return whether someone is quiet a while after a reading that told of movement."""
    movement = Movement.unknown(1)
    nothing, none = np.array([0]), one(NAN)
    code = np.array([("", *ACTIVITIES).index(activity)])
    movement.move(code, one(steps), np.array([exerts]), at(NOW_US))
    return bool(movement.move(nothing, none, np.array([False]), at(NOW_US + after_us)).quiet[0])


@pytest.mark.parametrize(
    ("told", "settles_us"),
    [
        pytest.param({"activity": "walk"}, 2 * MINUTE_US, id="walk"),
        pytest.param({"activity": "", "steps": 11.0}, 2 * MINUTE_US, id="steps"),
        pytest.param({"activity": "run"}, 10 * MINUTE_US, id="run"),
        pytest.param({"activity": "cycle"}, 10 * MINUTE_US, id="cycle"),
        pytest.param({"activity": "workout"}, 10 * MINUTE_US, id="workout"),
        pytest.param({"activity": "", "exerts": True}, 10 * MINUTE_US, id="heart_rate_of_exercise"),
        pytest.param({"activity": "sleep"}, 5 * MINUTE_US, id="sleep"),
    ],
)
def test_nobody_is_quiet_until_movement_has_settled(told: dict[str, Any], settles_us: int) -> None:
    assert not quiet_after(**told, after_us=0)
    assert not quiet_after(**told, after_us=settles_us - 1)
    assert quiet_after(**told, after_us=settles_us)


@pytest.mark.parametrize("activity", ["", "rest", "unknown"])
def test_rest_unknown_and_no_activity_are_quiet(activity: str) -> None:
    assert quiet_after(activity, 0)
    assert quiet_after(activity, 0, steps=10.0)


def test_a_reading_from_before_a_movement_is_not_quiet_and_takes_nothing_back() -> None:
    movement, nobody = Movement.unknown(1), np.array([False])
    run, rest = np.array([3]), np.array([1])
    movement.move(run, one(NAN), nobody, at(NOW_US))
    assert not movement.move(rest, one(NAN), nobody, at(NOW_US - HOUR_US)).quiet[0]
    movement.move(run, one(NAN), nobody, at(NOW_US - HOUR_US))
    assert not movement.move(rest, one(NAN), nobody, at(NOW_US + MINUTE_US)).quiet[0]


def test_sleep_holds_for_readings_without_activity_in_the_next_minutes() -> None:
    movement, nobody = Movement.unknown(1), np.array([False])
    asleep = [
        bool(movement.move(np.array([code]), one(NAN), nobody, at(NOW_US + minute * MINUTE_US)).asleep[0])
        for minute, code in ((0, 6), (4, 0), (5, 0))
    ]
    assert asleep == [True, True, False]


def test_rest_after_sleep_is_awake_and_quiet_at_once() -> None:
    movement, nobody = Movement.unknown(1), np.array([False])
    movement.move(np.array([6]), one(NAN), nobody, at(NOW_US))
    told = movement.move(np.array([1]), one(NAN), nobody, at(NOW_US + SECOND_US))
    assert (told.quiet[0], told.asleep[0]) == (True, False)


def test_between_readings_stillness_follows_from_what_was_told_last() -> None:
    last_us = np.array([[NEVER_US, NEVER_US, NOW_US]] * 3 + [[NOW_US, NEVER_US, NEVER_US]] * 2)
    minutes = np.array([-1, 4, 5, 1, 2])
    told = stillness_at(last_us, NOW_US + minutes * MINUTE_US)
    assert told.asleep.tolist() == [False, True, False, False, False]
    assert told.quiet.tolist() == [True, False, True, False, True]
