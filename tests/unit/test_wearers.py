"""Simulated people: reproducible, different from each other, plausible, and their truth is told."""

import datetime as dt
import itertools
from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.device_messages import DeviceMessage, encode_readings
from ingest.simulate import LIVE, STORED, live_cadence, simulate_between, simulate_day
from ingest.wearers.beats import Artefact, beat
from ingest.wearers.curves import body_of
from ingest.wearers.life_day import Episode, EpisodeKind, live_day
from ingest.wearers.night import night_before
from ingest.wearers.stories import ROLES, CastLife, EverydayLife, Story
from ingest.wearers.truth import encode_truth
from ingest.wearers.wearer import draw_wearers
from schemas.readings import check_reading, parse_message
from support.wearing import DAY, DAY_US, SPARSE, demo_day

CAST = CastLife(DAY, 12)


def _messages(seed: int, index: int, day: dt.date = DAY) -> list[DeviceMessage]:
    wearer = draw_wearers(index + 1, seed=seed)[index]
    return list(simulate_day(wearer, day, life=CAST, cadence=LIVE).messages())


def test_the_same_seed_gives_the_same_messages_and_another_seed_others() -> None:
    assert _messages(4, 2) == _messages(4, 2)
    assert _messages(4, 2) != _messages(5, 2)


def test_a_day_is_the_same_whether_generated_alone_or_after_others() -> None:
    wearer = draw_wearers(1, seed=9)[0]
    night = live_day(wearer, DAY, CAST)
    stream = list(
        simulate_between(wearer, night.start_us - 2 * DAY_US, night.end_us, life=CAST, cadence=SPARSE)
    )
    alone = list(simulate_day(wearer, DAY, life=CAST, cadence=SPARSE).messages())
    assert [one for one in stream if one.readings[0].time_us >= night.start_us] == [
        one for one in alone if one.sent_us < night.end_us
    ]


def test_a_longer_list_of_people_begins_with_the_shorter_one_and_all_ids_differ() -> None:
    people = draw_wearers(60, seed=3)
    assert people[:12] == draw_wearers(12, seed=3)
    assert len({one.user_id for one in people}) == 60
    assert len({one.resting_heart_rate_bpm for one in people}) > 30
    assert len({one.rmssd_ms for one in people}) > 30
    assert len({one.time_zone for one in people}) == 12


def test_four_people_are_enough_to_hold_every_story_and_twelve_hold_each_four_times() -> None:
    assert frozenset().union(*ROLES[:4]) == frozenset(Story)
    for story in Story:
        assert sum(story in role for role in ROLES) == 4


@pytest.mark.parametrize("people", [4, 7, 12, 30])
def test_every_cast_day_has_every_story(people: int) -> None:
    life = CastLife(DAY, people)
    wearers = draw_wearers(people, seed=6)
    for later in range(5):
        day = DAY + dt.timedelta(days=later)
        assert frozenset().union(*(life.stories_of(one, day) for one in wearers)) == frozenset(Story)


def test_stories_change_from_day_to_day() -> None:
    wearer = draw_wearers(1, seed=2)[0]
    assert len({CAST.stories_of(wearer, DAY + dt.timedelta(days=later)) for later in range(10)}) > 2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), index=st.integers(0, 11), ahead=st.integers(-400, 400))
def test_every_message_is_accepted_by_the_contract(seed: int, index: int, ahead: int) -> None:
    wearer = draw_wearers(index + 1, seed=seed)[index]
    day = DAY + dt.timedelta(days=ahead)
    sparse = replace(SPARSE, beats=True)
    for cadence in (sparse, STORED):
        sent_us = 0
        for message in simulate_day(wearer, day, life=EverydayLife(), cadence=cadence).messages():
            assert sent_us <= message.sent_us
            sent_us = message.sent_us
            assert all(one.time_us <= message.sent_us for one in message.readings)
            for reading in parse_message(encode_readings(message, first_seq=7)):
                assert check_reading(reading) is None


