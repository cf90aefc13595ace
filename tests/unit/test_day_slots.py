"""Which values count for which local day and slot, when a slot is over, and what its value is."""

import datetime as dt
import math
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.columns import NO_DAY
from adaptation.day_slots import (
    ASLEEP,
    HRV_MEASURES,
    MORNING,
    NEVER_CLOSES_US,
    ClosedDay,
    DayValue,
    OpenDay,
    OpenDays,
    SlotKey,
)
from schemas.commands import SetProfile
from schemas.records import HrvDayRow
from support.readings import DAY_US, HOUR_US, MINUTE_US, Run, Sent, at

BERLIN = "Europe/Berlin"
NIGHT = SlotKey(7, 0, ASLEEP)
DAWN = SlotKey(7, 0, MORNING)


def value(
    moment: str,
    ln_value: float = 3.5,
    *,
    zone: str = "UTC",
    asleep: bool = True,
    quiet: bool = True,
    bpm: float = 60.0,
) -> DayValue:
    """Return a value at a local time, as ``2026-09-10T02:00``."""
    local = dt.datetime.fromisoformat(moment)
    if local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(zone))
    time_us = at(local.isoformat())

    return DayValue(time_us, zone, asleep, quiet and not asleep, ln_value, bpm)


def opened(*values: DayValue, last_day: int = NO_DAY, stream: int = 7, measure: int = 0) -> OpenDays:
    days = OpenDays()
    for one in values:
        days.add(SlotKey(stream, measure, ASLEEP if one.asleep else MORNING), one, last_day=last_day)
    return days


def taken(days: OpenDays) -> dict[tuple[str, str], list[float]]:
    """Return the values of open days by date and slot."""
    return {
        (str(date_of(day.day)), ("asleep", "morning")[key.slot]): [
            round(float(one), 6) for one in np.frombuffer(day.ln_values, np.float32)
        ]
        for key, day in days
    }


def date_of(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def spaced(moment: str, count: int, *, zone: str = "UTC", asleep: bool = True) -> list[DayValue]:
    """Return so many values, five minutes apart, from a moment on."""
    first = value(moment, zone=zone, asleep=asleep)
    return [first._replace(time_us=first.time_us + step * 5 * MINUTE_US) for step in range(count)]


# Which day and slot.


@pytest.mark.parametrize(
    ("moment", "asleep", "quiet", "expected"),
    [
        pytest.param("2026-09-09T17:59:59.999999", True, False, None, id="asleep-just-before-18"),
        pytest.param("2026-09-09T18:00", True, False, ("2026-09-10", "asleep"), id="asleep-at-18"),
        pytest.param("2026-09-09T23:59", True, False, ("2026-09-10", "asleep"), id="asleep-before-midnight"),
        pytest.param("2026-09-10T00:00", True, False, ("2026-09-10", "asleep"), id="asleep-at-midnight"),
        pytest.param("2026-09-10T12:00", True, False, ("2026-09-10", "asleep"), id="asleep-at-noon"),
        pytest.param("2026-09-10T12:00:00.000001", True, False, None, id="asleep-just-after-noon"),
        pytest.param("2026-09-10T15:00", True, False, None, id="asleep-in-the-afternoon"),
        pytest.param("2026-09-10T03:59:59.999999", False, True, None, id="quiet-just-before-4"),
        pytest.param("2026-09-10T04:00", False, True, ("2026-09-10", "morning"), id="quiet-at-4"),
        pytest.param("2026-09-10T11:59:59.999999", False, True, ("2026-09-10", "morning"), id="quiet-by-12"),
        pytest.param("2026-09-10T12:00", False, True, None, id="quiet-at-noon"),
        pytest.param("2026-09-10T18:00", False, True, None, id="quiet-in-the-evening"),
        pytest.param("2026-09-10T08:00", False, False, None, id="restless-in-the-morning"),
    ],
)
def test_a_value_counts_for_the_slot_of_its_local_time(
    moment: str, expected: tuple[str, str] | None, *, asleep: bool, quiet: bool
) -> None:
    days = opened(value(moment, asleep=asleep, quiet=quiet))
    assert list(taken(days)) == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-09-10T00:30", "Asia/Tokyo", "2026-09-10"),
        ("2026-09-10T17:30+00:00", "America/New_York", None),
        ("2026-09-10T22:00+00:00", "America/New_York", "2026-09-11"),
        ("2026-09-10T22:00+00:00", "Asia/Kathmandu", "2026-09-11"),
        ("2026-09-10T12:14+00:00", "Asia/Kathmandu", None),
        ("2026-09-10T12:15+00:00", "Asia/Kathmandu", "2026-09-11"),
        ("2026-09-10T16:00+00:00", "Pacific/Kiritimati", "2026-09-11"),
    ],
)
def test_a_night_belongs_to_the_local_day_on_which_it_ends(
    moment: str, zone: str, expected: str | None
) -> None:
    days = opened(value(moment, zone=zone))
    assert list(taken(days)) == ([] if expected is None else [(expected, "asleep")])


