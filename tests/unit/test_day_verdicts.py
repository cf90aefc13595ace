"""Days as records, and the readiness and energy they begin with, against the estimates' own functions."""

import datetime as dt
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from adaptation.day_slots import ASLEEP, MORNING, ClosedDay, SlotKey
from adaptation.day_verdicts import LN_SD_MIN, Morning, begin_days, hrv_days
from adaptation.hrv_rings import HrvRings, JudgedDays
from adaptation.physiology.energy_estimate import start_of_day
from adaptation.physiology.normal_range import FULL_DAYS, PROVISIONAL_DAYS
from adaptation.physiology.readiness_estimate import SLEEP_NIGHTS_MIN
from adaptation.sleep_ring import SLEEP_NIGHTS
from schemas.records import HrvDay

NAN = math.nan
FIRST = 20_400
KEY = SlotKey(stream=0, measure=0, slot=ASLEEP)
UNKNOWN_NIGHTS = np.full((1, SLEEP_NIGHTS), NAN)
FULL_NIGHTS = np.full((1, SLEEP_NIGHTS), 480.0)


def closed(day: int, ln_value: float, *, heart_rate_bpm: float = NAN, key: SlotKey = KEY) -> ClosedDay:
    return ClosedDay(key, day, values=12, ln_value=ln_value, heart_rate_bpm=heart_rate_bpm)


def judged(values: list[float], rates: list[float] | None = None) -> tuple[ClosedDay, JudgedDays]:
    """Return the last of some days, and the verdict on it."""
    rings = HrvRings()
    heart_rates = rates or [NAN] * len(values)
    for number, (value, rate) in enumerate(zip(values, heart_rates, strict=True)):
        last = closed(FIRST + number, value, heart_rate_bpm=rate)
        found = rings.judge([last])
    return last, found


def begin(
    values: list[float], rates: list[float] | None = None, nights: NDArray[np.float64] = UNKNOWN_NIGHTS
) -> tuple[float, float, float, float]:
    """Return readiness and energy of the last day, each with its confidence."""
    last, found = judged(values, rates)
    morning = begin_days([last], found, nights)
    return tuple(  # type: ignore[return-value]  # four of them
        float(array[0]) for estimate in morning for array in (estimate.level, estimate.confidence)
    )


def usual(count: int, *, spread: float = 0.1) -> list[float]:
    return [4.0 + spread * (number % 3 - 1) for number in range(count)]


# -- records


def record(values: list[float], rates: list[float] | None = None, *, key: SlotKey = KEY) -> HrvDay:
    last, found = judged(values, rates)
    (day,) = hrv_days([last._replace(key=key)], found.verdicts, ["ring"])
    return day


def test_a_day_that_is_learnt_says_what_is_known_and_none_for_the_rest() -> None:
    assert record([4.0, 4.5]) == HrvDay(
        day=dt.date(1970, 1, 1) + dt.timedelta(days=FIRST + 1),
        device_id="ring",
        measure="rmssd_ms",
        slot="asleep",
        values=12,
        ln_value=4.5,
        heart_rate_bpm=None,
        mean7=None,
        cv7=None,
        normal_low=None,
        normal_high=None,
        have=2,
        need=7,
        maturity="learning",
        status=None,
        onset=False,
    )


def test_a_day_with_a_range_says_all_of_it() -> None:
    values = [*usual(30), 3.5, 3.5, 3.5]
    day = record(values, [50.0 + number % 3 for number in range(33)])
    kept = np.array(values).astype(np.float32).astype(np.float64)
    before, week = kept[:-1], kept[-7:]
    assert day.day == dt.date(2025, 11, 8) + dt.timedelta(days=32)
    assert (day.have, day.need, day.maturity, day.status) == (33, 33, "stable", "below")
    assert day.heart_rate_bpm == 52.0
    assert day.mean7 == pytest.approx(week.mean(), abs=1e-12)
    assert day.cv7 == pytest.approx(100 * week.std(ddof=1) / week.mean(), abs=1e-10)
    assert day.normal_low == pytest.approx(before.mean() - before.std(ddof=1), abs=1e-12)
    assert day.normal_high == pytest.approx(before.mean() + before.std(ddof=1), abs=1e-12)


@pytest.mark.parametrize(
    ("key", "measure", "slot"),
    [
        (SlotKey(3, 0, MORNING), "rmssd_ms", "morning"),
        (SlotKey(3, 1, ASLEEP), "hrv_rmssd_ms", "asleep"),
        (SlotKey(3, 2, MORNING), "hrv_sdnn_ms", "morning"),
    ],
)
def test_measure_and_slot_are_called_by_their_names(key: SlotKey, measure: str, slot: str) -> None:
    day = record([4.0], key=key)
    assert (day.measure, day.slot) == (measure, slot)


def test_an_onset_is_told_on_its_day_alone() -> None:
    values = usual(30)
    told = [record([*values, *[3.5] * count]).onset for count in range(1, 6)]
    assert told.count(True) == 1
    assert not told[-1]


def test_days_of_several_devices_keep_their_order() -> None:
    rings = HrvRings()
    ones = [closed(FIRST + stream, 4.0 + stream, key=SlotKey(stream, 0, ASLEEP)) for stream in range(3)]
    found = rings.judge(ones)
    days = hrv_days(ones, found.verdicts, ["a", "b", "c"])
    assert [(day.device_id, day.ln_value) for day in days] == [("a", 4.0), ("b", 5.0), ("c", 6.0)]


# -- readiness


def test_where_nothing_is_known_readiness_is_silent() -> None:
    readiness, confidence, energy, trust = begin([4.0] * 3)
    assert all(math.isnan(value) for value in (readiness, confidence, energy, trust))


