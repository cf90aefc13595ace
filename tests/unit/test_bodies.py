"""From beats to windows, days and verdicts, as the readings of a device tell them."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import adaptation.bodies
from adaptation.physiology.beats import BeatSeries
from adaptation.physiology.normal_range import judge_series
from adaptation.physiology.windows import METHOD, Windows, cut_windows, judge_windows
from adaptation.shard import Shard
from adaptation.tracked import ReadingEvent
from schemas.frames import CONTACT, CONTACT_GIVEN
from schemas.records import EstimateRow, FeatureRow, HrvDayRow
from support.beating import heard_in, midnight, night, nights, span_us, swinging, worn
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Run, Sent
from support.rr_series import restless, with_early_beats

DAY = midnight("2026-09-10")
MORNING = DAY + 9 * HOUR_US
USUAL_MS = 45.0
LOW_MS = 14.0


def ran(*sent: Sent, window_s: int = 120) -> Run:
    """Return a run that took all readings as one frame, as far as it goes."""
    run = Run()
    run.shard = Shard(run.rules, default_zone="UTC", hrv_window=dt.timedelta(seconds=window_s))
    run.put(*sent)
    while run.shard.has_pending:
        run.advance()
    return run


def features_of(run: Run) -> list[FeatureRow]:
    return [event for event in run.events if isinstance(event, FeatureRow)]


def days_of(run: Run) -> list[HrvDayRow]:
    return [event for event in run.events if isinstance(event, HrvDayRow)]


def changes_of(run: Run) -> list[tuple[str, str | None, bool]]:
    """Return the local day, status and onset of every change of a baseline that is news."""
    return [
        (event.baseline.day.isoformat(), event.baseline.status, event.baseline.onset)
        for event in run.events
        if isinstance(event, ReadingEvent) and event.baseline is not None
    ]


def told(rr_ms: Sequence[float], *, end_us: int = MORNING, **other: object) -> Sent:
    return replace(Sent(end_us, {}, rr_ms=list(rr_ms)), **other)  # type: ignore[arg-type]


def silence(after: Sent) -> Sent:
    """Return a heart rate so late that all windows before are over."""
    return replace(after, time_us=after.time_us + 20 * MINUTE_US, values={"heart_rate_bpm": 60.0}, rr_ms=())


# Windows as records.


@pytest.mark.parametrize(("window_s", "has_sdnn"), [(60, False), (120, True), (300, True)])
def test_a_window_is_recorded_with_its_measures(window_s: int, *, has_sdnn: bool) -> None:
    sent = [
        told(chunk, end_us=MORNING + round(chunk_end * 1000))
        for chunk, chunk_end in _chunks(restless(900), 40)
    ]
    found = features_of(ran(*sent, silence(sent[-1]), window_s=window_s))
    beats = heard_in(sent)
    end_s, series = cut_windows(beats.rr_ms, (beats.end_us - DAY) / 1e6, length_s=window_s)
    expected = judge_windows(series, length_s=window_s)
    assert len(found) == len(series) > 10
    for index, row in enumerate(found):
        assert row.time == _moment(DAY + round(end_s[index] * 1e6))
        assert (row.user_id, row.device_id, row.method) == ("ada", "watch", METHOD)
        assert (row.window_seconds, row.beats) == (window_s, series.counts[index])
        assert row.quality == ("good", "low", "rejected")[expected.quality[index]]
        assert row.coverage == pytest.approx(expected.coverage[index])
        for name in (
            "rmssd_ms",
            "ln_rmssd",
            "sdnn_ms",
            "pnn50_percent",
            "mean_heart_rate_bpm",
            "stress_index",
        ):
            value = getattr(row, name)
            wanted = getattr(expected.measures, name)[index]
            assert (float("nan") if value is None else value) == pytest.approx(wanted, nan_ok=True)
    assert any(row.sdnn_ms is not None for row in found) == has_sdnn


def _chunks(rr_ms: np.ndarray, size: int) -> list[tuple[list[float], float]]:
    """Return messages of so many beats, each with the moment it ends in ms after the first beat began."""
    ends_ms = rr_ms.cumsum()
    last = [min(first + size, len(rr_ms)) for first in range(0, len(rr_ms), size)]
    return [
        (rr_ms[first:end].tolist(), float(ends_ms[end - 1]))
        for first, end in zip(range(0, len(rr_ms), size), last, strict=True)
    ]


def _moment(time_us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_us / 1e6, dt.UTC)


def test_a_rejected_window_is_recorded_without_measures_and_with_its_reason() -> None:
    early = with_early_beats(restless(119, mean_ms=1000), 0.10, np.random.default_rng(1))
    one = told(early.tolist(), end_us=MORNING + round(float(early.sum()) * 1000))
    found = features_of(ran(one, silence(one)))
    spoilt = [row for row in found if row.quality_reason == "artefacts" and row.quality == "rejected"]
    assert spoilt
    for row in spoilt:
        assert (row.rmssd_ms, row.ln_rmssd, row.sdnn_ms, row.stress_index) == (None,) * 4
        assert row.artefact_share > 0.05
        assert row.mean_heart_rate_bpm is not None


def test_a_window_of_one_beat_says_that_there_are_too_few() -> None:
    one = told([800.0])
    first, second = features_of(ran(one, silence(one)))
    for row in (first, second):
        assert (row.beats, row.quality, row.rmssd_ms) == (1, "rejected", None)
        assert row.quality_reason in {"few_beats", "poor_coverage"}
        assert 0 < row.coverage < 0.01


def test_a_watch_that_gives_beats_in_batches_beside_live_heart_rate_has_every_window_once_and_whole() -> None:
    beats = worn(MORNING, MORNING + 30 * MINUTE_US, each_s=300, bpm=None)
    rates = [Sent(MORNING + step * 30 * SECOND_US + 1, {"heart_rate_bpm": 60.0}) for step in range(1, 101)]
    found = features_of(ran(*sorted([*beats, *rates], key=lambda one: one.time_us)))
    minutes = [(row.time - _moment(MORNING)) // dt.timedelta(minutes=1) for row in found]
    assert minutes == list(range(1, 32))
    assert [row.beats for row in found] == [60] + [120] * 29 + [60]


def test_beats_that_come_after_their_windows_were_recorded_change_no_record() -> None:
    beats = worn(MORNING, MORNING + 10 * MINUTE_US, each_s=60, bpm=None)
    on_time = [*beats[:5], silence(beats[4])]
    run = ran(*on_time, *beats[5:6])
    assert features_of(run) == features_of(ran(*on_time))
    assert len(features_of(run)) == 6


def test_beats_of_people_and_devices_do_not_mix() -> None:
    streams = [("ada", "watch", 20.0), ("ada", "strap", 40.0), ("bob", "watch", 60.0)]
    sent = [
        one
        for user, device, rmssd_ms in streams
        for one in worn(
            MORNING, MORNING + 10 * MINUTE_US, user=user, device=device, rmssd_ms=rmssd_ms, activity="rest"
        )
    ]
    sent.sort(key=lambda one: one.time_us)
    found = features_of(ran(*sent))
    assert len(found) == 27
    for user, device, rmssd_ms in streams:
        rows = [row for row in found if (row.user_id, row.device_id) == (user, device)]
        assert [row.rmssd_ms for row in rows] == pytest.approx([rmssd_ms] * 9)


def test_windows_are_judged_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(beats: BeatSeries, *, length_s: float) -> Windows:
        calls.append(len(beats))
        return judge_windows(beats, length_s=length_s)

    monkeypatch.setattr(adaptation.bodies, "judge_windows", counted)
    users = [f"user-{number}" for number in range(20)]
    sent = [one for user in users for one in worn(MORNING, MORNING + 25 * MINUTE_US, bpm=None, user=user)]
    run = ran(*sent)
    assert len(features_of(run)) == sum(calls) == 20 * 24
    assert len(calls) == 1


def test_every_window_is_out_when_what_was_queued_is_applied() -> None:
    run = Run()
    for number, one in enumerate(worn(MORNING, MORNING + 20 * MINUTE_US, bpm=None)):
        run.send(one)
        over = (one.time_us - 1) // MINUTE_US - MORNING // MINUTE_US
        assert len(features_of(run)) == over, number


# Contact.


@pytest.mark.parametrize(
    ("flags", "counts"),
    [(0, True), (CONTACT_GIVEN | CONTACT, True), (CONTACT_GIVEN, False), (CONTACT, True)],
    ids=["not-told", "touches", "does-not-touch", "not-told-but-set"],
)
def test_beats_without_contact_do_not_count(flags: int, *, counts: bool) -> None:
    sent = worn(MORNING, MORNING + 5 * MINUTE_US, flags=flags)
    assert bool(features_of(ran(*sent, silence(sent[-1])))) == counts


def test_after_lost_contact_beats_count_again_when_the_sensor_touches_the_skin() -> None:
    stages = [
        (0, CONTACT_GIVEN | CONTACT),
        (5, CONTACT_GIVEN),
        (10, 0),  # data of a sensor that has said that it does not touch the skin are none
        (15, CONTACT_GIVEN | CONTACT),
    ]
    sent = [
        one
        for minute, flags in stages
        for one in worn(MORNING + minute * MINUTE_US, MORNING + (minute + 5) * MINUTE_US, flags=flags)
    ]
    found = features_of(ran(*sent, silence(sent[-1])))
    minutes = [(row.time - _moment(MORNING)) // dt.timedelta(minutes=1) for row in found]
    assert minutes == [1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21]
    (after_the_gap,) = [row for row in found if row.time == _moment(MORNING + 16 * MINUTE_US)]
    assert after_the_gap.beats == 60


def test_windows_are_over_though_a_sensor_without_contact_goes_on_with_beats() -> None:
    sent = worn(MORNING, MORNING + 5 * MINUTE_US)
    lost = worn(MORNING + 5 * MINUTE_US, MORNING + 30 * MINUTE_US, flags=CONTACT_GIVEN)
    found = features_of(ran(*sent, *lost))
    assert [row.beats for row in found] == [60, 120, 120, 120, 120, 60]


# Days.


def test_a_night_s_value_is_the_median_of_the_first_window_in_every_five_minutes() -> None:
    """Four minutes of 30 ms, then 50, 20, 40, 60, 10 ms; windows across two of them are the first of none."""
    stages = (30.0, 50.0, 20.0, 40.0, 60.0, 10.0)
    begin_us = DAY + 2 * HOUR_US - 3 * MINUTE_US
    sent = [
        one
        for number, rmssd_ms in enumerate(stages)
        for one in worn(
            begin_us + number * 5 * MINUTE_US,
            begin_us + (number + 1) * 5 * MINUTE_US,
            each_s=60,
            rmssd_ms=rmssd_ms,
            activity="sleep",
        )
    ]
    run = ran(*sent, Sent(DAY + 6 * HOUR_US, {"heart_rate_bpm": 70.0}))
    at_cells = [row for row in features_of(run) if (row.time - _moment(DAY)).seconds % 300 == 0]
    assert [round(row.rmssd_ms or 0.0, 6) for row in at_cells] == [30.0, 50.0, 20.0, 40.0, 60.0, 10.0]
    (day,) = days_of(run)
    # The first minutes are told to be asleep only by their own reading: their cell begins a window later.
    first = features_of(run)[1]
    counted = [first.ln_rmssd, *(row.ln_rmssd for row in at_cells)]
    assert (day.values, day.slot, day.measure) == (7, "asleep", "rmssd_ms")
    assert day.ln_value == pytest.approx(float(np.median(np.array(counted, np.float64))), abs=1e-6)
    assert day.heart_rate_bpm == pytest.approx(60.0, abs=0.1)
    assert day.time == _moment(DAY + 6 * HOUR_US)


def test_rejected_windows_do_not_count_for_the_night() -> None:
    begin_us = DAY + 2 * HOUR_US
    good = worn(begin_us, begin_us + 30 * MINUTE_US, each_s=60, activity="sleep")
    # Every third minute is lost, so that half of a window's time is too little.
    spoilt = [one for number, one in enumerate(good) if number % 3 == 0]
    end = Sent(DAY + 6 * HOUR_US, {"heart_rate_bpm": 60.0})
    run = ran(*spoilt, end)
    accepted = [row for row in features_of(run) if row.quality != "rejected"]
    assert [day.values for day in days_of(run)] == [
        len({(row.time - _moment(DAY)) // dt.timedelta(minutes=5) for row in accepted})
    ]
    sparse = [replace(one, rr_ms=list(one.rr_ms)[:20]) for one in good]
    run = ran(*sparse, end)
    assert {row.quality for row in features_of(run)} == {"rejected"}
    assert days_of(run) == []


def test_a_constant_heart_has_no_rmssd_to_count() -> None:
    begin_us = DAY + 2 * HOUR_US
    sent = worn(begin_us, begin_us + 30 * MINUTE_US, each_s=60, rmssd_ms=0.0, activity="sleep")
    run = ran(*sent, Sent(DAY + 6 * HOUR_US, {"heart_rate_bpm": 60.0}))
    assert {(row.rmssd_ms, row.ln_rmssd) for row in features_of(run)} == {(0.0, None)}
    assert days_of(run) == []


def test_a_morning_is_that_of_its_first_half_hour_awake_and_still() -> None:
    sent = [
        *worn(DAY + 7 * HOUR_US, DAY + 7 * HOUR_US + 30 * MINUTE_US, rmssd_ms=30.0, activity="rest"),
        *worn(DAY + 7 * HOUR_US + 30 * MINUTE_US, DAY + 9 * HOUR_US, rmssd_ms=90.0, activity="rest"),
    ]
    (day,) = days_of(ran(*sent))
    assert (day.slot, day.values) == ("morning", 7)
    assert day.ln_value == pytest.approx(math.log(30.0), abs=1e-6)


def test_a_message_of_more_than_an_hour_gives_no_morning_to_a_day_whose_night_is_known() -> None:
    begin_us = DAY + 5 * HOUR_US
    slept = worn(begin_us, begin_us + HOUR_US, bpm=None, activity="sleep")
    rr_ms = swinging(4000)
    batch = told(rr_ms, end_us=begin_us + HOUR_US + span_us(rr_ms))
    run = ran(*slept, batch, Sent(DAY + 12 * HOUR_US, {"heart_rate_bpm": 60.0}))
    assert [day.slot for day in days_of(run)] == ["asleep"]


@pytest.mark.parametrize("activity", ["walk", "run", "cycle", "workout"])
def test_a_morning_in_motion_has_no_value(activity: str) -> None:
    sent = worn(DAY + 7 * HOUR_US, DAY + 8 * HOUR_US, activity=activity)
    assert days_of(ran(*sent, silence(sent[-1]))) == []


def test_the_slots_of_one_device_are_not_closed_by_another() -> None:
    run = ran(*night(DAY)[:-1], Sent(DAY + 8 * HOUR_US, {"heart_rate_bpm": 60.0}, device="ring"))
    assert days_of(run) == []
    run.send(Sent(DAY + 9 * HOUR_US, {"energy_level": 0.5}))
    assert [day.time for day in days_of(run)] == [_moment(DAY + 9 * HOUR_US)]


def test_a_device_that_comes_back_after_days_closes_the_night_it_left() -> None:
    run = ran(*night(DAY)[:-1], Sent(DAY + 5 * DAY_US, {"heart_rate_bpm": 60.0}))
    (day,) = days_of(run)
    assert (day.day.isoformat(), day.time) == ("2026-09-10", _moment(DAY + 5 * DAY_US))


# Verdicts.


@pytest.fixture(scope="module")
def seven_weeks() -> tuple[Run, list[float | None]]:
    """Return a run of 49 nights, some without a value, and lnRMSSD of each."""
    rng = np.random.default_rng(3)
    drawn = np.exp(rng.normal(3.7, 0.2, 49))
    drawn[20:32] *= 0.6
    rmssd_ms: list[float | None] = (np.round(drawn * 8) / 8).tolist()  # kept exactly
    for number in (3, 17, 18, 40):
        rmssd_ms[number] = None
    sent = [
        one
        for number, value in enumerate(rmssd_ms)
        if value is not None
        for one in night(DAY + number * DAY_US, rmssd_ms=value)
    ]
    return ran(*sent), [None if value is None else math.log(value) for value in rmssd_ms]


def test_verdicts_are_those_of_the_whole_series(seven_weeks: tuple[Run, list[float | None]]) -> None:
    run, ln_values = seven_weeks
    first = dt.date(2026, 9, 10)
    dates = [first + dt.timedelta(days=number) for number in range(49)]
    expected = [one for one in judge_series(dates, ln_values) if one.ln_value is not None]
    found = days_of(run)
    assert [day.day for day in found] == [one.day for one in expected]
    for day, one in zip(found, expected, strict=True):
        for name in ("ln_value", "mean7", "cv7", "normal_low", "normal_high"):
            assert getattr(day, name) == pytest.approx(getattr(one, name), abs=2e-5), (day.day, name)
        for name in ("have", "need", "maturity", "status", "onset"):
            assert getattr(day, name) == getattr(one, name), (day.day, name)
    assert {day.status for day in found} >= {None, "below", "within"}


def test_a_baseline_that_changed_is_told_once_each_way(seven_weeks: tuple[Run, list[float | None]]) -> None:
    run, _ = seven_weeks
    days, expected = days_of(run), []
    for day in days:
        before = [one.status for one in days if one.day < day.day and one.status is not None]
        if day.onset or (day.status == "within" and before and before[-1] != "within"):
            expected.append((day.day.isoformat(), day.status, day.onset))
    assert changes_of(run) == expected
    assert [status for _, status, _ in expected][:2] == ["below", "within"]


def fallen(*, delay_us: int = SECOND_US) -> list[Sent]:
    """Return nine usual nights and four low ones; the status falls with the twelfth."""
    return [
        *nights(DAY, [USUAL_MS] * 9),
        *nights(DAY + 9 * DAY_US, [LOW_MS] * 4, delay_us=delay_us),
    ]


def test_a_change_is_told_at_the_reading_that_closes_the_night() -> None:
    run = ran(*fallen())
    (event,) = [one for one in run.events if isinstance(one, ReadingEvent)]
    closing = DAY + 11 * DAY_US + 8 * HOUR_US
    assert (event.user_id, event.time_zone) == ("ada", "UTC")
    assert event.at == _moment(closing + SECOND_US)
    assert (event.firings, event.suppressed) == ((), ())
    assert event.baseline is not None
    (row,) = [day for day in days_of(run) if day.onset]
    assert dict(event.baseline) == {
        name: value for name, value in dict(row).items() if name in type(event.baseline).model_fields
    }
    assert row.time == _moment(closing)


def test_a_change_is_told_though_the_watch_is_worn_on_after_waking() -> None:
    """Beats go on: the window that ends with the night's slot is what closes it."""
    sent = []
    for day in range(13):
        rmssd_ms = USUAL_MS if day < 9 else LOW_MS
        begin_us, wakes_us, end_us = (DAY + day * DAY_US + minutes * MINUTE_US for minutes in (300, 330, 380))
        sent += worn(begin_us, wakes_us, rmssd_ms=rmssd_ms, activity="sleep")
        sent += worn(wakes_us, end_us, rmssd_ms=rmssd_ms, activity="rest")
    run = ran(*sent)
    assert [day.onset for day in days_of(run)].count(True) == 1
    assert changes_of(run) == [("2026-09-21", "below", True)]


