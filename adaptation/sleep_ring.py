"""How long each of the last fourteen nights was, as far as a device said so: the base of sleep debt."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import NO_DAY, Cells, Group
from adaptation.physiology.readiness_estimate import SLEEP_DAYS

SLEEP_NIGHTS: Final = SLEEP_DAYS
"""Nights that a sleep debt is made of."""

SLEEP_DAY: Final = Group("sleep_day", ("latest",), NO_DAY)
SLEEP_MINUTES: Final = Group("sleep_minutes", ("0", "1", "2", "3"), 0)
"""Columns of the people's table: fourteen 16-bit numbers, each at its day modulo 14; 0 where nothing is
known, else whole minutes and one more."""


def keep_nights(
    people: Cells, latest: slice, ring: slice, *, day: NDArray[np.int64], minutes: NDArray[np.float64]
) -> None:
    """Keep nights of n people, in place; those more than fourteen days before the last one are left out.

    Args:
        people: the people's rows.
        latest: column of ``SLEEP_DAY``.
        ring: columns of ``SLEEP_MINUTES``.
        day: (n,) local day on which each night ended.
        minutes: (n,) time asleep, NaN where not given.
    """
    last = people.ints[:, latest.start]
    given = (minutes == minutes) & (day > last - SLEEP_NIGHTS)  # noqa: PLR0124  # false for NaN
    for row in given.nonzero()[0].tolist():  # once a person and day
        nights = people.ints[row, ring].view(np.uint16)
        newer = int(day[row] - last[row])
        if newer > 0:
            nights[(day[row] - np.arange(min(newer, SLEEP_NIGHTS))) % SLEEP_NIGHTS] = 0
            last[row] = day[row]
        nights[day[row] % SLEEP_NIGHTS] = 1 + round(float(minutes[row]))


def nights_before(
    people: NDArray[np.float64], latest: slice, ring: slice, day: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (n, 14) minutes asleep of the nights that ended on the last fourteen days, NaN where not known.

    Args:
        people: (n, columns) the people's rows.
        latest: column of ``SLEEP_DAY``.
        ring: columns of ``SLEEP_MINUTES``.
        day: (n,) the last of the days; column 13 is the night that ended on it.
    """
    ints = people.view(np.int64)
    last = ints[:, latest.start, np.newaxis]
    days = day[:, np.newaxis] + np.arange(1 - SLEEP_NIGHTS, 1)
    nights = np.take_along_axis(ints[:, ring].view(np.uint16), days % SLEEP_NIGHTS, axis=1)
    known = (days <= last) & (days > last - SLEEP_NIGHTS) & (nights > 0)
    return np.where(known, nights - 1.0, np.nan)
