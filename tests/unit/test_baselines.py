"""Running baselines against a plain batch computation over all values, at every prefix."""

import math
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.baselines import (
    BASELINE_TAU,
    MICROSECOND,
    SPEAKS_FIRST,
    SPEAKS_MAX,
    Baselines,
    RunningBaseline,
    is_mature,
    maturity,
    weigh_unweighted,
)
from adaptation.columns import NEVER_US
from schemas.errors import InputError

TAU_US = BASELINE_TAU // MICROSECOND
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
QUARTER_US = 15 * MINUTE_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

ROUNDING = 1e-5
"""Of the values' range: a second weighs 56,810.1 units of 2⁻³⁶, and the first weight is rounded to them."""

Pairs = list[tuple[int, float]]
"""Time since the value before, µs, and the value."""

values = st.floats(-400, 400, allow_nan=False).map(lambda value: round(value, 3))
short_us = st.integers(SECOND_US, QUARTER_US)
gaps_us = st.one_of(
    short_us,
    st.sampled_from([QUARTER_US, QUARTER_US + 1, HOUR_US]),
    st.integers(QUARTER_US, 60 * DAY_US),
)
series = st.lists(st.tuples(gaps_us, values), min_size=1, max_size=40)


def shares(gap_us: list[int]) -> NDArray[np.float64]:
    """Return what each value's time has left of its weight at the last of them."""
    speaks_us = np.minimum(gap_us, QUARTER_US)
    speaks_us[0] = SECOND_US
    times_us = np.cumsum(gap_us)
    weights = -np.expm1(-speaks_us / TAU_US) * np.exp((times_us - times_us[-1]) / TAU_US)
    left: NDArray[np.float64] = weights / weights.sum()
    return left


def batch(pairs: Pairs) -> tuple[float, float]:
    """Return weighted mean and variance of all values at once, by numpy's own."""
    gap_us, xs = (list(column) for column in zip(*pairs, strict=True))
    weights = shares(gap_us)
    mean = np.average(xs, weights=weights)
    return float(mean), float(np.average((np.array(xs) - mean) ** 2, weights=weights))


def run(pairs: Pairs, *, offset: float = 0.0) -> RunningBaseline:
    baseline, time_us = RunningBaseline(), 0
    for gap_us, value in pairs:
        time_us += gap_us
        baseline.update(value + offset, time_us=time_us)
    return baseline


def variance_of(baseline: RunningBaseline) -> float:
    """Return the variance, also of fewer values than it takes to give it."""
    return float(baseline._state.variance[0])


def agree(baseline: RunningBaseline, mean: float, variance: float, xs: list[float]) -> None:
    reach = max(xs) - min(xs)
    assert baseline.mean == pytest.approx(mean, rel=1e-9, abs=ROUNDING * reach + 1e-9)
    assert variance_of(baseline) == pytest.approx(variance, rel=1e-9, abs=ROUNDING * reach**2 + 1e-9)


# -- the formula


