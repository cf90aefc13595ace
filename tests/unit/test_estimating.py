"""Estimates and wear as a device's readings bring them about, and when nothing is said."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from adaptation.baselines import BASELINE_TAU
from adaptation.physiology.estimates import ESTIMATE_METHOD
from schemas.frames import CONTACT, CONTACT_GIVEN
from schemas.records import BaselineRow, EstimateRow, WearRow
from support.beating import midnight, night, nights, worn
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Run, Sent

DAY = midnight("2026-09-10")
TEN = DAY + 10 * HOUR_US
USUAL_STRESS = 1 / (1 + math.exp(1.5))
"""At the usual heart rate at rest."""
LOST = CONTACT_GIVEN
TOUCHES = CONTACT_GIVEN | CONTACT


def rates(
    begin_us: int,
    minutes: float,
    *,
    bpm: float = 60.0,
    every_s: int = 30,
    activity: str = "rest",
    **other: object,
) -> list[Sent]:
    """Return heart rates from a moment on."""
    return [
        replace(
            Sent(begin_us + number * every_s * SECOND_US, {"heart_rate_bpm": bpm}, activity=activity),
            **other,  # type: ignore[arg-type]
        )
        for number in range(round(minutes * 60 / every_s))
    ]


def ran(*sent: Sent) -> Run:
    run = Run()
    run.put(*sent)
    while run.shard.has_pending:
        run.advance()
    return run


def rested(*, minutes: int = 60, bpm: float = 60.0) -> list[Sent]:
    """Return an hour of rest, which makes rest known; it ends at ten."""
    return rates(TEN - minutes * MINUTE_US, minutes, bpm=bpm)


def after_rest(*sent: Sent) -> list[EstimateRow]:
    """Return the estimates after ten o'clock of a person who rested before."""
    return [row for row in estimates_of(ran(*rested(), *sent)) if row.time >= moment(TEN)]


def estimates_of(run: Run) -> list[EstimateRow]:
    return [event for event in run.events if isinstance(event, EstimateRow) and event.readiness_score is None]


def wear_of(run: Run) -> list[tuple[float, bool, str]]:
    """Return what changed in wear: minutes after ten, put on, why."""
    return [
        ((event.time - moment(TEN)) / dt.timedelta(minutes=1), event.worn, event.reason)
        for event in run.events
        if isinstance(event, WearRow)
    ]


def moment(time_us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_us / 1e6, dt.UTC)


def clock(rows: Sequence[EstimateRow]) -> list[str]:
    return [row.time.strftime("%H:%M:%S") for row in rows]


# Stress.


def test_the_usual_heart_rate_at_rest_is_the_usual_stress() -> None:
    rows = after_rest(*rates(TEN, 11))
    assert clock(rows) == ["10:00:00", "10:05:00", "10:10:00"]
    assert [row.stress_level for row in rows] == pytest.approx([USUAL_STRESS] * 3)
    assert all((row.energy_level, row.readiness_score) == (None, None) for row in rows)
    assert {(row.user_id, row.device_id, row.method) for row in rows} == {("ada", "watch", ESTIMATE_METHOD)}


@pytest.mark.parametrize(("more_bpm", "z"), [(2.0, 1.0), (4.0, 2.0), (-2.0, -1.0)])
def test_stress_grows_with_heart_rate_above_that_at_rest(more_bpm: float, z: float) -> None:
    # Two beats per minute are the least deviation; the smoothed rate needs minutes, the baseline hours.
    rows = after_rest(*rates(TEN, 5.5, bpm=60.0 + more_bpm))
    assert clock(rows) == ["10:00:00", "10:05:00"]
    assert rows[1].stress_level == pytest.approx(1 / (1 + math.exp(-1.5 * (z - 1))), abs=0.08)


def test_no_value_is_compared_with_a_baseline_that_it_has_moved() -> None:
    still = after_rest(*rates(TEN, 0.5))
    moved = after_rest(*rates(TEN, 0.5), *rates(TEN + 30 * SECOND_US, 1, bpm=90.0))
    assert still == moved


