"""Rings of sixty days, judged day after day, against the verdicts on the whole series at once."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.baselines import RunningBaseline
from adaptation.columns import NO_DAY
from adaptation.day_slots import ASLEEP, MORNING, ClosedDay, SlotKey
from adaptation.hrv_rings import RING_LAYOUT, HrvRings, JudgedDays
from adaptation.physiology.normal_range import (
    ABOVE,
    BELOW,
    MATURITIES,
    RING_DAYS,
    STATUSES,
    DayVerdict,
    judge_series,
)
from adaptation.zones import DAY_US

EPOCH = dt.date(1970, 1, 1)
FIRST = 20_400
KEY = SlotKey(stream=0, measure=0, slot=ASLEEP)
NAN = math.nan
FLOATS = ("mean7", "cv7", "normal_low", "normal_high", "swc_low", "swc_high")

Days = list[tuple[int, float]]
"""Local day and ln ms."""


def closed(day: int, ln_value: float, *, key: SlotKey = KEY, heart_rate_bpm: float = NAN) -> ClosedDay:
    return ClosedDay(key, day, values=9, ln_value=ln_value, heart_rate_bpm=heart_rate_bpm)


def judged(rings: HrvRings, days: Days, *, key: SlotKey = KEY) -> list[JudgedDays]:
    return [rings.judge([closed(day, ln_value, key=key)]) for day, ln_value in days]


def whole(days: Days) -> list[DayVerdict]:
    """Return the verdicts on all days at once, of values as a ring keeps them."""
    kept = [float(np.float32(ln_value)) for _, ln_value in days]
    return judge_series([EPOCH + dt.timedelta(days=day) for day, _ in days], kept)


def assert_same(found: JudgedDays, row: int, expected: DayVerdict) -> None:
    verdicts = found.verdicts
    for name in FLOATS:
        known = getattr(expected, name)
        assert getattr(verdicts, name)[row] == pytest.approx(
            NAN if known is None else known, abs=1e-12, rel=1e-12, nan_ok=True
        )
    assert (verdicts.have[row], verdicts.need[row]) == (expected.have, expected.need)
    assert MATURITIES[verdicts.maturity[row]] == expected.maturity
    assert STATUSES.get(int(verdicts.status[row])) == expected.status
    assert bool(verdicts.onset[row]) == expected.onset


def series(*, max_size: int) -> st.SearchStrategy[Days]:
    """Return days in order: most of them follow each other, some after weeks, a few after more than sixty."""
    gaps = st.one_of(
        st.just(1), st.just(1), st.just(1), st.integers(2, 6), st.sampled_from([30, 59, 60, 61, 200])
    )
    levels = st.sampled_from([3.1, 3.4, 3.65, 3.7, 3.75, 4.0, 4.4]) | st.floats(2.0, 5.5)
    steps = st.lists(st.tuples(gaps, levels), min_size=1, max_size=max_size)
    return steps.map(
        lambda steps: [
            (FIRST + sum(gap for gap, _ in steps[: index + 1]), level)
            for index, (_, level) in enumerate(steps)
        ]
    )


@settings(deadline=None)
@given(series(max_size=120))
def test_each_day_is_judged_as_in_the_whole_series(days: Days) -> None:
    rings = HrvRings()
    for found, expected in zip(judged(rings, days), whole(days), strict=True):
        assert_same(found, 0, expected)


@pytest.mark.parametrize("seed", range(4))
def test_two_hundred_days_with_gaps_are_judged_as_in_the_whole_series(seed: int) -> None:
    # Longer than any ring, days left out, once more than sixty of them; every status comes up.
    rng = np.random.default_rng(seed)
    day = FIRST + np.flatnonzero(rng.random(300) < 0.8)
    day = day + 70 * (day > FIRST + 200)
    levels = 3.8 + np.cumsum(rng.normal(0, 0.05, len(day))) + rng.normal(0, 0.15, len(day))
    days = list(zip(day.tolist(), levels.tolist(), strict=True))
    expected = whole(days)
    for found, verdict in zip(judged(HrvRings(), days), expected, strict=True):
        assert_same(found, 0, verdict)
    assert {verdict.status for verdict in expected} == {None, "below", "within", "above"}
    assert {verdict.maturity for verdict in expected} == set(MATURITIES)
    assert max(verdict.have for verdict in expected) > 28


def test_a_ring_holds_sixty_days_before_today() -> None:
    rings = HrvRings()
    days = [(FIRST + number, 4.0 + 0.01 * (number % 3)) for number in range(90)]
    have = [int(found.verdicts.have[0]) for found in judged(rings, days)]
    assert have == [min(number + 1, RING_DAYS + 1) for number in range(90)]
    assert rings.days_known(KEY) == RING_DAYS


@pytest.mark.parametrize(("gap", "have"), [(59, 2), (60, 2), (61, 1), (121, 1)])
def test_the_day_sixty_days_ago_is_the_last_that_counts(gap: int, have: int) -> None:
    rings = HrvRings()
    (_, found) = judged(rings, [(FIRST, 4.0), (FIRST + gap, 4.1)])
    assert found.verdicts.have[0] == have
    assert rings.days_known(KEY) == (2 if gap < RING_DAYS else 1)


many = st.lists(st.dictionaries(st.integers(0, 3), st.floats(2.5, 5.0), min_size=1), min_size=1, max_size=70)


@settings(deadline=None)
@given(many)
def test_series_judged_together_equal_each_alone(told: list[dict[int, float]]) -> None:
    keys = [SlotKey(0, 0, ASLEEP), SlotKey(0, 0, MORNING), SlotKey(0, 1, ASLEEP), SlotKey(5, 0, ASLEEP)]
    together, alone = HrvRings(), [HrvRings() for _ in keys]
    for number, values in enumerate(told):
        ones = [
            closed(FIRST + 2 * number, ln_value, key=keys[index], heart_rate_bpm=40.0 + 5 * ln_value)
            for index, ln_value in values.items()
        ]
        found = together.judge(ones)
        for row, (index, one) in enumerate(zip(values, ones, strict=True)):
            expected = alone[index].judge([one])
            assert_equal(found.pick([row]), expected)
    for key, rings in zip(keys, alone, strict=True):
        assert together.last_day(key) == rings.last_day(key)
        assert together.days_known(key) == rings.days_known(key)


def assert_equal(found: JudgedDays, expected: JudgedDays) -> None:
    """Compare bit by bit."""
    for name in ("changed", "usual_bpm", "usual_sd_bpm", "usual_days"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    for name in ("have", "need", "maturity", "status", "onset"):
        assert getattr(found.verdicts, name).tolist() == getattr(expected.verdicts, name).tolist()
    for name in (*FLOATS, "centre", "sd"):
        np.testing.assert_array_equal(getattr(found.verdicts, name), getattr(expected.verdicts, name))


def test_rings_go_on_from_their_columns_as_if_never_stopped() -> None:
    rng = np.random.default_rng(2)
    days = [(FIRST + number, float(value)) for number, value in enumerate(rng.normal(3.8, 0.2, 80))]
    straight, stopped = HrvRings(), HrvRings()
    for day, value in days:
        if day % 7 == 0:
            cells = stopped.table.copy()
            stopped = HrvRings.resume(RING_LAYOUT.names, cells, tuple(stopped.keys))
        one = closed(day, value, heart_rate_bpm=50.0 + day % 5)
        assert_equal(stopped.judge([one]), straight.judge([one]))


def test_a_series_without_days_knows_none() -> None:
    rings = HrvRings()
    assert rings.last_day(KEY) == NO_DAY
    assert rings.days_known(KEY) == 0
    rings.judge([closed(FIRST, 4.0)])
    assert rings.last_day(KEY) == FIRST
    assert rings.last_day(KEY._replace(slot=MORNING)) == NO_DAY
    assert rings.keys == [KEY]


# -- what is news


def usual_days(count: int) -> Days:
    return [(FIRST + number, 4.0 + 0.1 * (number % 3 - 1)) for number in range(count)]


@pytest.mark.parametrize(("level", "status"), [(3.7, BELOW), (4.3, ABOVE)], ids=["below", "above"])
def test_leaving_the_normal_range_and_coming_back_are_changes_and_staying_is_none(
    level: float, status: int
) -> None:
    days = usual_days(30)
    days += [(FIRST + 30 + number, level) for number in range(5)]
    days += [(FIRST + 35 + number, 4.0) for number in range(9)]
    found = judged(HrvRings(), days)
    statuses = [int(one.verdicts.status[0]) for one in found]
    changed = [index for index, one in enumerate(found) if one.changed[0]]
    onsets = [index for index, one in enumerate(found) if one.verdicts.onset[0]]
    begins, ends = statuses.index(status), len(statuses) - statuses[::-1].index(status)
    assert statuses[begins:ends] == [status] * (ends - begins)
    assert (begins > 30, ends > begins + 3) == (True, True)
    assert changed == [begins, ends]
    assert onsets == [begins]


def test_the_first_verdict_within_is_no_news_and_one_below_is() -> None:
    within = judged(HrvRings(), usual_days(12))
    assert not any(one.changed[0] for one in within)
    below = judged(HrvRings(), [*usual_days(6), (FIRST + 6, 2.2)])
    assert [bool(one.changed[0]) for one in below] == [False] * 6 + [True]
    assert below[6].verdicts.onset.tolist() == [True]


def test_a_status_outlives_days_without_a_verdict() -> None:
    # Below, then so long without a value that all is learnt anew: that it is within again is news then.
    days = usual_days(30) + [(FIRST + 30 + number, 3.6) for number in range(4)]
    away = FIRST + 34 + 70
    found = judged(HrvRings(), days + [(away + number, 4.0) for number in range(8)])
    assert found[33].verdicts.status[0] == BELOW
    assert [STATUSES.get(int(one.verdicts.status[0])) for one in found[34:]] == [None] * 6 + ["within"] * 2
    assert [bool(one.changed[0]) for one in found[34:]] == [False] * 6 + [True, False]


# -- heart rate of the slot


rates = st.lists(st.tuples(st.integers(1, 4), st.floats(35, 95) | st.just(NAN)), min_size=1, max_size=40)


@settings(deadline=None)
@given(rates)
def test_the_usual_heart_rate_is_the_running_baseline_of_the_days_before(
    told: list[tuple[int, float]],
) -> None:
    rings, usual, day = HrvRings(), RunningBaseline(), FIRST
    for gap, rate in told:
        day += gap
        found = rings.judge([closed(day, 3.9, heart_rate_bpm=rate)])
        assert found.usual_days.tolist() == [usual.count]
        if usual.count:
            assert found.usual_bpm.tolist() == [usual.mean]
        if usual.count > 2:
            assert found.usual_sd_bpm.tolist() == [usual.sd]
        if not math.isnan(rate):
            usual.update(rate, time_us=day * DAY_US)


def test_days_with_a_heart_rate_are_counted() -> None:
    rings = HrvRings()
    found = [
        rings.judge([closed(FIRST + number, 4.0, heart_rate_bpm=NAN if number == 2 else 50.0 + number)])
        for number in range(6)
    ]
    assert [int(one.usual_days[0]) for one in found] == [0, 1, 2, 2, 3, 4]


def test_what_was_told_of_a_day_does_not_move_with_later_ones() -> None:
    rings = HrvRings()
    rings.judge([closed(FIRST, 4.0, heart_rate_bpm=50.0)])
    found = rings.judge([closed(FIRST + 1, 4.0, heart_rate_bpm=70.0)])
    before = (found.usual_bpm.copy(), found.usual_days.copy())
    rings.judge([closed(FIRST + 2, 4.0, heart_rate_bpm=90.0)])
    assert (found.usual_bpm, found.usual_days) == before
    assert before[0] == [50.0]
