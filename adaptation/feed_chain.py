"""Ids of feed events: each position has slots, and each event names the one before it."""

import datetime as dt
from typing import TypedDict

from schemas.positions import Position


class EventHead(TypedDict):
    """The fields that every event has."""

    event_id: str
    previous_id: str
    time: dt.datetime


class FeedChain:
    """Hands out the heads of one position's events, in order."""

    def __init__(self, position: Position, *, feed_last: str, at: dt.datetime) -> None:
        self.position = position
        self._last = feed_last
        self._at = at
        self._slot = 0

    def next_head(self) -> EventHead:
        """Return the head of the next event: its id, the id before it, and its time."""
        event_id = self.position.feed_id(self._slot)
        head = EventHead(event_id=event_id, previous_id=self._last, time=self._at)
        self._slot += 1
        self._last = event_id
        return head
