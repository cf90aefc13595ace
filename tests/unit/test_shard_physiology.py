"""Beats, windows, days and estimates of a shard: the same log gives the same of them, however it is read."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from adaptation.physiology.windows import Quality, cut_windows, judge_windows
from adaptation.snapshots import ShardState
from adaptation.tracked import ReadingEvent
from schemas.frames import TIME_OF_RECEIPT
from schemas.records import EstimateRow, FeatureRow, HrvDayRow, WearRow
from support.beating import (
    heard_in,
    night,
    nights,
    regrouped,
    simulated,
    simulated_wearer,
    span_us,
    swinging,
    worn,
)
from support.lives import (
    BEGIN,
    FIRST,
    Item,
    Kept,
    Move,
    cut_anyhow,
    interleaved,
    lives,
    one_by_one,
    results,
    told_of,
)
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Sent


@pytest.mark.parametrize(("seed", "window_s"), [(1, 120), (3, 120), (5, 60), (6, 300)], ids=str)
def test_frames_activations_restarts_and_order_of_people_change_no_record_and_nothing_kept(
    seed: int, window_s: int
) -> None:
    window = timedelta(seconds=window_s)
    lived, chance = lives(seed), random.Random(1000 + seed)
    run = one_by_one(lived, window)
    kinds = (FeatureRow, HrvDayRow, EstimateRow, WearRow, ReadingEvent)
    assert {type(one) for one in run.events} >= set(kinds)
    expected = results(run)
    found = results(cut_anyhow(interleaved(lived, chance), chance, window))
    assert found.records == expected.records
    assert found.kept == expected.kept


# At any moment.


def short_morning() -> list[Item]:
    """Return two devices' hour and a half: asleep, awake, with windows that wait and a night that closes."""
    begin_us = BEGIN + 3 * HOUR_US
    sent = [
        *worn(begin_us, begin_us + 40 * MINUTE_US, each_s=120, bpm=None, activity="sleep"),
        *worn(
            begin_us + 40 * MINUTE_US, begin_us + 95 * MINUTE_US, each_s=120, rmssd_ms=30.0, activity="rest"
        ),
        *worn(begin_us, begin_us + 80 * MINUTE_US, each_s=300, bpm=58.0, user="bob", flags=TIME_OF_RECEIPT),
    ]
    return [*nights(FIRST, [45.0] * 2), *sorted(sent, key=lambda one: one.time_us)]


def test_a_copy_may_be_taken_and_resumed_after_any_round() -> None:
    items = short_morning()
    whole = Kept()
    whole.put(items)
    whole.drain()
    expected = results(whole)
    assert {type(one) for one in whole.events} >= {FeatureRow, HrvDayRow, EstimateRow, WearRow}

    run = Kept()
    run.put(items)
    while run.shard.has_pending:
        run.advance(rounds_max=1)
        run.resume()
    assert results(run) == expected


def test_a_copy_may_be_taken_and_resumed_after_any_entry() -> None:
    items = short_morning()
    expected = results(one_by_one({"all": items}))
    run = Kept()
    for item in items:
        run.put([item])
        run.resume()
        run.advance()
        run.resume()
    assert results(run) == expected


def test_a_state_with_beats_that_wait_survives_its_bytes() -> None:
    run = Kept()
    run.put(short_morning())
    run.advance(rounds_max=7)
    state = run.shard.copy_state()
    data = state.to_bytes()
    assert ShardState.from_bytes(data).to_bytes() == data
    assert sum(len(rows.beats) for rows in state.pending) > 1000
    run.drain()
    assert state.to_bytes() == data


@pytest.mark.parametrize("rounds_max", [1, 3])
def test_how_many_rounds_an_activation_has_changes_nothing(rounds_max: int) -> None:
    lived = {"eve": lives(11)["eve"], "all": short_morning()}
    log = interleaved(lived, random.Random(11))
    expected, run = results(one_by_one(lived)), Kept()
    run.put(log)
    run.drain(rounds_max)
    assert results(run) == expected


