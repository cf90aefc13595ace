"""A day among the days before it, against a plain computation over the whole series."""

import datetime as dt
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.physiology.normal_range import (
    ABOVE,
    BELOW,
    MATURITIES,
    NO_STATUS,
    RING_DAYS,
    WITHIN,
    DayVerdict,
    judge_days,
    judge_series,
)
from schemas.errors import InputError

START = dt.date(2026, 1, 1)
HALF_SD, ONE_SD = 0.5, 1.0
EPSILON = 1e-6


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def judge(values: list[float | None], *, first: int = 0) -> list[DayVerdict]:
    """Return the verdicts on days that follow each other without a gap."""
    return judge_series([day(first + index) for index in range(len(values))], values)


def ring_with(mean7: float, *, status: int) -> tuple[int, bool]:
    """Return status and onset of a day whose range has mean 4 and SD 0.1, and whose 7-day mean is given."""
    last_six = [mean7] * 6
    others = _values_so_that_the_ring_has(mean=4.0, sd=0.1, beside=last_six, count=RING_DAYS)
    previous = np.array([[*others, *last_six]])
    assert previous.mean() == pytest.approx(4.0, abs=1e-12)
    assert previous.std(ddof=1) == pytest.approx(0.1, abs=1e-12)
    verdicts = judge_days(previous, np.array([mean7]), np.array([status], np.int8))
    assert verdicts.mean7[0] == pytest.approx(mean7, abs=1e-12)
    return int(verdicts.status[0]), bool(verdicts.onset[0])


def _values_so_that_the_ring_has(*, mean: float, sd: float, beside: list[float], count: int) -> list[float]:
    left = count - len(beside)
    rest_mean = (mean * count - sum(beside)) / left
    squares = sd**2 * (count - 1) - sum((one - mean) ** 2 for one in beside) - left * (rest_mean - mean) ** 2
    spread = math.sqrt(squares / left)
    return [rest_mean + (spread if index % 2 else -spread) for index in range(left)]


@pytest.mark.parametrize(
    ("distance_sd", "status", "after", "onset"),
    [
        pytest.param(-ONE_SD + EPSILON, WITHIN, WITHIN, False, id="just inside one SD below"),
        pytest.param(-ONE_SD, WITHIN, WITHIN, False, id="at one SD below"),
        pytest.param(-ONE_SD - EPSILON, WITHIN, BELOW, True, id="just beyond one SD below"),
        pytest.param(ONE_SD - EPSILON, WITHIN, WITHIN, False, id="just inside one SD above"),
        pytest.param(ONE_SD, WITHIN, WITHIN, False, id="at one SD above"),
        pytest.param(ONE_SD + EPSILON, WITHIN, ABOVE, True, id="just beyond one SD above"),
        pytest.param(-HALF_SD - EPSILON, BELOW, BELOW, False, id="below until half an SD"),
        pytest.param(-HALF_SD, BELOW, WITHIN, False, id="below ends at half an SD"),
        pytest.param(-HALF_SD + EPSILON, BELOW, WITHIN, False, id="below ended inside half an SD"),
        pytest.param(HALF_SD + EPSILON, ABOVE, ABOVE, False, id="above until half an SD"),
        pytest.param(HALF_SD, ABOVE, WITHIN, False, id="above ends at half an SD"),
        pytest.param(HALF_SD - EPSILON, ABOVE, WITHIN, False, id="above ended inside half an SD"),
        pytest.param(-HALF_SD - EPSILON, WITHIN, WITHIN, False, id="half an SD alone begins nothing below"),
        pytest.param(HALF_SD + EPSILON, WITHIN, WITHIN, False, id="half an SD alone begins nothing above"),
        pytest.param(HALF_SD + EPSILON, BELOW, WITHIN, False, id="the other side has limits of its own"),
        pytest.param(ONE_SD + EPSILON, BELOW, ABOVE, True, id="from below straight to above"),
        pytest.param(-ONE_SD - EPSILON, ABOVE, BELOW, True, id="from above straight to below"),
        pytest.param(-ONE_SD - EPSILON, BELOW, BELOW, False, id="still below is no onset"),
        pytest.param(-ONE_SD - EPSILON, NO_STATUS, BELOW, True, id="below as the first verdict"),
        pytest.param(-HALF_SD - EPSILON, NO_STATUS, WITHIN, False, id="within as the first verdict"),
    ],
)
def test_a_status_begins_beyond_one_sd_and_ends_inside_half_an_sd(
    distance_sd: float, status: int, after: int, onset: object
) -> None:
    assert ring_with(4.0 + distance_sd * 0.1, status=status) == (after, onset)