def test_a_value_speaks_for_a_quarter_of_an_hour_at_most_and_the_first_for_a_second() -> None:
    assert (SPEAKS_MAX // MICROSECOND, SPEAKS_FIRST // MICROSECOND) == (QUARTER_US, SECOND_US)


@settings(deadline=None)
@given(series)
def test_mean_and_variance_equal_the_weighted_batch_at_every_prefix(pairs: Pairs) -> None:
    baseline, time_us = RunningBaseline(), 0
    for count, (gap_us, value) in enumerate(pairs, start=1):
        time_us += gap_us
        baseline.update(value, time_us=time_us)
        assert baseline.count == count
        agree(baseline, *batch(pairs[:count]), [value for _, value in pairs[:count]])


def a_month_of_heart_rate() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times and values of a watch: every 5 or 15 min, once every second, off at night and a week."""
    rng = np.random.default_rng(7)
    quick = np.arange(8 * DAY_US, 8 * DAY_US + 20 * MINUTE_US, SECOND_US)
    daily = [
        np.arange(day * DAY_US + 7 * HOUR_US, day * DAY_US + 23 * HOUR_US, MINUTE_US * (5 if day % 3 else 15))
        for day in range(30)
        if not 12 <= day < 19
    ]
    times_us = np.sort(np.concatenate([quick, *daily]))
    jitter_us = rng.integers(0, SECOND_US // 2, len(times_us))
    daily_bpm = 8.0 * np.sin(times_us / DAY_US * 2 * math.pi)
    return times_us + jitter_us, 68.0 + daily_bpm + rng.normal(0.0, 5.0, len(times_us))


def test_a_month_of_a_watch_equals_the_batch_at_every_prefix() -> None:
    times_us, xs = a_month_of_heart_rate()
    baseline, found = RunningBaseline(), []
    for time_us, value in zip(times_us.tolist(), xs.tolist(), strict=True):
        baseline.update(value, time_us=time_us)
        found.append((baseline.mean, variance_of(baseline)))
    means, variances = prefixes(np.diff(times_us, prepend=times_us[0] - SECOND_US), xs)
    assert len(xs) > 3000
    assert np.array(found)[:, 0] == pytest.approx(means, rel=1e-6)
    assert np.array(found)[10:, 1] == pytest.approx(variances[10:], rel=1e-4)


def prefixes(
    gap_us: NDArray[np.int64], xs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weighted mean and variance of every prefix, from sums of values around their mean."""
    speaks_us = np.minimum(gap_us, QUARTER_US)
    speaks_us[0] = SECOND_US
    # Weights as seen from the first value: they grow where those of a baseline fade.
    weights = (-np.expm1(-speaks_us / TAU_US) * np.exp(gap_us.cumsum() / TAU_US)).astype(np.longdouble)
    centred = xs - np.longdouble(xs.mean())
    total = weights.cumsum()
    mean = (weights * centred).cumsum() / total
    variance = (weights * centred**2).cumsum() / total - mean**2
    return (mean + xs.mean()).astype(np.float64), variance.astype(np.float64)


def test_weights_in_36_bits_cost_less_than_a_millionth_over_ten_hours_of_seconds() -> None:
    # Under 100 values it is 1/100,000 of the deviation at most: the first weights are small numbers of units.
    steps = 36_000
    rng = np.random.default_rng(3)
    slow = 70.0 + 8.0 * np.sin(np.arange(steps) / 900)
    xs = np.column_stack(
        [slow + rng.normal(0, 3, steps), rng.normal(70, 8, steps), rng.uniform(0.2, 0.9, steps)]
    )
    side = Baselines(np.zeros(3), np.zeros(3), np.zeros(3, np.int64), np.full(3, NEVER_US))
    means = np.empty_like(xs)
    for step in range(steps):
        elapsed_us = SECOND_US if step else -NEVER_US
        side.move(xs[step], np.array(step * SECOND_US), np.full(3, elapsed_us))
        means[step] = side.mean
    for column in range(3):
        mean, variance = prefixes(np.full(steps, SECOND_US), xs[:, column])
        error = np.abs(means[:, column] - mean)
        assert error.max() < 1e-5 * xs[:, column].std()
        assert (error[100:] < 1e-6 * mean[-1]).all()
        assert error[-1] < 1e-9 * mean[-1]
        assert side.variance[column] == pytest.approx(variance[-1], rel=1e-7)
    assert side.weight == pytest.approx(-math.expm1(-steps * SECOND_US / TAU_US), rel=1e-7)


@settings(deadline=None)
@given(series)
def test_an_offset_of_a_billion_changes_nothing_but_the_mean(pairs: Pairs) -> None:
    plain, shifted = run(pairs), run(pairs, offset=1e9)
    assert shifted.mean - 1e9 == pytest.approx(plain.mean, abs=1e-5)
    assert variance_of(shifted) == pytest.approx(variance_of(plain), rel=1e-6, abs=1e-3)


@settings(deadline=None)
@given(series, short_us, st.floats(0.01, 0.99), values)
def test_splitting_a_step_of_up_to_a_quarter_of_an_hour_changes_nothing(
    pairs: Pairs, step_us: int, share: float, value: float
) -> None:
    first_us = max(1, round(step_us * share))
    whole = run([*pairs, (step_us, value)])
    split = run([*pairs, (first_us, value), (step_us - first_us, value)])
    agree(split, whole.mean, variance_of(whole), [value, *(one for _, one in pairs)])


def test_halves_of_a_longer_pause_speak_for_a_quarter_of_an_hour_each() -> None:
    usual = [(MINUTE_US, 60.0)] * 60
    whole = run([*usual, (2 * QUARTER_US, 80.0)])
    split = run([*usual, (QUARTER_US, 80.0), (QUARTER_US, 80.0)])
    assert whole.mean == pytest.approx(60 + 20 * 15 / (59 + 15), abs=0.01)
    assert split.mean == pytest.approx(60 + 20 * 30 / (59 + 30), abs=0.01)


@settings(deadline=None)
@given(series.filter(lambda pairs: len(pairs) > 1), st.integers(QUARTER_US, 365 * DAY_US))
def test_after_any_pause_a_value_weighs_no_more_than_a_quarter_of_an_hour_beside_what_is_left(
    pairs: Pairs, pause_us: int
) -> None:
    before = run(pairs)
    left = float(before._state.weight[0]) * math.exp(-pause_us / TAU_US)
    entered = -math.expm1(-QUARTER_US / TAU_US)
    after = run([*pairs, (pause_us, before.mean + 100.0)])
    expected = 100.0 * entered / (left + entered)
    assert after.mean - before.mean == pytest.approx(expected, rel=1e-9, abs=1e-6)


# -- why it is weighted so


def plain_shares(gap_us: list[int]) -> NDArray[np.float64]:
    """Return the shares of values that get ``1 - exp(-Δt/τ)`` each, with the first as the mean at once."""
    entered = -np.expm1(-np.array(gap_us) / TAU_US)
    entered[0] = 1.0
    times_us = np.cumsum(gap_us)
    left: NDArray[np.float64] = entered * np.exp((times_us - times_us[-1]) / TAU_US)
    return left


WEEK = [MINUTE_US] * (7 * 24 * 60 + 1)
"""A value a minute for a week."""
MORNING = [18 * HOUR_US, *[MINUTE_US] * 360]
"""A value a minute from six to noon, after a day without one."""


def test_the_first_value_would_be_61_percent_of_a_week_and_is_one_second_of_it() -> None:
    assert plain_shares(WEEK)[0] == pytest.approx(0.61, abs=0.005)
    assert shares(WEEK)[0] < 1e-5
    odd = run([(MINUTE_US, 140.0), *[(MINUTE_US, 60.0)] * 600])
    assert odd.mean == pytest.approx(60.0, abs=0.01)


def test_the_first_values_would_be_three_quarters_of_the_mornings_and_are_four_percent() -> None:
    mornings = MORNING * 60
    is_first = np.arange(len(mornings)) % len(MORNING) == 0
    assert plain_shares(mornings)[is_first].sum() == pytest.approx(0.75, abs=0.01)
    assert shares(mornings)[is_first].sum() == pytest.approx(15 / 375, abs=0.002)
    pairs = [(gap_us, 90.0 if gap_us > HOUR_US else 60.0) for gap_us in MORNING * 6]
    assert run(pairs).mean == pytest.approx(60.0 + 30.0 * 0.04, abs=0.25)


def test_a_young_baseline_is_the_plain_mean_over_time() -> None:
    xs = [60.0, 71.0, 64.0, 80.0, 59.0, 66.0, 72.0]
    baseline = run([(MINUTE_US, xs[0]), *((MINUTE_US, x) for x in xs * 20)])
    assert baseline.mean == pytest.approx(np.mean(xs), abs=0.05)
    assert baseline.variance == pytest.approx(np.var(xs), rel=0.01)


# -- single values


def test_the_first_value_is_the_mean_exactly_and_leaves_no_deviation() -> None:
    baseline = RunningBaseline()
    baseline.update(0.1 + 0.2, time_us=0)
    assert baseline.mean == 0.1 + 0.2
    with pytest.raises(InputError, match="a baseline of 1 values"):
        _ = baseline.sd


def test_two_values_have_no_deviation_yet_and_three_do() -> None:
    two, three = run([(1, 50.0), (MINUTE_US, 60.0)]), run([(1, 50.0), (MINUTE_US, 60.0), (MINUTE_US, 70.0)])
    with pytest.raises(InputError, match="a baseline of 2 values; it needs 3 or more"):
        _ = two.variance
    assert three.sd == pytest.approx(math.sqrt(three.variance))
    assert three.sd == pytest.approx(5.0, abs=0.2)


def test_no_value_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(InputError, match="a baseline of 0 values"):
        _ = RunningBaseline().mean


@pytest.mark.parametrize("time_us", [4 * DAY_US, 5 * DAY_US], ids=["earlier", "same_time"])
def test_a_value_that_is_not_later_than_the_last_moves_nothing(time_us: int) -> None:
    pairs = [(3 * DAY_US, 40.0), (DAY_US, 50.0), (DAY_US, 60.0)]
    baseline, again = run(pairs), run(pairs)
    before = (baseline.mean, baseline.variance, baseline.count, baseline._state.tally.copy())
    baseline.update(300.0, time_us=time_us)
    assert (baseline.mean, baseline.variance, baseline.count, baseline._state.tally) == before
    for one in (baseline, again):
        one.update(50.0, time_us=6 * DAY_US)
    assert baseline.mean == again.mean


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), values), min_size=1, max_size=40))
def test_repeats_and_what_is_out_of_order_might_as_well_not_have_come(told: list[tuple[int, float]]) -> None:
    minutes = [minute for minute, _ in told]
    latest = list(accumulate(minutes, max))
    kept = [one for index, one in enumerate(told) if not index or one[0] > latest[index - 1]]
    baseline, other = RunningBaseline(), RunningBaseline()
    for minute, value in told:
        baseline.update(value, time_us=minute * MINUTE_US)
    for minute, value in kept:
        other.update(value, time_us=minute * MINUTE_US)
    assert (baseline.count, baseline.mean, variance_of(baseline)) == (
        len(kept),
        other.mean,
        variance_of(other),
    )


