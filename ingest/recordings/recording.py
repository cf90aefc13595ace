"""A recording: what one device measured of one person at which times, and how it becomes messages."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from ingest.device_messages import DeviceMessage, TimedReading, message_of
from schemas.errors import InputError

MESSAGE_SPAN: Final = timedelta(seconds=5)
"""A message holds a few seconds of samples, as a real device would send them."""
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """The readings of one device of one person."""

    user_id: str
    device_id: str
    time_zone: str
    """Where the person was: an IANA name."""
    readings: tuple[TimedReading, ...]
    """In order of their moments; at least one."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that became no reading, by reason."""

    @property
    def zone(self) -> ZoneInfo:
        """The person's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def last_day(self) -> date:
        """The local day of the last reading."""
        moment = datetime.fromtimestamp(self.readings[-1].time_us / 1e6, UTC)
        return moment.astimezone(self.zone).date()

    def moved(self, shift_us: int) -> "Recording":
        """Return the same recording at another time."""
        readings = tuple(TimedReading(one.time_us + shift_us, one.reading) for one in self.readings)
        return replace(self, readings=readings)

    def with_last_day_on(self, day: date) -> "Recording":
        """Return the recording moved by whole days, so that its last local day becomes ``day``.

        Days of 24 hours are what it is moved by: the intervals between readings stay as they are.
        """
        return self.moved((day - self.last_day).days * _DAY_US)

    def messages(self) -> Iterator[DeviceMessage]:
        """Yield the recording as its device would have sent it, a few seconds of samples a message."""
        span_us = MESSAGE_SPAN // timedelta(microseconds=1)
        held: list[TimedReading] = []
        for timed in self.readings:
            if held and timed.time_us - held[0].time_us >= span_us:
                yield message_of(self.user_id, self.device_id, held)
                held = []
            held.append(timed)
        if held:
            yield message_of(self.user_id, self.device_id, held)


def recording_of(
    user_id: str,
    device_id: str,
    time_zone: str,
    readings: list[TimedReading],
    *,
    left_out: Counter[str],
    where: Path,
) -> Recording:
    """Return a recording of ``readings`` in order of their moments.

    Raises:
        InputError: there are none.
    """
    if not readings:
        raise InputError("holds no reading", where=str(where), mend="give a recording with data")
    ordered = tuple(sorted(readings, key=lambda timed: timed.time_us))
    return Recording(user_id, device_id, time_zone, ordered, left_out)
