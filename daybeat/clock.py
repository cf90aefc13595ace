"""The one clock: real time, or ``start@speed`` for a day that passes in a minute.

All processes share the wall anchor, so they agree on the time. Tokens and latencies keep real time.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from schemas.errors import InputError
from schemas.readings import micros, moment_of

SPEED_MAX: Final = 1_000_000.0
_WHERE: Final = "clock"
_MEND: Final = "write it like 2026-11-20T00:00:00+00:00@1440"


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that read ``start_us`` at the real moment ``anchor_us`` and runs ``speed`` times as fast.

    >>> clock = Clock.parse("2026-11-20T00:00:00+00:00@60", 1000.0, wall_ns=lambda: 1_010_000_000_000)
    >>> clock.now().isoformat()
    '2026-11-20T00:10:00+00:00'
    """

    start_us: int
    anchor_us: int
    speed: float
    wall_ns: Callable[[], int] = time.time_ns
    """Real time, in ns since 1970 UTC."""

    @classmethod
    def parse(cls, text: str, anchor: float = 0.0, *, wall_ns: Callable[[], int] = time.time_ns) -> Self:
        """Return the clock that ``text`` names.

        Args:
            text: ``start@speed``; ``start`` alone keeps real pace; empty is real time.
            anchor: the real moment at which the clock reads ``start``, in seconds since 1970 UTC.
            wall_ns: real time, in ns since 1970 UTC.

        Raises:
            InputError: it is not written like that.
        """
        if not text:
            return cls(0, 0, 1.0, wall_ns)
        moment, _, pace = text.partition("@")
        try:
            start = datetime.fromisoformat(moment)
            speed = float(pace or 1)
        except ValueError as error:
            raise InputError(f"{text!r} is not a start and a speed", where=_WHERE, mend=_MEND) from error
        if start.tzinfo is None:
            raise InputError(f"{moment!r} has no offset from UTC", where=_WHERE, mend=_MEND)
        if not (math.isfinite(anchor) and 0 < speed <= SPEED_MAX):
            raise InputError(f"speed must be above 0 and at most {SPEED_MAX:g}", where=_WHERE, mend=_MEND)
        return cls(micros(start), round(anchor * 1_000_000), speed, wall_ns)

    @classmethod
    def starting_now(cls, start: datetime, speed: float) -> Self:
        """Return a clock that reads ``start`` at this real moment."""
        return cls.parse(f"{start.isoformat()}@{speed!r}", time.time_ns() / 1e9)

    def now_us(self) -> int:
        """Return this clock's time in µs since 1970 UTC."""
        passed_us = self.wall_ns() // 1000 - self.anchor_us
        return self.start_us + (passed_us if self.speed == 1 else round(passed_us * self.speed))

    def now(self) -> datetime:
        """Return this clock's time, in UTC."""
        return moment_of(self.now_us())

    def real_seconds(self, span: timedelta) -> float:
        """Return how many real seconds a span of this clock's time takes."""
        return span.total_seconds() / self.speed

    @property
    def setting(self) -> str:
        """This clock as the setting ``DAYBEAT_CLOCK``; empty for real time."""
        if self.anchor_us == self.start_us and self.speed == 1:
            return ""
        return f"{moment_of(self.start_us).isoformat()}@{self.speed!r}"

    @property
    def anchor(self) -> float:
        """This clock's anchor as the setting ``DAYBEAT_CLOCK_ANCHOR``."""
        return self.anchor_us / 1_000_000