@pytest.mark.parametrize(
    ("delay_us", "changes"),
    [
        pytest.param(SECOND_US, [("2026-09-21", "below", True)], id="at-once"),
        pytest.param(15 * HOUR_US + 59 * MINUTE_US, [("2026-09-21", "below", True)], id="late-that-day"),
        pytest.param(16 * HOUR_US, [], id="at-midnight"),
        pytest.param(3 * DAY_US, [], id="days-later"),
    ],
)
def test_only_a_day_that_is_still_going_on_is_news(
    delay_us: int, changes: list[tuple[str, str, bool]]
) -> None:
    run = ran(*fallen(delay_us=delay_us))
    assert changes_of(run) == changes
    assert [day.day.isoformat() for day in days_of(run) if day.onset] == ["2026-09-21"]
    assert [day.status for day in days_of(run)][-2:] == ["below", "below"]


def test_the_day_that_is_going_on_is_that_of_the_person_s_clock() -> None:
    """In Honolulu the twelfth night is over at eight in the morning; in UTC it is six in the evening."""
    shift_us = 10 * HOUR_US
    for delay_us, count in ((15 * HOUR_US, 1), (17 * HOUR_US, 0)):
        run = Run(default_zone="Pacific/Honolulu")
        run.put(*(replace(one, time_us=one.time_us + shift_us) for one in fallen(delay_us=delay_us)))
        while run.shard.has_pending:
            run.advance()
        assert len(changes_of(run)) == count


