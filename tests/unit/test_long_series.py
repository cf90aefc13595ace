"""Recordings judged in pieces against the same judged at once."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.physiology.artefacts import flag_artefacts
from adaptation.physiology.beats import one_series
from adaptation.physiology.time_domain import TimeDomain, time_domain
from adaptation.physiology.windows import cut_windows, judge_windows
from daybeat.long_series import judge_beats, judge_in_windows, measure_beats

Floats = NDArray[np.float64]


def recording(seed: int, *, count: int, gaps: float) -> tuple[Floats, Floats]:
    """Return intervals with artefacts, and their ends with gaps."""
    generator = np.random.default_rng(seed)
    rr_ms = 800 + 50 * np.sin(np.arange(count) / 9) + generator.normal(0, 30, count)
    bad = generator.random(count) < 0.03
    rr_ms[bad] *= generator.choice([0.1, 0.6, 1.5, 4.0], bad.sum())
    waits_ms = np.where(generator.random(count) < gaps, generator.exponential(30_000, count), 0)
    return rr_ms, np.cumsum(rr_ms) + np.cumsum(waits_ms)


def assert_same(one: TimeDomain, other: TimeDomain, *, rtol: float) -> None:
    for field in fields(TimeDomain):
        np.testing.assert_allclose(
            getattr(one, field.name), getattr(other, field.name), rtol=rtol, err_msg=field.name
        )


recordings = st.builds(
    recording, st.integers(0, 10**6), count=st.integers(2, 1500), gaps=st.sampled_from([0.0, 0.01, 0.4])
)


@given(recordings, st.integers(200, 700))
def test_gaps_and_flags_of_pieces_are_those_of_the_whole(beats: tuple[Floats, Floats], piece: int) -> None:
    rr_ms, end_ms = beats
    whole = one_series(rr_ms, end_ms=end_ms)
    found = judge_beats(rr_ms, end_ms, tolerance_ms=10, piece=piece)
    np.testing.assert_array_equal(found.beats.follows, whole.follows)
    np.testing.assert_array_equal(found.is_artefact, flag_artefacts(whole))
    assert found.gaps == np.count_nonzero(~whole.follows) - 1
    left = time_domain(whole, leave_out=found.is_artefact)
    assert (found.artefacts, found.clean_differences) == (len(rr_ms) - left.beats[0], left.differences[0])


@given(recordings, st.integers(1, 700), st.booleans())
def test_measures_of_pieces_are_those_of_the_whole(
    beats: tuple[Floats, Floats], piece: int, leave_out: object
) -> None:
    whole = one_series(beats[0], end_ms=beats[1])
    flags = flag_artefacts(whole) if leave_out else None
    assert_same(
        measure_beats(whole, leave_out=flags, piece=piece), time_domain(whole, leave_out=flags), rtol=1e-11
    )


@given(
    recordings, st.integers(1, 700), st.sampled_from([60.0, 61.5, 120.0, 300.0]), st.sampled_from([0, 1.8e9])
)
def test_windows_of_pieces_are_those_of_the_whole(
    beats: tuple[Floats, Floats], piece: int, length_s: float, origin_s: float
) -> None:
    rr_ms, end_ms = beats[0], beats[1] + origin_s * 1000
    end_s, series = cut_windows(rr_ms, end_ms / 1000, length_s=length_s, step_s=60)
    whole = judge_windows(series, length_s=length_s)
    parts = list(
        judge_in_windows(rr_ms, end_ms, length_s=length_s, step_s=60, tolerance_ms=10, piece=max(piece, 20))
    )
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), end_s)
    for name in ("coverage", "artefact_share", "quality", "reason"):
        joined = np.concatenate([getattr(part[1], name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)
    for field in fields(TimeDomain):
        joined = np.concatenate([getattr(part[1].measures, field.name) for part in parts])
        np.testing.assert_allclose(joined, getattr(whole.measures, field.name), rtol=1e-12)


def test_without_times_every_beat_follows() -> None:
    found = judge_beats(np.full(50, 800.0), None, tolerance_ms=10, piece=7)
    assert found.gaps == 0
    assert not found.beats.follows[0]


@pytest.mark.parametrize("piece", [3, 100])
def test_where_all_beats_are_left_out_nothing_is_known(piece: int) -> None:
    beats = one_series(np.full(50, 800.0))
    found = measure_beats(beats, leave_out=np.ones(50, np.bool_), piece=piece)
    assert (found.beats[0], found.differences[0]) == (0, 0)
    assert np.isnan(
        [found.rmssd_ms[0], found.sdnn_ms[0], found.mean_heart_rate_bpm[0], found.mode_s[0]]
    ).all()


def test_beats_of_which_none_follows_another_cost_no_more_than_their_piece() -> None:
    rr_ms = np.full(5_000, 800.0)
    end_ms = np.arange(5_000) * 10_000.0
    found = judge_beats(rr_ms, end_ms, tolerance_ms=10, piece=500)
    assert found.gaps == 4_999
    assert found.artefacts == 0
