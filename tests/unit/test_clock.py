from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybeat.clock import SPEED_MAX, Clock
from schemas.errors import InputError

NEW_DAY = datetime(2026, 11, 20, tzinfo=UTC)


def test_without_a_setting_the_clock_is_real_time() -> None:
    clock = Clock.parse("", wall_ns=lambda: 1_700_000_000_123_456_789)
    assert clock.now_us() == 1_700_000_000_123_456
    assert clock.speed == 1
    assert clock.setting == ""


@pytest.mark.parametrize(
    ("text", "passed_s", "expected"),
    [
        ("2026-11-20T00:00:00+00:00@1440", 0, NEW_DAY),
        ("2026-11-20T00:00:00+00:00@1440", 60, NEW_DAY + timedelta(days=1)),
        ("2026-11-20T00:00:00+00:00@0.5", 60, NEW_DAY + timedelta(seconds=30)),
        ("2026-11-20T00:00:00+00:00", 60, NEW_DAY + timedelta(seconds=60)),
        ("2026-11-20T01:00:00+01:00@2", -1, NEW_DAY - timedelta(seconds=2)),
    ],
)
def test_the_clock_runs_from_its_start_at_its_speed(text: str, passed_s: int, expected: datetime) -> None:
    anchor = 1_700_000_000
    clock = Clock.parse(text, anchor, wall_ns=lambda: (anchor + passed_s) * 1_000_000_000)
    assert clock.now() == expected


@given(
    start=st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # hypothesis wants them so
    speed=st.floats(0.001, SPEED_MAX),
    anchor=st.integers(0, 4_000_000_000_000_000),
    passed_us=st.integers(0, 86_400_000_000),
)
def test_two_processes_with_the_same_setting_agree(
    start: datetime, speed: float, anchor: int, passed_us: int
) -> None:
    wall_us = anchor + passed_us
    first = Clock.parse(
        f"{start.replace(tzinfo=UTC).isoformat()}@{speed!r}", anchor / 1e6, wall_ns=lambda: wall_us * 1000
    )
    second = Clock.parse(first.setting, first.anchor, wall_ns=lambda: wall_us * 1000)
    assert first.now_us() == second.now_us()


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-11-20T00:00:00@60", "2026-11-20T00:00:00+00:00@fast", "@60"]
)
def test_a_clock_that_is_not_a_start_and_a_speed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="clock"):
        Clock.parse(text)


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "1e9"])
def test_a_speed_must_be_finite_and_above_zero(speed: str) -> None:
    with pytest.raises(InputError, match="speed"):
        Clock.parse(f"2026-11-20T00:00:00+00:00@{speed}")


def test_a_day_at_1440_times_the_pace_takes_a_minute() -> None:
    clock = Clock.parse("2026-11-20T00:00:00+00:00@1440", 0)
    assert clock.real_seconds(timedelta(days=1)) == 60
