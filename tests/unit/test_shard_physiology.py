"""Beats, windows, days and estimates of a shard: the same log gives the same of them, however it is read."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pytest

from adaptation.physiology.windows import Quality, cut_windows, judge_windows
from adaptation.rules import builtin_rules
from adaptation.shard import HRV_WINDOW, Shard
from adaptation.snapshots import ShardState
from adaptation.tracked import CommandAt, ReadingEvent, TrackedEvent
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import CONTACT, CONTACT_GIVEN, TIME_OF_RECEIPT
from schemas.positions import EntryId
from schemas.records import EstimateRow, FeatureRow, HrvDayRow, WearRow
from support.beating import (
    heard_in,
    midnight,
    night,
    nights,
    regrouped,
    simulated,
    simulated_wearer,
    span_us,
    swinging,
    worn,
)
from support.readings import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Sent, frame_of

FIRST = midnight("2026-09-01")
"""A dozen cheap nights from here on are what is usual."""
BEGIN = midnight("2026-09-13")
"""From here on people live from reading to reading."""
USERS = ("ada", "bob", "eve")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu")
CACHED = {"zone.offset_us", "zone.from_us", "zone.until_us"}
RING = (
    {"energy_level": 0.9, "readiness_score": 0.9},
    {"energy_level": 0.2},
    {"sleep_minutes": 430.0, "sleep_quality": 0.7},
    {"stress_level": 0.4},
)
AWAKE = ("rest", "rest", "rest", "", "", "", "walk", "run")
PAUSES_US = (0, 0, 0, 0, 0, 5 * SECOND_US, 70 * SECOND_US, 4 * MINUTE_US, 25 * MINUTE_US)
RULES = builtin_rules()


@dataclass(frozen=True)
class Move:
    """A person's zone changes."""

    user: str
    zone: str


Item = Sent | Move


