"""Frames as rows that wait: what a row says of its reading does not depend on what stands beside it."""

from hypothesis import given
from hypothesis import strategies as st

from adaptation.pending import BEAT_UNITS_PER_MS, Field, Rows, rows_of_frame
from schemas.positions import EntryId
from support.readings import NOON, SECOND_US, Sent, frame_of

intervals_ms = st.lists(st.floats(200.0, 3000.0), max_size=20)


def rows_of(*rr_ms: list[float]) -> Rows:
    sent = [
        Sent(NOON + number * SECOND_US, {}, device=str(number), rr_ms=one) for number, one in enumerate(rr_ms)
    ]
    numbers = list(range(len(sent)))
    return rows_of_frame(EntryId(1, 1), frame_of(sent), numbers, numbers)


@given(st.lists(intervals_ms, min_size=1, max_size=8))
def test_how_long_beats_last_does_not_depend_on_the_frame(told: list[list[float]]) -> None:
    together = rows_of(*told)[Field.RR_US].tolist()
    assert together == [int(rows_of(rr_ms)[Field.RR_US][0]) for rr_ms in told]


def test_beats_of_half_a_microsecond_last_as_long_after_any_others() -> None:
    spans_us = {int(rows_of([300 + 0.7 * step] * 3, [812.3005])[Field.RR_US][1]) for step in range(2430)}
    assert len(spans_us) == 1


@given(st.lists(intervals_ms, min_size=1, max_size=8))
def test_beats_stand_where_their_row_says(told: list[list[float]]) -> None:
    rows = rows_of(*told)
    for start, count, rr_ms in zip(
        rows[Field.RR_START].tolist(), rows[Field.RR_COUNT].tolist(), told, strict=True
    ):
        beats = rows.beats[start : start + count].tolist()
        assert beats == [round(one * BEAT_UNITS_PER_MS) for one in rr_ms]
