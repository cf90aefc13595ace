"""Which beats are flagged, by which rule, and what judges nothing."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.physiology.artefacts import Flags, flag_artefacts, lipponen_tarvainen, malik, out_of_range
from adaptation.physiology.beats import BeatSeries, one_series
from adaptation.physiology.windows import judge_windows
from support.rr_series import joined, restless

Rule = Callable[[BeatSeries], Flags]
RULES: tuple[Rule, ...] = (out_of_range, malik, lipponen_tarvainen, flag_artefacts)
PEAK_BYTES_PER_BEAT = 100

rows_of_rr = st.lists(st.lists(st.integers(250, 2_200).map(float), max_size=40), min_size=1, max_size=6)


def _at(rr_ms: list[float], flags: Flags) -> list[float]:
    return [one for one, is_flagged in zip(rr_ms, flags.tolist(), strict=True) if is_flagged]


@pytest.mark.parametrize(
    ("rr_ms", "is_flagged"), [(299.9, True), (300.0, False), (2000.0, False), (2000.1, True)]
)
def test_the_range_includes_its_bounds(*, rr_ms: float, is_flagged: bool) -> None:
    assert out_of_range(one_series([rr_ms])).tolist() == [is_flagged]


@pytest.mark.parametrize(
    ("rr_ms", "is_flagged"), [(799.9, True), (800.0, False), (1200.0, False), (1200.1, True)]
)
def test_malik_flags_a_change_of_more_than_a_fifth_of_the_interval_before(
    *, rr_ms: float, is_flagged: bool
) -> None:
    assert malik(one_series([1000, rr_ms])).tolist() == [False, is_flagged]


@pytest.mark.parametrize(
    ("put_in", "flagged"),
    [
        ([600.0, 1200.0], [600.0, 1200.0]),
        ([1800.0], [1800.0]),
        ([450.0, 450.0], [450.0, 450.0]),
        ([1300.0], [1300.0]),
        ([550.0], [550.0]),
        ([], []),
    ],
    ids=["early-beat-and-its-pause", "missed-beat", "extra-beat", "long", "short", "none"],
)
def test_lipponen_and_tarvainens_rules_flag_the_abnormal_intervals_and_no_other(
    put_in: list[float], flagged: list[float]
) -> None:
    rr_ms = restless(120, seed=4).tolist()
    rr_ms[60:60] = put_in
    assert _at(rr_ms, lipponen_tarvainen(one_series(rr_ms))) == flagged


@pytest.mark.parametrize("rule", RULES)
def test_a_difference_across_a_gap_judges_nothing(rule: Rule) -> None:
    slow, fast = restless(60, mean_ms=1_100), restless(60, seed=1, mean_ms=600)
    rr_ms = np.concatenate([slow, fast])
    end_ms = np.cumsum(rr_ms)
    assert flag_artefacts(one_series(rr_ms, end_ms=end_ms)).any()
    end_ms[60:] += 30_000
    assert not rule(one_series(rr_ms, end_ms=end_ms)).any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "rr_ms",
    [[], [800.0], [800.0, 810.0], [800.0] * 200, (800 + np.arange(200) % 3 * 1e-10).tolist()],
    ids=["empty", "one", "two", "constant", "constant-but-for-rounding"],
)
def test_what_gives_no_threshold_is_not_flagged(rule: Rule, rr_ms: list[float]) -> None:
    flags = rule(one_series(rr_ms))
    assert flags.shape == (len(rr_ms),)
    assert not flags.any()


def test_many_empty_series_have_no_flags() -> None:
    beats = BeatSeries(np.empty(0), np.zeros(4, dtype=np.int64), np.empty(0, dtype=bool))
    assert flag_artefacts(beats).shape == (0,)


@given(rows_of_rr)
def test_flags_of_a_window_do_not_depend_on_the_windows_beside_it(rows: list[list[float]]) -> None:
    beats = joined([np.array(row) for row in rows])
    for rule in RULES:
        alone = [rule(one_series(row)) for row in rows]
        np.testing.assert_array_equal(rule(beats), np.concatenate(alone))


@given(st.lists(st.integers(400, 1_500).map(float), max_size=200), st.integers(0, 10_000))
def test_lipponen_and_tarvainens_flags_do_not_change_with_offset_or_scale(
    rr_ms: list[float], offset: int
) -> None:
    flags = lipponen_tarvainen(one_series(rr_ms))
    np.testing.assert_array_equal(lipponen_tarvainen(one_series(np.add(rr_ms, offset))), flags)
    np.testing.assert_array_equal(lipponen_tarvainen(one_series(np.multiply(rr_ms, 4))), flags)


@settings(max_examples=30)
@given(st.lists(st.integers(500, 1_500).map(float), min_size=300, max_size=400), st.integers(1, 20))
def test_a_beat_is_judged_by_its_neighbourhood_only(rr_ms: list[float], cut: int) -> None:
    """45 beats of quartiles, 5 of the median, and two beats ahead."""
    whole = lipponen_tarvainen(one_series(rr_ms))
    part = lipponen_tarvainen(one_series(rr_ms[cut:]))
    np.testing.assert_array_equal(whole[cut + 60 :], part[60:])


def test_a_day_and_more_of_beats_takes_bounded_memory() -> None:
    beats = one_series(restless(500_000))
    tracemalloc.start()
    judge_windows(beats, length_s=500_000.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / 500_000 < PEAK_BYTES_PER_BEAT