def test_a_day_that_was_closed_takes_no_more_values() -> None:
    one = value("2026-09-10T06:00")
    (day,) = [day.day for _, day in opened(one)]
    assert taken(opened(one, last_day=day)) == {}
    assert taken(opened(one, last_day=day - 1)) != {}
    awake = value("2026-09-10T06:00", asleep=False)
    assert taken(opened(awake, last_day=day)) == {}
    assert taken(opened(awake, last_day=day - 1)) != {}


# One value in five minutes.


@pytest.mark.parametrize(
    ("moments", "kept"),
    [
        pytest.param(["02:00", "02:01", "02:04:59.999999"], [1.0], id="one-cell"),
        pytest.param(["02:00", "02:05"], [1.0, 2.0], id="at-the-border"),
        pytest.param(["02:04:59", "02:05", "02:06"], [1.0, 2.0], id="across-the-border"),
        pytest.param(["02:04", "02:09", "02:14"], [1.0, 2.0, 3.0], id="each-in-its-own"),
        pytest.param(["02:10", "02:00", "02:05", "02:11", "02:15"], [1.0, 5.0], id="older-ones-come-late"),
    ],
)
def test_the_first_value_of_every_five_minutes_counts(moments: list[str], kept: list[float]) -> None:
    values = [value(f"2026-09-10T{moment}", float(number)) for number, moment in enumerate(moments, start=1)]
    assert taken(opened(*values)) == {("2026-09-10", "asleep"): kept}


def test_cells_are_those_of_utc_in_zones_off_by_a_quarter() -> None:
    values = [value(f"2026-09-10T02:{minute:02}", zone="Asia/Kathmandu") for minute in range(60)]
    assert len(taken(opened(*values))["2026-09-10", "asleep"]) == 12


