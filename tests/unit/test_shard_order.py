"""The same log gives the same results, whatever the frames, activations, restarts and order of people."""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.shard import Shard
from adaptation.tracked import CommandAt, ReadingEvent
from schemas.commands import SetProfile
from schemas.measures import DAY_MEASURES
from schemas.records import BaselineRow
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Run, Sent

LEVELS = (0.1, 0.3, 0.65, 0.95)
USERS = ("ada", "bob", "eve")
ZONES = ("America/New_York", "Asia/Tokyo", "Europe/Berlin")
PLAIN_RULES = ("energy_drop", "sleep_debt", "energy_surge")
CACHED = {"zone.offset_us", "zone.from_us", "zone.until_us"}


@dataclass(frozen=True)
class Move:
    """A person's zone changes."""

    user: str
    zone: str


Item = Sent | Move

measures = st.dictionaries(
    st.sampled_from(["energy_level", "stress_level", "readiness_score", "sleep_quality"]),
    st.sampled_from(LEVELS),
    min_size=1,
) | st.fixed_dictionaries(
    {
        "hrv_rmssd_ms": st.sampled_from([12.0, 25.0, 45.0, 47.0]),
        "stress_level": st.sampled_from(LEVELS),
        "heart_rate_bpm": st.sampled_from([55.0, 90.0]),
    }
)
steps = st.sampled_from(
    [-MINUTE_US, 0, SECOND_US, SECOND_US, 20 * MINUTE_US, 20 * MINUTE_US, HOUR_US, 5 * HOUR_US, DAY_US]
)
delays = st.sampled_from([0, 0, 0, 10 * MINUTE_US, 11 * MINUTE_US, 7 * HOUR_US])


@st.composite
def histories(draw: st.DrawFn) -> dict[str, list[Item]]:
    """Each person's readings and moves in order: a fortnight of usual values, then anything."""
    history: dict[str, list[Item]] = {}
    for user in USERS:
        items: list[Item] = [
            Sent(NOON - (26 - day) * DAY_US // 2, {"hrv_rmssd_ms": 44.0 + day % 3}, user=user)
            for day in range(26)
        ]
        time_us = NOON
        for _ in range(draw(st.integers(0, 25))):
            if draw(st.integers(0, 9)) == 0:
                items.append(Move(user, draw(st.sampled_from(ZONES))))
                continue
            time_us += draw(steps)
            device = draw(st.sampled_from(["watch", "watch", "ring"]))
            items.append(Sent(time_us, draw(measures), user, device, draw(delays), seq=len(items)))
        history[user] = items
    return history


def put(run: Run, items: list[Item]) -> None:
    """Queue items: neighbouring readings as one frame, moves as commands."""
    frame: list[Sent] = []
    for item in items:
        if isinstance(item, Sent):
            frame.append(item)
            continue
        if frame:
            run.put(*frame)
            frame = []
        run.put_command(item.user, SetProfile(command_id="move", time_zone=item.zone))
    if frame:
        run.put(*frame)


def results(run: Run) -> tuple[dict[str, list[object]], dict[str, bytes]]:
    """Return each person's events in order without their places, and every cell kept of anybody."""
    events: dict[str, list[object]] = defaultdict(list)
    for event in run.events:
        if isinstance(event, BaselineRow):
            events[event.user_id].append(event)
        elif isinstance(event, CommandAt):
            events[event.entry.user_id].append(event.time_zone)
        elif isinstance(event, ReadingEvent):
            both = [(one.firing, "") for one in event.firings] + list(event.suppressed)
            events[event.user_id] += [(f.model_copy(update={"position": ""}), why) for f, why in both]
    state = run.shard.copy_state()
    kept = [column for column, name in enumerate(state.people.names) if name not in CACHED]
    number = state.people.names.index("zone.number")
    cells = {}
    for row, user in enumerate(state.users):
        zone = (Run().default_zone, *state.zones)[state.people.cells.view(np.int64)[row, number]]
        kept_cells = [column for column in kept if column != number]
        cells[user] = zone.encode() + state.people.cells[row, kept_cells].tobytes()
    for row, (user, device) in enumerate(state.devices):
        cells[f"{user}/{device}"] = state.streams.cells[row].tobytes()
    return dict(events), cells


def one_by_one(history: dict[str, list[Item]]) -> Run:
    run = Run()
    for items in history.values():
        for item in items:
            put(run, [item])
            run.advance()
    return run


def shuffled(history: dict[str, list[Item]], chance: random.Random) -> Run:
    """Return a run with people interleaved, any frames, any activations, and restarts in between."""
    run = Run()
    turns = [user for user, items in history.items() for _ in items]
    chance.shuffle(turns)
    waiting = {user: iter(items) for user, items in history.items()}
    log = [next(waiting[user]) for user in turns]
    while log:
        size = chance.choice((1, 2, 7, 40, len(log)))
        put(run, log[:size])
        log = log[size:]
        match chance.randrange(5):
            case 0 | 1:
                run.advance(chance.choice((1, 2, 64)))
            case 2:
                run.resume()
            case 3:
                copied = run.shard.copy_state()
                run.shard.advance(chance.choice((1, 3)))  # lost: the process dies before its next copy
                run.shard = Shard.restore(copied, run.rules, default_zone=run.default_zone)
            case _:
                pass
    while run.shard.has_pending:
        run.advance()
    return run


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 2**32))
def test_frames_order_of_people_activations_and_restarts_change_nothing(
    history: dict[str, list[Item]], seed: int
) -> None:
    expected, found = results(one_by_one(history)), results(shuffled(history, random.Random(seed)))
    assert found[0] == expected[0]
    assert found[1] == expected[1]


