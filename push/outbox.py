"""What waits to be sent over one connection: bounded, in the feed's order, without a silent gap. No I/O.

Live events reach an outbox from the moment its connection is known, before the store is read for the welcome.
So an event is either in what was read or in here, and :meth:`Outbox.open` drops what is in both. Whatever
is lost, because a client is slow or the live stream was trimmed, is named by :attr:`Outbox.loss`; the sender
then reads the store again.
"""

import asyncio
from collections import deque
from enum import Enum, auto
from typing import Final

from push.feed_events import FeedEvent, event_order

EVENTS_MAX: Final = 256
BYTES_MAX: Final = 1024 * 1024
REPLIES_MAX: Final = 64
"""Answers that wait; while so many do, nothing more is read from the client."""


class Loss(Enum):
    """Why an outbox no longer has every event."""

    GAP = auto()
    """Events are missing behind the last one taken in; the feed may still have them."""
    OVERFLOW = auto()
    """The client was slow and its events were thrown away; it needs today's plan instead."""


class Outbox:
    """The queue of one connection.

    It holds at most ``events_max`` events and ``bytes_max`` bytes of them. When full it throws all of them
    away and takes none until :meth:`begin`: one ``resync`` stands for everything that was missed.
    """

    def __init__(self, *, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._events: deque[FeedEvent] = deque()
        self._bytes = 0
        self._replies: deque[str] = deque()
        self._last_id: str | None = None
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.loss: Loss | None = None
        """What happened to the events; None: nothing is missing."""
        self.is_strained = False
        """Whether it overflowed and has not been empty since."""

    @property
    def last_id(self) -> str | None:
        """Id of the newest event taken in or known to the client; None before :meth:`open`."""
        return self._last_id

    def begin(self) -> None:
        """Forget all events and take in new ones, while the store is read."""
        self._forget_events()
        self._last_id = None
        self.loss = None

    def open(self, event_id: str) -> None:
        """Say up to which event the store was read; drop what is not newer, go on with the rest."""
        taken_in = list(self._events)
        self._forget_events()
        self._last_id = event_id
        for event in taken_in:
            self.offer(event)

    def offer(self, event: FeedEvent) -> None:
        """Take in an event of the live stream; older ones than the last are ignored."""
        if self.loss is not None:
            return
        if self._last_id is not None:
            if event_order(event.event_id) <= event_order(self._last_id):
                return
            if event.previous_id != self._last_id:
                self.lose()
                return
            self._last_id = event.event_id
        self._events.append(event)
        self._bytes += len(event.data)
        if len(self._events) > self._events_max or self._bytes > self._bytes_max:
            self._forget_events()
            self.loss = Loss.OVERFLOW
            self.is_strained = True
        self._changed.set()

    def lose(self) -> None:
        """Say that events after the last one may have passed unseen."""
        if self.loss is None:
            self.loss = Loss.GAP
        self._changed.set()

    def reply(self, text: str) -> None:
        """Take in an answer; it goes before waiting events."""
        self._replies.append(text)
        if len(self._replies) >= REPLIES_MAX:
            self._has_room.clear()
        self._changed.set()

    async def room(self) -> None:
        """Return as soon as another answer may be taken in."""
        await self._has_room.wait()

    def take(self) -> str | FeedEvent | None:
        """Return what is to be sent next: an answer, an event, or None if nothing waits."""
        if self._replies:
            text = self._replies.popleft()
            if len(self._replies) < REPLIES_MAX:
                self._has_room.set()
            return text
        # Before open() it is not yet known which of the events the client has.
        if self._events and self._last_id is not None:
            event = self._events.popleft()
            self._bytes -= len(event.data)
            return event
        if self.loss is None:
            self.is_strained = False
        return None

    async def change(self) -> None:
        """Return as soon as something was taken in since the last call."""
        await self._changed.wait()
        self._changed.clear()

    def _forget_events(self) -> None:
        self._events.clear()
        self._bytes = 0
