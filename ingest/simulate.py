"""Simulated wearers: whole days of messages from people who do not exist, and the truth behind them.

The same seed gives the same days, whichever of them are generated and in whatever order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ingest.device_messages import DeviceMessage, in_order
from ingest.wearers.beats import Beats, beat
from ingest.wearers.curves import DayCurves, body_of
from ingest.wearers.life_day import LifeDay, live_day
from ingest.wearers.ring import RingCadence, ring_messages
from ingest.wearers.stories import Life
from ingest.wearers.truth import TrueLine, truth_of_day
from ingest.wearers.watch import WatchCadence, watch_messages
from ingest.wearers.wearer import Wearer


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the devices of a person measure and send."""

    watch: WatchCadence
    ring: RingCadence
    beats: bool
    """Whether the watch gives every beat interval."""


LIVE: Final = Cadence(
    WatchCadence(timedelta(seconds=50), timedelta(minutes=5), None),
    RingCadence(timedelta(minutes=5), None),
    beats=True,
)
"""A day as it happens: about 2,100 readings a person."""

STORED: Final = Cadence(
    WatchCadence(timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=3)),
    RingCadence(timedelta(minutes=30), timedelta(hours=3)),
    beats=False,
)
"""What devices keep of days gone by and upload in batches: about 170 readings a person and day."""


def live_cadence(messages_per_minute: float) -> Cadence:
    """Return the cadence of a day as it happens, with another rate of the watch's messages."""
    measure = timedelta(minutes=1 / messages_per_minute)
    return Cadence(WatchCadence(measure, max(LIVE.watch.hrv, measure), None), LIVE.ring, beats=True)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedDay:
    """One local day of one person: what was true, and what the devices sent."""

    day: LifeDay
    body: DayCurves
    beats: Beats | None
    cadence: Cadence

    def messages(self) -> Iterator[DeviceMessage]:
        """Yield the messages of all devices, in order of sending."""
        watch = watch_messages(self.day, self.body, self.beats, self.cadence.watch)
        return in_order([watch, ring_messages(self.day, self.body, self.cadence.ring)])

    def truth(self) -> Iterator[TrueLine]:
        """Yield what was really going on."""
        return truth_of_day(self.day, self.body, self.beats)


def simulate_day(wearer: Wearer, day: date, *, life: Life, cadence: Cadence) -> SimulatedDay:
    """Return one local day of a person."""
    lived = live_day(wearer, day, life)
    body = body_of(lived)
    return SimulatedDay(lived, body, beat(lived, body) if cadence.beats else None, cadence)


def simulate_between(
    wearer: Wearer,
    from_us: int,
    upto_us: int | None,
    *,
    life: Life,
    cadence: Cadence,
    tell: Callable[[TrueLine], None] | None = None,
) -> Iterator[DeviceMessage]:
    """Yield a person's messages between two moments (µs since 1970 UTC), in order of sending.

    A message belongs to them if it was measured from ``from_us`` on and sent before ``upto_us``; if that is
    None, it goes on for ever. ``tell`` hears the truth of each local day as the day is begun.
    """
    day = datetime.fromtimestamp(from_us / 1e6, UTC).astimezone(wearer.zone).date()
    while True:
        simulated = simulate_day(wearer, day, life=life, cadence=cadence)
        if upto_us is not None and simulated.day.start_us >= upto_us:
            return
        if tell is not None:
            for line in simulated.truth():
                tell(line)
        for message in simulated.messages():
            if message.readings[0].time_us >= from_us and (upto_us is None or message.sent_us < upto_us):
                yield message
        day += timedelta(days=1)
