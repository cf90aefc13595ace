"""A device's baselines: which values move which of them, by measure, quarter of the local day, and rest."""

import datetime as dt
import math
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaptation.baselines import Baselines, RunningBaseline, count_of
from adaptation.channels import (
    BASELINE_MEASURES,
    CHANNELS,
    MEASURE_CHANNELS,
    MEASURES,
    REST_CHANNEL,
    REST_MEASURE,
    SLOT_MEASURES,
    SLOT_US,
    SLOTS,
    TRACKED_INDEX,
    TRACKED_MEASURES,
    Arrived,
    arrange_values,
    move_streams,
    record_new_hours,
    rest_of,
    statistics_of,
    weigh_streams,
)
from adaptation.columns import NEVER_US, Cells, Table
from adaptation.streams import STREAM_LAYOUT
from schemas.commands import SetProfile
from schemas.frames import CONTACT_GIVEN
from schemas.readings import micros, moment_of
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Run, Sent

COUNT = 2
"""Row of the tallies among the statistics."""
AFTERNOON = SLOTS.index("afternoon")
STATE = ("mean", "variance", "tally", "since_us")


def devices(count: int = 1) -> Cells:
    table = Table(STREAM_LAYOUT)
    for _ in range(count):
        table.add_row()
    return table.take(np.arange(count))


def measures_of(rows: list[dict[str, float]]) -> NDArray[np.float64]:
    measures = np.full((len(rows), len(TRACKED_MEASURES)), np.nan)
    for row, values in enumerate(rows):
        for name, value in values.items():
            measures[row, TRACKED_INDEX[name]] = value
    return measures


def arrive(
    streams: Cells,
    values: dict[str, float],
    *,
    time_us: int = NOON,
    slot: int = AFTERNOON,
    quiet: bool = True,
) -> Arrived:
    """Return one reading of one device, in columns."""
    times, slots, quiets = np.array([time_us]), np.array([slot]), np.array([quiet])
    return arrange_values(streams, measures_of([values]), times, slots, quiets)


def counts_of(streams: Cells, row: int = 0) -> dict[tuple[str, str], int]:
    """Return how many values each baseline holds that holds any."""
    counts = count_of(statistics_of(streams.floats).view(np.int64)[row, COUNT])
    return {channel: int(count) for channel, count in zip(CHANNELS, counts, strict=True) if count}


def given_in(arrived: Arrived) -> set[tuple[str, str]]:
    return {channel for channel, given in zip(CHANNELS, arrived.given[0], strict=False) if given}


# -- the columns


def test_each_slot_measure_has_a_channel_in_each_quarter_and_one_all_day() -> None:
    assert SLOT_MEASURES == (REST_MEASURE, "energy_level", "stress_level")
    assert len(CHANNELS) == len(set(CHANNELS)) == 3 * 4 + 1 + len(BASELINE_MEASURES)
    for measure in SLOT_MEASURES:
        assert [slot for name, slot in CHANNELS if name == measure] == [*SLOTS, "all_day"]
    for measure in set(BASELINE_MEASURES) - set(SLOT_MEASURES):
        assert [slot for name, slot in CHANNELS if name == measure] == ["all_day"]
    assert CHANNELS[REST_CHANNEL] == (REST_MEASURE, "all_day")
    assert CHANNELS[MEASURE_CHANNELS] == tuple((name, "all_day") for name in BASELINE_MEASURES)
    assert MEASURES.stop - MEASURES.start == len(TRACKED_MEASURES)


everything = {name: 0.25 + index for index, name in enumerate(TRACKED_MEASURES)}


@pytest.mark.parametrize("slot", range(4))
def test_a_value_goes_to_its_quarter_and_to_the_whole_day(slot: int) -> None:
    arrived = arrive(devices(), everything, slot=slot)
    expected = {(name, "all_day") for name in BASELINE_MEASURES} | {(REST_MEASURE, "all_day")}
    assert given_in(arrived) == expected | {(name, SLOTS[slot]) for name in SLOT_MEASURES}
    value_of = dict(zip(CHANNELS, arrived.values[0], strict=False))
    for name in SLOT_MEASURES:
        wanted = everything["heart_rate_bpm" if name == REST_MEASURE else name]
        assert value_of[name, SLOTS[slot]] == value_of[name, "all_day"] == wanted
    assert arrived.values[0, MEASURES].tolist() == list(everything.values())