@pytest.mark.parametrize("slept_minutes", [0, 60], ids=["a-morning", "a-night"])
def test_beats_alone_read_at_once_give_what_they_give_one_by_one(slept_minutes: int) -> None:
    """No heart rate asks for an estimate in between: windows wait for as long as they may."""
    begin_us, wakes_us = BEGIN + 4 * HOUR_US, BEGIN + 4 * HOUR_US + slept_minutes * MINUTE_US
    items = [
        *worn(begin_us, wakes_us, bpm=None, activity="sleep"),
        *worn(wakes_us, wakes_us + 80 * MINUTE_US, bpm=None, rmssd_ms=30.0, activity="rest"),
    ]
    expected, run = results(one_by_one({"ada": list(items)})), Kept()
    run.put(items)
    run.drain(len(items))
    run.resume()
    assert results(run) == expected
    (day,) = [one for one in run.events if isinstance(one, HrvDayRow)]
    assert day.slot == ("asleep" if slept_minutes else "morning")


def test_what_is_kept_of_a_person_does_not_depend_on_who_else_is_in_the_round() -> None:
    """A day of ada's has begun, none of eve's."""
    awake_us = FIRST + 9 * DAY_US + 9 * HOUR_US
    ada, eve = (
        worn(awake_us, awake_us + 20 * MINUTE_US, user=user, activity="rest") for user in ("ada", "eve")
    )
    before: list[Item] = [*nights(FIRST, [45.0] * 10)]
    expected, run = results(one_by_one({"ada": [*before, *ada], "eve": [*eve]})), Kept()
    run.put(before)
    run.drain()
    run.put([*ada, *eve])
    run.drain()
    assert results(run) == expected


# What comes again.


def of_the_body(run: Kept) -> list[str]:
    """Return what was computed of beats and heart rate."""
    kinds = (FeatureRow, HrvDayRow, EstimateRow, WearRow, ReadingEvent)
    return sorted(told_of(one) for one in run.events if isinstance(one, kinds))


def test_readings_that_come_twice_count_once() -> None:
    items = [*nights(FIRST, [45.0] * 9 + [14.0] * 4), *short_morning()[14:]]
    once = one_by_one({"all": [one for one in items if isinstance(one, Sent) and not one.flags]})
    for times in (2, 3):
        again = Kept()
        again.put([one for one in items if isinstance(one, Sent) and not one.flags for _ in range(times)])
        again.drain()
        assert of_the_body(again) == of_the_body(once)


def test_a_whole_night_that_comes_again_changes_nothing() -> None:
    once, again = Kept(), Kept()
    for run, times in ((once, 1), (again, 2)):
        for day in range(3):
            for _ in range(times):
                run.put(night(FIRST + day * DAY_US))
        run.drain()
    assert of_the_body(again) == of_the_body(once)


@pytest.mark.parametrize("window_s", [60, 120, 300])
def test_beats_in_messages_of_any_size_give_the_same_windows(window_s: int) -> None:
    window = timedelta(seconds=window_s)
    sent = [one for one in simulated(1, BEGIN, BEGIN + 3 * HOUR_US) if len(one.rr_ms)]
    end = replace(sent[-1], time_us=BEGIN + DAY_US, values={"heart_rate_bpm": 60.0}, rr_ms=())
    expected: list[str] = []
    for sizes in ([], [1, 9, 100], [60], [4096]):
        run = Kept(window)
        run.put([*(regrouped(sent, itertools.cycle(sizes)) if sizes else sent), end])
        run.drain()
        features = sorted(one.model_dump_json() for one in run.events if isinstance(one, FeatureRow))
        expected = expected or features
        assert features == expected
    assert len(expected) > 100


# A night of a simulated person.