def test_an_estimate_is_recorded_at_the_first_heart_rate_of_every_five_minutes() -> None:
    sent = [
        Sent(TEN + minute * MINUTE_US, {"heart_rate_bpm": 60.0}, activity="rest")
        for minute in (2, 3, 4, 6, 14, 15)
    ]
    assert clock(after_rest(*sent)) == ["10:02:00", "10:06:00", "10:14:00", "10:15:00"]


def test_a_heart_rate_that_comes_again_is_estimated_once() -> None:
    sent = rates(TEN, 11)
    assert after_rest(*(one for one in sent for _ in range(3))) == after_rest(*sent)


def test_readings_without_a_heart_rate_are_not_estimated() -> None:
    sent = [Sent(TEN + step * MINUTE_US, {"steps": 0.0}, activity="rest") for step in range(20)]
    assert after_rest(*sent) == []


@pytest.mark.parametrize(
    ("bpm", "speaks"),
    [
        pytest.param(1.0, ["09:10:00"], id="twenty-values-over-ten-minutes"),
        pytest.param(3.0, [], id="twenty-values-too-few"),
    ],
)
def test_estimates_are_silent_until_rest_is_known(bpm: float, speaks: list[str]) -> None:
    every_s = round(30 * bpm)
    rows = estimates_of(ran(*rates(TEN - HOUR_US, 11, every_s=every_s)))
    assert clock(rows) == speaks


@pytest.mark.parametrize(
    ("activity", "quiet_after_minutes"),
    [("run", 10), ("cycle", 10), ("workout", 10), ("walk", 2), ("sleep", 0)],
)
def test_estimates_are_silent_in_motion_exercise_and_sleep_and_for_a_while_after(
    activity: str, quiet_after_minutes: int
) -> None:
    during = rates(TEN, 20, activity=activity)
    assert after_rest(*during) == []
    last_us = during[-1].time_us
    sent = rates(last_us + 30 * SECOND_US, 21)
    rows = after_rest(*during, *sent)
    assert rows
    first = next(one.time_us for one in sent if one.time_us >= last_us + quiet_after_minutes * MINUTE_US)
    due = next(one.time_us for one in sent if one.time_us >= first and one.time_us % (5 * MINUTE_US) == 0)
    assert rows[0].time == moment(due)


@pytest.mark.parametrize(
    ("steps", "speaks"), [(10.0, True), (11.0, False)], ids=["ten-steps", "eleven-steps"]
)
def test_estimates_are_silent_while_steps_are_walked(steps: float, *, speaks: bool) -> None:
    one = Sent(TEN, {"heart_rate_bpm": 60.0, "steps": steps}, activity="rest")
    assert bool(after_rest(one)) == speaks


def test_a_heart_rate_that_only_exercise_explains_silences_for_ten_minutes() -> None:
    hard = rates(TEN, 5, bpm=150.0, activity="")
    rows = after_rest(*hard, *rates(TEN + 5 * MINUTE_US, 30, activity=""))
    # At ten the smoothed rate is that of rest still.
    assert [text for text in clock(rows) if text < "10:15"] in (["10:00:00"], [])
    assert clock(rows)[-3:] == ["10:20:00", "10:25:00", "10:30:00"]


def test_a_person_s_other_device_tells_motion_too() -> None:
    run = Sent(TEN - 30 * SECOND_US, {"steps": 90.0}, device="phone", activity="walk")
    assert clock(after_rest(run, *rates(TEN, 6))) == ["10:05:00"]


def test_another_person_s_motion_silences_nobody() -> None:
    other = rates(TEN - 30 * SECOND_US, 10, user="bob", activity="run")
    assert clock(after_rest(*other, *rates(TEN, 6))) == ["10:00:00", "10:05:00"]