def test_a_baseline_is_as_old_as_its_first_value() -> None:
    baseline = run([(DAY_US, 50.0), (MINUTE_US, 60.0), (DAY_US, 70.0)])
    assert baseline._state.since_us.tolist() == [DAY_US]


def test_what_is_not_a_number_moves_nothing() -> None:
    baseline = run([(1, 50.0), (MINUTE_US, 60.0)])
    before = (baseline.mean, baseline._state.tally.copy())
    baseline._state.move(np.array([math.nan]), np.array([DAY_US]), np.array([DAY_US]))
    assert (baseline.mean, baseline._state.tally) == before


# -- many, their tallies


@settings(deadline=None)
@given(st.lists(st.tuples(gaps_us, st.lists(values | st.none(), min_size=3, max_size=3)), max_size=20))
def test_baselines_side_by_side_equal_single_ones_bit_for_bit(
    steps: list[tuple[int, list[float | None]]],
) -> None:
    singles = [RunningBaseline() for _ in range(3)]
    together = Baselines(np.zeros(3), np.zeros(3), np.zeros(3, np.int64), np.full(3, NEVER_US))
    last_us = np.full(3, NEVER_US)
    time_us = 0
    for gap_us, row in steps:
        time_us += gap_us
        for single, value in zip(singles, row, strict=True):
            if value is not None:
                single.update(value, time_us=time_us)
        xs = np.array([math.nan if value is None else value for value in row])
        together.move(xs, np.full(3, time_us), time_us - last_us)
        last_us[~np.isnan(xs)] = time_us
    states = [single._state for single in singles]
    for name in ("mean", "variance", "tally", "since_us", "weight"):
        assert getattr(together, name).tolist() == [getattr(state, name)[0] for state in states]