@given(st.lists(st.integers(0, 10 * 60), min_size=1, max_size=200))
def test_a_night_never_holds_more_than_a_value_in_five_minutes(minutes: list[int]) -> None:
    first = value("2026-09-10T00:00")
    values = [first._replace(time_us=first.time_us + minute * MINUTE_US) for minute in sorted(minutes)]
    (kept,) = taken(opened(*values)).values()
    assert len(kept) == len({minute // 5 for minute in minutes})


# When a slot is over.


def closes(days: OpenDays, zone: str = "UTC") -> str:
    moment = dt.datetime.fromtimestamp(days.closes_us(7) / 1e6, dt.UTC)
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[:16]


@pytest.mark.parametrize(
    ("values", "end"),
    [
        pytest.param(["2026-09-09T23:00"], "2026-09-10T04:00", id="not-before-four"),
        pytest.param(["2026-09-10T03:29"], "2026-09-10T04:00", id="just-before-half-past-three"),
        pytest.param(["2026-09-10T03:31"], "2026-09-10T04:01", id="just-after-half-past-three"),
        pytest.param(["2026-09-10T02:00", "2026-09-10T07:10"], "2026-09-10T07:40", id="after-the-last"),
        pytest.param(["2026-09-10T07:10", "2026-09-10T07:14"], "2026-09-10T07:44", id="though-not-counted"),
        pytest.param(["2026-09-10T12:00"], "2026-09-10T12:30", id="at-noon"),
    ],
)
def test_a_night_is_over_half_an_hour_after_its_last_value_and_not_before_four(
    values: list[str], end: str
) -> None:
    assert closes(opened(*(value(moment) for moment in values))) == end


def test_a_morning_is_over_half_an_hour_after_its_first_value() -> None:
    values = [value(f"2026-09-10T{moment}", asleep=False) for moment in ("06:03", "06:20", "06:32")]
    assert closes(opened(*values)) == "2026-09-10T06:33"


@pytest.mark.parametrize(
    ("before_us", "is_over"), [(1, False), (0, True), (-1, True)], ids=["before", "at", "after"]
)
def test_a_slot_closes_at_its_end(before_us: int, *, is_over: bool) -> None:
    days = opened(*spaced("2026-09-10T06:00", 3))
    end_us = days.closes_us(7)
    assert bool(list(days.close(7, end_us - before_us))) == is_over
    assert days.is_open(NIGHT, _day("2026-09-10")) != is_over
    assert (days.closes_us(7) == NEVER_CLOSES_US) == is_over


def _day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def test_a_slot_closes_once() -> None:
    days = opened(*spaced("2026-09-10T06:00", 3))
    assert len(list(days.close(7, NEVER_CLOSES_US))) == 1
    assert list(days.close(7, NEVER_CLOSES_US)) == []
    assert taken(days) == {}


def test_only_the_device_that_is_asked_for_closes() -> None:
    days = opened(*spaced("2026-09-10T06:00", 3))
    assert list(days.close(8, NEVER_CLOSES_US)) == []
    assert days.closes_us(8) == NEVER_CLOSES_US
    assert len(list(days.close(7, NEVER_CLOSES_US))) == 1


def test_the_first_of_several_slots_says_when_a_device_has_to_be_looked_at() -> None:
    days = opened(value("2026-09-10T06:00"))
    days.add(SlotKey(7, 1, ASLEEP), value("2026-09-10T05:00"), last_day=NO_DAY)
    assert closes(days) == "2026-09-10T05:30"
    days.add(SlotKey(7, 2, MORNING), value("2026-09-10T04:10", asleep=False), last_day=NO_DAY)
    assert closes(days) == "2026-09-10T04:40"


def test_nights_close_before_mornings_and_measures_in_their_order() -> None:
    days = OpenDays()
    for measure in (2, 0, 1):
        for one in spaced("2026-09-10T05:00", 3, asleep=False) + spaced("2026-09-10T05:20", 3):
            key = SlotKey(7, measure, ASLEEP if one.asleep else MORNING)
            days.add(key, one, last_day=NO_DAY)
    closed = [(one.key.slot, one.key.measure) for one in days.close(7, NEVER_CLOSES_US)]
    assert closed == [(ASLEEP, 0), (ASLEEP, 1), (ASLEEP, 2), (MORNING, 0), (MORNING, 1), (MORNING, 2)]


# What a slot's value is.


def close_all(days: OpenDays) -> list[ClosedDay]:
    return list(days.close(7, NEVER_CLOSES_US))


@pytest.mark.parametrize(("asleep", "need"), [(True, 3), (False, 1)], ids=["night", "morning"])
def test_a_night_needs_three_values_and_a_morning_one(need: int, *, asleep: bool) -> None:
    assert close_all(opened(*spaced("2026-09-10T06:00", need - 1, asleep=asleep))) == []
    (day,) = close_all(opened(*spaced("2026-09-10T06:00", need, asleep=asleep)))
    assert (day.values, day.day) == (need, _day("2026-09-10"))


def test_a_night_of_too_few_values_is_gone_and_its_day_open_for_more() -> None:
    days = opened(*spaced("2026-09-09T22:00", 2))
    assert list(days.close(7, at("2026-09-10T04:00:00+00:00"))) == []
    for one in spaced("2026-09-10T05:00", 3):
        days.add(NIGHT, one, last_day=NO_DAY)
    (day,) = close_all(days)
    assert (day.values, day.day) == (3, _day("2026-09-10"))


@given(st.lists(st.floats(1.0, 6.0, width=32), min_size=3, max_size=30))
def test_a_day_s_value_is_the_median_of_its_values(ln_values: list[float]) -> None:
    values = [
        one._replace(ln_value=ln_value)
        for one, ln_value in zip(spaced("2026-09-10T00:00", len(ln_values)), ln_values, strict=True)
    ]
    (day,) = close_all(opened(*values))
    assert day.ln_value == float(np.median(np.array(ln_values)))


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([50.0, 70.0, 63.0], 61.0),
        ([50.0, float("nan"), 61.0], 55.5),
        ([float("nan"), float("nan"), 61.0], 61.0),
        ([float("nan")] * 3, float("nan")),
    ],
)
def test_a_day_s_heart_rate_is_the_mean_of_those_known(rates: list[float], expected: float) -> None:
    values = [
        one._replace(heart_rate_bpm=rate)
        for one, rate in zip(spaced("2026-09-10T00:00", 3), rates, strict=True)
    ]
    (day,) = close_all(opened(*values))
    assert day.heart_rate_bpm == pytest.approx(expected, nan_ok=True)