@pytest.mark.parametrize(
    ("have", "maturity", "need"),
    [
        (1, "learning", 7),
        (6, "learning", 7),
        (7, "provisional", 14),
        (8, "provisional", 14),
        (13, "provisional", 14),
        (14, "full", 28),
        (15, "full", 28),
        (27, "full", 28),
        (28, "stable", 28),
        (29, "stable", 29),
        (61, "stable", 61),
        (70, "stable", 61),
    ],
)
def test_maturity_and_what_it_asks_for_follow_the_days_with_a_value(
    have: int, maturity: str, need: int
) -> None:
    last = judge([4.0] * have)[-1]
    assert (last.have, last.maturity, last.need) == (min(have, RING_DAYS + 1), maturity, need)


def test_while_learning_there_is_neither_range_nor_status() -> None:
    learning = judge([4.0] * 6)
    assert {one.status for one in learning} == {None}
    assert {one.normal_low for one in learning} == {one.swc_high for one in learning} == {None}
    assert learning[2].mean7 == 4.0


def test_a_provisional_range_has_the_width_of_the_population() -> None:
    last = judge([4.0, 4.5, 4.0, 4.5, 4.0, 4.5, 4.2])[-1]
    assert last.maturity == "provisional"
    assert (last.normal_low, last.normal_high) == pytest.approx((4.25 - 0.225, 4.25 + 0.225))
    assert (last.swc_low, last.swc_high) == pytest.approx((4.25 - 0.1125, 4.25 + 0.1125))


def test_today_is_not_part_of_its_own_range() -> None:
    values: list[float | None] = [4.0, 4.2] * 15
    usual, unusual = judge([*values, 4.1])[-1], judge([*values, 2.0])[-1]
    assert (usual.normal_low, usual.normal_high) == (unusual.normal_low, unusual.normal_high)
    assert usual.mean7 != unusual.mean7


def test_a_value_leaves_the_range_after_sixty_days() -> None:
    at_sixty = judge([9.0, *[4.0] * 60])[-1]
    at_sixty_one = judge([9.0, *[4.0] * 61])[-1]
    assert at_sixty.normal_high is not None
    assert at_sixty.normal_high > 4.1
    assert (at_sixty_one.normal_low, at_sixty_one.normal_high) == (4.0, 4.0)


@pytest.mark.parametrize("value", [0.1, 3.3333333333333335, 4.000000000000001, 5.2])
def test_a_constant_series_stays_within(value: float) -> None:
    verdicts = judge([value] * 90)
    assert {one.status for one in verdicts[6:]} == {"within"}
    assert not any(one.onset for one in verdicts)
    assert verdicts[-1].cv7 == pytest.approx(0.0, abs=1e-12)


def test_the_mean_needs_three_values_of_seven_days_and_its_variation_five() -> None:
    values: list[float | None] = [4.0] * 30 + [None] * 6 + [4.1] * 6
    later = judge(values)[30:]
    known = [(one.mean7 is not None, one.cv7 is not None) for one in later]
    assert known == [
        *((True, True), (True, True), (True, False), (True, False), (False, False), (False, False)),
        *((False, False), (False, False), (True, False), (True, False), (True, True), (True, True)),
    ]


def test_the_variation_is_not_known_where_the_mean_is_not_above_zero() -> None:
    assert judge([0.0] * 7)[-1].cv7 is None
    assert judge([-0.1] * 7)[-1].cv7 is None
    assert judge([0.1] * 7)[-1].cv7 is not None


def test_a_day_without_a_value_has_no_status_and_keeps_the_one_before() -> None:
    values: list[float | None] = [4.0, 4.1] * 20 + [3.0] * 4 + [None] + [3.0]
    verdicts = judge(values)
    assert [one.status for one in verdicts[-3:]] == ["below", None, "below"]
    assert [one.onset for one in verdicts].count(True) == 1
    assert verdicts[-2].have == verdicts[-3].have
    assert verdicts[-2].mean7 == pytest.approx(statistics.mean([4.0, 4.1, 3.0, 3.0, 3.0, 3.0]))


