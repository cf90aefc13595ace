"""The same log gives the same events at the same places, however it is read: with timers and rules in it."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.rules import load_rules
from adaptation.shard import Shard
from adaptation.snapshots import ShardState
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt, TrackedEvent
from schemas.commands import CommandEntry, SetProfile
from schemas.positions import EntryId, Position
from schemas.readings import micros, moment_of
from schemas.rule_entries import RulesEntry
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Sent, frame_of

RULE = """
[[rule]]
name = "{name}"
kind = "protective"
priority = {priority}
when = "{when}"
cooldown = "{cooldown}"
at_most_per_day = {limit}
horizon = "6h"
expires = "{expires}"
action = "reduce_intensity"
reason = "As it is."
"""


def file_of(*rules: tuple[str, str, str, int, str]) -> str:
    """Return a rule file; each rule as name, condition, cooldown, limit a day and expiry."""
    return "version = 2\n" + "".join(
        RULE.format(
            name=name, when=when, cooldown=cooldown, limit=limit, expires=expires, priority=1 + number
        )
        for number, (name, when, cooldown, limit, expires) in enumerate(rules)
    )


STRESSED = ("stressed", "stress_level > 60 %", "1h", 3, "5h")
FILES = (
    file_of(
        STRESSED,
        ("tired", "energy_level < 30 % and energy_level > 60 % within 2 h", "30min", 20, "90min"),
        ("worn", "stress_level > 30 % for 20 min", "1min", 2, "4h"),
    ),
    file_of(
        ("worn", "stress_level > 30 % for 20 min", "1min", 2, "10h"),
        ("rested", "sleep_quality > 60 % and energy_level > 60 %", "1h", 20, "20min"),
    ),
    file_of(("tired", "energy_level < 70 %", "1min", 20, "3h"), STRESSED),
    "version = 2\n",
)
USERS = ("ada", "bob", "eve")
LEVELS = (0.1, 0.35, 0.65, 0.95)


@dataclass(frozen=True)
class Tick:
    time_us: int


@dataclass(frozen=True)
class Move:
    user: str
    zone: str
    time_us: int


@dataclass(frozen=True)
class Load:
    text: str
    time_us: int


Item = tuple[Sent, ...] | Tick | Move | Load
Log = Sequence[tuple[EntryId, Item]]

measures = st.dictionaries(
    st.sampled_from(["energy_level", "stress_level", "sleep_quality"]), st.sampled_from(LEVELS), min_size=1
)
steps = st.sampled_from(
    [
        -5 * HOUR_US,
        -MINUTE_US,
        0,
        SECOND_US,
        12 * MINUTE_US,
        12 * MINUTE_US,
        12 * MINUTE_US,
        HOUR_US,
        3 * HOUR_US,
        DAY_US,
    ]
)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Frames of any size, ticks, moves and rule files in one order; clocks that jump, also backwards."""
    items: list[tuple[EntryId, Item]] = []
    time_us = NOON
    for number in range(draw(st.integers(1, 30))):
        time_us += draw(steps)
        match draw(st.sampled_from(["frame"] * 7 + ["tick"] * 3 + ["move", "rules"])):
            case "tick":
                item: Item = Tick(time_us)
            case "move":
                zones = st.sampled_from(["Asia/Tokyo", "America/New_York"])
                item = Move(draw(st.sampled_from(USERS)), draw(zones), time_us)
            case "rules":
                item = Load(draw(st.sampled_from(FILES)), time_us)
            case _:
                sent: list[Sent] = []
                for _ in range(draw(st.integers(1, 5))):
                    time_us += draw(st.sampled_from([0, SECOND_US, 8 * MINUTE_US]))
                    delay_us = draw(st.sampled_from([0, 0, SECOND_US, 11 * MINUTE_US]))
                    user = draw(st.sampled_from(USERS))
                    sent.append(Sent(time_us, draw(measures), user, delay_us=delay_us, seq=len(sent)))
                item = tuple(sent)
        items.append((EntryId(1_000 + number // 3, number % 3), item))
    return items


FIRST = load_rules(FILES[0], where="rules")


def new_shard() -> Shard:
    return Shard(FIRST, default_zone="Europe/Berlin")


def resumed(state: ShardState) -> Shard:
    return Shard.restore(ShardState.from_bytes(state.to_bytes()), FIRST, default_zone="Europe/Berlin")


def take(shard: Shard, entry_id: EntryId, item: Item) -> None:
    match item:
        case Tick():
            shard.take_tick(entry_id, item.time_us)
        case Move():
            command = SetProfile(command_id="move", time_zone=item.zone)
            entry = CommandEntry(user_id=item.user, arrival_us=item.time_us, command=command)
            shard.take_command(entry_id, entry)
        case Load():
            shard.take_rules(entry_id, RulesEntry(name="file.toml", text=item.text, arrival_us=item.time_us))
        case _:
            shard.take_frame(entry_id, frame_of(item))


def by_person(events: Sequence[TrackedEvent]) -> dict[str, list[object]]:
    """Return each person's events in their order; records, which change nothing, are left out."""
    found: dict[str, list[object]] = defaultdict(list)
    for event in events:
        if isinstance(event, CommandAt):
            found[event.entry.user_id].append(event)
        elif isinstance(event, ReadingEvent | TimerAt):
            found[event.user_id].append(event)
    return found


def kept(shard: Shard) -> dict[str, object]:
    """Return what a shard knows, free of the order in which zones were met and of what is looked up anew."""
    state = shard.copy_state()
    assert state.timers is not None
    names = state.people.names
    zone = names.index("zone.number")
    columns = [column for column, name in enumerate(names) if not name.startswith("zone.")]
    numbers = state.people.cells.view(np.int64)[:, zone].tolist()
    return {
        "clock": state.clock_us,
        "rules": state.rules,
        "deadlines": state.timers.deadlines.tolist(),
        "taken": state.timers.taken.tolist(),
        "columns": names,
        "zones": {
            user: ("", *state.zones)[number] for user, number in zip(state.users, numbers, strict=True)
        },
        "people": state.people.cells[:, columns].tobytes(),
        "devices": state.streams.cells.tobytes(),
    }


def one_by_one(log: Log) -> tuple[list[TrackedEvent], dict[str, object]]:
    """Return what happens, and the state at the end, if each entry is applied before the next is taken."""
    shard = new_shard()
    events: list[TrackedEvent] = []
    for entry_id, item in log:
        take(shard, entry_id, item)
        events += shard.advance()
        assert not shard.has_pending
    return events, kept(shard)


def in_any_way(log: Log, chance: random.Random) -> tuple[list[TrackedEvent], dict[str, object]]:
    """Return the same after any entries at once, activations of any length, crashes and restarts."""
    shard = new_shard()
    events: list[TrackedEvent] = []
    number = 0
    while number < len(log) or shard.has_pending:
        for _ in range(chance.choice((0, 1, 1, 2, 5, len(log)))):
            if number < len(log):
                take(shard, *log[number])
                number += 1
        match chance.randrange(5):
            case 0 | 1:
                events += shard.advance(chance.choice((1, 2, 3, 64)), judge=chance.random() < 0.5)
            case 2:
                shard = resumed(shard.copy_state())
            case 3:
                state = shard.copy_state()
                shard.advance(chance.choice((1, 64)))  # lost: the process dies before its next copy
                shard = resumed(state)
            case _:
                pass
    return events + shard.advance(), kept(shard)


def run_out(log: Log, events: Sequence[TrackedEvent]) -> list[tuple[str, Position, int]]:
    """Return person, place and clock of each timer, by looking at all that fired at every entry."""
    open_us: list[tuple[str, int, EntryId]] = []
    for event in events:
        if isinstance(event, ReadingEvent):
            for one in event.firings:
                span_us = one.rule.expires.total_seconds() * SECOND_US
                open_us.append((event.user_id, micros(event.at) + round(span_us), event.position.entry))
    found = []
    clock_us = 0
    for entry_id, item in log:
        arrivals = [one.arrival_us for one in item] if isinstance(item, tuple) else [item.time_us]
        clock_us = max(clock_us, *arrivals)
        over = [one for one in open_us if one[1] <= clock_us and one[2] <= entry_id]
        open_us = [one for one in open_us if one not in over]
        index = len(item) if isinstance(item, tuple) else int(isinstance(item, Move))
        found += [(user, Position(*entry_id, index), clock_us) for user in sorted({one[0] for one in over})]
    return found


@settings(max_examples=50, deadline=None)
@given(logs())
def test_timers_are_those_of_a_look_at_the_whole_log(log: Log) -> None:
    events, _ = one_by_one(log)
    timers = [one for one in events if isinstance(one, TimerAt)]
    found = sorted((one.position, one.user_id, one.at) for one in timers)
    expected = run_out(log, events)
    assert found == sorted((position, user, moment_of(clock_us)) for user, position, clock_us in expected)


@settings(max_examples=50, deadline=None)
@given(logs())
def test_places_of_a_person_only_grow(log: Log) -> None:
    for events in by_person(one_by_one(log)[0]).values():
        positions = [event.position for event in events]  # type: ignore[attr-defined]  # each has one
        assert positions == sorted(set(positions))


@settings(max_examples=120, deadline=None)
@given(logs(), st.integers(0, 2**32))
def test_the_way_of_reading_changes_no_event_no_place_and_no_state(log: Log, seed: int) -> None:
    expected, state = one_by_one(log)
    found, state_found = in_any_way(log, random.Random(seed))
    assert by_person(found) == by_person(expected)
    assert len(found) == len(expected)
    assert state_found == state
