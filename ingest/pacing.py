"""When each message of a stream is sent, and how far its times are moved if it could not be sent in time.

A clock that runs fast leaves little room: at 1,440 times real pace the ten minutes after which a reading
is late pass in 0.4 s. So a live stream that falls behind does not try to catch up: from then on all of it
happens later, by the delay gathered so far, and each reading is still sent at about the moment it bears.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ingest.device_messages import DeviceMessage, TimedReading

SLACK_US: Final = 60_000_000
"""A live message may be sent this much after its moment before the stream is moved."""


@dataclass(slots=True)
class Schedule:
    """Turns a message's own moment into the moment at which it is sent.

    Messages before ``live_from_us`` are history: sent as soon as they are not of the future, with their own
    times. All others are live.
    """

    live_from_us: int
    """µs since 1970 UTC."""
    slack_us: int = SLACK_US
    delay_us: int = 0
    """What live messages are moved by; it only grows."""

    def is_live(self, message: DeviceMessage) -> bool:
        """Tell whether a message belongs to the live part of the stream."""
        return message.sent_us >= self.live_from_us

    def due_us(self, message: DeviceMessage) -> int:
        """Return the moment before which the message must not be sent."""
        return message.sent_us + (self.delay_us if self.is_live(message) else 0)

    def shift_us(self, message: DeviceMessage, *, now_us: int) -> int:
        """Return what the times of a message that is sent now are moved by."""
        if not self.is_live(message):
            return 0
        behind_us = now_us - self.due_us(message)
        if behind_us > self.slack_us:
            self.delay_us += behind_us
        return self.delay_us


def squeezed(messages: Iterable[DeviceMessage], *, from_us: int, times: float) -> Iterator[DeviceMessage]:
    """Yield the messages with all that lies after ``from_us`` happening ``times`` as fast.

    Only moments move; RR intervals stay what the heart did, so readings of beats no longer join up.
    """

    def moved(time_us: int) -> int:
        return time_us if time_us <= from_us else from_us + round((time_us - from_us) / times)

    for message in messages:
        readings = tuple(TimedReading(moved(one.time_us), one.reading) for one in message.readings)
        yield replace(message, sent_us=moved(message.sent_us), readings=readings)
