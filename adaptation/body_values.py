"""What a person's latest day of HRV says to rules: one day, of the series that says most.

Several devices, measures and slots may close the same local day. RMSSD that the verdicts go by comes first
(``body_days.py``), then other RMSSD, then SDNN; of one measure the night before the morning. A day of equal
rank changes nothing, so the first device to close it counts.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import NEVER_US, NO_DAY, Cells, Group, Layout
from adaptation.physiology.normal_range import NO_STATUS

DAYS_MIN: Final = 7
"""Days before a baseline of days gives a verdict: a week holds every weekday once."""
DAYS_FULL: Final = 14
"""Days from which on a baseline of days is trusted fully."""

BODY_DAY_GROUPS: Final = (
    Group("body_day", ("latest",), NO_DAY),
    Group("body_day_us", ("known",), NEVER_US),
    Group("body_day_verdict", ("packed",), 0),
    Group("body_day_hrv", ("z",), float("nan")),
)
RESTING_GROUP: Final = Group("resting_day", ("bpm", "usual", "usual_sd"), float("nan"))
"""Columns of the people's table."""

_STATUS_BITS: Final = 2
_RANK_AT: Final = 2 * _STATUS_BITS
_HAVE_AT: Final = _RANK_AT + 3
_USUAL_AT: Final = _HAVE_AT + 6
_UNKNOWN: Final = 0
STATUS_CODES: Final = {"below": 1, "within": 2, "above": 3}
"""0: not known."""


class KnownDay(NamedTuple):
    """A day that a reading closed while it is still going on."""

    row: int
    """Of the reading in its round."""
    rank: int
    """0: says most; at most 7."""
    day: int
    """Local day, days since 1970-01-01."""
    time_us: int
    status: int
    """As in ``normal_range``: ``BELOW``, ``WITHIN``, ``ABOVE`` or ``NO_STATUS``."""
    status_before: int
    """The last one of that series that was not ``NO_STATUS``."""
    have: int
    """Days with a value among the last 60 and this one."""
    hrv_z: float
    """SD, NaN where not known."""
    resting_bpm: float
    """Mean heart rate of the slot, beats/min, NaN where not known."""
    usual_bpm: float
    usual_sd_bpm: float
    usual_days: int
    """Days before with a heart rate."""


class BodyValues:
    """The columns of such a day in the people's table.

    Args:
        layout: of that table.
        has_resting: whether heart rate at rest is kept too.
    """

    def __init__(self, layout: Layout, *, has_resting: bool) -> None:
        columns = layout.columns
        self.day, self.known_us = columns("body_day").start, columns("body_day_us").start
        self._verdict = columns("body_day_verdict").start
        self.hrv_z = columns("body_day_hrv").start
        self.resting = columns("resting_day").start if has_resting else None
        """The first of three columns: heart rate, its usual mean and SD."""

    def take(self, people: Cells, days: Sequence[KnownDay], n: int) -> NDArray[np.bool_]:
        """Keep the days that say more than what is known; return (n,) where there were any.

        Args:
            people: n people's rows, changed in place.
            days: of some of these people.
            n: number of rows.
        """
        told = np.zeros(n, np.bool_)
        for one in days:
            ints = people.ints[one.row]
            latest, rank = int(ints[self.day]), int(ints[self._verdict]) >> _RANK_AT & 7
            if one.day < latest or (one.day == latest and one.rank >= rank):
                continue
            told[one.row] = True
            ints[self.day], ints[self.known_us] = one.day, one.time_us
            ints[self._verdict] = (
                _code(one.status)
                | _code(one.status_before) << _STATUS_BITS
                | one.rank << _RANK_AT
                | min(one.have, 63) << _HAVE_AT
                | one.usual_days << _USUAL_AT
            )
            people.floats[one.row, self.hrv_z] = one.hrv_z
            if self.resting is not None:
                resting = slice(self.resting, self.resting + 3)
                people.floats[one.row, resting] = one.resting_bpm, one.usual_bpm, one.usual_sd_bpm
        return told

    def is_of(self, ints: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (n,) where the day that is known is this one."""
        same: NDArray[np.bool_] = ints[:, self.day] == day
        return same

    def status_codes(self, ints: NDArray[np.int64], *, before: bool) -> NDArray[np.int64]:
        """Return (n,) codes of ``STATUS_CODES``: of the day, or of the last one before it that had one."""
        shift = _STATUS_BITS if before else 0
        codes: NDArray[np.int64] = ints[:, self._verdict] >> shift & 3
        return codes

    def days_of_hrv(self, ints: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) days with a value among the last 60 and that one."""
        days: NDArray[np.int64] = ints[:, self._verdict] >> _HAVE_AT & 63
        return days

    def days_of_rest(self, ints: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) days in the baseline of heart rate at rest."""
        days: NDArray[np.int64] = ints[:, self._verdict] >> _USUAL_AT
        return days


def _code(status: int) -> int:
    return _UNKNOWN if status == NO_STATUS else status + STATUS_CODES["within"]
