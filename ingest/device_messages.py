"""What a device sends at one moment: its readings, each with the moment it was measured, and their JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter

import orjson

from schemas.readings import Reading, moment_of


@dataclass(frozen=True, slots=True)
class TimedReading:
    """One reading and its moment. The moment stays a number so that a publisher may shift it."""

    time_us: int
    """Moment of the measure, µs since 1970 UTC."""
    reading: Reading
    """The measures, without ``time`` and ``seq``."""


@dataclass(frozen=True, slots=True)
class DeviceMessage:
    """One MQTT message of one device, with readings in order of their moments."""

    sent_us: int
    """Moment at which the device sends it, µs since 1970 UTC; never before its last reading."""
    user_id: str
    device_id: str
    readings: tuple[TimedReading, ...]

    @property
    def topic(self) -> str:
        """The MQTT topic of the device's readings."""
        return f"v1/{self.user_id}/{self.device_id}/readings"


def message_of(user_id: str, device_id: str, readings: Iterable[TimedReading]) -> DeviceMessage:
    """Return a message that is sent at the moment of its last reading; there is at least one."""
    ordered = tuple(sorted(readings, key=attrgetter("time_us")))
    return DeviceMessage(ordered[-1].time_us, user_id, device_id, ordered)


def encode_readings(message: DeviceMessage, *, first_seq: int | None, shift_us: int = 0) -> bytes:
    """Return the message's JSON array; readings are numbered from ``first_seq`` and moved by ``shift_us``."""
    objects = []
    for index, timed in enumerate(message.readings):
        one: dict[str, object] = {"time": format_time(timed.time_us + shift_us)}
        if first_seq is not None:
            one["seq"] = first_seq + index
        one.update(timed.reading)
        objects.append(one)
    return orjson.dumps(objects)


def encode_line(message: DeviceMessage) -> bytes:
    """Return the message as one line of a file: when, where to, and what is published."""
    return orjson.dumps(
        {
            "sent": format_time(message.sent_us),
            "topic": message.topic,
            "payload": orjson.Fragment(encode_readings(message, first_seq=None)),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def in_order(streams: Iterable[Iterable[DeviceMessage]]) -> Iterator[DeviceMessage]:
    """Return the messages of several streams, each in order of sending, as one such stream."""
    return merge(*streams, key=attrgetter("sent_us"))


def format_time(time_us: int) -> str:
    """Return a moment in RFC 3339, UTC, to the microsecond.

    >>> format_time(1_700_000_000_250_000)
    '2023-11-14T22:13:20.250000Z'
    """
    return moment_of(time_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