def test_heart_rate_counts_at_rest_only_while_the_person_is_quiet() -> None:
    streams = devices()
    quiet, moving = (arrive(streams, {"heart_rate_bpm": 60.0}, quiet=one) for one in (True, False))
    everywhen = {("heart_rate_bpm", "all_day")}
    assert given_in(quiet) == everywhen | {(REST_MEASURE, "afternoon"), (REST_MEASURE, "all_day")}
    assert given_in(moving) == everywhen
    assert given_in(arrive(streams, {"steps": 0.0})) == set()


def test_what_a_device_has_not_given_is_nan_and_never_zero() -> None:
    arrived = arrive(devices(), {"energy_level": 0.0})
    assert given_in(arrived) == {("energy_level", "afternoon"), ("energy_level", "all_day")}
    assert np.isnan(arrived.values[~arrived.given]).all()


def test_a_value_is_in_order_if_its_device_has_given_no_later_one_of_that_measure() -> None:
    streams = devices()
    move_streams(streams, arrive(streams, {"energy_level": 0.5, "steps": 20.0}))
    names = ("energy_level", "stress_level", "steps")
    for after_us, in_order in ((1, [True] * 3), (0, [True] * 3), (-1, [False, True, False])):
        arrived = arrive(streams, dict.fromkeys(names, 0.5), time_us=NOON + after_us)
        assert [bool(arrived.in_order[0, TRACKED_INDEX[name]]) for name in names] == in_order
        assert arrived.in_order[0].sum() == sum(in_order)


def last_us_of(streams: Cells, label: str) -> list[int]:
    times: list[int] = streams.ints[:, STREAM_LAYOUT.names.index(f"last_us.{label}")].tolist()
    return times


def test_last_times_are_those_of_the_latest_value_of_each_measure() -> None:
    streams = devices()
    for after_us, values in ((0, {"energy_level": 0.5}), (9, {"steps": 3.0}), (4, {"steps": 5.0})):
        move_streams(streams, arrive(streams, values, time_us=NOON + after_us))
    assert last_us_of(streams, "energy_level.all_day") == [NOON]
    assert last_us_of(streams, "energy_level.afternoon") == [NOON]
    assert last_us_of(streams, "energy_level.morning") == [NEVER_US]
    assert last_us_of(streams, "steps.all_day") == [NOON + 9]
    assert last_us_of(streams, "heart_rate_bpm.all_day") == [NEVER_US]


# -- baselines


readings = st.lists(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(TRACKED_MEASURES), st.integers(1, 200).map(float), max_size=4),
            st.integers(-5, 60),
            st.booleans(),
        ),
        min_size=2,
        max_size=2,
    ),
    max_size=15,
)


@settings(deadline=None)
@given(readings)
def test_every_channel_is_the_running_baseline_of_its_values(
    rounds: list[list[tuple[dict[str, float], int, bool]]],
) -> None:
    streams = devices(2)
    alone = [{channel: RunningBaseline() for channel in CHANNELS} for _ in range(2)]
    clock_us = [NOON, NOON]
    for together in rounds:
        clock_us = [
            before + minutes * MINUTE_US for before, (_, minutes, _) in zip(clock_us, together, strict=True)
        ]
        time_us = np.array(clock_us)
        slot = time_us // SLOT_US % 4
        quiet = np.array([one[2] for one in together])
        measures = measures_of([values for values, _, _ in together])
        move_streams(streams, arrange_values(streams, measures, time_us, slot, quiet))
        for row, (values, _, is_quiet) in enumerate(together):
            told = dict(values)
            if is_quiet and "heart_rate_bpm" in told:
                told[REST_MEASURE] = told["heart_rate_bpm"]
            for measure, quarter in CHANNELS:
                if measure in told and quarter in ("all_day", SLOTS[slot[row]]):
                    alone[row][measure, quarter].update(told[measure], time_us=clock_us[row])
    found = statistics_of(streams.floats)
    for row, baselines in enumerate(alone):
        for channel, baseline in enumerate(baselines.values()):
            mean, variance, tally, since_us = (getattr(baseline._state, name)[0] for name in STATE)
            assert (found[row, 0, channel], found[row, 1, channel]) == (mean, variance)
            assert found.view(np.int64)[row, COUNT:, channel].tolist() == [tally, since_us]


def test_rest_is_seen_in_place() -> None:
    streams = devices()
    rest = rest_of(streams)
    move_streams(streams, arrive(streams, {"heart_rate_bpm": 60.0}))
    assert (rest.count.tolist(), rest.mean.tolist(), rest.since_us.tolist()) == ([1], [60.0], [NOON])


