"""Windows: which beats are in them, and their verdict at, just below and just above each threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.physiology.beats import BeatSeries, one_series
from adaptation.physiology.windows import QUALITY_REASONS, Quality, cut_windows, judge_windows
from schemas.errors import InputError
from support.rr_series import joined, restless

GOOD, LOW, REJECTED = Quality


def _with_artefacts(beats: int, artefacts: int) -> BeatSeries:
    """Return a series with beats out of range that stand apart, so that no other rule flags a beat."""
    rr_ms = np.full(beats, 1_000.0)
    rr_ms[:artefacts] = 250
    follows = np.arange(beats) > artefacts
    return BeatSeries(rr_ms, np.array([0, beats]), follows)


def _verdict(beats: BeatSeries, length_s: float) -> tuple[Quality, str]:
    judged = judge_windows(beats, length_s=length_s)
    return Quality(judged.quality[0]), QUALITY_REASONS[judged.reason[0]]


@pytest.mark.parametrize(
    ("artefacts", "verdict"),
    [
        (0, (GOOD, "")),
        (4, (GOOD, "")),
        (5, (LOW, "artefacts")),
        (10, (LOW, "artefacts")),
        (11, (REJECTED, "artefacts")),
    ],
)
def test_of_200_beats_4_artefacts_are_good_10_low_and_11_rejected(
    artefacts: int, verdict: tuple[Quality, str]
) -> None:
    assert _verdict(_with_artefacts(200, artefacts), 200) == verdict


@pytest.mark.parametrize(
    ("beats", "length_s", "verdict"),
    [
        (96, 120, (GOOD, "")),
        (95, 120, (LOW, "poor_coverage")),
        (60, 120, (LOW, "poor_coverage")),
        (59, 120, (REJECTED, "poor_coverage")),
        (150, 300, (LOW, "poor_coverage")),
        (149, 300, (REJECTED, "poor_coverage")),
        (48, 60, (GOOD, "")),
        (48, 120, (REJECTED, "poor_coverage")),
        (47, 60, (REJECTED, "few_beats")),
        (30, 30, (REJECTED, "few_beats")),
        (20, 120, (REJECTED, "few_beats")),
        (1, 120, (REJECTED, "few_beats")),
        (0, 120, (REJECTED, "few_beats")),
    ],
)
def test_beats_of_a_second_each_must_fill_four_fifths_to_be_good_and_half_to_be_accepted(
    beats: int, length_s: float, verdict: tuple[Quality, str]
) -> None:
    assert _verdict(_with_artefacts(beats, 0), length_s) == verdict


def test_beats_that_never_follow_each_other_are_too_few() -> None:
    rr_ms = restless(100)
    beats = one_series(rr_ms, end_ms=np.arange(1, 101) * 1_100)
    assert _verdict(beats, 120) == (REJECTED, "few_beats")


@pytest.mark.parametrize(("differences", "quality"), [(20, LOW), (19, REJECTED)])
def test_twenty_differences_are_needed(differences: int, quality: Quality) -> None:
    follows = np.arange(60) >= 60 - differences
    beats = BeatSeries(np.full(60, 1_100.0), np.array([0, 60]), follows)
    assert judge_windows(beats, length_s=120).quality.tolist() == [quality]


def test_a_rejected_window_has_no_measures_but_says_how_it_was() -> None:
    beats = _with_artefacts(100, 20)
    judged = judge_windows(beats, length_s=120)
    measures = judged.measures
    assert judged.artefact_share == pytest.approx(0.2)
    assert judged.coverage == pytest.approx(80 / 120)
    assert (measures.beats, measures.differences) == (80, 79)
    assert measures.mean_heart_rate_bpm == pytest.approx(60)
    for name in ("sdnn_ms", "rmssd_ms", "ln_rmssd", "pnn50_percent", "amo_percent", "stress_index"):
        assert np.isnan(getattr(measures, name)).all()


@pytest.mark.parametrize(
    ("length_s", "is_known"), [(120, True), (119, False), (141, True), (142, False)], ids=str
)
def test_sdnn_needs_120_s_of_which_four_fifths_are_covered(*, length_s: float, is_known: bool) -> None:
    rr_ms = restless(126)
    assert 0.8 * 141 < rr_ms.sum() / 1000 < 0.8 * 142
    judged = judge_windows(one_series(rr_ms), length_s=length_s)
    assert np.isfinite(judged.measures.sdnn_ms[0]) == is_known
    assert np.isfinite(judged.measures.rmssd_ms[0])


def test_windows_may_have_their_own_lengths_and_keep_their_order() -> None:
    beats = joined([restless(130), restless(20), restless(330, seed=2)])
    judged = judge_windows(beats, length_s=np.array([120.0, 120.0, 300.0]))
    assert judged.quality.tolist() == [GOOD, REJECTED, GOOD]
    alone = judge_windows(one_series(restless(330, seed=2)), length_s=300)
    assert judged.measures.rmssd_ms[2] == alone.measures.rmssd_ms[0]
    assert judged.coverage[2] == alone.coverage[0]


def test_beats_that_are_all_artefacts_give_a_rejected_window_without_coverage() -> None:
    judged = judge_windows(one_series(np.full(300, 250.0)), length_s=120)
    assert (judged.quality[0], QUALITY_REASONS[judged.reason[0]]) == (REJECTED, "artefacts")
    assert judged.coverage.tolist() == [0]
    assert judged.artefact_share.tolist() == [1]
    assert np.isnan(judged.measures.mean_rr_ms).all()


def test_no_windows_give_no_verdicts() -> None:
    _, beats = cut_windows([], [])
    assert len(beats) == 0
    assert judge_windows(beats, length_s=120).quality.shape == (0,)


def test_a_recording_of_three_minutes_has_windows_at_whole_minutes_that_overlap() -> None:
    ends_s, beats = cut_windows(np.full(180, 1_000.0), np.arange(1, 181.0))
    assert ends_s.tolist() == [60, 120, 180, 240]
    assert beats.counts.tolist() == [60, 120, 120, 60]
    assert np.flatnonzero(~beats.follows).tolist() == beats.starts[:-1].tolist()


def test_a_long_pause_has_no_windows() -> None:
    ends_s, beats = cut_windows([1_000, 1_000], [30, 1e9])
    assert ends_s.tolist() == [60, 120, 1_000_000_020, 1_000_000_080]
    assert beats.counts.tolist() == [1, 1, 1, 1]


@given(
    st.lists(st.tuples(st.integers(300, 2_000), st.sampled_from([0, 0, 0, 9, 11, 30_000])), max_size=80),
    st.sampled_from([(120, 60), (120, 120), (60, 7), (100, 60), (60, 90)]),
)
def test_windows_hold_the_beats_that_end_in_them(
    beats_and_pauses: list[tuple[int, int]], length_and_step_s: tuple[int, int]
) -> None:
    length_s, step_s = length_and_step_s
    rr_ms = np.array([rr for rr, _ in beats_and_pauses], dtype=float)
    ends_ms = np.cumsum([rr + pause for rr, pause in beats_and_pauses])
    found_ends, found = cut_windows(rr_ms, ends_ms / 1000, length_s=length_s, step_s=step_s)
    last_s = int(ends_ms[-1]) // 1000 + length_s + step_s if len(rr_ms) else 0
    grid = np.arange(0, last_s, step_s)
    inside = {end: (ends_ms > (end - length_s) * 1000) & (ends_ms <= end * 1000) for end in grid}
    expected = {end: rows for end, rows in inside.items() if rows.any()}
    assert found_ends.tolist() == list(expected)
    np.testing.assert_array_equal(
        found.rr_ms, np.concatenate([np.empty(0), *(rr_ms[rows] for rows in expected.values())])
    )
    whole = one_series(rr_ms, end_ms=ends_ms).follows
    for index, rows in enumerate(expected.values()):
        in_window = found.follows[found.starts[index] : found.starts[index + 1]]
        assert in_window.tolist() == [False, *whole[rows].tolist()[1:]]


def test_times_that_descend_are_refused_before_windows_are_cut() -> None:
    with pytest.raises(InputError, match=r"^end_ms\[1\]"):
        cut_windows([800, 800], [20, 10])
