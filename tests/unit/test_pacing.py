"""When messages are sent and how far their times are moved."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.device_messages import DeviceMessage, TimedReading
from ingest.pacing import SLACK_US, Schedule, squeezed

LIVE_FROM_US = 1_000_000_000_000
LATE_AFTER_US = 600_000_000
MINUTE_US = 60_000_000


def _message(sent_us: int, *, measured_us: int | None = None) -> DeviceMessage:
    time_us = sent_us if measured_us is None else measured_us
    return DeviceMessage(sent_us, "ada", "watch", (TimedReading(time_us, {"heart_rate_bpm": 60}),))


@given(
    gaps=st.lists(st.integers(0, 5 * MINUTE_US), min_size=1, max_size=60),
    hold_ups=st.lists(st.integers(0, 60 * MINUTE_US), min_size=60, max_size=60),
)
def test_whatever_holds_the_stream_up_live_readings_are_sent_at_about_their_time_and_never_before_it(
    gaps: list[int], hold_ups: list[int]
) -> None:
    schedule = Schedule(LIVE_FROM_US)
    now_us = LIVE_FROM_US
    sent: list[int] = []
    for at_us, hold_up_us in zip(itertools.accumulate(gaps, initial=LIVE_FROM_US), hold_ups, strict=False):
        message = _message(at_us)
        delay_before_us = schedule.delay_us
        now_us = max(now_us, schedule.due_us(message)) + hold_up_us
        time_us = message.readings[0].time_us + schedule.shift_us(message, now_us=now_us)
        assert 0 <= now_us - time_us <= SLACK_US < LATE_AFTER_US
        assert schedule.delay_us >= delay_before_us
        sent.append(time_us)
    assert sent == sorted(sent)


def test_a_stream_that_is_on_time_is_not_moved() -> None:
    schedule = Schedule(LIVE_FROM_US)
    for at_us in range(LIVE_FROM_US, LIVE_FROM_US + 100 * MINUTE_US, MINUTE_US):
        assert schedule.shift_us(_message(at_us), now_us=at_us + SLACK_US) == 0


def test_history_keeps_its_times_however_late_it_is_and_waits_only_for_the_clock() -> None:
    schedule = Schedule(LIVE_FROM_US)
    old = _message(LIVE_FROM_US - 1)
    assert schedule.due_us(old) == old.sent_us
    assert schedule.shift_us(old, now_us=LIVE_FROM_US + 500 * MINUTE_US) == 0
    assert schedule.delay_us == 0
    assert not schedule.is_live(old)


def test_the_interval_between_measuring_and_sending_is_kept_when_a_stream_is_moved() -> None:
    schedule = Schedule(LIVE_FROM_US)
    late = _message(LIVE_FROM_US + 30 * MINUTE_US, measured_us=LIVE_FROM_US)
    shift_us = schedule.shift_us(late, now_us=LIVE_FROM_US + 90 * MINUTE_US)
    assert shift_us == 60 * MINUTE_US


@pytest.mark.parametrize("times", [0.5, 1.0, 600.0])
def test_a_squeezed_stream_keeps_its_past_and_shortens_its_future(times: float) -> None:
    past, first, last = (_message(LIVE_FROM_US + one * MINUTE_US) for one in (-60, 10, 130))
    moved = list(squeezed([past, first, last], from_us=LIVE_FROM_US, times=times))
    assert moved[0] == past
    assert moved[1].sent_us == LIVE_FROM_US + round(10 * MINUTE_US / times)
    assert moved[2].sent_us - moved[1].sent_us == pytest.approx(120 * MINUTE_US / times, abs=1)
    assert moved[2].readings[0].time_us == moved[2].sent_us
