"""Strain: work of the heart by local day, minutes counted once, and what is usual of a day."""

import math
import random
from collections.abc import Sequence

import pytest

from schemas.commands import SetProfile
from schemas.frames import CONTACT, CONTACT_GIVEN
from schemas.records import EvidenceValue
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Run, Sent, at, firings_of
from support.rule_texts import rules_of

MAXIMAL_BPM = 208 - 0.7 * 40
ANY_STRAIN = rules_of("strain >= 0.1 TRIMP and energy_level > 10 %", allow=("exercise", "estimated"))


def trimp(minutes: float, bpm: float, rest_bpm: float) -> float:
    """Return Banister's training impulse, by hand."""
    reserve = (bpm - rest_bpm) / (MAXIMAL_BPM - rest_bpm)
    return minutes * reserve * 0.64 * math.exp(1.92 * reserve)


def beating(
    begin_us: int, minutes: float, bpm: float, *, each_s: int = 30, device: str = "watch", **other: object
) -> list[Sent]:
    """Return heart rates from one moment on, the first of them at it."""
    count = round(minutes * 60 / each_s)
    return [
        Sent(begin_us + number * each_s * SECOND_US, {"heart_rate_bpm": bpm}, device=device, **other)  # type: ignore[arg-type]
        for number in range(count + 1)
    ]


def rested(run: Run, *, devices: Sequence[str] = ("watch",), before_us: int = NOON) -> Run:
    """Let the run know a heart rate at rest of 60 beats/min, told up to 20 minutes before a moment."""
    for device in devices:
        sent = beating(before_us - HOUR_US, 40, 60.0, each_s=60, device=device, activity="rest")
        run.send(*sent)
    return run


def strain_at(run: Run, time_us: int) -> float | None:
    """Return the strain that a rule sees at a moment, None if it is not known."""
    low = run.send(Sent(time_us, {"energy_level": 0.05}, device="ring"))
    assert not firings_of(low)
    found = firings_of(run.send(Sent(time_us, {"energy_level": 0.9}, device="ring")))
    run.send(Sent(time_us, {"energy_level": 0.05}, device="ring"))
    if not found:
        return None
    return next(value.value for value in found[0].evidence.values if value.measure == "strain")


def test_strain_is_banisters_impulse_of_the_smoothed_rate() -> None:
    run = rested(Run(ANY_STRAIN))
    run.send(*beating(NOON, 30, 150.0, activity="run"))
    # The first rate of a stretch tells of the time before it, up to 20 minutes: here of exactly those.
    expected = trimp(30, 150.0, 60.0) + trimp(20, 150.0, 60.0)
    assert strain_at(run, NOON + 31 * MINUTE_US) == pytest.approx(expected, rel=1e-6)


def test_a_pause_longer_than_a_device_is_worn_through_is_no_work() -> None:
    run = rested(Run(ANY_STRAIN), before_us=NOON - 1)
    run.send(*beating(NOON, 30, 150.0, activity="run"))
    assert strain_at(run, NOON + 31 * MINUTE_US) == pytest.approx(trimp(30, 150.0, 60.0), rel=1e-6)


def test_rest_is_no_work_and_nothing_is_known_before_the_first_minute() -> None:
    run = Run(rules_of("strain < 1 TRIMP"))
    run.send(*beating(NOON - 40 * MINUTE_US, 40, 60.0, activity="rest"))
    assert len(firings_of(run.events)) == 1
    assert Run(rules_of("strain < 1 TRIMP")).fired(Sent(NOON, {"energy_level": 0.5})) == []


@pytest.mark.parametrize("offset_s", [0, 7, 15])
def test_two_devices_count_the_same_minutes_once(offset_s: int) -> None:
    run = rested(Run(ANY_STRAIN), devices=("watch", "strap"), before_us=NOON - 1)
    watch = beating(NOON, 30, 150.0, activity="run")
    strap = beating(NOON + offset_s * SECOND_US, 30, 150.0, each_s=5, device="strap", activity="run")
    run.send(*sorted([*watch, *strap], key=lambda one: one.time_us))
    # The seconds before the strap's first rate are lost once it has told of later ones; it ends later.
    expected = trimp(30, 150.0, 60.0)
    assert strain_at(run, NOON + 31 * MINUTE_US) == pytest.approx(expected, rel=1e-6)


