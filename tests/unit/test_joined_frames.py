"""Frames decoded together hold the same rows as frames decoded one by one."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.frames import FIXED_COLUMNS, ReadingFrame, encode_frame
from schemas.joined_frames import decode_frames, join_frames
from stores.frame_pieces import halve_frame
from support.history_rows import Row, frame_of_rows, random_rows


def _row(frame: ReadingFrame, index: int) -> tuple[object, ...]:
    """Return one row's fields as plain values; NaN as None."""
    rr_start = int(frame.rr_counts[:index].sum())
    beats = frame.rr_ms[rr_start : rr_start + int(frame.rr_counts[index])].tolist()
    measures = [None if np.isnan(value) else value for value in frame.measures[index].tolist()]
    fixed = [getattr(frame, name)[index].item() for name, _ in FIXED_COLUMNS]
    return (frame.users[index], frame.devices[index], *fixed, *measures, beats, frame.extra[index])


def _frames(shape: list[int], seed: int) -> list[list[Row]]:
    rows = random_rows(sum(shape), seed)
    frames, start = [], 0
    for length in shape:
        frames.append(rows[start : start + length])
        start += length
    return frames


_SHAPES = st.lists(st.integers(0, 5), max_size=12)


@settings(deadline=None)
@given(shape=_SHAPES, seed=st.integers(0, 2**32))
def test_every_row_is_there_once_and_knows_where_it_came_from(shape: list[int], seed: int) -> None:
    frames = [frame_of_rows(rows) for rows in _frames(shape, seed)]
    joined = decode_frames([encode_frame(frame) for frame in frames])
    places = list(zip(joined.frame_index.tolist(), joined.row_index.tolist(), strict=True))
    assert sorted(places) == [(index, row) for index, length in enumerate(shape) for row in range(length)]
    for place, (index, row) in enumerate(places):
        assert _row(joined.frame, place) == _row(frames[index], row)


@settings(deadline=None)
@given(shape=_SHAPES, seed=st.integers(0, 2**32))
def test_joining_keeps_the_order_of_the_rows(shape: list[int], seed: int) -> None:
    pieces = _frames(shape, seed)
    joined = join_frames([frame_of_rows(rows) for rows in pieces])
    whole = frame_of_rows([row for rows in pieces for row in rows])
    assert encode_frame(joined) == encode_frame(whole)


@settings(deadline=None)
@given(length=st.integers(0, 20), seed=st.integers(0, 2**32))
def test_two_halves_make_the_whole(length: int, seed: int) -> None:
    whole = frame_of_rows(random_rows(length, seed))
    first, second = halve_frame(whole)
    assert 0 <= len(second) - len(first) <= 1
    assert encode_frame(join_frames([first, second])) == encode_frame(whole)


def test_a_frame_of_another_version_is_refused() -> None:
    head = orjson.dumps({"v": 99, "n": 0, "measures": []})
    with pytest.raises(InputError, match="frame version 99"):
        decode_frames([len(head).to_bytes(4, "little") + head])


@pytest.mark.parametrize("cut", [1, 8, 40])
def test_a_frame_that_was_cut_off_is_refused(cut: int) -> None:
    rows = [row for row in random_rows(30, seed=1) if "rr_ms" not in row]
    good = encode_frame(frame_of_rows(rows))
    assert len(decode_frames([good, good]).frame) == 2 * len(rows)
    for payloads in ([good[:-cut]], [good, good[:-cut]]):
        with pytest.raises(ValueError, match=r"buffer size|broadcast|reshape"):
            decode_frames(payloads)
