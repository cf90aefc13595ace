"""Ids of feed events: each position has slots, and each event names the one before it."""

import datetime as dt
from dataclasses import replace
from typing import TypedDict

from schemas.positions import SLOTS_PER_INDEX, Position


class EventHead(TypedDict):
    """The fields that every event has."""

    event_id: str
    previous_id: str
    time: dt.datetime


class FeedChain:
    """Hands out the heads of one position's events, in order.

    Args:
        position: the place of what is decided.
        feed_last: id of the last event in the person's feed.
        at: time of the events.
        is_last_of_entry: whether nothing of this person comes behind it in the same log entry, as with a
            timer: its events may then go on in the slots of the indexes behind it.
    """

    def __init__(
        self, position: Position, *, feed_last: str, at: dt.datetime, is_last_of_entry: bool = False
    ) -> None:
        self.position = position
        self._last = feed_last
        self._at = at
        self._slot = 0
        self._is_last_of_entry = is_last_of_entry

    @property
    def room(self) -> int | None:
        """How many more events may follow; None: any number."""
        return None if self._is_last_of_entry else SLOTS_PER_INDEX - self._slot

    def next_head(self) -> EventHead:
        """Return the head of the next event: its id, the id before it, and its time."""
        position, slot = self.position, self._slot
        if self._is_last_of_entry:
            index, slot = divmod(slot, SLOTS_PER_INDEX)
            position = replace(position, index=position.index + index)
        event_id = position.feed_id(slot)
        head = EventHead(event_id=event_id, previous_id=self._last, time=self._at)
        self._slot += 1
        self._last = event_id
        return head