def test_what_was_kept_of_an_open_day_goes_on_elsewhere() -> None:
    days, again = opened(*spaced("2026-09-10T05:00", 4)), OpenDays()
    for key, day in days:
        again.restore(key, replace(day, ln_values=day.ln_values.copy()))
    assert close_all(again) == close_all(days)


def test_an_open_day_of_a_night_without_values_has_no_median() -> None:
    assert OpenDay(1, -1, 0, bytearray(), 0.0, 0).median(NIGHT) is None


# Summer time and moves.


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-28T18:00", "2026-03-29"),
        ("2026-03-29T01:30", "2026-03-29"),
        ("2026-03-29T03:30", "2026-03-29"),
        ("2026-03-29T12:00", "2026-03-29"),
        ("2026-03-29T12:01", None),
        ("2026-10-24T18:00", "2026-10-25"),
        ("2026-10-25T02:30", "2026-10-25"),
        ("2026-10-25T12:00", "2026-10-25"),
        ("2026-10-25T12:01", None),
    ],
)
def test_nights_of_23_and_of_25_hours_have_the_borders_of_the_clock(
    moment: str, expected: str | None
) -> None:
    days = opened(value(moment, zone=BERLIN))
    assert list(taken(days)) == ([] if expected is None else [(expected, "asleep")])


@pytest.mark.parametrize(
    ("first", "last", "cells"),
    [
        pytest.param("2026-03-28T22:00", "2026-03-29T08:00", 9 * 12 + 1, id="23-hour-day"),
        pytest.param("2026-10-24T22:00", "2026-10-25T08:00", 11 * 12 + 1, id="25-hour-day"),
    ],
)
def test_a_night_across_the_change_of_summer_time_is_one(first: str, last: str, cells: int) -> None:
    begin_us, end_us = (value(moment, zone=BERLIN).time_us for moment in (first, last))
    values = [
        DayValue(
            time_us,
            BERLIN,
            asleep=True,
            quiet=False,
            ln_value=3.0,
            heart_rate_bpm=60,
        )
        for time_us in range(begin_us, end_us + 1, 5 * MINUTE_US)
    ]
    days = opened(*values)
    assert closes(days, BERLIN) == last.replace("08:00", "08:30")
    (day,) = close_all(days)
    assert (date_of(day.day).isoformat(), day.values) == (last[:10], cells)


