"""What is kept of each person: current values, the last days, the zone, and what the rules remember."""

from collections.abc import Callable, Hashable, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.body_values import BODY_DAY_GROUPS, RESTING_GROUP
from adaptation.channels import STATISTICS, TRACKED_INDEX, TRACKED_MEASURES
from adaptation.columns import NEVER_US, NO_DAY, Cells, Group, Layout
from adaptation.estimating import GIVEN_GROUP
from adaptation.needs import Needs
from adaptation.physiology.stillness import WATCHED
from adaptation.sleep_ring import SLEEP_DAY, SLEEP_MINUTES
from adaptation.strain import STRAIN_GROUPS, USUAL_STRAIN_GROUPS
from adaptation.value_flags import VALUE_FLAGS
from schemas.measures import DAY_MEASURES

CURRENT_AGE_MAX: Final = timedelta(hours=2)
"""A value older than this, by the time of the reading that is judged, is not the current one any more."""
ACTIVITY_AGE_MAX: Final = timedelta(minutes=10)
"""An activity that was told longer ago says nothing."""

DAY_NAMES: Final = tuple(name for name in TRACKED_MEASURES if name in DAY_MEASURES)
DAY_COLUMNS: Final = [TRACKED_INDEX[name] for name in DAY_NAMES]
"""Where the measures of a whole day stand among the tracked ones."""

ACTIVITY: Final = Group("activity", ("told",), NEVER_US)
"""Column of the people's table: time of the last activity that was told, times 8, and its code."""
_CODES: Final = 8
_ACTIVITY_US: Final = ACTIVITY_AGE_MAX // MICROSECOND


def people_layout(rules: Sequence[str], needs: Needs) -> Layout:
    """Return the columns of the people's table.

    Args:
        rules: names of the rules; what a rule remembers stands under its name.
        needs: what they look at.
    """
    return Layout(
        Group("value", needs.current, float("nan")),
        Group("value_us", needs.current, NEVER_US),
        *([VALUE_FLAGS] if needs.current else []),
        Group("previous", needs.previous, float("nan")),
        Group("previous_us", needs.previous, NEVER_US),
        *([Group("previous_flags", ("now",), 0)] if needs.previous else []),
        *_usual_groups("usual", needs.usual),
        *_usual_groups("usual_at_hour", needs.usual_at_hour),
        Group("day", DAY_NAMES, NO_DAY),
        Group("day_value", DAY_NAMES, float("nan")),
        Group("day_us", DAY_NAMES, NEVER_US),
        Group("day_before_value", DAY_NAMES, float("nan")),
        Group("day_before_us", DAY_NAMES, NEVER_US),
        *(BODY_DAY_GROUPS if needs.body_days else ()),
        *([RESTING_GROUP] if needs.resting else []),
        *(STRAIN_GROUPS if needs.strain else ()),
        *(USUAL_STRAIN_GROUPS if needs.usual_strain else ()),
        *([ACTIVITY] if needs.activity else []),
        Group("movement_us", WATCHED, NEVER_US),
        GIVEN_GROUP,
        SLEEP_DAY,
        SLEEP_MINUTES,
        Group("zone", ("number", "offset_us", "from_us", "until_us"), 0),
        Group("rule", tuple(rules), 0),
        Group("fired_us", tuple(rules), NEVER_US),
        Group("held", needs.within, float("nan")),
        Group("held_us", needs.within, NEVER_US),
        Group("peak", needs.within, float("nan")),
        Group("peak_us", needs.within, NEVER_US),
        Group("held_flags", needs.within_flagged, 0),
        Group("hold_since_us", needs.held, NEVER_US),
        Group("hold_last_us", needs.held, NEVER_US),
        Group("hold_tainted", needs.held, 0),
    )


def _usual_groups(name: str, values: tuple[str, ...]) -> list[Group]:
    return [
        Group(f"{name}_{statistic}", values, 0 if statistic in {"count", "since_us"} else 0.0)
        for statistic in STATISTICS
    ]


