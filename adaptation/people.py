"""What is kept of each person: current values, the last days, the zone, and what the rules remember."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.channels import (
    BASELINE_MEASURES,
    MEASURE_CHANNELS,
    STATISTICS,
    TRACKED_INDEX,
    TRACKED_MEASURES,
    statistics_of,
)
from adaptation.columns import NEVER_US, NO_DAY, Cells, Group, Layout
from adaptation.estimating import GIVEN_GROUP
from adaptation.physiology.stillness import WATCHED
from adaptation.sleep_ring import SLEEP_DAY, SLEEP_MINUTES
from schemas.measures import DAY_MEASURES

CURRENT_AGE_MAX: Final = timedelta(hours=2)
"""A value older than this, by the time of the reading that is judged, is not the current one any more."""

DAY_NAMES: Final = tuple(name for name in TRACKED_MEASURES if name in DAY_MEASURES)
CURRENT_NAMES: Final = TRACKED_MEASURES[: -len(DAY_NAMES)]
"""The measures that have a current value: all others, in the order of the tracked ones."""
DAY_COLUMNS: Final = np.array([TRACKED_INDEX[name] for name in DAY_NAMES])
"""Where the measures of a whole day stand among the tracked ones."""

_CURRENT_US: Final = CURRENT_AGE_MAX // MICROSECOND


def people_layout(rules: Sequence[str], memories: Sequence[str], usual: Sequence[str]) -> Layout:
    """Return the columns of the people's table.

    Args:
        rules: names of the rules; what a rule remembers stands under its name.
        memories: labels of the conditions that look back.
        usual: measures that a rule compares with their baseline.
    """
    return Layout(
        Group("value", CURRENT_NAMES, float("nan")),
        Group("value_us", CURRENT_NAMES, NEVER_US),
        *(
            Group(f"usual_{name}", tuple(usual), 0 if name in {"count", "since_us"} else 0.0)
            for name in STATISTICS
        ),
        Group("day", DAY_NAMES, NO_DAY),
        Group("day_value", DAY_NAMES, float("nan")),
        Group("day_us", DAY_NAMES, NEVER_US),
        Group("day_before_value", DAY_NAMES, float("nan")),
        Group("day_before_us", DAY_NAMES, NEVER_US),
        Group("movement_us", WATCHED, NEVER_US),
        GIVEN_GROUP,
        SLEEP_DAY,
        SLEEP_MINUTES,
        Group("zone", ("number", "offset_us", "from_us", "until_us"), 0),
        Group("active", tuple(rules), 0),
        Group("fired_us", tuple(rules), NEVER_US),
        Group("held", tuple(memories), float("nan")),
        Group("held_us", tuple(memories), NEVER_US),
        Group("peak", tuple(memories), float("nan")),
        Group("peak_us", tuple(memories), NEVER_US),
    )


class Seen:
    """n readings of different people, beside what is known of those people; changes go to ``people``."""

    def __init__(
        self,
        layout: Layout,
        people: Cells,
        *,
        time_us: NDArray[np.int64],
        day: NDArray[np.int64],
        values: NDArray[np.float64],
        usual: Sequence[str],
    ) -> None:
        self.time_us = time_us
        """(n,)."""
        self.day = day
        """(n,) local day of the reading, days since 1970-01-01."""
        self.values = values
        """(n, 9) measures of the reading in the order of ``TRACKED_MEASURES``, NaN where not given."""
        floats, ints, columns = people.floats, people.ints, layout.columns
        self.value = floats[:, columns("value")]
        """(n, 7 of CURRENT_NAMES) the person's current values, of any age."""
        self.value_us = ints[:, columns("value_us")]
        statistics = floats[:, columns("usual_mean", "usual_since_us")]
        self.usual = statistics.reshape(len(statistics), len(STATISTICS), len(usual))
        """(n, 4 of STATISTICS, measures that rules compare with theirs) the baseline of the current value of
        each such measure, before that value."""
        self._usual = [BASELINE_MEASURES.index(measure) for measure in usual]
        self.latest_day = ints[:, columns("day")]
        """(n, 2) last local day with a value, for each measure of a whole day."""
        self.day_value = floats[:, columns("day_value")]
        self.day_us = ints[:, columns("day_us")]
        self.day_before_value = floats[:, columns("day_before_value")]
        """(n, 2) value of the day before that, NaN if there was none."""
        self.day_before_us = ints[:, columns("day_before_us")]
        self.active = ints[:, columns("active")]
        """(n, rules) 1 where the rule's conditions held when it was last judged."""
        self.fired_us = ints[:, columns("fired_us")]
        """(n, rules) arrival of the reading at which the rule last fired."""
        self.held = floats[:, columns("held")]
        self.held_us = ints[:, columns("held_us")]
        self.peak = floats[:, columns("peak")]
        self.peak_us = ints[:, columns("peak_us")]

    def take_current(self, fresh: NDArray[np.bool_], streams: Cells) -> None:
        """Let the fresh values be the current ones, and keep the baselines of their devices with them.

        Args:
            fresh: (n, 9) values that are on time and in order.
            streams: the devices' rows, before the values move them.
        """
        current = fresh[:, : len(CURRENT_NAMES)]
        np.copyto(self.value, self.values[:, : len(CURRENT_NAMES)], where=current)
        np.copyto(self.value_us, self.time_us[:, np.newaxis], where=current)
        # Copied as 8-byte cells: the counts and times among them keep their bits.
        channels = statistics_of(streams.floats)[:, :, MEASURE_CHANNELS]
        np.copyto(self.usual, channels[:, :, self._usual], where=fresh[:, np.newaxis, self._usual])

    def take_days(self) -> None:
        """Let the values of whole days count for their local day; of one day the latest counts.

        Late values too: the night before must be known, however it came.
        """
        values = self.values[:, DAY_COLUMNS]
        given = values == values  # noqa: PLR0124  # false for NaN
        if not given.any():
            return
        day, time_us = self.day[:, np.newaxis], self.time_us[:, np.newaxis]
        newer = given & (day > self.latest_day)
        follows = newer & (day == self.latest_day + 1)
        before = given & (day == self.latest_day - 1) & (time_us >= self.day_before_us)
        same = given & (day == self.latest_day) & (time_us >= self.day_us)
        np.copyto(self.day_before_value, np.where(follows, self.day_value, np.nan), where=newer)
        np.copyto(self.day_before_us, np.where(follows, self.day_us, NEVER_US), where=newer)
        np.copyto(self.day_before_value, values, where=before)
        np.copyto(self.day_before_us, time_us, where=before)
        np.copyto(self.day_value, values, where=newer | same)
        np.copyto(self.day_us, time_us, where=newer | same)
        np.copyto(self.latest_day, day, where=newer)

    def is_current(self, measure: int) -> NDArray[np.bool_]:
        """Return (n,) where the person's value of a measure is at most 2 h old."""
        return self.time_us - self.value_us[:, measure] <= _CURRENT_US