@pytest.mark.parametrize(
    ("first", "four"),
    [
        pytest.param("2026-10-25T02:20+02:00", "2026-10-25T04:00:00+01:00", id="25-hour-day"),
        pytest.param("2026-10-25T02:20+01:00", "2026-10-25T04:00:00+01:00", id="25-hour-day-hour-again"),
        pytest.param("2026-03-29T01:20+01:00", "2026-03-29T04:00:00+02:00", id="23-hour-day"),
        pytest.param("2026-09-10T02:20+02:00", "2026-09-10T04:00:00+02:00", id="24-hour-day"),
    ],
)
def test_a_night_in_which_clocks_change_is_not_over_before_four(first: str, four: str) -> None:
    first_one = value(first, zone=BERLIN)
    days = opened(
        *(first_one._replace(time_us=first_one.time_us + 5 * step * MINUTE_US) for step in range(3))
    )
    assert days.closes_us(7) == at(four)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_mornings_after_the_change_of_summer_time_begin_at_four_by_the_clock(day: str) -> None:
    assert taken(opened(value(f"{day}T03:59", zone=BERLIN, asleep=False))) == {}
    assert list(taken(opened(value(f"{day}T04:00", zone=BERLIN, asleep=False)))) == [(day, "morning")]


def given_rmssd(time_us: int, rmssd_ms: float, *, activity: str = "sleep") -> Sent:
    return Sent(time_us, {"hrv_rmssd_ms": rmssd_ms}, activity=activity)


def days_of(run: Run) -> list[HrvDayRow]:
    return [event for event in run.events if isinstance(event, HrvDayRow)]


def test_a_night_in_which_a_person_moves_west_is_that_of_the_new_clock() -> None:
    """At six in Berlin it is midnight in New York: the same night, which is over half an hour after it."""
    run = Run(default_zone=BERLIN)
    midnight_us = at("2026-09-10T00:00:00+02:00")
    slept = [given_rmssd(midnight_us + 5 * step * MINUTE_US, 40.0) for step in range(72)]
    run.send(*slept)
    run.put_command("ada", SetProfile(command_id="move", time_zone="America/New_York"))
    run.advance()
    later = [given_rmssd(one.time_us + 6 * HOUR_US, 90.0) for one in slept]
    run.send(*later)
    run.send(Sent(midnight_us + DAY_US, {"heart_rate_bpm": 60.0}))
    (day,) = days_of(run)
    assert (day.day.isoformat(), day.slot, day.values) == ("2026-09-10", "asleep", 144)
    assert day.ln_value == pytest.approx((math.log(40) + math.log(90)) / 2, abs=1e-6)


def test_a_move_after_the_night_is_closed_opens_no_second_night_of_the_same_day() -> None:
    run = Run(default_zone=BERLIN)
    midnight_us = at("2026-09-10T00:00:00+02:00")
    run.send(*(given_rmssd(midnight_us + 5 * step * MINUTE_US, 40.0) for step in range(24)))
    run.send(Sent(midnight_us + 5 * HOUR_US, {"heart_rate_bpm": 60.0}))
    run.put_command("ada", SetProfile(command_id="move", time_zone="America/New_York"))
    run.send(*(given_rmssd(midnight_us + (72 + step) * 5 * MINUTE_US, 90.0) for step in range(24)))
    run.send(Sent(midnight_us + DAY_US, {"heart_rate_bpm": 60.0}))
    assert [(day.day.isoformat(), day.values) for day in days_of(run)] == [("2026-09-10", 24)]


def test_a_day_that_a_move_leaves_out_has_no_value() -> None:
    """From Honolulu to Kiritimati it is the same hour of the next day."""
    run = Run(default_zone="Pacific/Honolulu")
    midnight_us = at("2026-09-10T00:00:00-10:00")
    for number in range(2):
        begin_us = midnight_us + number * DAY_US
        run.send(*(given_rmssd(begin_us + 5 * step * MINUTE_US, 40.0) for step in range(24)))
        run.send(Sent(begin_us + 8 * HOUR_US, {"heart_rate_bpm": 60.0}))
        run.put_command("ada", SetProfile(command_id=f"move-{number}", time_zone="Pacific/Kiritimati"))
        run.advance()
    assert [day.day.isoformat() for day in days_of(run)] == ["2026-09-10", "2026-09-12"]


# Sources and measures apart.


