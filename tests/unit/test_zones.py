"""Offsets and local days against the standard library's zoneinfo."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.zones import DAY_US, HOUR_US, ZoneNames, stretch_at
from schemas.errors import InputError
from support.readings import at

ZONES = sorted(available_timezones())


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, at("2037-12-31T00:00:00+00:00")), st.data())
def test_an_offset_holds_throughout_its_stretch(zone: str, time_us: int, data: st.DataObject) -> None:
    stretch = stretch_at(zone, time_us)
    assert stretch.from_us <= time_us < stretch.until_us
    inside = data.draw(st.integers(stretch.from_us, stretch.until_us - 1))
    for moment in (stretch.from_us, time_us, inside, stretch.until_us - 1):
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))
        assert local.utcoffset() == timedelta(microseconds=stretch.offset_us)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", 23, id="spring_23_h"),
        pytest.param("Europe/Berlin", "2026-10-25", 25, id="autumn_25_h"),
        pytest.param("Europe/Berlin", "2026-11-20", 24, id="ordinary"),
        pytest.param("America/New_York", "2026-03-08", 23, id="new_york_23_h"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", 24.5, id="half_an_hour_back"),
        pytest.param("Asia/Kathmandu", "2026-11-20", 24, id="quarter_hour_offset"),
    ],
)
def test_a_local_day_has_as_many_hours_as_its_zone_gives_it(zone: str, day: str, hours: float) -> None:
    wanted = (datetime.fromisoformat(day) - datetime(1970, 1, 1)).days  # noqa: DTZ001  # a local day
    start_us = wanted * DAY_US - 14 * HOUR_US
    steps = range(start_us, start_us + 60 * HOUR_US, HOUR_US // 2)
    held = [step for step in steps if (step + stretch_at(zone, step).offset_us) // DAY_US == wanted]
    assert len(held) / 2 == hours


@pytest.mark.parametrize(
    ("zone", "day", "night_h"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", 5, id="spring_23_h"),
        pytest.param("Europe/Berlin", "2026-10-25", 7, id="autumn_25_h"),
        pytest.param("America/New_York", "2026-11-01", 7, id="new_york_25_h"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", 6.5, id="half_an_hour_back"),
        pytest.param("Africa/Cairo", "2026-04-24", 5, id="change_at_midnight"),
        pytest.param("Asia/Kathmandu", "2026-11-20", 6, id="quarter_hour_offset"),
    ],
)
def test_the_night_is_longer_or_shorter_where_clocks_change_and_other_quarters_are_not(
    zone: str, day: str, night_h: float
) -> None:
    wanted = (datetime.fromisoformat(day) - datetime(1970, 1, 1)).days  # noqa: DTZ001  # a local day
    start_us = wanted * DAY_US - 14 * HOUR_US
    steps = range(start_us, start_us + 60 * HOUR_US, HOUR_US // 2)
    quarters = [(step + stretch_at(zone, step).offset_us) // (6 * HOUR_US) for step in steps]
    assert [quarters.count(4 * wanted + slot) / 2 for slot in range(4)] == [night_h, 6, 6, 6]


def test_a_change_of_offset_is_found_to_the_second() -> None:
    change = at("2026-10-25T01:00:00+00:00")
    assert stretch_at("Europe/Berlin", change - 1).offset_us == 2 * HOUR_US
    assert stretch_at("Europe/Berlin", change - 1).until_us == change
    assert stretch_at("Europe/Berlin", change).offset_us == HOUR_US


def test_zones_keep_their_numbers_and_the_default_can_change() -> None:
    zones = ZoneNames("UTC")
    assert [zones.number_of(name) for name in ("Asia/Tokyo", "UTC", "Asia/Tokyo")] == [1, 2, 1]
    resumed = ZoneNames("Europe/Berlin", zones.others)
    assert [resumed[number] for number in range(3)] == ["Europe/Berlin", "Asia/Tokyo", "UTC"]
    assert resumed.number_of("UTC") == 2
    stretches = resumed.stretches_at(np.array([0, 1]), np.array([at("2026-11-20T12:00:00+00:00")] * 2))
    assert stretches[:, 0].tolist() == [HOUR_US, 9 * HOUR_US]


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_refused_with_advice(name: str) -> None:
    with pytest.raises(InputError, match="IANA"):
        ZoneNames(name)