def test_a_simulated_night_is_one_day_with_the_median_of_its_windows() -> None:
    wearer = simulated_wearer(0)
    noon_us = BEGIN + 16 * HOUR_US
    sent = simulated(0, noon_us, noon_us + 20 * HOUR_US, per_minute=0.5)
    run = Kept()
    run.put([Move(wearer.user_id, wearer.time_zone), *sent])
    run.drain()
    asleep = [one for one in run.events if isinstance(one, HrvDayRow) and one.slot == "asleep"]
    (day,) = [one for one in asleep if one.measure == "rmssd_ms"]

    watch = [one for one in sent if one.device == "watch"]
    beats = heard_in(watch)
    end_s, series = cut_windows(beats.rr_ms, (beats.end_us - BEGIN) / 1e6)
    windows = judge_windows(series, length_s=120)
    slept_us = np.array([one.time_us for one in watch if one.activity == "sleep"])
    end_us = np.rint(end_s * 1e6).astype(np.int64) + BEGIN
    since_us = end_us - slept_us[np.maximum(np.searchsorted(slept_us, end_us, side="right") - 1, 0)]
    counts = (since_us >= 0) & (since_us < 5 * MINUTE_US) & (windows.quality != Quality.REJECTED)
    (chosen,) = counts.nonzero()
    _, first = np.unique(end_us[chosen] // (5 * MINUTE_US), return_index=True)
    chosen = chosen[first]
    assert day.values == len(chosen) > 50
    assert day.ln_value == pytest.approx(float(np.median(windows.measures.ln_rmssd[chosen])), abs=1e-6)
    rates = windows.measures.mean_heart_rate_bpm[chosen]
    assert day.heart_rate_bpm == pytest.approx(float(np.mean(rates)), abs=1e-9)
    assert day.day.isoformat() == "2026-09-14"
    # What the watch itself gives of that night is a day of its own.
    assert {one.measure for one in asleep} == {"rmssd_ms", "hrv_rmssd_ms"}


# Late data.


def test_late_data_make_windows_and_days_and_no_news() -> None:
    """Twelve nights that are uploaded two days later: the last begins to be below, and nobody is told."""
    sent = [*nights(FIRST, [45.0] * 9), *nights(FIRST + 9 * DAY_US, [14.0] * 4)]
    runs = []
    for delay_us in (SECOND_US, 2 * DAY_US):
        run = Kept()
        run.put([replace(one, delay_us=delay_us) for one in sent])
        run.drain()
        runs.append(run)
    on_time, late = runs
    for kind in (FeatureRow, HrvDayRow, WearRow):
        found = [[told_of(one) for one in run.events if isinstance(one, kind)] for run in runs]
        assert found[0] == found[1] != []
    assert [one.onset for one in late.events if isinstance(one, HrvDayRow)].count(True) == 1
    assert [one.baseline is not None for one in on_time.events if isinstance(one, ReadingEvent)] == [True]
    assert [one for one in late.events if isinstance(one, ReadingEvent)] == []
    assert [one for one in on_time.events if isinstance(one, EstimateRow) and one.energy_level is not None]
    levels = [(one.stress_level, one.energy_level) for one in late.events if isinstance(one, EstimateRow)]
    assert set(levels) <= {(None, None)}


# What a window of other lengths changes.


@pytest.mark.parametrize("window_s", [60, 120, 300])
def test_the_length_of_windows_is_what_was_asked_for(window_s: int) -> None:
    run = Kept(timedelta(seconds=window_s))
    run.put(worn(BEGIN, BEGIN + 20 * MINUTE_US))
    run.drain()
    rows = [one for one in run.events if isinstance(one, FeatureRow)]
    assert {row.window_seconds for row in rows} == {window_s}
    assert max(row.beats for row in rows) == window_s
    assert {row.sdnn_ms is None for row in rows[6:]} == {window_s < 120}


@pytest.mark.parametrize(("before_s", "after_s"), [(300, 60), (300, 120), (120, 60)])
def test_windows_that_are_smaller_after_a_restart_hold_no_older_beats(before_s: int, after_s: int) -> None:
    sent = worn(BEGIN, BEGIN + 15 * MINUTE_US)
    run = Kept(timedelta(seconds=before_s))
    run.put(sent[:12])
    run.drain()
    run.window = timedelta(seconds=after_s)
    run.resume()
    run.put(sent[12:])
    run.drain()
    rows = [one for one in run.events if isinstance(one, FeatureRow) and one.window_seconds == after_s]
    assert {row.beats for row in rows} == {after_s}


def test_what_is_kept_of_beats_is_bounded_by_a_window() -> None:
    run = Kept()
    largest = 0
    for hour in range(6):
        run.put(worn(BEGIN + hour * HOUR_US, BEGIN + (hour + 1) * HOUR_US, mean_ms=500.0))
        run.drain()
        largest = max(largest, len(run.shard.copy_state().bodies.beats))
    assert span_us(swinging(50, mean_ms=500.0)) == 50 * SECOND_US
    assert largest <= 2 * (240 + 10)
