"""Whether a person is awake and still, so that heart rate tells of more than movement.

Kept are three times of each person: when they last moved, last exercised, were last asleep. A reading
says so by its activity, its steps, or a heart rate that only exercise explains.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import NEVER_US
from schemas.measures import ACTIVITIES

STEPS_STILL_MAX: Final = 10
"""Steps of one reading up to which someone still sits (ours: a wrist counts a few while it gestures)."""
MOTION_SETTLES: Final = timedelta(minutes=2)
"""After walking (ours: by then 2 % of it is left in the smoothed heart rate)."""
EXERCISE_SETTLES: Final = timedelta(minutes=10)
"""After exercise (ours): heart rate stays raised long after it."""
SLEEP_HOLDS: Final = timedelta(minutes=5)
"""A reading without activity within this time after one asleep is taken for asleep too (ours)."""

WATCHED: Final = ("moving", "exercising", "asleep")
"""Columns of :attr:`Movement.last_us`."""

_SETTLES_US: Final = np.array(
    [one // MICROSECOND for one in (MOTION_SETTLES, EXERCISE_SETTLES, SLEEP_HOLDS)], np.int64
)
_KINDS: Final = {
    "walk": (True, False, False),
    "run": (True, True, False),
    "cycle": (True, True, False),
    "workout": (True, True, False),
    "sleep": (False, False, True),
}
_TOLD: Final = np.array([_KINDS.get(name, (False, False, False)) for name in ("", *ACTIVITIES)]).T.copy()
"""(3, 8) what an activity code of a frame tells: 0 is not given."""


class Stillness(NamedTuple):
    """What n readings tell."""

    quiet: NDArray[np.bool_]
    """(n,) awake and still for 2 minutes, and 10 minutes without exercise."""
    asleep: NDArray[np.bool_]
    """(n,)."""
    exercised: NDArray[np.bool_]
    """(n,) exercise at most 10 minutes before."""


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """When n people last moved, exercised, slept; changed in place."""

    last_us: NDArray[np.int64]
    """(n, 3) by ``WATCHED``, ``NEVER_US`` before the first time."""

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return the state of n devices that have not given anything yet."""
        return cls(np.full((n, len(WATCHED)), NEVER_US, np.int64))

    def move(
        self,
        activity: NDArray[np.integer],
        steps: NDArray[np.float64],
        exerts: NDArray[np.bool_],
        time_us: NDArray[np.int64],
    ) -> Stillness:
        """Take one reading of each device, in any order of time, and return what it tells.

        Args:
            activity: (n,) code as in a frame: 0 not given, else 1 + index in ``ACTIVITIES``.
            steps: (n,) steps of the reading, NaN where not given.
            exerts: (n,) where its heart rate tells exercise.
            time_us: (n,).
        """
        told = _TOLD.take(activity, axis=1)
        told[0] |= steps > STEPS_STILL_MAX
        told[1] |= exerts
        last_us = self.last_us.T
        np.copyto(last_us, time_us, where=told & (time_us > last_us))
        moved, exercised, slept = recently(self.last_us, time_us)
        asleep = asleep_at(activity, slept)
        return Stillness(quiet=~(moved | exercised | asleep), asleep=asleep, exercised=exercised)


def stillness_at(last_us: NDArray[np.int64], time_us: NDArray[np.int64]) -> Stillness:
    """Return what people were doing at moments at which nothing was told.

    Args:
        last_us: (n, 3) of :class:`Movement`.
        time_us: (n,).
    """
    moved, exercised, slept = recently(last_us, time_us)
    return Stillness(quiet=~(moved | exercised | slept), asleep=slept, exercised=exercised)


def recently(last_us: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (3, n) where people moved, exercised, slept too short ago to be still and awake.

    What is known only from later on counts too, but for sleep.

    Args:
        last_us: (n, 3) of :class:`Movement`.
        time_us: (n,).
    """
    ago_us = time_us[:, np.newaxis] - last_us
    recent = (ago_us < _SETTLES_US).T
    recent[2] &= ago_us[:, 2] >= 0
    return recent


def asleep_at(activity: NDArray[np.integer], slept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n,) who is asleep: a reading that says what its person does need not ask what was said before.

    Args:
        activity: (n,) code of the reading as in a frame.
        slept: (n,) the last row of :func:`recently`.
    """
    return np.where(activity > 0, _TOLD[2].take(activity), slept)