def test_baselines_at_rest_do_not_move_in_motion_sleep_or_without_contact() -> None:
    restless = [
        *rates(TEN, 30, bpm=120.0, activity="run"),
        *rates(TEN + HOUR_US, 30, bpm=50.0, activity="sleep"),
        *rates(TEN + 2 * HOUR_US, 30, bpm=90.0, flags=LOST),
    ]
    last = rates(TEN + 5 * HOUR_US, 1, flags=TOUCHES)
    run = ran(*rested(), *restless, *last)
    rows = [
        event
        for event in run.events
        if isinstance(event, BaselineRow)
        and event.measure == "heart_rate_rest_bpm"
        and event.slot == "all_day"
    ]
    assert (rows[-1].time, rows[-1].count) == (moment(TEN + 5 * HOUR_US), 120)
    assert rows[-1].mean == pytest.approx(60.0)


def test_heart_rates_without_contact_move_no_baseline() -> None:
    lost = rates(TEN, 60, bpm=200.0, flags=LOST)
    run = ran(*lost, Sent(TEN + 2 * HOUR_US, {"heart_rate_bpm": 60.0}))
    assert [event for event in run.events if isinstance(event, BaselineRow)] == []


# A level that a device gives.


@pytest.mark.parametrize("device", ["watch", "ring"], ids=["by-itself", "by-another-device"])
def test_a_given_stress_level_silences_that_estimate_for_a_day(device: str) -> None:
    given = Sent(TEN - MINUTE_US, {"stress_level": 0.3}, device=device, activity="rest")
    rows = after_rest(
        given,
        *rates(TEN, 10),
        *rates(TEN + DAY_US - 11 * MINUTE_US, 20),
    )
    assert [row.time for row in rows] == [moment(TEN + DAY_US + one * MINUTE_US) for one in (0, 5)][
        : len(rows)
    ]
    assert rows


def test_a_level_that_comes_late_silences_the_estimate_from_then_on() -> None:
    """Of 10:08, and uploaded at 10:20, too late to be the person's current one."""
    sent = rates(TEN, 40)
    late = Sent(TEN + 8 * MINUTE_US, {"stress_level": 0.3}, device="ring", delay_us=12 * MINUTE_US)
    rows = estimates_of(ran(*sent[:40], late, *sent[40:]))
    assert clock(rows) == ["10:10:00", "10:15:00"]


def test_another_person_s_levels_silence_nobody() -> None:
    given = Sent(TEN - MINUTE_US, {"stress_level": 0.3}, user="bob")
    assert len(after_rest(given, *rates(TEN, 10))) == 2


def test_each_level_that_is_given_silences_its_own_estimate_only() -> None:
    for given, said in (
        ({"stress_level": 0.3}, (False, True)),
        ({"energy_level": 0.3}, (True, False)),
        ({"readiness_score": 0.3}, (True, True)),
    ):
        run = ran(*known(), Sent(TEN - MINUTE_US, given, device="ring"), *rates(TEN, 1))
        (row,) = [row for row in estimates_of(run) if row.time >= moment(TEN)]
        assert (row.stress_level is not None, row.energy_level is not None) == said


def test_with_both_levels_given_nothing_is_recorded() -> None:
    given = Sent(TEN - MINUTE_US, {"stress_level": 0.3, "energy_level": 0.5}, device="ring")
    run = ran(*known(), given, *rates(TEN, 20))
    assert [row for row in estimates_of(run) if row.time >= moment(TEN)] == []


# Energy.


def known(count: int = 15) -> list[Sent]:
    """Return nights up to today's and a morning at rest that ends at ten."""
    return [*nights(DAY - (count - 1) * DAY_US, [40.0] * count), *rested()]


def test_energy_is_silent_before_the_first_night() -> None:
    rows = after_rest(*rates(TEN, 60))
    assert rows
    assert all(row.energy_level is None is row.energy_confidence for row in rows)


