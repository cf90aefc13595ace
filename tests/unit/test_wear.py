"""Worn or not: from contact and from data that stay away, compared with a plain retelling one by one."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.columns import NEVER_US
from adaptation.physiology.wear import REASONS, WEAR_GAP_MAX, WITHOUT_CONTACT, WORN, Wear, WearStep

SECOND_US = 1_000_000
GAP_S = 1200

Told = tuple[int, bool, bool, str]
"""row, time, worn, reason; as a change of wear tells it."""


class Reading(NamedTuple):
    time_s: int
    data: bool = True
    contact: bool | None = None


def changes_of(step: WearStep) -> list[tuple[int, int, bool, str]]:
    if step.changes is None:
        return []
    rows, times_us, worn, reasons = (column.tolist() for column in step.changes)
    return [
        (row, time_us // SECOND_US, is_worn, REASONS[reason])
        for row, time_us, is_worn, reason in zip(rows, times_us, worn, reasons, strict=True)
    ]


def move(wear: Wear, readings: list[Reading]) -> WearStep:
    return wear.move(
        np.array([one.time_s * SECOND_US for one in readings]),
        np.array([one.data for one in readings]),
        np.array([one.contact is not None for one in readings]),
        np.array([bool(one.contact) for one in readings]),
    )


def tell(*readings: Reading) -> list[tuple[int, bool, str]]:
    """Return the changes of one device."""
    wear = Wear.unknown(1)
    return [change[1:] for one in readings for change in changes_of(move(wear, [one]))]


def test_the_gap_that_ends_wear_is_twenty_minutes() -> None:
    assert WEAR_GAP_MAX.total_seconds() == GAP_S


def test_the_first_data_put_a_device_on_and_more_data_change_nothing() -> None:
    assert tell(Reading(0), Reading(1), Reading(1201), Reading(2401)) == [(0, True, "data")]


def test_data_after_a_gap_tell_two_changes_off_when_the_last_came_and_on_now() -> None:
    assert tell(Reading(0), Reading(60), Reading(1261)) == [
        (0, True, "data"),
        (60, False, "data"),
        (1261, True, "data"),
    ]


def test_lost_contact_takes_a_device_off_at_once_though_data_come() -> None:
    assert tell(Reading(0), Reading(10, contact=False), Reading(20, contact=False), Reading(30)) == [
        (0, True, "data"),
        (10, False, "contact"),
    ]


def test_contact_alone_puts_a_device_on_and_takes_it_off() -> None:
    assert tell(Reading(0, data=False, contact=True), Reading(5, data=False, contact=False)) == [
        (0, True, "contact"),
        (5, False, "contact"),
    ]


def test_after_lost_contact_only_contact_puts_it_on_again() -> None:
    assert tell(Reading(0), Reading(10, contact=False), Reading(1900), Reading(1901, contact=True)) == [
        (0, True, "data"),
        (10, False, "contact"),
        (1901, True, "contact"),
    ]


def test_contact_lost_during_a_gap_was_off_since_the_last_data() -> None:
    assert tell(Reading(0), Reading(60), Reading(2000, contact=False), Reading(2001, contact=True)) == [
        (0, True, "data"),
        (60, False, "data"),
        (2001, True, "contact"),
    ]


@pytest.mark.parametrize(
    "older",
    [Reading(99), Reading(99, contact=False), Reading(99, data=False, contact=True)],
    ids=["data", "contact_lost", "contact"],
)
def test_what_is_older_than_what_was_told_last_changes_nothing(older: Reading) -> None:
    wear = Wear.unknown(1)
    move(wear, [Reading(100)])
    step = move(wear, [older])
    assert step.changes is None
    assert not step.on[0]
    assert (wear.told_us[0], wear.state[0]) == (100 * SECOND_US, WORN)


def test_a_reading_without_data_and_contact_tells_nothing() -> None:
    wear = Wear.unknown(1)
    assert not move(wear, [Reading(0, data=False)]).on[0]
    assert wear.told_us[0] == NEVER_US
    move(wear, [Reading(100)])
    assert not move(wear, [Reading(2000, data=False)]).on[0]
    assert wear.told_us[0] == 100 * SECOND_US


def test_since_when_it_is_worn_begins_anew_after_every_pause() -> None:
    wear = Wear.unknown(1)
    since_s = []
    for one in (
        Reading(0),
        Reading(9),
        Reading(1300),
        Reading(1310, contact=False),
        Reading(1320, contact=True),
    ):
        move(wear, [one])
        since_s.append(int(wear.since_us[0]) // SECOND_US)
    assert since_s == [0, 0, 1300, 1300, 1320]


readings = st.builds(
    Reading,
    time_s=st.integers(0, 6000),
    data=st.booleans(),
    contact=st.sampled_from([None, None, None, True, False]),
)


def retell(told: list[Reading]) -> tuple[list[tuple[int, bool, str]], list[bool]]:
    """Return changes and which readings counted, without arrays."""
    changes: list[tuple[int, bool, str]] = []
    counted: list[bool] = []
    last_s, worn, lost = -(10**9), False, False
    for one in told:
        is_on = one.contact is True or (one.data and one.contact is None and not lost)
        if one.time_s < last_s or not (is_on or one.contact is False):
            counted.append(False)
            continue
        if worn and one.time_s - last_s > GAP_S:
            worn = False
            changes.append((last_s, False, "data"))
        if worn != is_on:
            changes.append((one.time_s, is_on, "data" if one.contact is None else "contact"))
        worn, lost, last_s = is_on, one.contact is False, one.time_s
        counted.append(is_on)
    return changes, counted


@settings(deadline=None)
@given(st.lists(readings, max_size=30))
def test_every_story_of_one_device_is_told_as_the_plain_retelling(told: list[Reading]) -> None:
    wear = Wear.unknown(1)
    steps = [move(wear, [one]) for one in told]
    changes, counted = retell(told)
    assert [change[1:] for step in steps for change in changes_of(step)] == changes
    assert [bool(step.on[0]) for step in steps] == counted


@settings(deadline=None)
@given(st.lists(readings, max_size=30).map(lambda told: sorted(told, key=lambda one: one.time_s)))
def test_changes_alternate_and_their_times_never_go_back(told: list[Reading]) -> None:
    changes = tell(*told)
    assert [worn for _, worn, _ in changes] == [index % 2 == 0 for index in range(len(changes))]
    assert [time_s for time_s, _, _ in changes] == sorted(time_s for time_s, _, _ in changes)


@settings(deadline=None)
@given(st.lists(st.lists(readings, min_size=3, max_size=3), max_size=12))
def test_devices_side_by_side_are_told_as_each_alone(rounds: list[list[Reading]]) -> None:
    together = Wear.unknown(3)
    by_device: list[list[tuple[int, bool, str]]] = [[], [], []]
    for one in rounds:
        for row, *change in changes_of(move(together, one)):
            by_device[row].append(tuple(change))
    for device in range(3):
        assert by_device[device] == tell(*(one[device] for one in rounds))


def test_a_sensor_without_contact_is_a_state_of_its_own() -> None:
    wear = Wear.unknown(2)
    move(wear, [Reading(0, contact=False), Reading(0)])
    assert wear.state.tolist() == [WITHOUT_CONTACT, WORN]
