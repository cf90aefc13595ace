"""What was looked at: people, readings and local days, counted once."""

import numpy as np

from adaptation.backtest_counts import HistoryCounts
from adaptation.backtest_scores import Span
from schemas.frames import ReadingFrame
from schemas.measures import MEASURE_NAMES

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
MIDNIGHT_US = 20_000 * DAY_US


def frame(*moments: tuple[str, float]) -> ReadingFrame:
    """Return readings of users, each so many hours after a midnight in UTC."""
    n = len(moments)
    time_us = np.array([MIDNIGHT_US + round(hours * HOUR_US) for _, hours in moments], np.int64)
    zeros = {name: np.zeros(n, np.uint8) for name in ("flags", "activity", "source", "rr_counts")}
    return ReadingFrame(
        users=[user for user, _ in moments],
        devices=["watch"] * n,
        time_us=time_us,
        arrival_us=time_us,
        seq=np.zeros(n, np.int64),
        digest=np.zeros(n, np.uint64),
        measures=np.full((n, len(MEASURE_NAMES)), np.nan),
        rr_ms=np.zeros(0),
        extra=[b""] * n,
        **zeros,  # type: ignore[arg-type]  # by name
    )


def test_days_are_local_and_counted_once_for_each_person() -> None:
    counts = HistoryCounts(default_zone="UTC")
    counts.begin({"ada": "Asia/Tokyo"})
    counts.count(frame(("ada", 1), ("ada", 14.9), ("bob", 1), ("bob", 23)))
    assert (counts.people, counts.readings, counts.person_days) == (2, 4, 2)
    counts.count(frame(("ada", 15), ("bob", 14)))
    assert (counts.people, counts.readings, counts.person_days) == (2, 6, 3)
    counts.begin({})
    counts.count(frame(("eve", 1)))
    assert (counts.people, counts.readings, counts.person_days) == (3, 7, 4)


def test_what_lies_before_the_beginning_counts_nowhere() -> None:
    counts = HistoryCounts(default_zone="UTC", from_us=MIDNIGHT_US)
    counts.begin({})
    counts.count(frame(("ada", -1), ("bob", -1), ("ada", 0)))
    assert (counts.people, counts.readings, counts.person_days) == (1, 1, 1)


def test_a_span_reaches_from_the_first_to_the_last_reading() -> None:
    counts = HistoryCounts(default_zone="UTC")
    counts.begin({})
    counts.count(frame(("ada", 30), ("ada", 2.1)))
    ((user, span),) = counts.spans.items()
    assert user == "ada"
    assert span.start_us <= MIDNIGHT_US + 2.1 * HOUR_US < span.start_us + HOUR_US / 4
    assert span == Span(MIDNIGHT_US + 2 * HOUR_US, MIDNIGHT_US + round(30.25 * HOUR_US))
