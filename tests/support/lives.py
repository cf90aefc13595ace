"""Lives of some people with wearables, and shards that take them in any way of reading a log."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from adaptation.rules import RuleSet, builtin_rules
from adaptation.shard import HRV_WINDOW, Shard
from adaptation.snapshots import ShardState
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt, TrackedEvent
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import CONTACT, CONTACT_GIVEN, TIME_OF_RECEIPT
from schemas.positions import EntryId
from support.beating import midnight, nights, swinging, worn
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
    rules: RuleSet = RULES
    events: list[TrackedEvent] = field(default_factory=list)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.shard = Shard(self.rules, default_zone="UTC", hrv_window=self.window)

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
            ShardState.from_bytes(data), self.rules, default_zone="UTC", hrv_window=self.window
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
    # Timers fall due by everybody's clock, so they depend on who else is there.
    told = [told_of(event) for event in run.events if not isinstance(event, TimerAt)]
    return Results(sorted(told), kept)


def told_of(event: TrackedEvent) -> str:
    """Return an event without its place."""
    if isinstance(event, CommandAt):
        return f"{event.entry.user_id} {event.time_zone}"
    if isinstance(event, ReadingEvent):
        both = [(one.firing, "") for one in event.firings] + list(event.suppressed)
        fired = [(one.model_copy(update={"position": ""}).model_dump_json(), why) for one, why in both]
        return f"{event.user_id} {event.at} {event.time_zone} {fired} {event.baseline}"
    assert not isinstance(event, TimerAt)
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


def one_by_one(lived: dict[str, list[Item]], window: timedelta = HRV_WINDOW, rules: RuleSet = RULES) -> Kept:
    """Return a run in which each reading is an entry and an activation of its own."""
    run = Kept(window, rules)
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


def cut_anyhow(
    log: Sequence[Item], chance: random.Random, window: timedelta = HRV_WINDOW, rules: RuleSet = RULES
) -> Kept:
    """Return a run with any frames, any activations, and restarts in between."""
    run = Kept(window, rules)
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
