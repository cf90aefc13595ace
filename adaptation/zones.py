"""Local time: offsets from UTC with the stretch of time in which they hold, from IANA zone names.

An offset is looked up once and cached beside the person with its stretch, so most readings cost one
comparison. Summer time needs no case of its own: its changes are ends of stretches.
"""

from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InputError
from schemas.readings import moment_of

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3600 * SECOND_US
DAY_US: Final = 24 * HOUR_US

_STRETCHES_CACHED: Final = 16_384
"""Zone and day pairs: about 40 days of all zones there are."""


class Stretch(NamedTuple):
    """An offset from UTC and the times in which it surely holds: ``from_us`` ≤ time < ``until_us``."""

    offset_us: int
    from_us: int
    until_us: int


def stretch_at(zone: str, time_us: int) -> Stretch:
    """Return the offset of ``zone`` at a time; its stretch lies within the UTC day of that time.

    Args:
        zone: IANA name.
        time_us: µs since 1970 UTC.

    Raises:
        InputError: there is no such zone.
    """
    for stretch in _stretches_of_day(zone, time_us // DAY_US):
        if time_us < stretch.until_us:
            return stretch
    raise AssertionError  # the stretches of a day reach to its end


def check_zone(zone: str, *, where: str) -> str:
    """Return ``zone`` if it is an IANA zone.

    Raises:
        InputError: it is not; ``where`` names the place it came from.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"there is no time zone {zone!r}", where=where, mend="use an IANA name such as Europe/Berlin"
        ) from error
    return zone


class ZoneNames:
    """The zones of a shard's people, by number. Number 0 is the configured default."""

    def __init__(self, default: str, others: tuple[str, ...] = ()) -> None:
        self._names = [check_zone(default, where="default time zone"), *others]
        self._numbers = {name: number for number, name in enumerate(self._names) if number}

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    @property
    def others(self) -> tuple[str, ...]:
        """All zones but the default, in the order of their numbers, from 1."""
        return tuple(self._names[1:])

    def number_of(self, name: str) -> int:
        """Return the number of a zone that a person chose, a new one if it has none; never 0."""
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(check_zone(name, where="time zone"))
        return number

    def stretches_at(self, numbers: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n, 3) the fields of :class:`Stretch`: each zone's offset at its time, and when it holds."""
        pairs = list(zip(numbers.tolist(), (time_us // DAY_US).tolist(), strict=True))
        row_of = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
        days = [_stretches_of_day(self._names[number], utc_day) for number, utc_day in row_of]
        rows = [row_of[pair] for pair in pairs]
        first, last = (np.array([stretches[which] for stretches in days])[rows] for which in (0, -1))
        return np.where((time_us < first[:, 2])[:, np.newaxis], first, last)


@lru_cache(maxsize=_STRETCHES_CACHED)
def _stretches_of_day(zone: str, utc_day: int) -> tuple[Stretch, ...]:
    """Return the one or two stretches of a UTC day: no zone has changed its offset twice in 24 hours."""
    check_zone(zone, where="time zone")
    start_us, end_us = utc_day * DAY_US, (utc_day + 1) * DAY_US
    before, after = _offset_us(zone, start_us), _offset_us(zone, end_us)
    if before == after:
        return (Stretch(before, start_us, end_us),)
    low, high = start_us // SECOND_US, end_us // SECOND_US
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_us(zone, middle * SECOND_US) == before:
            low = middle
        else:
            high = middle
    return (Stretch(before, start_us, high * SECOND_US), Stretch(after, high * SECOND_US, end_us))


def _offset_us(zone: str, time_us: int) -> int:
    offset = moment_of(time_us).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None  # noqa: S101  # an aware datetime has one
    return round(offset.total_seconds() * SECOND_US)