def test_a_device_goes_on_where_another_stops() -> None:
    run = rested(Run(ANY_STRAIN), devices=("watch", "strap"), before_us=NOON - 1)
    run.send(*beating(NOON, 10, 150.0, activity="run"))
    run.send(*beating(NOON + 5 * MINUTE_US, 15, 150.0, device="strap", activity="run"))
    assert strain_at(run, NOON + 21 * MINUTE_US) == pytest.approx(trimp(20, 150.0, 60.0), rel=1e-6)


def test_what_a_device_tells_after_another_has_told_of_later_adds_nothing() -> None:
    run = rested(Run(ANY_STRAIN), devices=("watch", "strap"), before_us=NOON - 1)
    run.send(*beating(NOON, 30, 150.0, activity="run"))
    before = strain_at(run, NOON + 31 * MINUTE_US)
    run.send(*beating(NOON, 30, 170.0, device="strap", delay_us=32 * MINUTE_US))
    assert strain_at(run, NOON + 32 * MINUTE_US) == before


def test_late_work_counts_for_its_day_and_is_no_news() -> None:
    run = rested(Run(rules_of("strain > 20 TRIMP", allow=("exercise",))), before_us=NOON - 1)
    run.send(*beating(NOON, 30, 150.0, activity="run", delay_us=HOUR_US))
    assert firings_of(run.events) == []
    run.send(*beating(NOON + 31 * MINUTE_US, 2, 60.0, activity="rest"))
    assert len(firings_of(run.events)) == 1


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        pytest.param("UTC", "2026-11-21T00:00:00Z", id="utc"),
        pytest.param("Asia/Tokyo", "2026-11-20T15:00:00Z", id="tokyo"),
        pytest.param("Europe/Berlin", "2026-03-29T22:00:00Z", id="after_a_day_of_23_h"),
        pytest.param("Europe/Berlin", "2026-10-25T23:00:00Z", id="after_a_day_of_25_h"),
    ],
)
def test_strain_begins_anew_at_local_midnight(zone: str, midnight: str) -> None:
    midnight_us = at(midnight)
    run = rested(Run(ANY_STRAIN, default_zone=zone), before_us=midnight_us - 30 * MINUTE_US - 1)
    # A rate every minute and a half: the one that crosses midnight counts on both sides.
    run.send(*beating(midnight_us - 30 * MINUTE_US - 30 * SECOND_US, 60, 150.0, each_s=90, activity="run"))
    after = 60 - 30.5
    assert strain_at(run, midnight_us + 31 * MINUTE_US) == pytest.approx(trimp(after, 150.0, 60.0), rel=1e-6)


def test_what_was_done_before_midnight_is_part_of_that_day() -> None:
    midnight_us = at("2026-11-21T00:00:00Z")
    run = rested(Run(rules_of("strain > 150 % * usual(strain)")), before_us=midnight_us - 31 * MINUTE_US)
    run.send(*beating(midnight_us - 30 * MINUTE_US - 30 * SECOND_US, 60, 150.0, each_s=90, activity="run"))
    people = run.shard.copy_state().people
    (mean,) = people.cells[:, people.names.index("strain_usual.mean")]
    assert mean == pytest.approx(trimp(30.5, 150.0, 60.0), rel=1e-6)


def test_time_off_the_skin_is_no_work() -> None:
    run = rested(Run(ANY_STRAIN), before_us=NOON - 1)
    off = Sent(NOON + 10 * MINUTE_US + SECOND_US, {}, flags=CONTACT_GIVEN, rr_ms=[800.0])
    on = Sent(NOON + 15 * MINUTE_US, {"heart_rate_bpm": 150.0}, flags=CONTACT_GIVEN | CONTACT)
    after = beating(NOON + 15 * MINUTE_US + 30 * SECOND_US, 4.5, 150.0)
    run.send(*beating(NOON, 10, 150.0, activity="run"), off, on, *after)
    assert strain_at(run, NOON + 21 * MINUTE_US) == pytest.approx(trimp(15, 150.0, 60.0), rel=1e-6)