def test_devices_kept_without_weights_get_them_in_place() -> None:
    streams = devices(2)
    for number in range(30):
        time_us = np.full(2, NOON + number * HOUR_US // 2)
        measures = measures_of([{"energy_level": 0.4}] * 2)
        afternoon, quiet = np.full(2, AFTERNOON), np.ones(2, np.bool_)
        move_streams(streams, arrange_values(streams, measures, time_us, afternoon, quiet))
    ints = statistics_of(streams.floats).view(np.int64)
    before, weighed = counts_of(streams), ints[1, COUNT].copy()
    assert before
    ints[0, COUNT] = count_of(ints[0, COUNT])
    weigh_streams(streams)
    assert counts_of(streams) == before
    assert ints[1, COUNT].tolist() == weighed.tolist()
    mean, variance, tally, since_us = statistics_of(streams.floats)[0]
    kept = Baselines(mean, variance, tally.view(np.int64), since_us.view(np.int64))
    age = 29 * HOUR_US / 2 / (14 * DAY_US)
    expected = [-math.expm1(-age) if channel in before else 0.0 for channel in CHANNELS]
    assert kept.weight.tolist() == pytest.approx(expected, abs=2**-36)


def recorded(streams: Cells, arrived: Arrived) -> list[tuple[str, str, int]]:
    rows = record_new_hours(streams, arrived, np.array([0]), [("ada", "watch")])
    return [(row.measure, row.slot, row.count) for row in rows]


def test_a_baseline_is_recorded_once_an_hour_with_three_values_or_more() -> None:
    streams = devices()
    for minute in range(3):
        arrived = arrive(streams, {"hrv_rmssd_ms": 40.0 + minute}, time_us=NOON + minute * MINUTE_US)
        assert recorded(streams, arrived) == []
        move_streams(streams, arrived)
    later = arrive(streams, {"hrv_rmssd_ms": 90.0}, time_us=NOON + HOUR_US)
    (row,) = record_new_hours(streams, later, np.array([0]), [("ada", "watch")])
    assert (row.user_id, row.device_id, row.measure, row.slot) == ("ada", "watch", "hrv_rmssd_ms", "all_day")
    assert (row.count, row.since, row.time) == (3, moment_of(NOON), moment_of(NOON + HOUR_US))
    assert row.mean == pytest.approx(41.5, abs=0.02)
    assert row.sd == pytest.approx(0.5, abs=0.03)
    move_streams(streams, later)
    again = arrive(streams, {"hrv_rmssd_ms": 90.0}, time_us=NOON + HOUR_US + 1)
    assert recorded(streams, again) == []


def test_two_values_are_not_recorded() -> None:
    streams = devices()
    for minute in range(2):
        move_streams(streams, arrive(streams, {"hrv_rmssd_ms": 40.0}, time_us=NOON + minute * MINUTE_US))
    assert recorded(streams, arrive(streams, {"hrv_rmssd_ms": 40.0}, time_us=NOON + HOUR_US)) == []


# -- quarters of the local day, as people live them


def counts_in(run: Run, user: str = "ada") -> dict[tuple[str, str], int]:
    state = run.shard.copy_state()
    row = [owner for owner, _ in state.devices].index(user)
    cells = state.streams.cells[row : row + 1].copy()
    return counts_of(Cells(cells, cells.view(np.int64)))


def half_hours_of(day: str, zone: str) -> list[int]:
    """Return every half hour of a local day."""
    first = dt.datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    begin_us, end_us = micros(first), micros(first + dt.timedelta(days=1))
    return list(range(begin_us, end_us, HOUR_US // 2))


@pytest.mark.parametrize("by", ["profile", "default"])
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", (5, 6, 6, 6), id="spring_23_h"),
        pytest.param("Europe/Berlin", "2026-10-25", (7, 6, 6, 6), id="autumn_25_h"),
        pytest.param("America/New_York", "2026-03-08", (5, 6, 6, 6), id="new_york_23_h"),
        pytest.param("America/New_York", "2026-11-01", (7, 6, 6, 6), id="new_york_25_h"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", (6.5, 6, 6, 6), id="half_an_hour_back"),
        pytest.param("Asia/Kathmandu", "2026-11-20", (6, 6, 6, 6), id="quarter_hour_offset"),
    ],
)
def test_a_local_day_fills_its_quarters_whatever_the_clocks_do(
    zone: str, day: str, hours: tuple[float, ...], by: str
) -> None:
    run = Run(default_zone=zone if by == "default" else "Asia/Tokyo")
    if by == "profile":
        run.put_command("ada", SetProfile(command_id="c-1", time_zone=zone))
    values = {"heart_rate_bpm": 60.0, "energy_level": 0.5, "stress_level": 0.2}
    run.send(*[Sent(time_us, values) for time_us in half_hours_of(day, zone)])
    counts = counts_in(run)
    for measure in SLOT_MEASURES:
        assert [counts[measure, slot] / 2 for slot in SLOTS] == list(hours)
        assert counts[measure, "all_day"] / 2 == sum(hours)


def test_people_in_one_frame_each_live_in_their_own_quarter() -> None:
    run = Run()
    zones = {"ada": "Europe/Berlin", "bob": "America/New_York", "eve": "Asia/Tokyo"}
    for user, zone in zones.items():
        run.put_command(user, SetProfile(command_id=user, time_zone=zone))
    run.put(*[Sent(NOON, {"stress_level": 0.2}, user=user) for user in (*zones, "dan")])
    run.advance()
    quarters = {user: next(iter(counts_in(run, user)))[1] for user in (*zones, "dan")}
    assert quarters == {"ada": "afternoon", "bob": "morning", "eve": "evening", "dan": "afternoon"}


@pytest.mark.parametrize(
    ("clock", "slot"),
    [
        ("00:00:00", "night"),
        ("05:59:59", "night"),
        ("06:00:00", "morning"),
        ("12:00:00", "afternoon"),
        ("17:59:59", "afternoon"),
        ("18:00:00", "evening"),
        ("23:59:59", "evening"),
    ],
)
def test_quarters_begin_at_midnight_six_noon_and_six(clock: str, slot: str) -> None:
    run = Run(default_zone="Europe/Berlin")
    local = dt.datetime.fromisoformat(f"2026-07-01T{clock}").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    run.send(Sent(micros(local), {"energy_level": 0.5}))
    assert counts_in(run) == {("energy_level", slot): 1, ("energy_level", "all_day"): 1}


# -- rest, as readings tell it


def rests(run: Run, sent: Iterable[Sent]) -> list[bool]:
    """Return at which readings the baseline at rest moved."""
    moved, before = [], 0
    for one in sent:
        run.send(one)
        now = counts_in(run).get((REST_MEASURE, "all_day"), 0)
        moved.append(now > before)
        before = now
    return moved


def beats_per_minute(minutes: Iterable[float], *, rate: float = 60.0, activity: str = "") -> list[Sent]:
    return [
        Sent(NOON + round(minute * MINUTE_US), {"heart_rate_bpm": rate}, activity=activity)
        for minute in minutes
    ]


@pytest.mark.parametrize(
    ("first", "minutes", "moved"),
    [
        pytest.param("", (1, 2, 3), [True] * 3, id="nothing_said"),
        pytest.param("rest", (1, 2, 3), [True] * 3, id="rest"),
        pytest.param("walk", (1, 1.99, 2, 3), [False, False, True, True], id="two_minutes_after_a_walk"),
        pytest.param("run", (2, 9.99, 10, 11), [False, False, True, True], id="ten_after_a_run"),
        pytest.param("sleep", (1, 4.99, 5, 6), [False, False, True, True], id="five_after_sleep"),
    ],
)
def test_heart_rate_at_rest_waits_until_the_person_is_quiet(
    first: str, minutes: tuple[float, ...], moved: list[bool]
) -> None:
    told = [*beats_per_minute([0], activity=first), *beats_per_minute(minutes)]
    run = Run()
    assert rests(run, told)[1:] == moved
    assert counts_in(run)["heart_rate_bpm", "all_day"] == len(told)


def test_steps_and_exertion_are_no_rest_whatever_the_device_calls_it() -> None:
    steps = Sent(NOON, {"heart_rate_bpm": 60.0, "steps": 11.0})
    assert rests(Run(), [steps, *beats_per_minute((1, 2))]) == [False, False, True]
    few = Sent(NOON, {"heart_rate_bpm": 60.0, "steps": 10.0})
    assert rests(Run(), [few]) == [True]
    raised = beats_per_minute([0], rate=150.0)
    assert rests(Run(), [*raised, *beats_per_minute((5, 9, 10))]) == [False, False, False, True]


def test_a_sensor_off_the_skin_tells_nothing_of_rest() -> None:
    off = Sent(NOON, {"heart_rate_bpm": 60.0}, flags=CONTACT_GIVEN)
    assert rests(Run(), [off, *beats_per_minute((1, 2))]) == [False] * 3


def test_a_heart_rate_given_twice_or_out_of_order_counts_once_at_rest() -> None:
    told = beats_per_minute((1, 1, 0.5, 1 + SECOND_US / MINUTE_US))
    assert rests(Run(), told) == [True, False, False, True]