def test_an_excursion_has_one_onset() -> None:
    values: list[float | None] = [4.0, 4.2] * 20 + [3.2] * 5 + [4.1] * 12 + [5.0] * 5 + [4.1] * 12
    verdicts = judge(values)
    onsets = [one.status for one in verdicts if one.onset]
    assert onsets == ["below", "above"]
    spells = [
        one.status
        for one, before in zip(verdicts[7:], verdicts[6:], strict=False)
        if one.status != before.status
    ]
    assert spells == ["below", "within", "above", "within"]


def test_days_left_out_are_days_without_a_value() -> None:
    with_none = judge([4.0, 4.1, 3.9, None, None, 4.2, 4.0, None, 4.1])
    days = [day(0), day(1), day(2), day(5), day(6), day(8)]
    left_out = judge_series(days, [4.0, 4.1, 3.9, 4.2, 4.0, 4.1])
    assert left_out == [one for one in with_none if one.ln_value is not None]


def test_after_sixty_days_away_all_begins_anew() -> None:
    days = [*(day(number) for number in range(30)), day(30 + RING_DAYS)]
    last = judge_series(days, [4.0] * 31)[-1]
    assert (last.have, last.maturity, last.status, last.mean7) == (1, "learning", None, None)


def test_no_days_have_no_verdicts() -> None:
    assert judge_series([], []) == []