def test_yesterdays_strain_is_not_todays() -> None:
    run = rested(Run(ANY_STRAIN))
    run.send(*beating(NOON, 30, 150.0, activity="run"))
    assert strain_at(run, NOON + 11 * HOUR_US) is not None
    assert strain_at(run, NOON + 12 * HOUR_US) is None


def test_a_move_to_the_west_keeps_what_has_gathered() -> None:
    run = rested(Run(ANY_STRAIN), before_us=NOON - 1)
    run.send(*beating(NOON, 30, 150.0, activity="run"))
    run.put_command("ada", SetProfile(command_id="move", time_zone="Pacific/Honolulu"))
    run.advance()
    assert strain_at(run, NOON + HOUR_US) == pytest.approx(trimp(30, 150.0, 60.0), rel=1e-6)


def train(run: Run, day_us: int, minutes: float) -> list[EvidenceValue]:
    """Let a person train at noon of a day; return what the first firing shows."""
    before = len(firings_of(run.events))
    rested(run, before_us=day_us - 1)
    run.send(*beating(day_us, minutes, 150.0, activity="run"))
    found = firings_of(run.events)[before:]
    return list(found[0].evidence.values) if found else []


@pytest.mark.parametrize(("days", "speaks"), [(6, False), (7, True)])
def test_usual_strain_speaks_after_seven_days(days: int, *, speaks: bool) -> None:
    run = Run(rules_of("strain > 150 % * usual(strain)", allow=("exercise",)))
    for day in range(days):
        assert train(run, NOON + day * DAY_US, 20) == []
    shown = train(run, NOON + days * DAY_US, 40)
    assert bool(shown) == speaks
    if speaks:
        (value,) = shown
        usual = trimp(20, 150.0, 60.0)
        assert value.measure == "strain"
        assert value.unit == "TRIMP"
        # Rates at rest lie a little above the mean at rest while the run's fades, so a day has a bit more.
        assert value.baseline == pytest.approx(usual, rel=0.02)
        assert value.baseline_count == 7
        assert value.threshold == pytest.approx(1.5 * (value.baseline or 0))
        assert value.value > (value.threshold or 0)


def test_a_day_without_any_heart_rate_is_no_day_of_rest() -> None:
    run = Run(rules_of("strain > 150 % * usual(strain)", allow=("exercise",)))
    for day in (*range(4), *range(9, 13)):
        train(run, NOON + day * DAY_US, 20)
    (value,) = train(run, NOON + 13 * DAY_US, 40)
    assert value.baseline_count == 8
    assert value.baseline == pytest.approx(trimp(20, 150.0, 60.0), rel=0.02)


def test_strain_does_not_depend_on_how_the_log_was_read() -> None:
    sent = [
        *beating(NOON - HOUR_US, 40, 60.0, activity="rest"),
        *beating(NOON - HOUR_US + 11 * SECOND_US, 40, 61.0, device="strap", activity="rest"),
        *beating(NOON, 700, 130.0, activity="run", each_s=60),
        *beating(NOON + 17 * SECOND_US, 700, 135.0, device="strap", each_s=50),
    ]
    sent.sort(key=lambda one: one.time_us)
    rules = rules_of("strain > 1 TRIMP and z(strain) < 9 SD")
    expected: bytes = b""
    chance = random.Random(5)
    for way in range(3):
        run, left = Run(rules), list(sent)
        while left:
            size = 1 if way == 0 else chance.choice((1, 7, 90, 400))
            run.put(*left[:size])
            left = left[size:]
            run.advance(chance.choice((3, 64)))
            if way == 2:
                run.resume()
        while run.shard.has_pending:
            run.advance()
        cells = run.shard.copy_state().people
        kept = [column for column, name in enumerate(cells.names) if name.startswith("strain")]
        found = cells.cells[0, kept].tobytes()
        expected = expected or found
        assert found == expected
