"""The delay from a reading's arrival to the push of its event: measured of the right events only."""

import datetime as dt

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from push.delays import DELAYS_KEPT, ArrivalToPush
from push.feed_events import FeedEvent, parse_feed_event
from push.metrics import PushMetrics

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
ARRIVAL = "2026-11-20T08:59:58.250000Z"
ARRIVED = dt.datetime(2026, 11, 20, 8, 59, 58, 250_000, tzinfo=dt.UTC)


def delays(*, speed: float = 1.0) -> ArrivalToPush:
    histogram = PushMetrics(CollectorRegistry()).arrival_to_push
    return ArrivalToPush(now=lambda: NOW, speed=speed, histogram=histogram)


def event(ago_s: float) -> FeedEvent:
    return FeedEvent("1-1", "0-0", b"", NOW - dt.timedelta(seconds=ago_s))


def adaptation(status: str) -> dict[str, object]:
    return {"adaptation": {"status": status, "created_at": ARRIVAL}}


@pytest.mark.parametrize(
    ("kind", "fields", "arrived"),
    [
        pytest.param("plan.changed", adaptation("applied"), ARRIVED, id="changed"),
        pytest.param("adaptation.proposed", adaptation("proposed"), ARRIVED, id="proposed"),
        pytest.param("adaptation.noted", adaptation("noted"), ARRIVED, id="only told"),
        pytest.param("plan.changed", adaptation("accepted"), None, id="accepted"),
        pytest.param("plan.changed", adaptation("undone"), None, id="undone"),
        pytest.param("plan.changed", adaptation("expired"), None, id="expired"),
        pytest.param("adaptation.noted", adaptation("declined"), None, id="declined"),
        pytest.param("adaptation.reverted", adaptation("expired"), None, id="told beside the return"),
        pytest.param("adaptation.applied", adaptation("applied"), None, id="told beside the change"),
        pytest.param("plan.changed", {"adaptation": None}, None, id="changed by a task"),
        pytest.param("command.done", {}, None, id="command"),
    ],
)
def test_an_event_that_a_reading_caused_knows_its_arrival(
    kind: str, fields: dict[str, object], arrived: dt.datetime | None
) -> None:
    head = {"type": kind, "event_id": "1-1", "previous_id": "0-0", "time": ARRIVAL}
    event = parse_feed_event(orjson.dumps({**head, **fields}))
    assert event.reading_arrival == arrived


def test_before_the_first_event_there_are_no_percentiles() -> None:
    measured = delays()
    measured.note(FeedEvent("1-1", "0-0", b""))
    assert measured.percentiles() is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=DELAYS_KEPT + 50))
def test_the_percentiles_are_those_of_the_latest_events(ago_s: list[float]) -> None:
    measured = delays()
    for one in ago_s:
        measured.note(event(one))
    found = measured.percentiles()
    assert found is not None
    latest_ms = [one * 1000 for one in ago_s[-DELAYS_KEPT:]]
    wanted = np.percentile(latest_ms, [50, 99], method="inverted_cdf")
    assert [found.p50, found.p99] == pytest.approx(wanted, abs=0.06)


def test_the_delay_is_real_time_and_never_below_none() -> None:
    measured = delays(speed=1440)
    measured.note(event(14.4))
    found = measured.percentiles()
    assert found is not None
    assert found.p50 == 10.0
    ahead = delays()
    ahead.note(event(-0.5))
    behind = ahead.percentiles()
    assert behind is not None
    assert behind.p99 == 0.0
