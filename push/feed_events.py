"""Events of a feed on their way to a client: their order, and what the server needs to know of them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

_CAUSED_BY_READINGS: Final = frozenset(
    {("plan.changed", "applied"), ("adaptation.proposed", "proposed"), ("adaptation.noted", "noted")}
)
"""Types of events that a reading causes, with the status of their adaptation. With another one the same types
tell of answers, undos and expiries; ``adaptation.applied`` comes beside a ``plan.changed``."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of a person's feed on its way to the client."""

    event_id: str
    previous_id: str
    data: bytes
    """The complete JSON text of the message, UTF-8."""
    reading_arrival: dt.datetime | None = None
    """When the reading that caused it arrived, by Daybeat's clock; None: something else caused it."""


def event_order(event_id: str) -> tuple[int, int]:
    """Return an event id as numbers that compare in the order of the feed.

    >>> event_order("1700000000000-12") < event_order("1700000000000-104")
    True
    """
    ms, _, sequence = event_id.partition("-")
    return int(ms), int(sequence or 0)


def parse_feed_event(data: bytes) -> FeedEvent:
    """Return the event whose JSON text is given."""
    document = orjson.loads(data)
    return FeedEvent(document["event_id"], document["previous_id"], data, _reading_arrival(document))


def _reading_arrival(document: Mapping[str, Any]) -> dt.datetime | None:
    adaptation = document.get("adaptation")
    if adaptation is None or (document["type"], adaptation["status"]) not in _CAUSED_BY_READINGS:
        return None
    return dt.datetime.fromisoformat(adaptation["created_at"])