def test_a_restart_tells_no_change_twice_and_loses_none() -> None:
    run = Run()
    for index, one in enumerate(fallen()):
        run.send(one)
        if index % 9 == 0:
            run.resume()
    assert changes_of(run) == changes_of(ran(*fallen())) != []


def test_a_change_of_values_that_a_device_gives_is_told_too() -> None:
    sent = [
        Sent(
            DAY + day * DAY_US + 5 * step * MINUTE_US,
            {"hrv_sdnn_ms": USUAL_MS if day < 9 else LOW_MS},
            activity="sleep",
        )
        for day in range(13)
        for step in range(4)
    ]
    closing = [
        Sent(DAY + day * DAY_US + 8 * HOUR_US, {"heart_rate_bpm": 60.0}, activity="rest") for day in range(13)
    ]
    run = ran(*sorted(sent + closing, key=lambda one: one.time_us))
    assert changes_of(run) == [("2026-09-21", "below", True)]
    (event,) = [one for one in run.events if isinstance(one, ReadingEvent)]
    assert event.baseline is not None
    assert event.baseline.measure == "hrv_sdnn_ms"


def test_of_several_changes_at_one_reading_that_of_the_rmssd_computed_here_is_told() -> None:
    sent = []
    for one in fallen():
        sent.append(one)
        if one.activity == "sleep":
            rmssd_ms = USUAL_MS if one.time_us < DAY + 9 * DAY_US else LOW_MS
            given = {"hrv_rmssd_ms": rmssd_ms, "hrv_sdnn_ms": rmssd_ms}
            sent.append(replace(one, time_us=one.time_us + SECOND_US, values=given, rr_ms=()))
    run = ran(*sent)
    assert {day.measure for day in days_of(run) if day.onset} == {"rmssd_ms", "hrv_rmssd_ms", "hrv_sdnn_ms"}
    (event,) = [one for one in run.events if isinstance(one, ReadingEvent)]
    assert event.baseline is not None
    assert event.baseline.measure == "rmssd_ms"