def fed_for_ever(count: int) -> Baselines:
    """Return a baseline whose weight is the largest there is."""
    tally = np.array([count])
    weigh_unweighted(tally, np.array([0]), np.array([36_500 * DAY_US]))
    return Baselines(np.array([50.0]), np.array([4.0]), tally, np.array([0]))


def test_the_weight_of_a_baseline_fed_for_ever_is_one_and_its_count_goes_on() -> None:
    full = fed_for_ever(7)
    for minute in range(1, 100):
        full.move(np.array([50.0]), np.array([minute * MINUTE_US]), np.array([MINUTE_US]))
        assert full.count[0] == 7 + minute
        assert full.weight[0] == pytest.approx(1.0, abs=1e-8)
        assert full.mean[0] == 50.0


def test_a_count_stops_at_its_largest_and_the_weight_stays_right() -> None:
    largest = 2**28 - 1  # a value a second for eight years
    full = fed_for_ever(largest - 1)
    counts = []
    for second in range(1, 4):
        full.move(np.array([60.0]), np.array([second * SECOND_US]), np.array([SECOND_US]))
        counts.append(int(full.count[0]))
    assert counts == [largest] * 3
    assert full.weight[0] == pytest.approx(1.0, abs=1e-8)
    assert full.mean[0] == pytest.approx(50.0 + 10.0 * 3 * SECOND_US / TAU_US, abs=1e-9)


def test_baselines_kept_without_weights_get_those_of_values_without_a_pause() -> None:
    since_us = np.array([NEVER_US, 5 * DAY_US, DAY_US, 0])
    last_us = np.array([NEVER_US, 5 * DAY_US, 8 * DAY_US, 200 * DAY_US])
    tally = np.array([0, 1, 40, 500])
    weigh_unweighted(tally, since_us, last_us)
    weighed = Baselines(np.zeros(4), np.zeros(4), tally, since_us)
    assert weighed.count.tolist() == [0, 1, 40, 500]
    second, week, long = (-math.expm1(-us / TAU_US) for us in (SECOND_US, 7 * DAY_US, 200 * DAY_US))
    assert weighed.weight.tolist() == pytest.approx([0.0, second, week, long], abs=2**-36)


@settings(deadline=None)
@given(series, gaps_us)
def test_baselines_that_have_weights_keep_them(pairs: Pairs, later_us: int) -> None:
    state = run(pairs)._state
    before = state.tally.copy()
    weigh_unweighted(state.tally, state.since_us, state.since_us + later_us)
    assert state.tally == before


@pytest.mark.parametrize("days", [14, 100, 319, 330, 3650])
def test_an_old_baseline_kept_without_weights_is_not_swept_away_by_the_next_value(days: int) -> None:
    tally, since_us, last_us = np.array([100]), np.array([0]), np.array([days * DAY_US])
    weigh_unweighted(tally, since_us, last_us)
    kept = Baselines(np.array([50.0]), np.array([4.0]), tally, since_us)
    kept.move(np.array([90.0]), last_us + HOUR_US, np.array([HOUR_US]))
    assert kept.mean[0] == pytest.approx(50.0, abs=0.1)
    assert kept.count[0] == 101


# -- verdicts


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