class Seen:
    """n readings of different people, beside what is known of those people; changes go to ``people``."""

    def __init__(
        self,
        people: Cells,
        *,
        time_us: NDArray[np.int64],
        local_us: NDArray[np.int64],
        day: NDArray[np.int64],
        activity: NDArray[np.int64],
    ) -> None:
        self.floats, self.ints = people
        self.time_us = time_us
        """(n,)."""
        self.local_us = local_us
        """(n,) local time of the reading, µs since 1970-01-01 there."""
        self.day = day
        """(n,) local day of the reading, days since 1970-01-01."""
        self.activity = activity
        """(n,) what the reading itself says, as in a frame: 0 where not given."""
        self._found: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.time_us)

    def once(self, key: Hashable, find: "Callable[[Seen], NDArray[Any]]") -> NDArray[Any]:
        """Return what ``find`` returns, which several rules ask for; found once for all of them."""
        found: NDArray[Any] | None = self._found.get(key)
        if found is None:
            found = self._found[key] = find(self)
        return found

    def at(self, row: int) -> "Seen":
        """Return one of the readings with its person."""
        one = slice(row, row + 1)
        return Seen(
            Cells(self.floats[one], self.ints[one]),
            time_us=self.time_us[one],
            local_us=self.local_us[one],
            day=self.day[one],
            activity=self.activity[one],
        )


def note_activity(told: NDArray[np.int64], activity: NDArray[np.int64], time_us: NDArray[np.int64]) -> None:
    """Keep what n readings say their people do, in place; of two the later one.

    Args:
        told: (n,) column of ``ACTIVITY``.
        activity: (n,) codes as in a frame, 0 where not given.
        time_us: (n,) times of the readings.
    """
    np.maximum(told, time_us * _CODES + activity, out=told, where=activity > 0)


def activity_at(told: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) the code of what people do at a time, 0 where nothing was told in the 10 minutes before."""
    activity: NDArray[np.int64] = (told % _CODES) * (time_us - told // _CODES <= _ACTIVITY_US)
    return activity


class DayRing:
    """Columns of the people's table with values of whole local days: the latest one and the one before."""

    def __init__(self, layout: Layout) -> None:
        columns = layout.columns
        self._day = columns("day")
        self._value, self._us = columns("day_value"), columns("day_us")
        self._before, self._before_us = columns("day_before_value"), columns("day_before_us")

    def take(
        self,
        people: Cells,
        values: NDArray[np.float64],
        *,
        day: NDArray[np.int64],
        time_us: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Let the values of whole days count for their local day; of one day the latest counts.

        Late values too: the night before must be known, however it came.

        Args:
            people: the people's rows, changed in place.
            values: (n, 9) of the readings, NaN where not given.
            day: (n,) local days of the readings.
            time_us: (n,) their times.

        Returns:
            (n,) whether it is the first value of any kind for a later day than any before.
        """
        values = values[:, DAY_COLUMNS]
        given = values == values  # noqa: PLR0124  # false for NaN
        if not given.any():
            return np.zeros(len(day), np.bool_)
        latest, at_us = people.ints[:, self._day], people.ints[:, self._us]
        value, before = people.floats[:, self._value], people.floats[:, self._before]
        before_us = people.ints[:, self._before_us]
        days, times_us = day[:, np.newaxis], time_us[:, np.newaxis]
        opens: NDArray[np.bool_] = given.any(axis=1) & (day > latest.max(axis=1))
        newer = given & (days > latest)
        follows = newer & (days == latest + 1)
        is_before = given & (days == latest - 1) & (times_us >= before_us)
        same = given & (days == latest) & (times_us >= at_us)
        np.copyto(before, np.where(follows, value, np.nan), where=newer)
        np.copyto(before_us, np.where(follows, at_us, NEVER_US), where=newer)
        np.copyto(before, values, where=is_before)
        np.copyto(before_us, times_us, where=is_before)
        np.copyto(value, values, where=newer | same)
        np.copyto(at_us, times_us, where=newer | same)
        np.copyto(latest, days, where=newer)
        return opens