def readiness_of(*, hrv_z: float = 0.0, heart_rate_z: float = 0.0, debt_hours: float = 0.0) -> float:
    return 1 / (1 + math.exp(-(1 + hrv_z - 0.5 * heart_rate_z - 0.08 * debt_hours)))


def test_readiness_goes_by_the_week_against_its_range_once_there_is_one() -> None:
    assert math.isnan(begin(usual(6))[0])
    values = np.array([*usual(6), 3.2]).astype(np.float32).astype(np.float64)
    z = (values.mean() - values[:-1].mean()) / 0.225  # the population's SD
    readiness, confidence, *_ = begin(values.tolist())
    assert readiness == pytest.approx(readiness_of(hrv_z=z), abs=1e-9)
    assert confidence == pytest.approx(0.5 * 7 / 28)


def test_readiness_takes_a_tiny_deviation_for_one_of_five_hundredths() -> None:
    values = [*usual(30, spread=0.001), 3.9]
    kept = np.array(values).astype(np.float32).astype(np.float64)
    z = (kept[-7:].mean() - kept[:-1].mean()) / LN_SD_MIN
    assert begin(values)[0] == pytest.approx(readiness_of(hrv_z=z), abs=1e-9)
    assert begin([4.0] * 30)[0] == pytest.approx(readiness_of(), abs=1e-9)


def test_a_month_of_days_is_trusted_wholly() -> None:
    assert [begin(usual(count))[1] for count in (14, 28, 60)] == [0.25, 0.5, 0.5]


@pytest.mark.parametrize("known", [1, PROVISIONAL_DAYS - 1])
def test_heart_rate_does_not_count_before_it_is_known_from_seven_days(known: int) -> None:
    rates = [NAN] * (20 - known) + [50.0] * known + [70.0]
    assert begin(usual(21), rates)[:2] == begin(usual(21))[:2]


@pytest.mark.parametrize("known", [PROVISIONAL_DAYS, 10, FULL_DAYS, 20])
def test_a_raised_heart_rate_lowers_readiness_the_more_days_are_known_the_surer(known: int) -> None:
    rates = [NAN] * (20 - known) + [50.0] * known + [54.0]
    plain, plain_confidence, *_ = begin(usual(21))
    readiness, confidence, *_ = begin(usual(21), rates)
    assert math.log(readiness / (1 - readiness)) - math.log(plain / (1 - plain)) == pytest.approx(-0.5 * 2)
    assert confidence - plain_confidence == pytest.approx(0.25 * min(known / FULL_DAYS, 1))


def test_today_without_a_heart_rate_leaves_it_out() -> None:
    rates = [50.0] * 20 + [NAN]
    assert begin(usual(21), rates)[:2] == begin(usual(21))[:2]


def test_short_nights_lower_readiness_once_five_are_known() -> None:
    nights = UNKNOWN_NIGHTS.copy()
    nights[0, 2 : 2 + SLEEP_NIGHTS_MIN - 1] = 420.0
    assert begin(usual(3), nights=nights)[:2] == pytest.approx((NAN, NAN), nan_ok=True)
    nights[0, 13] = 420.0
    readiness, confidence, *_ = begin(usual(3), nights=nights)
    assert readiness == pytest.approx(readiness_of(debt_hours=14.0), abs=1e-9)
    assert confidence == pytest.approx(0.25 * SLEEP_NIGHTS_MIN / SLEEP_NIGHTS)


# -- energy


def test_energy_begins_by_the_night_alone_where_there_is_no_range() -> None:
    *_, energy, trust = begin(usual(3), nights=FULL_NIGHTS)
    expected = start_of_day(np.array([NAN]), np.zeros(1), np.array([8.0]), 8.0)
    assert (energy, trust) == (expected.level[0], expected.confidence[0])
    assert energy == pytest.approx(1 / (1 + math.exp(-1.5)))


def test_energy_looks_at_this_value_and_at_last_night_only() -> None:
    nights = np.full((1, SLEEP_NIGHTS), 300.0)
    nights[0, -1] = 450.0
    values = [*usual(30), 3.9]
    kept = np.array(values).astype(np.float32).astype(np.float64)
    z = (3.9 - kept[:-1].mean()) / kept[:-1].std(ddof=1)
    *_, energy, _ = begin(values, nights=nights)
    assert energy == pytest.approx(1 / (1 + math.exp(-(1.5 + 0.7 * z - 0.4 * 0.5))), abs=1e-6)


def test_energy_without_last_night_goes_by_its_hrv() -> None:
    nights = FULL_NIGHTS.copy()
    nights[0, -1] = NAN
    *_, with_night, trust_with = begin(usual(30), nights=FULL_NIGHTS)
    *_, energy, trust = begin(usual(30), nights=nights)
    assert energy == pytest.approx(with_night)  # eight hours are neither short nor long
    assert [trust, trust_with] == pytest.approx([0.6, 1.0])


def test_people_do_not_share_what_is_known() -> None:
    rings = HrvRings()
    for number, value in enumerate(usual(30)):
        ones = [closed(FIRST + number, value)]
        if number > 26:
            ones.append(closed(FIRST + number, value, key=SlotKey(1, 0, ASLEEP)))
        found = rings.judge(ones)
    morning: Morning = begin_days(ones, found, np.concatenate([UNKNOWN_NIGHTS, FULL_NIGHTS]))
    assert np.isnan(morning.energy.level).tolist() == [False, False]
    assert morning.readiness.confidence.tolist() == [0.5, 0.25]
    only_first = begin_days(ones, found, np.concatenate([UNKNOWN_NIGHTS, UNKNOWN_NIGHTS]))
    assert np.isnan(only_first.readiness.level).tolist() == [False, True]
    assert np.isnan(only_first.energy.level).tolist() == [False, True]