def plain_decisions(sent: list[Sent]) -> list[tuple[int, str, str]]:
    """Return seq, rule and reason code of each onset of one person with one device, by looking at everything.

    Straight from the wording of the rules: lists and loops, nothing kept from reading to reading but whether
    a rule was active when it was last judged, and when it fired. Only the rules of ``PLAIN_RULES``, and only
    what comes of values on time.
    """
    decisions: list[tuple[int, str, str]] = []
    active = dict.fromkeys(PLAIN_RULES, False)
    fired: dict[str, list[int]] = {rule: [] for rule in PLAIN_RULES}
    for number, reading in enumerate(sent):
        past = sent[: number + 1]
        fresh = {
            name
            for name in reading.values
            if reading.time_us >= max(other.time_us for other in past if name in other.values)
            and _on_time(reading, name)
        }
        energy, readiness = (_current(past, name) for name in ("energy_level", "readiness_score"))
        high = any(
            _is_fresh(sent, index, "energy_level")
            and other.values["energy_level"] > 0.6
            and 0 <= reading.time_us - other.time_us <= 2 * HOUR_US
            for index, other in enumerate(past)
        )
        today, day_before = (_night(past, reading.time_us // DAY_US - ago) for ago in (0, 1))
        holds = {
            "energy_drop": (energy < 0.3 and high, {"energy_level"}),
            "sleep_debt": (today < 0.6 and day_before < 0.6, {"sleep_quality"}),
            "energy_surge": (energy > 0.8 and readiness > 0.8, {"energy_level", "readiness_score"}),
        }
        nights = [other.time_us // DAY_US for other in past if DAY_MEASURES & other.values.keys()]
        if DAY_MEASURES & reading.values.keys() and nights[-1] > max(nights[:-1], default=-1):
            active["sleep_debt"] = False  # each day with a night begins anew
        for rule, (true, measures_named) in holds.items():
            if not fresh & measures_named:
                continue
            if true and not active[rule]:
                why = _why_not(fired[rule], reading.arrival_us)
                decisions.append((reading.seq, rule, why))
                if not why:
                    fired[rule].append(reading.arrival_us)
            stays = rule == "energy_drop" and active[rule] and not energy > 0.4
            active[rule] = true or stays
    return decisions


def _why_not(fired_us: list[int], arrival_us: int) -> str:
    if fired_us and arrival_us - fired_us[-1] < 4 * HOUR_US:
        return "cooldown"
    same_day = 0
    for time_us in reversed(fired_us):  # of the day with the last firing, as arrivals may come in any order
        if time_us // DAY_US != arrival_us // DAY_US:
            break
        same_day += 1
    return "daily_limit" if same_day >= 3 else ""


def _on_time(reading: Sent, name: str) -> bool:
    same_day = reading.arrival_us // DAY_US == reading.time_us // DAY_US
    return reading.delay_us <= 10 * MINUTE_US or (name == "sleep_quality" and same_day)


def _is_fresh(sent: list[Sent], index: int, name: str) -> bool:
    reading = sent[index]
    if name not in reading.values or not _on_time(reading, name):
        return False
    return all(other.time_us <= reading.time_us for other in sent[:index] if name in other.values)


def _current(past: list[Sent], name: str) -> float:
    """Return the current value at the last reading, NaN if there is none of the last two hours."""
    fresh = [reading for index, reading in enumerate(past) if _is_fresh(past, index, name)]
    if not fresh or past[-1].time_us - fresh[-1].time_us > 2 * HOUR_US:
        return float("nan")
    return fresh[-1].values[name]


def _night(past: list[Sent], day: int) -> float:
    """Return the latest value of a day; of equal times the later arrival counts."""
    nights = [r for r in past if "sleep_quality" in r.values and r.time_us // DAY_US == day]
    if not nights:
        return float("nan")
    latest_us = max(reading.time_us for reading in nights)
    return [reading for reading in nights if reading.time_us == latest_us][-1].values["sleep_quality"]


plain_measures = st.dictionaries(
    st.sampled_from(["energy_level", "readiness_score", "sleep_quality"]), st.sampled_from(LEVELS), min_size=1
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(steps, delays, plain_measures), max_size=30), st.integers(1, 30))
def test_decisions_equal_those_of_a_look_at_the_whole_history(
    drawn: list[tuple[int, int, dict[str, float]]], size: int
) -> None:
    time_us, sent = NOON, []
    for seq, (step_us, delay_us, values) in enumerate(drawn):
        time_us += step_us
        sent.append(Sent(time_us, values, delay_us=delay_us, seq=seq))
    run = Run()
    for start in range(0, len(sent), size):
        run.put(*sent[start : start + size])
        run.advance()
    found = [
        (firing.evidence.reading.seq, firing.rule, why)
        for event in run.events
        if isinstance(event, ReadingEvent)
        for firing, why in [*((one.firing, "") for one in event.firings), *event.suppressed]
        if firing.rule in PLAIN_RULES and why != "late"
    ]
    assert sorted(found) == sorted(plain_decisions(sent))  # type: ignore[type-var]  # each has a seq