@pytest.mark.parametrize(
    ("days", "values", "told"),
    [
        ([day(1), day(0)], [4.0, 4.0], "2026-01-01 does not follow 2026-01-02"),
        ([day(1), day(1)], [4.0, 4.0], "2026-01-02 does not follow 2026-01-02"),
        ([day(0)], [math.nan], "nan is not a finite number"),
        ([day(0)], [math.inf], "inf is not a finite number"),
    ],
)
def test_a_series_that_makes_no_sense_is_refused(
    days: list[dt.date], values: list[float | None], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        judge_series(days, values)


# The same by the books: plain Python over the whole series, with exact sums.

Known = tuple[float | None, ...]


def plain_mean7(week: list[float]) -> float | None:
    return statistics.mean(week) if len(week) >= 3 else None


def plain_cv7(week: list[float]) -> float | None:
    if len(week) < 5 or statistics.mean(week) <= 0:
        return None
    return 100 * statistics.stdev(week) / statistics.mean(week)


def plain_range(before: list[float], have: int) -> tuple[float, float] | None:
    if have < 7:
        return None
    return statistics.mean(before), 0.225 if have < 14 else statistics.stdev(before)


def plain_status(mean7: float, centre: float, sd: float, before: str | None) -> str:
    if mean7 < centre - (0.5 if before == "below" else 1.0) * sd - 1e-9:
        return "below"
    if mean7 > centre + (0.5 if before == "above" else 1.0) * sd + 1e-9:
        return "above"
    return "within"


def plain_batch(
    days: list[dt.date], values: list[float | None]
) -> list[tuple[Known, int, str, str | None, bool]]:
    known = {when: value for when, value in zip(days, values, strict=True) if value is not None}
    rows: list[tuple[Known, int, str, str | None, bool]] = []
    latest: str | None = None
    for today, value in zip(days, values, strict=True):
        before = [known[when] for when in known if 1 <= (today - when).days <= 60]
        week = [known[when] for when in known if 0 <= (today - when).days <= 6]
        have = len(before) + (value is not None)
        mean7, found = plain_mean7(week), plain_range(before, have)
        status, onset = None, False
        if value is not None and mean7 is not None and found is not None:
            status = plain_status(mean7, *found, latest)
            onset = status not in ("within", latest)
            latest = status
        limits = [found[0] + k * found[1] if found else None for k in (-1, 1, -0.5, 0.5)]
        stage = "learning" if have < 7 else "provisional" if have < 14 else "full" if have < 28 else "stable"
        rows.append(((mean7, plain_cv7(week), *limits), have, stage, status, onset))
    return rows


def assert_equal_to_batch(days: list[dt.date], values: list[float | None]) -> None:
    found = judge_series(days, values)
    for one, (numbers, have, stage, status, onset) in zip(found, plain_batch(days, values), strict=True):
        mine = (one.mean7, one.cv7, one.normal_low, one.normal_high, one.swc_low, one.swc_high)
        # None becomes NaN, which equals NaN here.
        np.testing.assert_allclose(np.array(mine, float), np.array(numbers, float), rtol=1e-12, atol=1e-12)
        assert (one.have, one.maturity, one.status, one.onset) == (have, stage, status, onset)


# Values on a coarse grid land on limits and repeat; others are as unlike as floats can be.
ln_values = st.one_of(
    st.none(), st.integers(30, 50).map(lambda tenths: tenths / 10), st.floats(0.5, 6.0, allow_nan=False)
)
one_day = st.tuples(st.one_of(st.just(1), st.just(1), st.integers(1, 70)), ln_values)


@settings(max_examples=60)
@given(st.lists(one_day, min_size=1, max_size=120), st.data())
def test_every_prefix_equals_the_plain_batch_computation(
    steps: list[tuple[int, float | None]], data: st.DataObject
) -> None:
    days = [day(int(number)) for number in np.cumsum([gap for gap, _ in steps])]
    values = [value for _, value in steps]
    assert_equal_to_batch(days, values)
    cut = data.draw(st.integers(1, len(days)))
    assert judge_series(days[:cut], values[:cut]) == judge_series(days, values)[:cut]


def test_every_prefix_of_a_long_plausible_series_equals_the_plain_batch_computation() -> None:
    generator = np.random.default_rng(20261120)
    drift = np.cumsum(generator.normal(0, 0.05, 200))
    values: list[float | None] = [
        None if missing else float(value)
        for value, missing in zip(
            4.0 + drift + generator.normal(0, 0.2, 200), generator.random(200) < 0.15, strict=True
        )
    ]
    assert_equal_to_batch([day(number) for number in range(200)], values)
    assert {one.status for one in judge(values)} == {"below", "within", "above", None}


@settings(max_examples=60)
@given(st.lists(one_day, min_size=1, max_size=120))
def test_days_handed_in_one_by_one_as_the_stream_does_give_the_same(
    steps: list[tuple[int, float | None]],
) -> None:
    days = [day(int(number)) for number in np.cumsum([gap for gap, _ in steps])]
    values = [value for _, value in steps]
    ring = np.full((1, RING_DAYS), np.nan)
    status, yesterday = np.array([NO_STATUS], np.int8), days[0]
    for when, value, expected in zip(days, values, judge_series(days, values), strict=True):
        gone = min((when - yesterday).days, RING_DAYS)
        ring = np.hstack([ring[:, gone:], np.full((1, gone), np.nan)])
        today = np.array([np.nan if value is None else value])
        verdict = judge_days(ring, today, status)
        assert MATURITIES[verdict.maturity[0]] == expected.maturity
        names = {BELOW: "below", WITHIN: "within", ABOVE: "above", NO_STATUS: None}
        assert names[int(verdict.status[0])] == expected.status
        assert bool(verdict.onset[0]) == expected.onset
        status = np.where(verdict.status == NO_STATUS, status, verdict.status)
        ring = np.hstack([ring[:, 1:], today[:, np.newaxis]])
        yesterday = when + dt.timedelta(days=1)


@given(st.lists(st.tuples(st.floats(2.5, 5.5), st.floats(0.01, 0.5)), min_size=1, max_size=20))
def test_people_side_by_side_do_not_touch_each_other(people: list[tuple[float, float]]) -> None:
    generator = np.random.default_rng(7)
    previous = np.array([generator.normal(mean, sd, RING_DAYS) for mean, sd in people])
    previous[generator.random(previous.shape) < 0.2] = np.nan
    today, status = previous[:, -1] - 0.3, np.full(len(people), WITHIN, np.int8)
    together = judge_days(previous, today, status)
    for index in range(len(people)):
        one = slice(index, index + 1)
        alone = judge_days(previous[one], today[one], status[one])
        assert alone.status[0] == together.status[index]
        for name in ("mean7", "cv7", "centre", "sd", "normal_low", "swc_high", "have", "need"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[index])
