"""Simulated people on one day, cheap enough for many seeds."""

import datetime as dt
from dataclasses import dataclass, replace

from ingest.device_messages import DeviceMessage, in_order
from ingest.simulate import LIVE, STORED, Cadence, simulate_between
from ingest.wearers.stories import CastLife
from ingest.wearers.watch import WatchCadence
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.readings import micros

DAY = dt.date(2026, 11, 20)
DAY_US = 86_400_000_000
FIVE_MINUTES = dt.timedelta(minutes=5)

SPARSE = replace(LIVE, watch=WatchCadence(FIVE_MINUTES, FIVE_MINUTES, None), beats=False)
"""A live day with what rules look at, and little else."""


@dataclass(frozen=True)
class DemoDay:
    """A demo's day and the two weeks before it."""

    wearers: list[Wearer]
    life: CastLife
    midnight_us: int
    history: list[DeviceMessage]
    today: list[DeviceMessage]


def demo_day(
    seed: int, *, day: dt.date = DAY, cadence: Cadence = SPARSE, days_before: int = 9, people: int = 12
) -> DemoDay:
    """Return the day of a demo with this seed; nine days before it are enough for baselines."""
    wearers = draw_wearers(people, seed=seed)
    life = CastLife(day, people)
    midnight_us = micros(dt.datetime.combine(day, dt.time(), dt.UTC))

    def between(from_us: int, upto_us: int, wanted: Cadence) -> list[DeviceMessage]:
        return list(
            in_order([simulate_between(one, from_us, upto_us, life=life, cadence=wanted) for one in wearers])
        )

    return DemoDay(
        wearers=wearers,
        life=life,
        midnight_us=midnight_us,
        history=between(midnight_us - days_before * DAY_US, midnight_us, STORED),
        today=between(midnight_us, midnight_us + DAY_US, cadence),
    )
