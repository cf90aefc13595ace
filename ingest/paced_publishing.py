"""Publishes a stream of device messages by the clock, held back by the backlog."""

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Protocol

from ingest.device_messages import DeviceMessage
from ingest.pacing import Schedule
from ingest.publish import Publisher

LIVE_BACKLOG_MAX: Final = 300
"""Unacknowledged live readings: so many can become late in a slow moment."""
HISTORY_BACKLOG_MAX: Final = 10_000
"""Unacknowledged readings of days gone by: these cannot be late, so the pipeline may be filled."""
_LOOK_EVERY: Final = timedelta(seconds=0.5)
"""How often a stop is looked for while waiting for the backlog."""


class Pace(Protocol):
    """A clock that may run faster than real time."""

    @property
    def speed(self) -> float:
        """How many times as fast as real time it runs."""
        ...

    def now_us(self) -> int:
        """Return its time in µs since 1970 UTC."""
        ...


def publish_by_clock(
    publisher: Publisher,
    messages: Iterable[DeviceMessage],
    schedule: Schedule,
    *,
    clock: Pace,
    stop: threading.Event,
    published: Callable[[DeviceMessage], None] | None = None,
) -> None:
    """Publish ``messages`` (in order of sending), each when it is due; returns after the last, or at a stop.

    ``published`` hears of each message right before it goes out.
    """
    for message in messages:
        _wait_until_due(message, schedule, clock, stop)
        backlog_max = LIVE_BACKLOG_MAX if schedule.is_live(message) else HISTORY_BACKLOG_MAX
        while not stop.is_set() and not publisher.wait_for_backlog(backlog_max, timeout=_LOOK_EVERY):
            pass
        if stop.is_set():
            return
        if published is not None:
            published(message)
        # Read the clock only now: waiting for room is what makes a stream fall behind.
        publisher.publish(message, shift_us=schedule.shift_us(message, now_us=clock.now_us()))


def _wait_until_due(message: DeviceMessage, schedule: Schedule, clock: Pace, stop: threading.Event) -> None:
    while not stop.is_set() and (ahead_us := schedule.due_us(message) - clock.now_us()) > 0:
        stop.wait(ahead_us / 1e6 / clock.speed)