def test_energy_of_a_usual_night_drains_awake_at_the_usual_rest_not_at_all() -> None:
    """A usual night begins at 0.82; still at the usual rate gives back 0.03 an hour."""
    run = ran(*known(), *rates(TEN, 61))
    levels = {row.time: row.energy_level for row in estimates_of(run)}
    begun = 1 / (1 + math.exp(-1.5))
    first, last = (levels[moment(TEN + hours * HOUR_US)] for hours in (0, 1))
    assert first is not None
    assert last is not None
    assert last - first == pytest.approx(0.03, abs=0.001)
    assert begun - 0.03 < first < begun + 0.04


def test_energy_drains_with_exertion() -> None:
    hard = rates(TEN, 60, bpm=150.0, activity="run")
    run = ran(*known(), *hard)
    levels = [row.energy_level for row in estimates_of(run) if row.time >= moment(TEN)]
    assert len(levels) == 12
    assert all(one is not None for one in levels)
    assert levels == sorted(levels, reverse=True, key=lambda one: one or 0.0)
    reserve = (150 - 60) / (180 - 60)
    trimp = 55 * 0.64 * reserve * math.exp(1.92 * reserve)
    assert (levels[0] or 0) - (levels[-1] or 0) == pytest.approx(0.003 * trimp + 0.03 * 55 / 60, rel=0.02)


def test_energy_speaks_in_exercise_while_stress_is_silent() -> None:
    run = ran(*known(), *rates(TEN, 20, bpm=120.0, activity="workout"))
    rows = [row for row in estimates_of(run) if row.time >= moment(TEN)]
    assert rows
    assert all(row.stress_level is None and row.energy_level is not None for row in rows)


@pytest.mark.parametrize(
    ("rmssd_ms", "low", "high"), [(40.0, 0.80, 0.84), (20.0, 0.3, 0.7), (80.0, 0.9, 1.0)]
)
def test_energy_begins_the_higher_the_better_the_night(rmssd_ms: float, low: float, high: float) -> None:
    sent = [*nights(DAY - 14 * DAY_US, [40.0] * 14), *night(DAY, rmssd_ms=rmssd_ms)]
    run = ran(*sent, *rates(DAY + 8 * HOUR_US + 5 * MINUTE_US, 1))
    (*_, row) = [row for row in estimates_of(run) if row.energy_level is not None]
    assert row.time == moment(DAY + 8 * HOUR_US + 5 * MINUTE_US)
    assert row.energy_level is not None
    assert low <= row.energy_level <= high


def test_a_night_short_of_sleep_begins_lower() -> None:
    def begun(minutes: float) -> float:
        slept = Sent(DAY + 7 * HOUR_US, {"sleep_minutes": minutes}, device="ring")
        run = ran(
            *nights(DAY - 14 * DAY_US, [40.0] * 14), *night(DAY)[:-1], slept, *night(DAY)[-1:], *rested()
        )
        (first, *_) = [row.energy_level for row in estimates_of(run) if row.time >= moment(DAY + 8 * HOUR_US)]
        assert first is not None
        return first

    assert begun(480) - begun(360) == pytest.approx(
        1 / (1 + math.exp(-1.5)) - 1 / (1 + math.exp(-0.7)), abs=0.01
    )


def test_not_worn_is_not_nought_and_leaves_energy_where_it_was() -> None:
    begin_us = TEN + 3 * HOUR_US
    run = ran(*known(), *rates(TEN, 6), *rates(begin_us, 1))
    rows = [row for row in estimates_of(run) if row.time >= moment(TEN)]
    assert clock(rows) == ["10:00:00", "10:05:00", "13:00:00"]
    before, after = rows[1], rows[2]
    assert after.energy_level == pytest.approx(before.energy_level, abs=0.001)
    assert (after.energy_confidence or 1.0) < (before.energy_confidence or 0.0)
    assert all(level != 0.0 for row in rows for level in (row.stress_level, row.energy_level))


