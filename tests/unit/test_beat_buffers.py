"""Windows of beats as they come in message by message, compared with windows cut from the whole recording."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.beat_buffers import NO_PANE, PANE_US, BeatBuffers, BeatMessages, ClosedWindow, series_of
from adaptation.columns import NEVER_US
from adaptation.physiology.beats import BeatSeries
from adaptation.physiology.windows import Quality, Windows, cut_windows, judge_windows
from ingest.recordings.e4 import read_e4
from ingest.recordings.garmin import read_garmin
from schemas.frames import TIME_OF_RECEIPT, TIME_STAMPED_ON_ARRIVAL
from support.beating import (
    UNITS_PER_MS,
    Heard,
    heard_in,
    midnight,
    regrouped,
    sent_of_reading,
    simulated,
    span_us,
    swinging,
)
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Sent
from support.rr_series import NO_RECORDINGS, RECORDINGS

BEGIN = midnight("2026-09-10")
SECOND_OF_BEATS = [1000.0]
BEAT_BYTES = 2

Beat = tuple[float, bool]
"""RR interval, ms, and whether it follows on the one before."""


class Told(NamedTuple):
    """One window: its end, and its beats."""

    end_us: int
    beats: list[Beat]

    @property
    def rr_ms(self) -> list[float]:
        return [rr_ms for rr_ms, _ in self.beats]


class Devices:
    """Buffers, and what stands in the rows of their devices."""

    def __init__(self, window_s: int = 120, *, count: int = 1) -> None:
        self.buffers = BeatBuffers(timedelta(seconds=window_s))
        self.known = np.tile(np.array([NEVER_US, NO_PANE]), (count, 1))
        self.closed: list[ClosedWindow] = []

    def give(self, *sent: Sent, rows: Sequence[int] = (0,)) -> list[Told]:
        """Take one message of each of some devices; return the windows that are over by them."""
        counts = np.array([len(one.rr_ms) for one in sent])
        messages = BeatMessages(
            streams=np.array(rows),
            end_us=np.array([one.time_us for one in sent]),
            length_us=np.array([span_us(one.rr_ms) for one in sent]),
            starts=counts.cumsum() - counts,
            counts=counts,
            flags=np.array([one.flags for one in sent]),
            beats=np.rint(np.array([rr for one in sent for rr in one.rr_ms]) * UNITS_PER_MS).astype(
                np.uint16
            ),
        )
        known = self.known[list(rows)]
        closed = self.buffers.take(known, messages)
        self.known[list(rows)] = known
        self.closed += closed
        return told_by(closed)

    def pass_time(self, time_us: int, *, row: int = 0) -> list[Told]:
        """Take a reading of a device without beats; return the windows that are over by it."""
        known = self.known[[row]]
        closed = self.buffers.close_silent(known, np.array([row]), np.array([time_us]))
        self.known[[row]] = known
        self.closed += closed
        return told_by(closed)


def told_by(closed: Sequence[ClosedWindow]) -> list[Told]:
    if not closed:
        return []
    series = series_of(closed)
    beats = list(zip(series.rr_ms.tolist(), series.follows.tolist(), strict=True))
    bounds = itertools.pairwise(series.starts.tolist())
    return [
        Told(window.end_us, beats[begin:end]) for window, (begin, end) in zip(closed, bounds, strict=True)
    ]


def message(end_us: int, rr_ms: Sequence[float], *, flags: int = 0) -> Sent:
    return Sent(end_us, {}, rr_ms=rr_ms, flags=flags)


def beats_until(end_us: int, count: int, *, flags: int = 0) -> Sent:
    """Return a message of beats of one second."""
    return message(end_us, SECOND_OF_BEATS * count, flags=flags)


def ends_of(windows: Sequence[Told]) -> list[float]:
    """Return ends in minutes after the beginning."""
    return [(window.end_us - BEGIN) / MINUTE_US for window in windows]


def over_all(sent: Sequence[Sent], *, window_s: int = 120) -> list[Told]:
    """Return the windows of messages, and then of silence."""
    device = Devices(window_s)
    for one in sent:
        device.give(one)
    device.pass_time(max(one.time_us for one in sent) + 10 * HOUR_US)
    return told_by(device.closed)


def is_each_once(windows: Sequence[Told]) -> bool:
    return all(one.end_us < other.end_us for one, other in itertools.pairwise(windows))


def plain_windows(sent: Sequence[Sent], *, window_s: int = 120) -> list[Told]:
    """Return the windows of messages by looking at all of them: a pane for each beat, nothing kept."""
    panes: list[tuple[int, Beat]] = []
    until_us, pane = NEVER_US, NO_PANE
    for one in sent:
        is_received = one.flags & (TIME_OF_RECEIPT | TIME_STAMPED_ON_ARRIVAL)
        tolerance_us = 3_000_000 if is_received else 10_000
        beats = heard_in([one])
        fresh = beats.end_us > (until_us + tolerance_us if not is_received else NEVER_US)
        if one.time_us > until_us and fresh.any():
            rr_ms, end_us = beats.rr_ms[fresh].tolist(), beats.end_us[fresh].tolist()
            begin_us = end_us[0] - round(rr_ms[0] * 1000)
            follows = [abs(begin_us - until_us) <= tolerance_us] + [True] * (len(rr_ms) - 1)
            for index in range(len(rr_ms)):
                pane = max(pane, -(-end_us[index] // PANE_US) - 1)
                panes.append((pane, (rr_ms[index], follows[index])))
        until_us = max(until_us, one.time_us)
    numbers = {pane for pane, _ in panes}
    length = window_s * SECOND_US // PANE_US
    windows = []
    for last in sorted({number + step for number in numbers for step in range(length)}):
        (first, *others) = [beat for number, beat in panes if last - length < number <= last]
        windows.append(Told((last + 1) * PANE_US, [(first[0], False), *others]))
    return windows


def assert_equals_cut(told: Sequence[Told], beats: Heard, *, window_s: int, tolerance_ms: float = 10) -> None:
    """Assert that windows have the ends, beats, gaps and verdicts of those cut from the whole recording."""
    base_us = int(beats.end_us[0]) // DAY_US * DAY_US
    end_s, expected = cut_windows(
        beats.rr_ms,
        (beats.end_us - base_us) / 1e6,
        length_s=window_s,
        tolerance_ms=tolerance_ms,
    )
    assert [window.end_us for window in told] == (np.rint(end_s * 1e6).astype(np.int64) + base_us).tolist()
    found = series_from(told)
    np.testing.assert_array_equal(found.starts, expected.starts)
    np.testing.assert_allclose(found.rr_ms, expected.rr_ms, rtol=0, atol=0.5 / UNITS_PER_MS)
    np.testing.assert_array_equal(found.follows, expected.follows)
    verdicts, wanted = (judge_windows(one, length_s=window_s) for one in (found, expected))
    np.testing.assert_array_equal(verdicts.quality, wanted.quality)
    np.testing.assert_array_equal(verdicts.reason, wanted.reason)
    np.testing.assert_allclose(verdicts.measures.rmssd_ms, wanted.measures.rmssd_ms, atol=0.1)


def series_from(told: Sequence[Told]) -> BeatSeries:
    starts = np.cumsum([0, *(len(window.beats) for window in told)])
    rr_ms, follows = zip(*(beat for window in told for beat in window.beats), strict=True)
    return BeatSeries(np.array(rr_ms), starts, np.array(follows))


# The grid of minutes.


def test_windows_end_on_the_minute_and_a_beat_that_ends_with_a_minute_is_its_last() -> None:
    device = Devices(60)
    assert device.give(beats_until(BEGIN + MINUTE_US, 60)) == []
    (window,) = device.give(beats_until(BEGIN + MINUTE_US + SECOND_US, 1))
    assert ends_of([window]) == [1]
    assert len(window.beats) == 60


def test_a_beat_that_ends_a_microsecond_after_the_minute_belongs_to_the_next() -> None:
    device = Devices(60)
    (window,) = device.give(beats_until(BEGIN + MINUTE_US + 1, 61))
    assert ends_of([window]) == [1]
    assert len(window.beats) == 60


@pytest.mark.parametrize(
    ("window_s", "beats"),
    [(60, [30, 60, 60, 60, 60, 30]), (120, [30, 90, 120, 120, 120, 90, 30])],
    ids=["one-minute", "two-minutes"],
)
def test_windows_overlap_by_all_but_a_minute(window_s: int, beats: list[int]) -> None:
    sent = [beats_until(BEGIN + 30 * SECOND_US * half, 30) for half in range(2, 12)]
    assert [len(told.beats) for told in over_all(sent, window_s=window_s)] == beats


def test_a_window_of_five_minutes_holds_the_beats_of_five_panes() -> None:
    sent = [beats_until(BEGIN + minute * MINUTE_US, 60) for minute in range(1, 8)]
    told = over_all(sent, window_s=300)
    assert ends_of(told) == list(range(1, 12))
    assert [len(window.beats) for window in told] == [60, 120, 180, 240, 300, 300, 300, 240, 180, 120, 60]


def test_a_message_longer_than_several_windows_ends_all_of_them() -> None:
    device = Devices()
    told = device.give(beats_until(BEGIN + 5 * MINUTE_US, 300))
    assert ends_of(told) == [1, 2, 3, 4]
    assert [len(window.beats) for window in told] == [60, 120, 120, 120]


# Gaps.


@pytest.mark.parametrize(
    ("flags", "gap_us", "follows"),
    [
        pytest.param(0, 0, True, id="no-gap"),
        pytest.param(0, 10_000, True, id="at-10-ms"),
        pytest.param(0, 10_001, False, id="above-10-ms"),
        pytest.param(0, -10_000, True, id="10-ms-of-overlap"),
        pytest.param(TIME_OF_RECEIPT, 3_000_000, True, id="received-at-3-s"),
        pytest.param(TIME_OF_RECEIPT, 3_000_001, False, id="received-above-3-s"),
        pytest.param(TIME_STAMPED_ON_ARRIVAL, 3_000_000, True, id="stamped-at-3-s"),
        pytest.param(TIME_STAMPED_ON_ARRIVAL, 3_000_001, False, id="stamped-above-3-s"),
        pytest.param(TIME_OF_RECEIPT, -1_500_000, True, id="received-too-early"),
    ],
)
@pytest.mark.parametrize("second", [10, 57], ids=["within-a-pane", "across-panes"])
def test_a_message_follows_on_the_one_before_within_the_tolerance_of_its_times(
    flags: int, gap_us: int, second: int, *, follows: bool
) -> None:
    first_us = BEGIN + second * SECOND_US
    second_us = first_us + 5 * SECOND_US + gap_us
    told = over_all([beats_until(first_us, 5, flags=flags), beats_until(second_us, 5, flags=flags)])
    whole, *_ = [window for window in told if len(window.beats) == 10]
    assert [one for _, one in whole.beats] == [False, *[True] * 4, follows, *[True] * 4]


def test_the_first_beat_of_a_window_follows_on_nothing() -> None:
    told = over_all([beats_until(BEGIN + 3 * MINUTE_US, 180)])
    assert [[follows for _, follows in window.beats].index(True) for window in told] == [1] * 4
    assert not any(window.beats[0][1] for window in told)


def test_of_a_time_of_receipt_only_the_order_of_panes_counts() -> None:
    # Two messages of ten beats that a bridge hands on together: the second one's beats are not put before.
    late_us = BEGIN + MINUTE_US + 2 * SECOND_US
    told = over_all(
        [
            beats_until(late_us, 10, flags=TIME_OF_RECEIPT),
            beats_until(late_us + 100_000, 10, flags=TIME_OF_RECEIPT),
        ],
        window_s=60,
    )
    assert [len(window.beats) for window in told] == [8, 12]


# What counts once.


@pytest.mark.parametrize("count", [1, 30, 90], ids=["a-beat", "within-a-pane", "across-panes"])
def test_a_message_that_comes_again_counts_once(count: int) -> None:
    sent = [beats_until(BEGIN + 100 * SECOND_US, 10), beats_until(BEGIN + (100 + count) * SECOND_US, count)]
    assert over_all([*sent, *sent, sent[1]]) == over_all(sent)


def test_of_a_message_that_overlaps_only_the_new_beats_count() -> None:
    sent = [beats_until(BEGIN + 40 * SECOND_US, 40), beats_until(BEGIN + 70 * SECOND_US, 70)]
    assert over_all(sent) == over_all([beats_until(BEGIN + 70 * SECOND_US, 70)])


def test_a_message_out_of_order_counts_for_nothing() -> None:
    sent = [beats_until(BEGIN + 20 * SECOND_US, 10), beats_until(BEGIN + 100 * SECOND_US, 10)]
    late = beats_until(BEGIN + 60 * SECOND_US, 10)
    assert over_all([*sent, late]) == over_all(sent)


def test_a_message_that_was_received_before_the_one_before_counts_for_nothing() -> None:
    sent = beats_until(BEGIN + 100 * SECOND_US, 30, flags=TIME_OF_RECEIPT)
    late = beats_until(BEGIN + 70 * SECOND_US, 30, flags=TIME_OF_RECEIPT)
    assert over_all([sent, late]) == over_all([sent])


@pytest.mark.parametrize("times", [2, 50])
def test_a_short_message_of_receipt_that_comes_again_counts_once(times: int) -> None:
    one = message(BEGIN + 10 * SECOND_US, [800.0] * 3, flags=TIME_OF_RECEIPT)
    assert over_all([one] * times) == over_all([one])
    assert [len(window.beats) for window in over_all([one])] == [3, 3]


@pytest.mark.parametrize("seconds", [(10, 9), (10, 9, 8, 10, 7)], ids=["once", "over-and-over"])
def test_a_short_message_of_receipt_out_of_order_counts_for_nothing(seconds: tuple[int, ...]) -> None:
    sent = [message(BEGIN + second * SECOND_US, [800.0], flags=TIME_OF_RECEIPT) for second in seconds]
    assert over_all(sent) == over_all(sent[:1])


times_s = st.integers(1, 900)
any_beats = st.lists(st.sampled_from([400.0, 700.0625, 812.5, 1000.0, 2900.0]), min_size=1, max_size=120)


@st.composite
def exact_messages(draw: st.DrawFn) -> list[Sent]:
    """Messages of any order and overlap, some of them again and again."""
    drawn = draw(st.lists(st.tuples(times_s, any_beats), min_size=1, max_size=12))
    sent = [message(BEGIN + time_s * SECOND_US, rr_ms) for time_s, rr_ms in drawn]
    again = draw(st.lists(st.integers(0, len(sent) - 1), max_size=12))
    return sent + [sent[index] for index in again]


@given(exact_messages(), st.sampled_from([60, 120, 300]))
def test_messages_in_any_order_give_the_windows_that_a_look_at_all_of_them_gives(
    sent: list[Sent], window_s: int
) -> None:
    assert over_all(sent, window_s=window_s) == plain_windows(sent, window_s=window_s)


@st.composite
def received_messages(draw: st.DrawFn) -> list[Sent]:
    """Messages with times of receipt, most of them later than the one before."""
    steps = draw(st.lists(st.tuples(st.integers(-20_000, 90_000), any_beats), min_size=1, max_size=12))
    ends_us = itertools.accumulate((step_ms * 1000 for step_ms, _ in steps), initial=BEGIN)
    next(ends_us)
    return [
        message(end_us, rr_ms, flags=TIME_OF_RECEIPT)
        for end_us, (_, rr_ms) in zip(ends_us, steps, strict=True)
    ]


@given(received_messages(), st.sampled_from([60, 120, 300]))
def test_messages_as_received_give_the_windows_that_a_look_at_all_of_them_gives(
    sent: list[Sent], window_s: int
) -> None:
    assert over_all(sent, window_s=window_s) == plain_windows(sent, window_s=window_s)


# The whole recording.


@st.composite
def recordings(draw: st.DrawFn) -> list[Sent]:
    """Stretches of beats with gaps between them, one message a stretch."""
    sent: list[Sent] = []
    end_us = BEGIN + draw(st.integers(0, MINUTE_US))
    for _ in range(draw(st.integers(1, 5))):
        rr_ms = draw(st.lists(st.integers(300, 2000).map(float), min_size=1, max_size=400))
        end_us += draw(st.sampled_from([11_000, SECOND_US, 50 * SECOND_US, 3 * MINUTE_US, HOUR_US]))
        end_us += span_us(rr_ms)
        sent.append(message(end_us, rr_ms))
    return sent


@given(
    recordings(),
    st.lists(st.sampled_from([1, 2, 5, 50, 400]), min_size=1, max_size=6),
    st.sampled_from([60, 120, 300]),
)
def test_wherever_messages_are_cut_the_windows_are_those_of_the_whole_recording(
    sent: list[Sent], sizes: list[int], window_s: int
) -> None:
    told = over_all(regrouped(sent, itertools.cycle(sizes)), window_s=window_s)
    assert told == over_all(sent, window_s=window_s)
    assert_equals_cut(told, heard_in(sent), window_s=window_s)


@pytest.fixture(scope="module")
def simulated_day() -> list[Sent]:
    sent = simulated(0, BEGIN + 4 * HOUR_US, BEGIN + 16 * HOUR_US)
    return [one for one in sent if len(one.rr_ms)]


@pytest.mark.parametrize("window_s", [60, 120, 300])
def test_the_windows_of_a_simulated_day_are_those_cut_from_the_whole_of_it(
    simulated_day: list[Sent], window_s: int
) -> None:
    told = over_all(simulated_day, window_s=window_s)
    assert len(told) > 500
    assert_equals_cut(told, heard_in(simulated_day), window_s=window_s)


def test_the_windows_of_a_simulated_day_do_not_depend_on_its_messages(simulated_day: list[Sent]) -> None:
    told = over_all(simulated_day)
    for sizes in ([7, 300, 1], [4096]):
        assert over_all(regrouped(simulated_day, itertools.cycle(sizes))) == told


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=NO_RECORDINGS)
@pytest.mark.parametrize("number", [1, 2, 7, 13, 20])
def test_the_windows_of_a_wrist_recording_are_those_cut_from_the_whole_of_it(number: int) -> None:
    folder = RECORDINGS / f"stress_predict/S{number:02d}"
    lines = (folder / "IBI.csv").read_text("utf-8").splitlines()
    start_s = float(lines[0].split(",")[0])
    offset_s, rr_s = np.array([line.split(",") for line in lines[1:]], np.float64).T
    rr_ms, end_us = np.round(rr_s * 1000, 3), np.rint((start_s + offset_s) * 1e6).astype(np.int64)
    within = (rr_ms >= 200) & (rr_ms <= 3000)
    sent = [
        sent_of_reading(timed.reading, time_us=timed.time_us, sent_us=timed.time_us)
        for timed in read_e4(folder, user_id="ada").readings
        if "rr_ms" in timed.reading
    ]
    for window_s in (60, 120, 300):
        told = over_all(sent, window_s=window_s)
        assert_equals_cut(told, Heard(rr_ms[within], end_us[within]), window_s=window_s)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=NO_RECORDINGS)
def test_the_windows_of_a_log_of_receipts_hold_every_beat_and_break_only_at_its_pauses() -> None:
    recording = read_garmin(RECORDINGS / "garmin_e4_flirt/garmin/data.csv", user_id="ada")
    sent = [
        sent_of_reading(timed.reading, time_us=timed.time_us, sent_us=timed.time_us)
        for timed in recording.readings
        if "rr_ms" in timed.reading
    ]
    told = over_all(sent)
    assert told == plain_windows(sent)
    assert sum(len(window.rr_ms) for window in over_all(sent, window_s=60)) == sum(
        len(one.rr_ms) for one in sent
    )
    verdicts = judged(told)
    assert (verdicts.quality != Quality.REJECTED).sum() > 50


def judged(told: Sequence[Told]) -> Windows:
    return judge_windows(series_from(told), length_s=120)


# Silence.


@pytest.mark.parametrize(
    ("after_us", "ends"),
    [(16 * MINUTE_US, []), (16 * MINUTE_US + 1, [1, 2]), (DAY_US, [1, 2])],
    ids=["at-a-quarter-of-an-hour-after-the-pane", "just-beyond", "a-day-later"],
)
def test_windows_are_over_a_quarter_of_an_hour_after_the_last_pane_with_beats(
    after_us: int, ends: list[int]
) -> None:
    device = Devices()
    device.give(beats_until(BEGIN + 50 * SECOND_US, 50))
    assert ends_of(device.pass_time(BEGIN + after_us)) == ends


def test_silence_ends_windows_once() -> None:
    device = Devices()
    device.give(beats_until(BEGIN + 50 * SECOND_US, 50))
    assert ends_of(device.pass_time(BEGIN + 20 * MINUTE_US)) == [1, 2]
    assert device.pass_time(BEGIN + 20 * MINUTE_US) == []
    assert device.pass_time(BEGIN + HOUR_US) == []
    assert device.known[0, 1] == NO_PANE


def test_a_device_that_never_gave_beats_has_no_windows() -> None:
    assert Devices().pass_time(BEGIN) == []


@pytest.mark.parametrize(("window_s", "count"), [(60, 1), (120, 2), (300, 5)])
def test_a_pane_is_in_as_many_windows_as_a_window_has_panes(window_s: int, count: int) -> None:
    device = Devices(window_s)
    device.give(beats_until(BEGIN + 50 * SECOND_US, 50))
    assert ends_of(device.pass_time(BEGIN + HOUR_US)) == list(range(1, 1 + count))


def test_beats_after_silence_begin_anew_behind_a_gap() -> None:
    device = Devices()
    device.give(beats_until(BEGIN + 50 * SECOND_US, 50))
    device.pass_time(BEGIN + 16 * MINUTE_US + 1)
    device.give(beats_until(BEGIN + 16 * MINUTE_US + 30 * SECOND_US, 20))
    told = device.pass_time(BEGIN + HOUR_US)
    assert ends_of(told) == [17, 18]
    assert [len(window.beats) for window in told] == [20, 20]


@pytest.mark.parametrize("late_min", [2, 10, 15])
def test_beats_that_come_within_a_quarter_of_an_hour_join_the_windows_they_belong_to(late_min: int) -> None:
    sent = [beats_until(BEGIN + 50 * SECOND_US, 50), beats_until(BEGIN + 110 * SECOND_US, 60)]
    device = Devices()
    device.give(sent[0])
    device.pass_time(BEGIN + (1 + late_min) * MINUTE_US)
    device.give(sent[1])
    device.pass_time(BEGIN + HOUR_US)
    assert told_by(device.closed) == over_all(sent)


@pytest.mark.parametrize("flags", [0, TIME_OF_RECEIPT], ids=["measured", "received"])
@pytest.mark.parametrize(("window_s", "until_min"), [(60, 1), (120, 2), (300, 5)])
def test_late_beats_of_windows_that_silence_has_ended_are_left_out(
    window_s: int, until_min: int, flags: int
) -> None:
    device = Devices(window_s)
    device.give(beats_until(BEGIN + 20 * SECOND_US, 20, flags=flags))
    ended = ends_of(device.pass_time(BEGIN + 16 * MINUTE_US + 1))
    assert ended == list(range(1, 1 + until_min))
    end_us = BEGIN + until_min * MINUTE_US
    assert device.give(beats_until(BEGIN + 40 * SECOND_US, 20, flags=flags)) == []
    assert device.give(beats_until(end_us, 20, flags=flags)) == []
    assert device.pass_time(BEGIN + HOUR_US) == []
    # Of a message that reaches beyond them the beats after them count.
    device.give(beats_until(end_us + 30 * SECOND_US, 60, flags=flags))
    told = device.pass_time(BEGIN + 2 * HOUR_US)
    assert ends_of(told) == [until_min + number for number in ended]
    assert {len(window.beats) for window in told} == {30}


passing = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4000)), max_size=6)


@given(exact_messages() | received_messages(), passing, st.sampled_from([60, 120, 300]))
def test_no_window_comes_twice_however_late_beats_come(
    sent: list[Sent], passing: list[tuple[int, int]], window_s: int
) -> None:
    device = Devices(window_s)
    for number, one in enumerate(sent):
        for pass_s in (second for before, second in passing if before == number):
            device.pass_time(BEGIN + pass_s * SECOND_US)
        device.give(one)
    device.pass_time(BEGIN + DAY_US)
    assert is_each_once(told_by(device.closed))


@pytest.mark.parametrize(
    ("skipped", "ends"),
    [(0, [1, 2, 3]), (1, [1, 2, 3, 4]), (2, [1, 2, 4, 5]), (100, [1, 2, 102, 103])],
)
def test_a_gap_of_panes_leaves_out_windows_without_beats(skipped: int, ends: list[int]) -> None:
    device = Devices()
    device.give(beats_until(BEGIN + 50 * SECOND_US, 50))
    device.give(beats_until(BEGIN + (1 + skipped) * MINUTE_US + 50 * SECOND_US, 50))
    device.pass_time(BEGIN + DAY_US)
    told = told_by(device.closed)
    assert ends_of(told) == ends
    assert all(not window.beats[50][1] for window in told if len(window.beats) == 100)


@given(recordings(), st.lists(st.sampled_from([1, 30, 400]), min_size=1, max_size=4), st.data())
def test_readings_without_beats_between_messages_change_no_window(
    sent: list[Sent], sizes: list[int], data: st.DataObject
) -> None:
    told, device = over_all(sent), Devices()
    for one in regrouped(sent, itertools.cycle(sizes)):
        begin_us = one.time_us - span_us(one.rr_ms)
        if data.draw(st.booleans()):
            device.pass_time(begin_us)
        device.give(one)
    device.pass_time(sent[-1].time_us + DAY_US)
    assert told_by(device.closed) == told


# Many devices, and what is kept of them.


def test_devices_of_one_round_do_not_mix() -> None:
    alone = [over_all(messages) for messages in _of_three_devices()]
    together = Devices(count=3)
    for messages in itertools.zip_longest(*_of_three_devices()):
        rows = [row for row, one in enumerate(messages) if one is not None]
        together.give(*(one for one in messages if one is not None), rows=rows)
    for row in range(3):
        together.pass_time(BEGIN + DAY_US, row=row)
    for row in range(3):
        assert told_by([window for window in together.closed if window.stream == row]) == alone[row]


def _of_three_devices() -> list[list[Sent]]:
    return [
        [
            message(BEGIN + row * 7_300_000 + (number + 1) * 40 * SECOND_US, swinging(40, mean_ms=800 + row))
            for number in range(20 - 5 * row)
        ]
        for row in range(3)
    ]


def test_what_was_kept_goes_on_in_other_buffers() -> None:
    sent = [beats_until(BEGIN + step * 25 * SECOND_US, 25) for step in range(1, 40)]
    expected = over_all(sent)
    for cut in (1, 3, 4, 17, 38):
        device = Devices()
        for one in sent[:cut]:
            device.give(one)
        kept = device.buffers.items()
        device.buffers = BeatBuffers(timedelta(seconds=120))
        for row, beats in kept:
            device.buffers.restore(row, beats)
        for one in sent[cut:]:
            device.give(one)
        device.pass_time(BEGIN + DAY_US)
        assert told_by(device.closed) == expected


def test_only_devices_that_gave_beats_are_kept() -> None:
    device = Devices(count=5)
    assert (device.buffers.has_any, device.buffers.items()) == (False, [])
    device.give(beats_until(BEGIN + MINUTE_US, 2), rows=(3,))
    assert device.buffers.has_any
    assert [row for row, _ in device.buffers.items()] == [3]


@pytest.mark.parametrize("window_s", [60, 120, 300])
def test_no_more_is_kept_than_the_beats_of_a_window(window_s: int) -> None:
    device = Devices(window_s)
    # 200 ms is the shortest interval that a reading may hold; besides, a gap before every message.
    message_beats, gap_us = 20, 20_000
    beats_max = window_s * 5 + 1
    marks_max = window_s // 4 + window_s // 60 + 1
    largest = 0
    end_us = BEGIN
    for _ in range(600):
        end_us += gap_us + message_beats * 200_000
        device.give(message(end_us, [200.0] * message_beats))
        largest = max(largest, sum(len(beats) for _, beats in device.buffers.items()))
    assert largest <= BEAT_BYTES * (beats_max + marks_max)
    device.pass_time(end_us + HOUR_US)
    assert sum(len(beats) for _, beats in device.buffers.items()) <= BEAT_BYTES * (window_s // 60)


def test_messages_that_come_again_are_not_kept_again() -> None:
    device = Devices()
    one = beats_until(BEGIN + 50 * SECOND_US, 50)
    device.give(one)
    kept = device.buffers.items()
    for _ in range(100):
        device.give(one)
    assert device.buffers.items() == kept


def test_the_longest_message_is_kept_by_no_more_than_a_window() -> None:
    device = Devices()
    told = device.give(message(BEGIN + 4096 * SECOND_US, [1000.0] * 4096))
    assert len(told) == 4096 // 60
    assert sum(len(beats) for _, beats in device.buffers.items()) <= BEAT_BYTES * 130
