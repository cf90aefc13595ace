"""Who and how much a backtest looked at: people, readings, and the local days on which a person gave any."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from adaptation.backtest_scores import Span
from adaptation.zones import DAY_US, HOUR_US, stretch_at
from schemas.frames import ReadingFrame

_QUARTER_US: Final = HOUR_US // 4
"""Local days begin on a quarter of an hour of UTC, everywhere since 1980."""
_QUARTERS_MAX: Final = 2**32


class HistoryCounts:
    """What was looked at, of people who come in groups: no person is in two of them.

    Args:
        default_zone: IANA zone of people whose zone is not told.
        from_us: what lies before counts nowhere, by the readings' times.
    """

    def __init__(self, *, default_zone: str, from_us: int = 0) -> None:
        self.readings = 0
        self.spans: dict[str, Span] = {}
        """User → from the first to the last reading that counts."""
        self._days_of_others = 0
        self._default_zone = default_zone
        self._from_us = from_us
        self._zones: Mapping[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._days: set[tuple[int, int]] = set()
        """Number and local day of the people of this group."""

    @property
    def people(self) -> int:
        """People with a reading that counts."""
        return len(self.spans)

    @property
    def person_days(self) -> int:
        """Local days of people with a reading that counts."""
        return self._days_of_others + len(self._days)

    def begin(self, zones: Mapping[str, str]) -> None:
        """Go on with other people, of whom some live in these zones."""
        self._days_of_others += len(self._days)
        self._days.clear()
        self._numbers.clear()
        self._zones = zones

    def count(self, frame: ReadingFrame) -> None:
        """Count the readings of a frame."""
        counted = frame.time_us >= self._from_us
        self.readings += int(counted.sum())
        numbers = np.array([self._numbers.setdefault(user, len(self._numbers)) for user in frame.users])
        quarters = numbers[counted] * _QUARTERS_MAX + frame.time_us[counted] // _QUARTER_US
        users = list(self._numbers)
        for number, quarter in (divmod(one, _QUARTERS_MAX) for one in np.unique(quarters).tolist()):
            user, time_us = users[number], quarter * _QUARTER_US
            zone = self._zones.get(user, self._default_zone)
            self._days.add((number, (time_us + stretch_at(zone, time_us).offset_us) // DAY_US))
            known = self.spans.get(user, Span(time_us, time_us))
            self.spans[user] = Span(min(known.start_us, time_us), max(known.end_us, time_us + _QUARTER_US))