def test_without_contact_nothing_is_estimated_and_nothing_drains() -> None:
    lost = rates(TEN + 6 * MINUTE_US, 30, bpm=170.0, flags=LOST)
    back = rates(TEN + 40 * MINUTE_US, 1, flags=TOUCHES)
    run = ran(*known(), *rates(TEN, 6), *lost, *back)
    rows = [row for row in estimates_of(run) if row.time >= moment(TEN)]
    assert clock(rows) == ["10:00:00", "10:05:00", "10:40:00"]
    assert rows[2].energy_level == pytest.approx(rows[1].energy_level, abs=0.001)


def test_energy_falls_silent_thirty_hours_after_its_day_began() -> None:
    run = ran(*known(), *rates(DAY + 37 * HOUR_US, 120))
    (*_, last) = [row for row in estimates_of(run) if row.energy_level is not None]
    assert last.time == moment(DAY + 38 * HOUR_US)


# Late readings.


@pytest.mark.parametrize(
    ("delay_us", "count"),
    [(10 * MINUTE_US, 4), (10 * MINUTE_US + 1, 0), (2 * DAY_US, 0)],
    ids=["at-ten-minutes", "just-later", "days-later"],
)
def test_late_heart_rates_are_not_estimated(delay_us: int, count: int) -> None:
    rows = after_rest(*rates(TEN, 20, delay_us=delay_us))
    assert len(rows) == count


def test_late_heart_rates_make_rest_known_and_days_too() -> None:
    late = [replace(one, delay_us=DAY_US) for one in known()]
    run = ran(*late, *rates(TEN + 5 * MINUTE_US, 1))
    (row,) = estimates_of(run)
    assert (row.stress_level is None, row.energy_level is None) == (False, False)
    assert row.time == moment(TEN + 5 * MINUTE_US)


# RMSSD in the stress estimate.


def test_a_good_window_at_rest_joins_the_stress_of_heart_rate() -> None:
    usual = worn(TEN - HOUR_US, TEN, rmssd_ms=40.0, activity="rest")
    lowered = worn(TEN, TEN + 6 * MINUTE_US, rmssd_ms=20.0, activity="rest")
    same = worn(TEN, TEN + 6 * MINUTE_US, rmssd_ms=40.0, activity="rest")
    alone = rates(TEN, 6, every_s=50)
    levels, confidences = {}, {}
    for name, sent in (("lowered", lowered), ("same", same), ("alone", alone)):
        (*_, row) = estimates_of(ran(*usual, *sent))
        levels[name], confidences[name] = row.stress_level or 0.0, row.stress_confidence or 0.0
    assert levels["alone"] == pytest.approx(USUAL_STRESS, abs=0.001)
    assert levels["same"] == pytest.approx(USUAL_STRESS, abs=0.001)
    # Three SD below: a quarter of z.
    assert levels["lowered"] == pytest.approx(1 / (1 + math.exp(-1.5 * (0.25 * 3 - 1))), abs=0.001)
    assert confidences["lowered"] == pytest.approx(confidences["alone"] * 0.65 / 0.5, rel=0.01)


def test_confidence_grows_for_two_weeks() -> None:
    sent = [one for day in range(20) for one in rates(TEN + day * DAY_US, 30)]
    found = {
        row.time.date().day - 10: row.stress_confidence
        for row in estimates_of(ran(*sent))
        if row.time.strftime("%H:%M") == "10:25"
    }
    assert list(found) == list(range(20))
    confidences = [found[day] or 0.0 for day in range(20)]
    most = max(confidences)
    assert confidences[14:] == [most] * 6
    assert most == pytest.approx(0.5 * (1 - 0.5 * 30 / 120))
    assert confidences[7] == pytest.approx(most / 2, rel=0.01)