def test_measures_of_a_device_have_days_of_their_own() -> None:
    run = Run()
    begin_us = at("2026-09-10T01:00:00+00:00")
    for step in range(4):
        values = {"hrv_rmssd_ms": 40.0, "hrv_sdnn_ms": 80.0}
        run.send(Sent(begin_us + 5 * step * MINUTE_US, values, activity="sleep"))
    run.send(Sent(begin_us + 5 * HOUR_US, {"heart_rate_bpm": 60.0}))
    found = {day.measure: (day.values, round(day.ln_value, 6)) for day in days_of(run)}
    assert found == {
        "hrv_rmssd_ms": (4, round(math.log(40), 6)),
        "hrv_sdnn_ms": (4, round(math.log(80), 6)),
    }


def test_devices_of_one_person_have_days_of_their_own() -> None:
    run = Run()
    begin_us = at("2026-09-10T01:00:00+00:00")
    for step in range(4):
        for device, rmssd_ms in (("watch", 30.0), ("ring", 60.0)):
            one = given_rmssd(begin_us + 5 * step * MINUTE_US, rmssd_ms)
            run.send(replace(one, device=device))
    run.send(
        *(Sent(begin_us + 5 * HOUR_US, {"heart_rate_bpm": 60.0}, device=one) for one in ("watch", "ring"))
    )
    found = {day.device_id: round(day.ln_value, 6) for day in days_of(run)}
    assert found == {"watch": round(math.log(30), 6), "ring": round(math.log(60), 6)}


def test_a_device_s_values_out_of_order_do_not_count() -> None:
    run = Run()
    begin_us = at("2026-09-10T01:00:00+00:00")
    minutes = (0, 5, 10, 15, 2, 7)
    run.send(*(given_rmssd(begin_us + minute * MINUTE_US, 40.0 + minute) for minute in minutes))
    run.send(Sent(begin_us + 5 * HOUR_US, {"heart_rate_bpm": 60.0}))
    (day,) = days_of(run)
    assert day.values == 4


@pytest.mark.parametrize(
    ("slept_minutes", "slots"),
    [(20, ["asleep"]), (5, ["morning"])],
    ids=["a-night-needs-no-morning", "too-short-a-night-does"],
)
def test_a_day_whose_night_is_known_has_no_morning(slept_minutes: int, slots: list[str]) -> None:
    run = Run()
    begin_us = at("2026-09-10T05:00:00+00:00")
    steps = range(0, slept_minutes, 5)
    run.send(*(given_rmssd(begin_us + step * MINUTE_US, 40.0) for step in steps))
    awake_us = begin_us + 60 * MINUTE_US
    run.send(*(given_rmssd(awake_us + 5 * step * MINUTE_US, 50.0, activity="rest") for step in range(8)))
    assert [day.slot for day in days_of(run)] == slots


def test_a_night_and_the_morning_of_another_measure_stand_side_by_side() -> None:
    run = Run()
    begin_us = at("2026-09-10T05:00:00+00:00")
    run.send(*(given_rmssd(begin_us + 5 * step * MINUTE_US, 40.0) for step in range(4)))
    awake_us = begin_us + 60 * MINUTE_US
    for step in range(8):
        run.send(Sent(awake_us + 5 * step * MINUTE_US, {"hrv_sdnn_ms": 80.0}, activity="rest"))
    found = [(day.measure, day.slot) for day in days_of(run)]
    assert found == [("hrv_rmssd_ms", "asleep"), ("hrv_sdnn_ms", "morning")]


def test_measures_are_those_of_a_day_s_record() -> None:
    (measure,) = [one for name, one in HrvDayRow.model_fields.items() if name == "measure"]
    assert set(HRV_MEASURES) == set(measure.annotation.__args__)  # type: ignore[union-attr]


def test_the_morning_slot_is_called_by_its_key() -> None:
    assert list(taken(opened(value("2026-09-10T06:00", asleep=False)))) == [("2026-09-10", "morning")]
    assert [key for key, _ in opened(value("2026-09-10T06:00", asleep=False))] == [DAWN]