# With which the day begins.


def readiness_of(run: Run) -> list[EstimateRow]:
    return [
        event for event in run.events if isinstance(event, EstimateRow) and event.readiness_score is not None
    ]


def test_readiness_falls_with_the_nights_and_is_told_once_a_day() -> None:
    run = ran(*nights(DAY, [USUAL_MS] * 14 + [LOW_MS] * 7))
    scores = {one.time.date().isoformat(): one.readiness_score for one in readiness_of(run)}
    assert len(scores) == len(readiness_of(run))
    assert scores["2026-09-23"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert (scores["2026-09-30"] or 1.0) < 0.5
    assert all(one.stress_level is one.energy_level is None for one in readiness_of(run))


@pytest.mark.parametrize(("count", "speaks"), [(6, False), (7, True)])
def test_readiness_needs_seven_nights(count: int, *, speaks: bool) -> None:
    run = ran(*nights(DAY, [40.0] * count))
    assert bool(readiness_of(run)) == speaks


def given_by_device(day: int) -> list[Sent]:
    """Return a night of RMSSD as the device gives it."""
    begin_us = DAY + day * DAY_US + HOUR_US
    return [
        Sent(begin_us + 5 * step * MINUTE_US, {"hrv_rmssd_ms": USUAL_MS}, activity="sleep")
        for step in range(4)
    ]


def test_readiness_goes_by_the_device_s_rmssd_until_that_of_its_beats_has_a_range() -> None:
    """Nine nights of values only, then with beats: until seven of those are known the values speak."""
    sent: list[Sent] = []
    for day in range(20):
        sent += given_by_device(day)
        sent += night(DAY + day * DAY_US) if day >= 9 else night(DAY + day * DAY_US)[-1:]
    run = ran(*sent)
    scores: dict[int, int] = {}
    for one in readiness_of(run):
        day = (one.time - _moment(DAY)).days
        scores[day] = scores.get(day, 0) + 1
    assert {day: count for day, count in scores.items() if count != 1} == {}
    assert set(range(7, 20)) <= set(scores)


def test_swinging_beats_have_the_rmssd_they_are_made_with() -> None:
    rr_ms = np.array(swinging(60, rmssd_ms=42.5))
    assert np.sqrt(np.mean(np.diff(rr_ms) ** 2)) == 42.5
    assert rr_ms.sum() == 60_000


@pytest.mark.parametrize("time_us", [0, 5 * SECOND_US, 30 * SECOND_US])
@pytest.mark.parametrize("count", [1, 60, 4096])
def test_beats_of_a_watch_whose_clock_was_reset_to_1970_are_taken(time_us: int, count: int) -> None:
    run = Run()
    run.put(Sent(time_us, {}, rr_ms=[800.0] * count))
    run.put(Sent(time_us + 2 * MINUTE_US, {}, rr_ms=[800.0] * 10))
    assert [event for event in run.advance() if isinstance(event, FeatureRow)]


def test_no_two_records_of_nights_have_the_same_key() -> None:
    run = Run()
    run.put(*nights(midnight("2026-09-10"), [40.0] * 9))
    while run.shard.has_pending:
        run.advance()
    keys = [
        (row.table, row.device_id, row.time, row.method) for row in run.events if isinstance(row, EstimateRow)
    ]
    assert any(row.readiness_score is not None for row in run.events if isinstance(row, EstimateRow))
    assert len(keys) == len(set(keys))
