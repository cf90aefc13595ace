"""When a device sends what it measured: at once, when its phone is back, or gathered for hours."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby

from ingest.device_messages import DeviceMessage, TimedReading
from ingest.wearers.life_day import Episode, LifeDay

Measurement = tuple[int, list[TimedReading]]
"""The moment of measuring (µs since 1970 UTC) and what came of it."""


def episode_at(episodes: Iterable[Episode], moment_us: int) -> Episode | None:
    """Return the episode that holds a moment, if any does."""
    return next((one for one in episodes if one.start_us <= moment_us < one.end_us), None)


def send(
    day: LifeDay,
    device_id: str,
    measurements: Iterable[Measurement],
    *,
    out_of_reach: tuple[Episode, ...],
    sync: timedelta | None,
) -> Iterator[DeviceMessage]:
    """Yield the messages of one device's measurements, in order of sending.

    With ``sync`` the device sends once in that time; without it at once, or when it is within reach again.
    """
    sync_us = sync // timedelta(microseconds=1) if sync is not None else 0

    def sent_us(measurement: Measurement) -> int:
        moment_us = measurement[0]
        if sync_us:
            return min(day.start_us + ((moment_us - day.start_us) // sync_us + 1) * sync_us, day.end_us)
        away = episode_at(out_of_reach, moment_us)
        return moment_us if away is None else away.end_us

    for at_us, group in groupby(measurements, key=sent_us):
        readings = tuple(timed for _, several in group for timed in several)
        yield DeviceMessage(at_us, day.wearer.user_id, device_id, readings)