def test_rest_fades_with_the_time_constant_of_two_weeks() -> None:
    """Four weeks of 60 beats a minute, then as many of 70: the later ones outweigh the older by far."""
    days = [60.0] * 28 + [70.0] * 28
    sent = [
        Sent(TEN + day * DAY_US + step * 15 * MINUTE_US, {"heart_rate_bpm": bpm}, activity="rest")
        for day, bpm in enumerate(days)
        for step in range(8)
    ]
    rows = [
        event
        for event in ran(*sent, *rates(TEN + 56 * DAY_US, 1)).events
        if isinstance(event, BaselineRow)
        and event.measure == "heart_rate_rest_bpm"
        and event.slot == "all_day"
    ]
    weight = np.exp(-np.arange(56)[::-1] / (BASELINE_TAU / dt.timedelta(days=1)))
    assert rows[-1].mean == pytest.approx(float(np.average(days, weights=weight)), abs=0.1)


# Wear.


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(rates(TEN, 30), [], id="the-first-data-change-nothing"),
        pytest.param(
            [*rates(TEN, 0.5), *rates(TEN + 20 * MINUTE_US, 0.5)],
            [],
            id="twenty-minutes-are-none",
        ),
        pytest.param(
            [*rates(TEN, 1), *rates(TEN + 20 * MINUTE_US + 30 * SECOND_US + 1, 0.5)],
            [(0.5, False, "data"), (pytest.approx(20.5), True, "data")],
            id="a-longer-gap-is-told-with-the-next-data",
        ),
        pytest.param(
            [
                *rates(TEN, 2),
                *rates(TEN + 2 * MINUTE_US, 2, flags=LOST),
                *rates(TEN + 4 * MINUTE_US, 2, flags=TOUCHES),
            ],
            [(2, False, "contact"), (4, True, "contact")],
            id="contact-lost-and-found",
        ),
        pytest.param(
            [*rates(TEN, 2, flags=TOUCHES), *rates(TEN + 2 * MINUTE_US, 2)],
            [],
            id="put-on-by-contact",
        ),
        pytest.param(
            [Sent(TEN, {}, flags=LOST), *rates(TEN + MINUTE_US, 9)], [], id="off-until-the-sensor-says-so"
        ),
        pytest.param(
            [
                *rates(TEN, 1),
                replace(rates(TEN + 40 * MINUTE_US, 0.5)[0], flags=LOST),
                *rates(TEN + 41 * MINUTE_US, 1, flags=TOUCHES),
            ],
            [(0.5, False, "data"), (41, True, "contact")],
            id="lost-in-a-gap",
        ),
        pytest.param(
            [Sent(TEN + step * MINUTE_US, {"energy_level": 0.5}) for step in range(60)],
            [],
            id="no-heart-no-wear",
        ),
        pytest.param(worn(TEN, TEN + 5 * MINUTE_US, bpm=None), [], id="beats-alone"),
    ],
)
def test_wear_is_recorded_where_it_changes(sent: list[Sent], expected: list[tuple[float, bool, str]]) -> None:
    assert wear_of(ran(*sent)) == expected


def test_each_device_is_worn_by_itself() -> None:
    sent = [
        *rates(TEN, 5),
        *rates(TEN + MINUTE_US, 5, device="strap"),
        *rates(TEN + 2 * MINUTE_US, 2, user="bob"),
        *rates(TEN + HOUR_US, 1),
        *rates(TEN + HOUR_US, 1, device="strap"),
    ]
    run = ran(*sent)
    rows = [event for event in run.events if isinstance(event, WearRow)]
    assert {(row.user_id, row.device_id, row.worn) for row in rows} == {
        ("ada", device, worn) for device in ("watch", "strap") for worn in (False, True)
    }


def test_wear_is_told_of_late_readings_too() -> None:
    late = [replace(one, delay_us=3 * HOUR_US) for one in (*rates(TEN, 1), *rates(TEN + HOUR_US, 1))]
    assert wear_of(ran(*late)) == [(0.5, False, "data"), (60, True, "data")]


def test_a_reading_older_than_the_last_changes_no_wear() -> None:
    old = replace(rates(TEN - 5 * MINUTE_US, 0.5)[0], flags=LOST)
    assert wear_of(ran(*rates(TEN, 5), old, *rates(TEN + 5 * MINUTE_US, 5))) == []
