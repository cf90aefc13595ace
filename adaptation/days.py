"""Local days: which date it is for a person, and the plans of which dates a decision must know."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

ONE_DAY = dt.timedelta(days=1)

STANDING_DAYS: Final = 3
"""How far from today a plan may be that a change in force concerns: one day around the day of its firing, and
two more for a journey across the date line."""

KEPT_DAYS: Final = 16
"""How far back an undo looks: the store keeps plans for 14 days after their date, and zones differ."""


def local_day(moment: dt.datetime, time_zone: str) -> dt.date:
    """Return the calendar date of a moment in an IANA zone.

    >>> local_day(dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC), "Europe/Berlin")
    datetime.date(2026, 11, 21)
    """
    return moment.astimezone(ZoneInfo(time_zone)).date()


def plan_dates(now: dt.datetime, time_zone: str) -> tuple[dt.date, ...]:
    """Return yesterday, today and tomorrow, local: the dates whose plans a firing may rewrite.

    Yesterday's plan may reach past midnight, and it is the one at hand after a journey east.
    """
    return _around(now, time_zone, before=1, after=1)


def standing_dates(now: dt.datetime, time_zone: str) -> tuple[dt.date, ...]:
    """Return the dates of all plans that changes in force and open proposals may concern."""
    return _around(now, time_zone, before=STANDING_DAYS, after=STANDING_DAYS)


def kept_dates(now: dt.datetime, time_zone: str) -> tuple[dt.date, ...]:
    """Return the dates of all plans that the store may still have and that a change may have concerned."""
    return _around(now, time_zone, before=KEPT_DAYS, after=STANDING_DAYS)


def _around(now: dt.datetime, time_zone: str, *, before: int, after: int) -> tuple[dt.date, ...]:
    today = local_day(now, time_zone)
    return tuple(today + ONE_DAY * away for away in range(-before, after + 1))