@pytest.mark.parametrize(
    ("day", "hours"), [(dt.date(2026, 3, 29), 23), (dt.date(2026, 10, 25), 25), (dt.date(2026, 11, 20), 24)]
)
def test_a_local_day_has_the_length_that_its_zone_gives_it(day: dt.date, hours: int) -> None:
    berlin = draw_wearers(1, seed=1)[0]
    assert berlin.time_zone == "Europe/Berlin"
    lived = live_day(berlin, day, EverydayLife())
    assert lived.end_us - lived.start_us == hours * 3_600_000_000
    assert len(body_of(lived).energy) == hours * 60


def test_the_beats_have_the_rmssd_of_the_day_and_its_heart_rate() -> None:
    for wearer in draw_wearers(6, seed=11):
        day = live_day(wearer, DAY, EverydayLife())
        body = body_of(day)
        beats = beat(day, body)
        rr_ms, ends_us = np.diff(beats.true_us) / 1000, beats.true_us[1:]
        assert rr_ms.min() > 250
        assert rr_ms.max() < 2200
        ratios, rates = [], []
        for minute in range(0, 1440, 5):
            window = (ends_us > day.start_us + minute * 60_000_000) & (
                ends_us <= day.start_us + (minute + 5) * 60_000_000
            )
            beats_ms = rr_ms[window]
            rmssd_ms = np.sqrt(np.mean(np.diff(beats_ms) ** 2))
            ratios.append(rmssd_ms / body.rmssd_ms[minute : minute + 5].mean())
            rates.append(60_000 / beats_ms.mean() - body.heart_rate_bpm[minute : minute + 5].mean())
        assert np.median(ratios) == pytest.approx(1, abs=0.06)
        assert np.median(np.abs(rates)) < 1.5


def test_breathing_and_the_slow_wave_stand_out_of_the_spectrum_of_the_beats() -> None:
    wearer = draw_wearers(1, seed=11)[0]
    day = live_day(wearer, DAY, EverydayLife())
    beats = beat(day, body_of(day))
    asleep = (beats.true_us > day.start_us + 3_600_000_000) & (
        beats.true_us < day.start_us + 4 * 3_600_000_000
    )
    seconds = beats.true_us[asleep] / 1e6
    even = np.arange(seconds[1], seconds[-1], 0.5)
    signal = np.interp(even, seconds[1:], np.diff(seconds))
    # Welch's method by hand: periodograms of five minutes, averaged.
    pieces = np.reshape(signal[: len(signal) // 600 * 600], (-1, 600))
    pieces = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(600)
    power = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(600, 0.5)

    def density(low_hz: float, high_hz: float) -> float:
        return float(power[(frequency >= low_hz) & (frequency < high_hz)].mean())

    breath_hz = wearer.breaths_per_minute / 60
    assert density(0.08, 0.12) > 4 * density(0.14, 0.17)
    assert density(breath_hz - 0.03, breath_hz + 0.03) > 4 * density(0.36, 0.45)
    # 1/f: slower is stronger, below both waves.
    assert density(0.004, 0.02) > 2 * density(0.03, 0.06)


def test_messages_of_the_watch_join_up_beat_by_beat_except_at_artefacts_gaps_and_losses() -> None:
    messages = [one for one in _messages(4, 2) if one.device_id == "watch"]
    readings = [timed for one in messages for timed in one.readings if "rr_ms" in timed.reading]
    joined = sum(
        abs((after.time_us - before.time_us) / 1000 - sum(after.reading["rr_ms"])) <= 10
        for before, after in itertools.pairwise(readings)
    )
    assert joined / (len(readings) - 1) > 0.98


def test_artefacts_are_told_and_everything_else_is_a_true_beat() -> None:
    wearer = draw_wearers(3, seed=4)[2]
    day = live_day(wearer, DAY, EverydayLife())
    beats = beat(day, body_of(day))
    told = {kind: {at for at, one in beats.artefacts if one is kind} for kind in Artefact}
    assert all(told.values())
    true, reported = set(beats.true_us.tolist()), set(beats.reported_us.tolist())
    assert true - reported == told[Artefact.MISSED]
    assert len(reported - true) == len(told[Artefact.EXTRA])


def test_a_device_that_is_off_sends_nothing_and_one_out_of_reach_sends_all_of_it_later() -> None:
    day = demo_day(4, cadence=LIVE, days_before=0, people=4)
    seen_off = seen_away = 0
    for wearer in day.wearers:
        lived = live_day(wearer, DAY, day.life)
        mine = [one for one in day.today if one.user_id == wearer.user_id and one.device_id == "watch"]
        for gap in lived.of(EpisodeKind.WATCH_OFF):
            seen_off += 1
            assert not any(gap.start_us <= one.sent_us < gap.end_us for one in mine)
        for gap in lived.of(EpisodeKind.OUT_OF_REACH):
            seen_away += 1
            assert not any(gap.start_us <= one.sent_us < gap.end_us for one in mine)
            (late,) = (one for one in mine if one.sent_us == gap.end_us)
            assert len(late.readings) >= (gap.end_us - gap.start_us) / 50e6 * 0.9
    assert seen_off
    assert seen_away


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(0, 11))
def test_no_device_is_off_while_a_story_happens(seed: int, index: int) -> None:
    wearer = draw_wearers(index + 1, seed=seed)[index]
    day = live_day(wearer, DAY, CAST)
    stories = day.of(EpisodeKind.HARD_WORKOUT, EpisodeKind.STRESSFUL_MEETING)
    gaps = day.of(EpisodeKind.WATCH_OFF, EpisodeKind.RING_OFF, EpisodeKind.OUT_OF_REACH)
    expected = {Story.HARD_WORKOUT, Story.STRESSFUL_MEETING} & day.stories
    assert {one.kind.value for one in stories} == {one.value for one in expected}

    def overlap(one: Episode, other: Episode) -> bool:
        return one.start_us < other.end_us and other.start_us < one.end_us

    assert not any(overlap(story, gap) for story in stories for gap in gaps)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(0, 11))
