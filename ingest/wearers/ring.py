"""What a simulated ring and its app give: energy, readiness, and the night once it is over."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from operator import attrgetter
from typing import Final

import numpy as np

from ingest.device_messages import DeviceMessage, TimedReading
from ingest.wearers.curves import DayCurves
from ingest.wearers.life_day import EpisodeKind, LifeDay
from ingest.wearers.randomness import Purpose, generator_of
from ingest.wearers.sending import Measurement, episode_at, send
from schemas.readings import Reading

RING_ID: Final = "ring"

ENERGY_NOISE: Final = 0.012
READINESS_FALLS_PER_HOUR: Final = 0.01
"""Readiness is the morning's; the app lets it fade over the day (ours)."""
NIGHT_IS_SENT_AFTER: Final = timedelta(minutes=2)
"""Of waking. The value itself is dated on waking."""


@dataclass(frozen=True, slots=True)
class RingCadence:
    """How often a ring does what."""

    measure: timedelta
    sync: timedelta | None
    """How often it sends what it has gathered; at once where None."""


def ring_messages(day: LifeDay, body: DayCurves, cadence: RingCadence) -> Iterator[DeviceMessage]:
    """Yield what the ring sends of a day's measurements and of the night before, in order of sending."""
    measured = send(day, RING_ID, _measurements(day, body, cadence), out_of_reach=(), sync=cadence.sync)
    return merge(measured, _night(day), key=attrgetter("sent_us"))


def _measurements(day: LifeDay, body: DayCurves, cadence: RingCadence) -> Iterator[Measurement]:
    rng = generator_of(
        day.wearer.seed, purpose=Purpose.RING, person=day.wearer.index, day=day.day.toordinal()
    )
    step_us = cadence.measure // timedelta(microseconds=1)
    count = (day.end_us - day.start_us) // step_us
    moments = day.start_us + int(rng.integers(step_us)) + np.arange(count) * step_us
    noise = rng.normal(0, ENERGY_NOISE, count)
    off = day.of(EpisodeKind.RING_OFF)
    for index, moment_us in enumerate(moments.tolist()):
        if episode_at(off, moment_us) is not None:
            continue
        energy = float(body.energy[body.minute(moment_us)] + noise[index])
        reading: Reading = {"energy_level": round(min(max(energy, 0.0), 1.0), 2), "source": "app"}
        if day.night.wake_us <= moment_us < day.next_night.bed_us:
            hours_awake = (moment_us - day.night.wake_us) / 3.6e9
            readiness = day.night.readiness - READINESS_FALLS_PER_HOUR * hours_awake
            reading["readiness_score"] = round(readiness, 2)
        yield moment_us, [TimedReading(moment_us, reading)]


def _night(day: LifeDay) -> Iterator[DeviceMessage]:
    night: Reading = {
        "sleep_quality": day.night.quality,
        "sleep_minutes": day.night.asleep_minutes,
        "source": "app",
    }
    sent_us = day.night.wake_us + NIGHT_IS_SENT_AFTER // timedelta(microseconds=1)
    yield DeviceMessage(sent_us, day.wearer.user_id, RING_ID, (TimedReading(day.night.wake_us, night),))
