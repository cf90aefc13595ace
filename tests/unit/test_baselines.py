"""Running baselines against a plain batch computation over all values, at every prefix."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.baselines import BASELINE_TAU, MICROSECOND, Baselines, RunningBaseline, is_mature, maturity
from schemas.errors import InputError

TAU_US = BASELINE_TAU // MICROSECOND
DAY_US = 86_400_000_000

values = st.floats(-400, 400, allow_nan=False)
gaps_us = st.integers(1, 60 * DAY_US)
series = st.lists(st.tuples(gaps_us, values), min_size=1, max_size=40)


def batch(times_us: list[int], xs: list[float]) -> tuple[float, float]:
    """Return weighted mean and variance by numpy's own, each value weighted by what decay left of it."""
    weights = []
    for index, time_us in enumerate(times_us):
        entered = 1.0 if index == 0 else -math.expm1(-(time_us - times_us[index - 1]) / TAU_US)
        weights.append(entered * math.exp(-(times_us[-1] - time_us) / TAU_US))
    mean = float(np.average(xs, weights=weights))
    return mean, float(np.cov([*xs, xs[0]], aweights=[*weights, 0.0], ddof=0))


def run(pairs: list[tuple[int, float]], *, offset: float = 0.0) -> RunningBaseline:
    baseline, time_us = RunningBaseline(), 0
    for gap_us, value in pairs:
        time_us += gap_us
        baseline.update(value + offset, time_us=time_us)
    return baseline


@settings(deadline=None)
@given(series)
def test_mean_and_variance_equal_the_weighted_batch_at_every_prefix(pairs: list[tuple[int, float]]) -> None:
    times_us = np.cumsum([gap_us for gap_us, _ in pairs]).tolist()
    xs = [value for _, value in pairs]
    baseline = RunningBaseline()
    for count, (time_us, value) in enumerate(zip(times_us, xs, strict=True), start=1):
        baseline.update(value, time_us=time_us)
        mean, variance = batch(times_us[:count], xs[:count])
        assert baseline.count == count
        assert baseline.mean == pytest.approx(mean, rel=1e-9, abs=1e-7)
        if count > 1:
            assert baseline.variance == pytest.approx(variance, rel=1e-7, abs=1e-6)


@settings(deadline=None)
@given(series.filter(lambda pairs: len(pairs) > 1))
def test_an_offset_of_a_billion_changes_nothing_but_the_mean(pairs: list[tuple[int, float]]) -> None:
    plain, shifted = run(pairs), run(pairs, offset=1e9)
    assert shifted.mean - 1e9 == pytest.approx(plain.mean, abs=1e-5)
    assert shifted.variance == pytest.approx(plain.variance, rel=1e-6, abs=1e-3)


@settings(deadline=None)
@given(series, gaps_us, gaps_us, values)
def test_splitting_a_step_changes_nothing(
    pairs: list[tuple[int, float]], first_us: int, second_us: int, value: float
) -> None:
    whole = run([*pairs, (first_us + second_us, value)])
    split = run([*pairs, (first_us, value), (second_us, value)])
    assert split.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-7)
    assert split.variance == pytest.approx(whole.variance, rel=1e-7, abs=1e-6)


def test_the_first_value_is_the_mean_exactly_and_leaves_no_variance() -> None:
    baseline = RunningBaseline()
    baseline.update(0.1 + 0.2, time_us=0)
    assert baseline.mean == 0.1 + 0.2
    with pytest.raises(InputError, match="a baseline of 1 values"):
        _ = baseline.sd


def test_no_value_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(InputError, match="a baseline of 0 values"):
        _ = RunningBaseline().mean


@pytest.mark.parametrize("time_us", [4 * DAY_US, 5 * DAY_US], ids=["earlier", "same_time"])
def test_a_value_that_is_not_later_than_the_last_moves_nothing(time_us: int) -> None:
    baseline = run([(3 * DAY_US, 40.0), (2 * DAY_US, 60.0)])
    before = (baseline.mean, baseline.variance, baseline.count)
    baseline.update(300.0, time_us=time_us)
    assert (baseline.mean, baseline.variance, baseline.count) == before
    again = run([(3 * DAY_US, 40.0), (2 * DAY_US, 60.0)])
    for one in (baseline, again):
        one.update(50.0, time_us=6 * DAY_US)
    assert baseline.mean == again.mean


def test_after_tau_a_new_value_weighs_one_minus_one_over_e() -> None:
    baseline = run([(DAY_US, 0.0), (TAU_US, 1.0)])
    assert baseline.mean == pytest.approx(1 - math.exp(-1))
    assert baseline.variance == pytest.approx((1 - math.exp(-1)) * math.exp(-1))


@settings(deadline=None)
@given(st.lists(st.tuples(gaps_us, st.lists(values | st.none(), min_size=3, max_size=3)), max_size=20))
def test_baselines_side_by_side_equal_single_ones_bit_for_bit(
    steps: list[tuple[int, list[float | None]]],
) -> None:
    singles = [RunningBaseline() for _ in range(3)]
    together = Baselines(np.zeros(3), np.zeros(3), np.zeros(3, np.int64), np.zeros(3, np.int64))
    last_us = np.full(3, -(2**62))
    time_us = 0
    for gap_us, row in steps:
        time_us += gap_us
        for single, value in zip(singles, row, strict=True):
            if value is not None:
                single.update(value, time_us=time_us)
        xs = np.array([math.nan if value is None else value for value in row])
        together.move(xs, np.full(3, time_us), time_us - last_us)
        last_us[~np.isnan(xs)] = time_us
    for index, single in enumerate(singles):
        assert together.count[index] == single.count
        if single.count > 1:
            assert (together.mean[index], together.variance[index]) == (single.mean, single.variance)


@pytest.mark.parametrize(
    ("count", "age_us", "expected"),
    [
        pytest.param(20, 7 * DAY_US, True, id="at_both"),
        pytest.param(19, 7 * DAY_US, False, id="one_value_short"),
        pytest.param(20, 7 * DAY_US - 1, False, id="one_microsecond_short"),
        pytest.param(21, 8 * DAY_US, True, id="beyond_both"),
    ],
)
def test_a_baseline_gives_a_verdict_after_twenty_values_and_seven_days(
    count: int, age_us: int, *, expected: bool
) -> None:
    verdict = is_mature(np.array([count]), np.array([DAY_US]), np.array([DAY_US + age_us]))
    assert verdict.tolist() == [expected]


@pytest.mark.parametrize(("days", "expected"), [(0, 0.0), (7, 0.5), (14, 1.0), (60, 1.0)])
def test_maturity_grows_for_fourteen_days(days: int, expected: float) -> None:
    assert maturity(DAY_US, DAY_US + days * DAY_US) == expected
