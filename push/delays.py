"""How long events take from the arrival of the reading that caused them to the connections of its person."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Histogram

from push.feed_events import FeedEvent

DELAYS_KEPT: Final = 1000
"""Events over which the percentiles are taken."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 99th percentile, in real ms."""

    p50: float
    p99: float


class ArrivalToPush:
    """Measures events as they are handed to the connections.

    A reading's arrival is stamped by the gateway, with the clock that is read here too: both run on one
    machine, or on machines whose clocks are kept together.

    Args:
        now: Daybeat's clock.
        speed: how many of its seconds pass in a real one.
        histogram: takes every delay, in real seconds.
    """

    def __init__(self, *, now: Callable[[], datetime], speed: float, histogram: Histogram) -> None:
        self._now = now
        self._speed = speed
        self._histogram = histogram
        self._delays_s: deque[float] = deque(maxlen=DELAYS_KEPT)

    def note(self, event: FeedEvent) -> None:
        """Measure an event that is handed over now; one that no reading caused is left out."""
        if event.reading_arrival is None:
            return
        passed_s = (self._now() - event.reading_arrival).total_seconds() / self._speed
        # Two machines' clocks may differ by more than an event takes.
        delay_s = max(0.0, passed_s)
        self._delays_s.append(delay_s)
        self._histogram.observe(delay_s)

    def percentiles(self) -> Percentiles | None:
        """Return the percentiles (nearest rank) of the latest events; None before the first."""
        if not self._delays_s:
            return None
        ordered = sorted(self._delays_s)
        p50, p99 = (ordered[math.ceil(share * len(ordered)) - 1] * 1000 for share in (0.5, 0.99))
        return Percentiles(round(p50, 1), round(p99, 1))