def test_nights_are_poor_exactly_when_the_story_says_so(seed: int, index: int) -> None:
    wearer = draw_wearers(index + 1, seed=seed)[index]
    today = night_before(wearer, DAY, CAST)
    before = night_before(wearer, DAY - dt.timedelta(days=1), CAST)
    earlier = night_before(wearer, DAY - dt.timedelta(days=2), CAST)
    two_bad = Story.BAD_NIGHTS in CAST.stories_of(wearer, DAY)
    assert (before.quality < 0.6) == two_bad
    assert earlier.quality >= 0.6
    assert today.quality < 0.6 or not two_bad
    if Story.GOOD_DAY in CAST.stories_of(wearer, DAY):
        assert today.quality > 0.9
        assert today.readiness > 0.85
        assert today.energy_on_waking > 0.9
    assert 4 * 3_600_000_000 < today.wake_us - today.bed_us < 12 * 3_600_000_000


def test_curves_join_at_midnight() -> None:
    for wearer in draw_wearers(12, seed=13):
        evening = body_of(live_day(wearer, DAY, CAST))
        morning = body_of(live_day(wearer, DAY + dt.timedelta(days=1), CAST))
        assert evening.energy[-1] == pytest.approx(morning.energy[0], abs=0.03)


def test_the_truth_is_one_json_object_a_line_and_holds_episodes_curves_and_artefacts() -> None:
    wearer = draw_wearers(1, seed=1)[0]
    simulated = simulate_day(wearer, DAY, life=CAST, cadence=LIVE)
    lines = [orjson.loads(encode_truth(line)) for line in simulated.truth()]
    assert {line["kind"] for line in lines} == {"day", "episode", "curve", "artefacts"}
    (day,) = (line for line in lines if line["kind"] == "day")
    assert day["stories"] == sorted(CAST.stories_of(wearer, DAY))
    assert {line["episode"] for line in lines if line["kind"] == "episode"} >= {"sleep", "walk"}
    curves = {line["measure"]: line for line in lines if line["kind"] == "curve"}
    assert set(curves) == {"energy_level", "stress_level", "hrv_rmssd_ms", "heart_rate_bpm"}
    assert all(len(line["values"]) * line["step_minutes"] == 1440 for line in curves.values())


def test_a_person_sends_as_often_as_the_rate_says() -> None:
    wearer = draw_wearers(1, seed=1)[0]
    for per_minute in (0.5, 2.0):
        cadence = live_cadence(per_minute)
        day = simulate_day(wearer, DAY, life=EverydayLife(), cadence=cadence)
        sent = sum(one.device_id == "watch" for one in day.messages())
        assert sent == pytest.approx(1440 * per_minute, rel=0.1)
