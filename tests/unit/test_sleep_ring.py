"""Fourteen nights in a ring, against a plain dict of all nights."""

import datetime as dt
import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.columns import Group, Layout, Table
from adaptation.sleep_ring import SLEEP_DAY, SLEEP_MINUTES, SLEEP_NIGHTS, keep_nights, nights_before
from schemas.commands import SetProfile
from schemas.readings import micros
from support.readings import DAY_US, HOUR_US, Run, Sent

LAYOUT = Layout(Group("before", ("a",), 1.5), SLEEP_DAY, SLEEP_MINUTES, Group("after", ("a", "b"), 7))
LATEST, NIGHTS = LAYOUT.columns("sleep_day"), LAYOUT.columns("sleep_minutes")
FIRST = 20_400
NAN = math.nan


def people(count: int = 1) -> Table:
    table = Table(LAYOUT)
    for _ in range(count):
        table.add_row()
    return table


def keep(table: Table, told: dict[int, tuple[int, float]]) -> None:
    """Take a night of each of some people, by their row."""
    rows = np.array(list(told))
    cells = table.take(rows)
    day, minutes = (np.array(column) for column in zip(*told.values(), strict=True))
    keep_nights(cells, LATEST, NIGHTS, day=day, minutes=minutes.astype(np.float64))
    table.put(rows, cells)


def known(table: Table, day: int) -> list[list[float]]:
    """Return the fourteen nights up to a day of each person."""
    cells = table.view().floats
    nights: list[list[float]] = nights_before(cells, LATEST, NIGHTS, np.full(len(cells), day)).tolist()
    return nights


def kept_of(*told: tuple[int, float], day: int) -> list[float]:
    """Return the nights of one person up to a day, by how many days before it they ended."""
    table = people()
    for one in told:
        keep(table, {0: one})
    return known(table, day)[0][::-1]


def same(found: list[float], expected: list[float]) -> bool:
    return bool(np.array_equal(found, expected, equal_nan=True))


def test_nobody_slept_before_anyone_said_so() -> None:
    assert same(known(people(), FIRST)[0], [NAN] * SLEEP_NIGHTS)


def test_the_last_column_is_the_night_that_ended_on_the_day() -> None:
    told = [(FIRST + number, 400.0 + number) for number in range(SLEEP_NIGHTS)]
    assert kept_of(*told, day=FIRST + 13) == [413.0 - ago for ago in range(SLEEP_NIGHTS)]
    assert same(kept_of(*told, day=FIRST + 15)[:4], [NAN, NAN, 413.0, 412.0])


def test_nights_without_a_word_are_not_known_however_the_ring_goes_round() -> None:
    nights = kept_of(*[(FIRST + number, 300.0) for number in range(20)], (FIRST + 24, 450.0), day=FIRST + 24)
    assert same(nights, [450.0, *[NAN] * 4, *[300.0] * 9])


def test_after_a_fortnight_without_a_word_nothing_is_left() -> None:
    told = [(FIRST + number, 300.0) for number in range(20)]
    assert same(kept_of(*told, (FIRST + 33, 450.0), day=FIRST + 33), [450.0] + [NAN] * 13)
    assert same(kept_of(*told, (FIRST + 32, 450.0), day=FIRST + 32), [450.0] + [NAN] * 12 + [300.0])
    assert same(kept_of(*told, day=FIRST + 33), [NAN] * 14)
    assert same(kept_of(*told, day=FIRST + 32), [NAN] * 13 + [300.0])


def test_a_late_night_finds_its_place_as_long_as_it_counts() -> None:
    table = people()
    for number in (13, 12, 3):
        keep(table, {0: (FIRST + number, 400.0 + number)})
    keep(table, {0: (FIRST - 1, 111.0)})
    nights = known(table, FIRST + 13)[0]
    assert same(nights, [NAN] * 3 + [403.0] + [NAN] * 8 + [412.0, 413.0])
    keep(table, {0: (FIRST, 400.0)})
    assert known(table, FIRST + 13)[0][0] == 400.0


def test_of_one_night_the_last_word_counts() -> None:
    assert kept_of((FIRST, 400.0), (FIRST, 380.0), day=FIRST)[0] == 380.0


