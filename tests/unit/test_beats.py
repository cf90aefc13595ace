"""Series of beats: what is checked when one is made, and where it has gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.physiology.beats import RECEIPT_TOLERANCE_MS, one_series
from adaptation.physiology.rolling import RollingWindows
from schemas.errors import InputError
from support.rr_series import joined, restless


def test_a_series_without_times_has_no_gaps_and_its_first_interval_follows_nothing() -> None:
    beats = one_series([800, 810, 790])
    assert len(beats) == 1
    assert beats.follows.tolist() == [False, True, True]
    assert beats.counts.tolist() == [3]
    assert beats.series.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("late_ms", "tolerance_ms", "follows"),
    [
        (9.9, 10.0, True),
        (10.0, 10.0, True),
        (10.1, 10.0, False),
        (-10.1, 10.0, False),
        (2_900.0, RECEIPT_TOLERANCE_MS, True),
        (3_100.0, RECEIPT_TOLERANCE_MS, False),
    ],
)
def test_an_interval_follows_if_the_step_between_the_ends_is_it_within_the_tolerance(
    *, late_ms: float, tolerance_ms: float, follows: bool
) -> None:
    beats = one_series([800, 900, 850], end_ms=[0, 900, 1750 + late_ms], tolerance_ms=tolerance_ms)
    assert beats.follows.tolist() == [False, True, follows]


@pytest.mark.parametrize("end_ms", [None, []])
def test_an_empty_series_is_a_series(end_ms: list[float] | None) -> None:
    beats = one_series([], end_ms=end_ms)
    assert len(beats) == 1
    assert beats.counts.tolist() == [0]


@pytest.mark.parametrize("wrong", [float("nan"), -800.0, 0.0, float("inf")])
def test_what_is_no_interval_is_named_by_its_index(wrong: float) -> None:
    with pytest.raises(InputError, match=r"^rr_ms\[2\]: .* is not a beat interval; give positive"):
        one_series([800, 810, wrong, 790, -1])


def test_seconds_are_told_from_ms() -> None:
    with pytest.raises(InputError, match="they look like seconds: multiply them by 1000"):
        one_series([0.8, 0.81, 0.79])


@pytest.mark.parametrize(
    ("end_ms", "message"),
    [
        ([0, 800, 800, 1600], r"^end_ms\[2\]: 800 ms repeats the end time before it"),
        ([0, 800, 700, 1600], r"^end_ms\[2\]: 700 ms is before the end time before it"),
        ([0, 800, float("nan"), 1600], r"^end_ms\[2\]: nan is not a time"),
        ([0, 800, 1600], r"^end_ms: 3 end times for 4 beat intervals"),
    ],
    ids=["duplicate", "descending", "nan", "too-few"],
)
def test_end_times_that_do_not_ascend_are_named_by_their_index(end_ms: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        one_series([800, 800, 800, 800], end_ms=end_ms)


def test_a_table_of_intervals_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 2\)"):
        one_series([[800, 810], [790, 800]])


@given(st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=6), st.sampled_from([3, 11, 91]))
def test_rolling_quantiles_are_those_of_each_window_alone(rows: list[list[int]], width: int) -> None:
    beats = joined([np.array(row, dtype=float) for row in rows])
    windows = RollingWindows(beats.rr_ms, beats.starts, width)
    at = np.arange(len(beats.rr_ms))
    found = windows.quantiles(at, (0.25, 0.75))
    half = width // 2
    plain = [
        np.quantile(row[max(0, place - half) : place + half + 1], [0.25, 0.75])
        for row in rows
        for place in range(len(row))
    ]
    np.testing.assert_allclose(found, np.array(plain).reshape(-1, 2).T, atol=1e-12)
    np.testing.assert_array_equal(found[:, ::2], windows.quantiles(at[::2], (0.25, 0.75)))


def test_rolling_medians_of_more_values_than_fit_in_a_chunk_are_those_of_each_window() -> None:
    values = restless(5_000)
    found = RollingWindows(values, np.array([0, 5_000]), 11).medians()
    plain = [np.median(values[max(0, place - 5) : place + 6]) for place in range(len(values))]
    np.testing.assert_array_equal(found, plain)
