"""Time-domain measures: against numpy series by series, at bad input, and what may not change them."""

from dataclasses import fields
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.physiology.beats import BeatSeries, one_series
from adaptation.physiology.time_domain import TimeDomain, time_domain
from support.rr_series import joined, restless

MEASURES = [one.name for one in fields(TimeDomain)]
LEVELS = ("mean_rr_ms", "mean_heart_rate_bpm", "mode_s", "stress_index")
"""What an offset changes by right."""

AT_800_MS = {"mean_rr_ms": 800, "mean_heart_rate_bpm": 75, "mode_s": 0.825, "amo_percent": 100}
WITHOUT_CHANGE = {"sdnn_ms": 0, "rmssd_ms": 0, "pnn50_percent": 0, "mxdmn_s": 0}

rows_of_rr = st.lists(st.lists(st.integers(300, 2_000).map(float), max_size=40), min_size=1, max_size=6)


def _values(beats: BeatSeries, leave_out: NDArray[np.bool_] | None = None) -> dict[str, list[float]]:
    measures = time_domain(beats, leave_out=leave_out)
    return {name: getattr(measures, name).tolist() for name in MEASURES}


def _plain(rr_ms: NDArray[np.float64]) -> dict[str, float]:
    """Return the measures of one series without gaps, written down one by one."""
    differences = np.diff(rr_ms)
    bins, sizes = np.unique(rr_ms // 50, return_counts=True)
    mode_s, amo = (bins[np.argmax(sizes)] * 50 + 25) / 1000, 100 * sizes.max() / len(rr_ms)
    range_s = np.ptp(np.sort(rr_ms)[3:-3]) / 1000
    return {
        "beats": len(rr_ms),
        "differences": len(differences),
        "mean_rr_ms": np.mean(rr_ms),
        "mean_heart_rate_bpm": 60_000 / np.mean(rr_ms),
        "sdnn_ms": np.std(rr_ms, ddof=1),
        "rmssd_ms": np.sqrt(np.mean(differences**2)),
        "ln_rmssd": np.log(np.sqrt(np.mean(differences**2))),
        "pnn50_percent": 100 * np.mean(np.abs(differences) > 50),
        "mode_s": mode_s,
        "amo_percent": amo,
        "mxdmn_s": range_s,
        "stress_index": amo / (2 * mode_s * range_s),
    }


def test_every_measure_of_every_series_is_the_plain_formula() -> None:
    rows = [restless(count, seed=count, mean_ms=500 + 8 * count) for count in (8, 9, 40, 130)]
    found = _values(joined(rows))
    for index, row in enumerate(rows):
        assert {name: found[name][index] for name in MEASURES} == pytest.approx(_plain(row), rel=1e-12)


def test_beats_left_out_take_every_difference_that_touches_them_with_them() -> None:
    leave_out = np.array([False, False, True, False, False])
    found = time_domain(one_series([800, 810, 500, 1110, 1130]), leave_out=leave_out)
    assert found.beats == 4
    assert found.differences == 2
    assert found.rmssd_ms == pytest.approx(np.sqrt((10**2 + 20**2) / 2))
    assert found.mean_rr_ms == pytest.approx((800 + 810 + 1110 + 1130) / 4)


def test_a_gap_is_never_bridged() -> None:
    found = time_domain(one_series([800, 810, 1110, 1130], end_ms=[800, 1610, 9_000, 10_130]))
    assert found.differences == 2
    assert found.rmssd_ms == pytest.approx(np.sqrt((10**2 + 20**2) / 2))


@pytest.mark.parametrize(("step_ms", "percent"), [(50.0, 0.0), (50.1, 100.0), (-50.1, 100.0)])
def test_pnn50_counts_differences_above_50_ms_among_the_differences(step_ms: float, percent: float) -> None:
    assert time_domain(one_series([800, 800 + step_ms])).pnn50_percent == percent


def test_what_comes_from_seconds_counts_as_the_same_whole_ms() -> None:
    rr_ms = np.array([850.0, 800.0, 750.0] * 10)
    from_seconds = np.diff(np.cumsum([0, *rr_ms]) / 1000) * 1000
    assert (np.abs(np.diff(from_seconds)) > 50).any()
    found, exact = time_domain(one_series(from_seconds)), time_domain(one_series(rr_ms))
    assert found.pnn50_percent == exact.pnn50_percent == pytest.approx(100 * 9 / 29)
    assert found.amo_percent == exact.amo_percent == pytest.approx(100 / 3)


def test_of_equally_full_bins_the_lowest_is_the_mode() -> None:
    found = time_domain(one_series([930, 810, 820, 940, 1000]))
    assert found.mode_s == pytest.approx(0.825)
    assert found.amo_percent == pytest.approx(40)


@pytest.mark.parametrize(
    ("rr_ms", "known"),
    [
        ([], {"beats": 0, "differences": 0}),
        (
            [800.0],
            {"beats": 1, "differences": 0, **AT_800_MS},
        ),
        (
            [800.0] * 10,
            {"beats": 10, "differences": 9, **AT_800_MS, **WITHOUT_CHANGE},
        ),
    ],
    ids=["empty", "one-beat", "constant"],
)
def test_what_cannot_be_computed_is_unknown_and_never_zero(
    rr_ms: list[float], known: dict[str, float]
) -> None:
    found = _values(one_series(rr_ms))
    unknown = {name: float("nan") for name in MEASURES}
    assert {name: values[0] for name, values in found.items()} == pytest.approx(
        {**unknown, **known}, nan_ok=True
    )


def test_a_series_without_any_beat_that_counts_is_as_an_empty_one() -> None:
    all_left_out = _values(one_series(restless(50)), np.ones(50, dtype=bool))
    np.testing.assert_equal(all_left_out, _values(one_series([])))


def test_no_series_at_all_gives_no_rows() -> None:
    nothing = BeatSeries(np.empty(0), np.zeros(1, dtype=np.int64), np.empty(0, dtype=bool))
    assert all(values == [] for values in _values(nothing).values())


@given(rows_of_rr, st.randoms(use_true_random=False))
def test_measures_of_a_window_do_not_depend_on_the_windows_beside_it(
    rows: list[list[float]], random: Random
) -> None:
    leave_out = [np.array([random.random() < 0.2 for _ in row], dtype=bool) for row in rows]
    together = _values(joined([np.array(row) for row in rows]), np.concatenate(leave_out))
    alone = [_values(one_series(row), out) for row, out in zip(rows, leave_out, strict=True)]
    for name in MEASURES:
        np.testing.assert_array_equal(together[name], np.concatenate([one[name] for one in alone]))


@given(rows_of_rr, st.integers(0, 1_000_000))
def test_a_constant_offset_of_whole_bins_changes_levels_only(rows: list[list[float]], fifties: int) -> None:
    beats = joined([np.array(row) for row in rows])
    moved = BeatSeries(beats.rr_ms + 50.0 * fifties, beats.starts, beats.follows)
    before, after = _values(beats), _values(moved)
    for name in MEASURES:
        if name not in LEVELS:
            np.testing.assert_allclose(after[name], before[name], rtol=1e-6, atol=1e-6)


@given(st.lists(st.integers(300, 2_000).map(float), min_size=4, max_size=60), st.data())
def test_the_parts_of_a_series_that_is_split_at_a_gap_make_up_the_whole(
    rr_ms: list[float], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(2, len(rr_ms) - 2))
    end_ms = np.cumsum(rr_ms)
    end_ms[cut:] += 60_000
    whole = time_domain(one_series(rr_ms, end_ms=end_ms))
    parts = time_domain(joined([np.array(rr_ms[:cut]), np.array(rr_ms[cut:])]))
    assert whole.differences == parts.differences.sum()
    mean_square = np.average(parts.rmssd_ms**2, weights=parts.differences)
    assert whole.rmssd_ms**2 == pytest.approx(mean_square, rel=1e-9)
    assert whole.mean_rr_ms == pytest.approx(np.average(parts.mean_rr_ms, weights=parts.beats))