class Log:
    """Log entries of readings and moves, in order."""

    def __init__(self) -> None:
        self._entries = 0

    def put(self, shard: Shard, items: Sequence[Item]) -> None:
        """Queue items: neighbouring readings as one frame, moves as commands."""
        for is_sent, group in itertools.groupby(items, key=lambda item: isinstance(item, Sent)):
            if is_sent:
                shard.take_frame(self._next(), frame_of([one for one in group if isinstance(one, Sent)]))
                continue
            for move in (one for one in group if isinstance(one, Move)):
                command = SetProfile(command_id="move", time_zone=move.zone)
                entry = CommandEntry(user_id=move.user, arrival_us=BEGIN, command=command)
                shard.take_command(self._next(), entry)

    def _next(self) -> EntryId:
        self._entries += 1
        return EntryId(1_000 + self._entries // 3, self._entries % 3)


@dataclass
class Kept:
    """A shard, and all that came out of it."""

    window: timedelta = HRV_WINDOW
    events: list[TrackedEvent] = field(default_factory=list)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.shard = Shard(RULES, default_zone="UTC", hrv_window=self.window)

    def put(self, items: Sequence[Item]) -> None:
        self.log.put(self.shard, items)

    def advance(self, rounds_max: int = 64) -> None:
        self.events += self.shard.advance(rounds_max)

    def drain(self, rounds_max: int = 64) -> None:
        while self.shard.has_pending:
            self.advance(rounds_max)

    def resume(self, state: ShardState | None = None) -> None:
        """Go on from the bytes of a state, by default of the present one."""
        data = (state or self.shard.copy_state()).to_bytes()
        self.shard = Shard.restore(
            ShardState.from_bytes(data), RULES, default_zone="UTC", hrv_window=self.window
        )


class Results(NamedTuple):
    """What two runs over one log must have in common."""

    records: list[str]
    kept: dict[str, bytes]


def results(run: Kept) -> Results:
    """Return all records and events without their places, sorted, and all that is kept of everybody."""
    state = run.shard.copy_state()
    kept: dict[str, bytes] = {}
    columns = [column for column, name in enumerate(state.people.names) if name not in CACHED]
    number = state.people.names.index("zone.number")
    for row, user in enumerate(state.users):
        zone = ("UTC", *state.zones)[state.people.cells.view(np.int64)[row, number]]
        cells = state.people.cells[row, [column for column in columns if column != number]]
        kept[user] = zone.encode() + cells.tobytes()
    names = ["/".join(device) for device in state.devices]
    for row, name in enumerate(names):
        kept[name] = state.streams.cells[row].tobytes()
    saved = state.bodies
    for row, (stream, measure, slot) in enumerate(saved.ring_keys.tolist()):
        kept[f"ring {names[stream]} {measure} {slot}"] = saved.rings.cells[row].tobytes()
    begin = 0
    for row, length in saved.beat_rows.tolist():
        kept[f"beats {names[row]}"] = saved.beats[begin : begin + length]
        begin += length
    begin = 0
    for row, (stream, measure, slot, *day, values, rates) in enumerate(saved.open_days.tolist()):
        kept[f"day {names[stream]} {measure} {slot}"] = (
            repr([*day, rates, float(saved.day_rates[row])]).encode()
            + saved.day_values[begin : begin + 4 * values]
        )
        begin += 4 * values
    return Results(sorted(map(_told, run.events)), kept)


def _told(event: TrackedEvent) -> str:
    if isinstance(event, CommandAt):
        return f"{event.entry.user_id} {event.time_zone}"
    if isinstance(event, ReadingEvent):
        both = [(one, "") for one in event.firings] + list(event.suppressed)
        fired = [(one.model_copy(update={"position": ""}).model_dump_json(), why) for one, why in both]
        return f"{event.user_id} {event.at} {event.time_zone} {fired} {event.baseline}"
    return event.model_dump_json()


# Lives of some people.


def days_of_anything(user: str, chance: random.Random, *, days: int = 2) -> list[Item]:
    """Return a person's mornings: asleep, awake, at sports, off, with all that devices do on the way."""
    items: list[Item] = []
    for day in range(days):
        time_us = BEGIN + day * DAY_US + chance.randrange(HOUR_US)
        until_us = time_us + 2 * HOUR_US
        wakes_us = time_us + chance.choice([30, 45, 60]) * MINUTE_US
        while time_us < until_us:
            activity = "sleep" if time_us < wakes_us else chance.choice(AWAKE)
            made = _anything(user, chance, time_us, activity)
            items += made
            time_us = max([time_us, *(one.time_us for one in made if isinstance(one, Sent))])
            time_us += chance.choice(PAUSES_US)
    return items


def _anything(user: str, chance: random.Random, time_us: int, activity: str) -> list[Item]:
    kind = chance.randrange(14)
    if kind == 0:
        return [Move(user, chance.choice(ZONES))]
    if kind == 1:
        return [Sent(time_us, chance.choice(RING), user, "ring")]
    if kind == 2:
        return [
            Sent(
                time_us,
                {"hrv_rmssd_ms": chance.uniform(20, 60), "hrv_sdnn_ms": 70.0},
                user,
                activity=activity,
            )
        ]
    if kind == 3:
        flags = chance.choice([CONTACT_GIVEN, CONTACT_GIVEN | CONTACT])
        rr_ms = swinging(20) if chance.random() < 0.5 else []
        return [Sent(time_us + 20 * SECOND_US, {}, user, flags=flags, rr_ms=rr_ms)]
    if kind == 4:
        return _strap(user, chance, time_us, activity)
    step_s, each_s = chance.choice([(50, 50), (240, 20), (240, 240), (600, 50), (900, 900)])
    bpm = chance.choice([None, 60.0, 62.0, 90.0]) if each_s > 50 else chance.choice([58.0, 60.0, 66.0])
    made = worn(
        time_us,
        time_us + step_s * SECOND_US,
        each_s=each_s,
        bpm=bpm,
        rmssd_ms=chance.choice([18.0, 40.0, 55.5]),
        mean_ms=chance.choice([1000.0, 912.5]),
        user=user,
        activity=activity,
        delay_us=chance.choice([0, 0, SECOND_US, SECOND_US, 11 * MINUTE_US, 5 * HOUR_US]),
    )
    if chance.random() < 0.2:
        made += made[-2:]
    return list(made)


def _strap(user: str, chance: random.Random, time_us: int, activity: str) -> list[Item]:
    """Return what a bridge hands on of a strap without a clock."""
    return [
        Sent(
            time_us + (20 + chance.randrange(3)) * number * SECOND_US,
            {"heart_rate_bpm": 60.0 + chance.randrange(8)},
            user,
            "strap",
            flags=TIME_OF_RECEIPT,
            activity=activity,
            rr_ms=swinging(20, rmssd_ms=chance.choice([20.0, 44.0])),
        )
        for number in range(1, 9)
    ]


def lives(seed: int) -> dict[str, list[Item]]:
    """Return each person's readings and moves in order; behind two of them lie a dozen nights."""
    chance = random.Random(seed)
    found: dict[str, list[Item]] = {}
    for user in USERS:
        usual: list[Item] = []
        if user != "eve":
            usual += nights(FIRST, [chance.uniform(40, 50) for _ in range(9)], user=user)
            usual += nights(FIRST + 9 * DAY_US, [14.0] * 3, user=user)
        found[user] = usual + days_of_anything(user, chance)
    return found


def one_by_one(lived: dict[str, list[Item]], window: timedelta = HRV_WINDOW) -> Kept:
    """Return a run in which each reading is an entry and an activation of its own."""
    run = Kept(window)
    for items in lived.values():
        for item in items:
            run.put([item])
            run.advance()
    return run


def interleaved(lived: dict[str, list[Item]], chance: random.Random) -> list[Item]:
    turns = [user for user, items in lived.items() for _ in items]
    chance.shuffle(turns)
    waiting = {user: iter(items) for user, items in lived.items()}
    return [next(waiting[user]) for user in turns]


def cut_anyhow(log: Sequence[Item], chance: random.Random, window: timedelta = HRV_WINDOW) -> Kept:
    """Return a run with any frames, any activations, and restarts in between."""
    run = Kept(window)
    begin = 0
    while begin < len(log):
        size = chance.choice((1, 2, 7, 40, 300))
        run.put(log[begin : begin + size])
        begin += size
        match chance.randrange(6):
            case 0 | 1 | 2:
                run.advance(chance.choice((1, 2, 5, 64)))
            case 3:
                run.resume()
            case 4:
                copied = run.shard.copy_state()
                run.shard.advance(chance.choice((1, 3, 30)))  # lost: the process dies before its next copy
                run.resume(copied)
            case _:
                pass
    run.drain()
    return run


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
    return sorted(_told(one) for one in run.events if isinstance(one, kinds))


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
        found = [[_told(one) for one in run.events if isinstance(one, kind)] for run in runs]
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
