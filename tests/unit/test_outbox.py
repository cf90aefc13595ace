"""The outbox of a connection: nothing twice, nothing missing in silence, never more than its bounds."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.feed_events import FeedEvent
from push.outbox import REPLIES_MAX, Loss, Outbox


def event(number: int, *, size: int = 10) -> FeedEvent:
    return FeedEvent(f"1-{number}", f"1-{number - 1}", b"x" * size)


def drain(outbox: Outbox) -> list[str]:
    ids = []
    while (item := outbox.take()) is not None:
        assert isinstance(item, FeedEvent)
        ids.append(item.event_id)
    return ids


def opened_at(number: int, **bounds: int) -> Outbox:
    outbox = Outbox(**bounds)
    outbox.begin()
    outbox.open(f"1-{number}")
    return outbox


@given(
    length=st.integers(1, 30),
    known=st.integers(0, 30),
    before_open=st.integers(0, 30),
    begin=st.integers(0, 30),
    repeats=st.booleans(),
)
def test_what_is_read_and_what_is_live_meet_without_gap_or_repeat(
    length: int, known: int, before_open: int, begin: int, *, repeats: bool
) -> None:
    # The live stream is heard from event `begin` + 1 on; the store is read when `known` events stand in it.
    begin, known = min(begin, length), max(min(known, length), min(begin, length))
    outbox = Outbox()
    outbox.begin()
    heard = list(range(begin + 1, length + 1))
    first, rest = heard[:before_open], heard[before_open:]
    for number in first:
        outbox.offer(event(number))
    outbox.open(f"1-{known}")
    for number in (first if repeats else []) + rest:
        outbox.offer(event(number))
    assert drain(outbox) == [f"1-{number}" for number in range(known + 1, length + 1)]
    assert outbox.loss is None


@given(st.sets(st.integers(1, 20)))
def test_a_missing_event_is_a_gap_and_nothing_behind_it_is_sent(missing: set[int]) -> None:
    outbox = opened_at(0)
    for number in range(1, 21):
        if number not in missing:
            outbox.offer(event(number))
    before = min(missing, default=21) - 1
    assert drain(outbox) == [f"1-{number}" for number in range(1, before + 1)]
    assert outbox.last_id == f"1-{before}"
    is_gap = any(number > before for number in range(1, 21) if number not in missing)
    assert outbox.loss is (Loss.GAP if is_gap else None)


def test_nothing_is_sent_before_it_is_known_what_the_client_has() -> None:
    outbox = Outbox()
    outbox.begin()
    outbox.offer(event(1))
    assert outbox.take() is None
    outbox.open("1-1")
    assert outbox.take() is None


@pytest.mark.parametrize("bounds", [{"events_max": 3}, {"bytes_max": 35}])
def test_a_full_outbox_throws_its_events_away_and_says_so(bounds: dict[str, int]) -> None:
    outbox = opened_at(0, **bounds)
    for number in range(1, 4):
        outbox.offer(event(number))
    assert outbox.loss is None
    outbox.offer(event(4))
    assert (outbox.loss, outbox.is_strained, outbox.take()) == (Loss.OVERFLOW, True, None)
    outbox.offer(event(5))
    assert outbox.take() is None


def test_after_an_overflow_it_goes_on_behind_what_was_read_anew() -> None:
    outbox = opened_at(0, events_max=3)
    for number in range(1, 6):
        outbox.offer(event(number))
    outbox.begin()
    for number in (6, 7):
        outbox.offer(event(number))
    outbox.open("1-6")
    assert (outbox.loss, outbox.is_strained) == (None, True)
    assert drain(outbox) == ["1-7"]
    assert not outbox.is_strained


def test_an_overflow_while_the_store_is_read_is_not_forgotten() -> None:
    outbox = Outbox(events_max=3)
    outbox.begin()
    for number in range(1, 6):
        outbox.offer(event(number))
    outbox.open("1-2")
    assert outbox.loss is Loss.OVERFLOW


def test_a_trimmed_live_stream_is_a_gap() -> None:
    outbox = opened_at(4)
    outbox.lose()
    outbox.offer(event(9))
    assert (outbox.loss, outbox.last_id, outbox.take()) == (Loss.GAP, "1-4", None)


def test_an_overflow_is_not_talked_down_to_a_gap() -> None:
    outbox = opened_at(0, events_max=1)
    outbox.offer(event(1))
    outbox.offer(event(2))
    outbox.lose()
    assert outbox.loss is Loss.OVERFLOW


def test_answers_go_before_events() -> None:
    outbox = opened_at(0)
    outbox.offer(event(1))
    outbox.reply("answer")
    assert outbox.take() == "answer"
    assert outbox.take() == event(1)


async def test_a_client_that_asks_without_reading_has_to_wait() -> None:
    outbox = opened_at(0)
    for _ in range(REPLIES_MAX):
        outbox.reply("answer")
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.take()
    await waiting


async def test_the_sender_wakes_for_events_answers_and_losses() -> None:
    outbox = opened_at(0)
    for change in (lambda: outbox.offer(event(1)), lambda: outbox.reply("answer"), outbox.lose):
        waiting = asyncio.create_task(outbox.change())
        await asyncio.sleep(0)
        assert not waiting.done()
        change()
        await waiting
