"""Strain: the work of a person's heart since local midnight, in TRIMP, and what is usual of a day.

Each heart rate speaks for the time since the one before it of its device, as long as that is worn: at the
work that the smoothed rate tells (Banister's training impulse, ``physiology/energy_estimate.py``). Several
devices do not count the same minutes twice: of each person the time is kept up to which work is counted, and
a device adds only what lies behind it. So of devices that are worn together the one that tells of a minute
first counts it. What comes only after a later minute has been counted adds nothing; nor does what comes once
the next day has begun.

A day that is over joins the baseline of days, if it had any heart rate; from seven days on that gives a
verdict.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import Baselines
from adaptation.columns import NEVER_US, NO_DAY, Cells, Group, Layout
from adaptation.physiology.energy_estimate import trimp_per_minute
from adaptation.physiology.heart_rate import HeartRateStep
from adaptation.physiology.wear import WEAR_GAP_US
from adaptation.zones import DAY_US

STRAIN_GROUPS: Final = (
    Group("strain", ("total",), 0.0),
    Group("strain_day", ("latest",), NO_DAY),
    Group("strain_us", ("until",), NEVER_US),
)
USUAL_STRAIN_GROUPS: Final = (
    Group("strain_usual", ("mean", "variance"), 0.0),
    Group("strain_usual_count", ("days",), 0),
    Group("strain_usual_day", ("last",), NO_DAY),
)
"""Columns of the people's table."""

_MINUTE_US: Final = 60_000_000


class Work(NamedTuple):
    """What n readings of different people tell of the work of their hearts."""

    step: HeartRateStep
    reserve: NDArray[np.float64]
    """(n,) share of the heart-rate reserve, 0-1; NaN where not known."""
    worn_since_us: NDArray[np.int64]
    """(n,) since when the device is worn without a pause."""


class Strain:
    """The columns of strain in the people's table.

    Args:
        layout: of that table.
        has_usual: whether the baseline of days is kept too.
    """

    def __init__(self, layout: Layout, *, has_usual: bool) -> None:
        columns = layout.columns
        self.total, self.day = columns("strain").start, columns("strain_day").start
        self.until = columns("strain_us").start
        self.usual = columns("strain_usual", "strain_usual_day").start if has_usual else None
        """The first of four columns: mean, variance, tally, the last day in them."""

    def add(
        self, people: Cells, work: Work, time_us: NDArray[np.int64], local_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Count the work since each device's last heart rate; return (n,) where there was any to count.

        Args:
            people: the people's rows, changed in place.
            work: what the readings tell.
            time_us: (n,) their times.
            local_us: (n,) the same in local time.
        """
        elapsed_us = work.step.elapsed_us
        begin_us = time_us - elapsed_us
        counts = work.step.moved & (elapsed_us <= WEAR_GAP_US) & (begin_us >= work.worn_since_us)
        counts &= ~np.isnan(work.reserve)
        until_us = people.ints[:, self.until]
        begin_us = np.maximum(begin_us, until_us)
        counts &= begin_us < time_us
        if not counts.any():
            return counts
        per_minute = np.where(counts, trimp_per_minute(work.reserve), 0.0)
        total, latest = people.floats[:, self.total], people.ints[:, self.day]
        day = local_us // DAY_US
        begins = counts & (day > latest)
        if begins.any():
            midnight_us = time_us - (local_us - day * DAY_US)
            before_us = np.where(latest == day - 1, np.maximum(midnight_us - begin_us, 0), 0)
            total += np.where(begins, per_minute * before_us / _MINUTE_US, 0.0)
            self._close(people, begins)
            total[begins] = 0.0
            begin_us = np.where(begins, np.maximum(begin_us, midnight_us), begin_us)
            np.copyto(latest, day, where=begins)
        total += per_minute * (time_us - begin_us) / _MINUTE_US
        np.copyto(until_us, time_us, where=counts)
        return counts

    def _close(self, people: Cells, begins: NDArray[np.bool_]) -> None:
        """Let the days that are over join the baselines of those people."""
        if self.usual is None:
            return
        day = people.ints[:, self.day]
        mean, variance, tally, last = range(self.usual, self.usual + 4)
        closes = begins & (day > NO_DAY)
        baselines = Baselines(
            people.floats[:, mean], people.floats[:, variance], people.ints[:, tally], np.zeros_like(day)
        )
        elapsed_us = (day - people.ints[:, last]) * DAY_US
        baselines.move(np.where(closes, people.floats[:, self.total], np.nan), day * DAY_US, elapsed_us)
        np.copyto(people.ints[:, last], day, where=closes)
