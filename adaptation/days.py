"""Local days: which date it is for a person, and which plans a decision may touch."""

import datetime as dt
from zoneinfo import ZoneInfo

ONE_DAY = dt.timedelta(days=1)


def local_day(moment: dt.datetime, time_zone: str) -> dt.date:
    """Return the calendar date of a moment in an IANA zone.

    >>> local_day(dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC), "Europe/Berlin")
    datetime.date(2026, 11, 21)
    """
    return moment.astimezone(ZoneInfo(time_zone)).date()


def plan_dates(now: dt.datetime, time_zone: str) -> tuple[dt.date, dt.date]:
    """Return today and tomorrow, local: the dates whose plans a firing may rewrite."""
    today = local_day(now, time_zone)
    return today, today + ONE_DAY