def test_what_is_not_given_changes_nothing() -> None:
    table = people()
    keep(table, {0: (FIRST, 400.0)})
    before = table.copy()
    keep(table, {0: (FIRST + 1, NAN)})
    assert table.copy().tobytes() == before.tobytes()


def test_other_columns_and_other_people_stay_as_they_are() -> None:
    table = people(3)
    before = table.copy()
    keep(table, {1: (FIRST, 400.0)})
    after = table.copy()
    assert after[[0, 2]].tobytes() == before[[0, 2]].tobytes()
    assert after[1, [0, -2, -1]].tobytes() == before[1, [0, -2, -1]].tobytes()


days = st.integers(FIRST, FIRST + 45)
minutes = st.integers(0, 900).map(float) | st.just(NAN)
rounds = st.lists(
    st.dictionaries(st.integers(0, 2), st.tuples(days, minutes), min_size=1, max_size=3), max_size=40
)


class PlainNights:
    """All nights of one person, by day."""

    def __init__(self) -> None:
        self.nights: dict[int, float] = {}
        self.latest = -(10**9)

    def take(self, day: int, slept: float) -> None:
        if not math.isnan(slept) and day > self.latest - SLEEP_NIGHTS:
            self.nights[day] = slept
            self.latest = max(self.latest, day)

    def before(self, day: int) -> list[float]:
        return [
            self.nights.get(one, NAN) if one > self.latest - SLEEP_NIGHTS else NAN
            for one in range(day - SLEEP_NIGHTS + 1, day + 1)
        ]


@settings(deadline=None)
@given(rounds, days)
def test_the_nights_before_any_day_equal_those_of_a_plain_dict(
    told: list[dict[int, tuple[int, float]]], asked: int
) -> None:
    table, plain = people(3), [PlainNights() for _ in range(3)]
    for one in told:
        keep(table, one)
        for row, (day, slept) in one.items():
            plain[row].take(day, slept)
        found = np.array(known(table, asked))
        np.testing.assert_array_equal(found, [nights.before(asked) for nights in plain])


# -- from readings


def nights_of(run: Run, day: dt.date) -> NDArray[np.float64]:
    people = run.shard._tracker.people
    latest, ring = people.layout.columns("sleep_day"), people.layout.columns("sleep_minutes")
    local_day = np.array([(day - dt.date(1970, 1, 1)).days])
    (nights,) = nights_before(people.view().floats, latest, ring, local_day)
    return np.asarray(nights)


def slept(local: str, minutes: float, *, zone: str = "Europe/Berlin", late_us: int = 0) -> Sent:
    time_us = micros(dt.datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)))
    return Sent(time_us, {"sleep_minutes": minutes}, delay_us=late_us)


@pytest.mark.parametrize(("clock", "turn"), [("00:05", "2026-03-29"), ("23:55", "2026-10-25")])
def test_a_night_is_kept_at_its_local_day_across_a_change_of_the_clock(clock: str, turn: str) -> None:
    run = Run()
    run.put_command("ada", SetProfile(command_id="c-1", time_zone="Europe/Berlin"))
    day_of_turn = dt.date.fromisoformat(turn)
    first = day_of_turn - dt.timedelta(days=7)
    for number in range(SLEEP_NIGHTS):
        day = first + dt.timedelta(days=number)
        run.send(slept(f"{day}T{clock}", 400.0 + number))
    assert nights_of(run, first + dt.timedelta(days=13)).tolist() == [400.0 + n for n in range(14)]


def test_nights_that_a_phone_brings_days_later_count_for_their_days() -> None:
    run = Run(default_zone="Europe/Berlin")
    run.send(slept("2026-11-20T07:00", 420.0))
    run.send(slept("2026-11-18T07:00", 300.0, late_us=2 * DAY_US + 6 * HOUR_US))
    run.send(slept("2026-10-18T07:00", 333.0, late_us=33 * DAY_US))
    nights = nights_of(run, dt.date(2026, 11, 20))
    assert same(nights.tolist(), [NAN] * 11 + [300.0, NAN, 420.0])
