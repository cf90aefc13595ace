"""A backtest over readings in memory gives exactly what the shard gives for the same readings."""

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adaptation import backtest
from adaptation.backtest import Backtest, Outcome, outcomes_of
from adaptation.backtest_history import History
from adaptation.backtest_narrow import NarrowTracker, narrow_people
from adaptation.backtest_ways import track_history
from adaptation.rules import RuleSet, builtin_rules, load_rules
from adaptation.shard import Shard
from adaptation.tracked import ReadingEvent
from adaptation.triggers import Triggers
from daybeat.backtest_sources import from_simulation
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import ReadingFrame
from schemas.positions import EntryId
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Sent, frame_of

RULE = """
[[rule]]
name = "{name}"
kind = "protective"
priority = {priority}
when = "{when}"
cooldown = "2h"
horizon = "6h"
expires = "4h"
action = "reduce_intensity"
reason = "So it is."
{more}
"""
CONDITIONS = {
    "energy_drop": (
        "energy_level < 30 % and energy_level > 60 % within 2 h",
        'leave = "energy_level > 40 %"',
    ),
    "stress_spike": ("stress_level > 80 % and hrv_rmssd_ms < 70 % * usual(hrv_rmssd_ms)", ""),
    "sleep_debt": ("sleep_quality < 60 % for 2 days", ""),
    "racing": ("z(heart_rate_bpm) > 1 SD or heart_rate_bpm > 120 bpm", 'allow = ["exercise"]'),
    "calm_and_racing": ("heart_rate_bpm > 85 bpm and resting", "at_most_per_day = 1"),
    "tense_for_long": ("stress_level > 50 % for 40 min", ""),
    "tense_for_the_hour": ("z_at_hour(stress_level) > 1 SD", ""),
    "falling": ("hrv_rmssd_ms < 60 % * previous(hrv_rmssd_ms)", ""),
    "at_it": ("activity in (run, workout) and time_of_day between 08:00 and 20:00", 'evidence = ["steps"]'),
    "long_night": ("sleep_minutes > 9 h and weekday in (fri, sat)", ""),
    "no_energy_lately": ("not (energy_level > 60 % within 3 h)", ""),
}
LEVELS = (0.1, 0.3, 0.55, 0.65, 0.95)
ZONES = {"ada": "America/New_York", "bob": "Asia/Tokyo"}
USERS = ("ada", "bob", "eve", "joe")


def rules_of(*names: str) -> RuleSet:
    text = "".join(
        RULE.format(name=name, priority=1 + number % 3, when=CONDITIONS[name][0], more=CONDITIONS[name][1])
        for number, name in enumerate(names)
    )
    return load_rules("version = 2\n" + text, where="test")


def told(outcomes: Sequence[Outcome]) -> dict[str, list[object]]:
    """Return each person's outcomes in order, without places in a log."""
    found: dict[str, list[object]] = defaultdict(list)
    for one in outcomes:
        found[one.firing.user_id].append((one.firing.model_copy(update={"position": ""}), one.why))
    return dict(found)


def by_shard(rules: RuleSet, frames: Sequence[ReadingFrame], zones: dict[str, str]) -> list[Outcome]:
    shard = Shard(rules, default_zone="UTC")
    entries = 0
    for user, zone in zones.items():
        entries += 1
        command = SetProfile(command_id=f"zone-{user}", time_zone=zone)
        shard.take_command(EntryId(entries, 0), CommandEntry(user_id=user, arrival_us=0, command=command))
    found = []
    for frame in frames:
        entries += 1
        shard.take_frame(EntryId(entries, 0), frame)
        for event in shard.advance(len(frame) + len(zones)):
            if isinstance(event, ReadingEvent):
                found += outcomes_of(event)
    return found


def by_backtest(rules: RuleSet, frames: Sequence[ReadingFrame], zones: dict[str, str]) -> list[Outcome]:
    test = Backtest(rules, default_zone="UTC")
    test.begin(zones)
    for frame in frames:
        test.take(frame)
    test.finish()
    return test.outcomes


def person(chance: random.Random, user: str, *, gives_levels: bool, has_contact: bool) -> list[Sent]:
    """Return two weeks of one person with a watch and perhaps a ring, in order of arrival."""
    sent: list[Sent] = []
    time_us = NOON - 12 * DAY_US
    steps = (MINUTE_US, 5 * MINUTE_US, 20 * MINUTE_US, HOUR_US, 5 * HOUR_US)
    for number in range(chance.randrange(60, 160)):
        time_us += chance.choice(steps) + chance.randrange(SECOND_US)
        values: dict[str, float] = {}
        if chance.random() < 0.8:
            values["heart_rate_bpm"] = round(chance.gauss(75, 18), 1)
        if gives_levels or (number and chance.random() < 0.3):
            values["energy_level"], values["stress_level"] = chance.choice(LEVELS), chance.choice(LEVELS)
        if chance.random() < 0.4:
            values["hrv_rmssd_ms"] = round(chance.uniform(10, 60), 1)
        if chance.random() < 0.1:
            values["sleep_quality"], values["sleep_minutes"] = chance.choice(LEVELS), chance.uniform(200, 700)
        if chance.random() < 0.2:
            values["steps"] = chance.choice([0.0, 5.0, 80.0])
        delays = (SECOND_US,) * 8 + (11 * MINUTE_US, 7 * HOUR_US, -6 * MINUTE_US)
        sent.append(
            Sent(
                time_us - (chance.choice([0, MINUTE_US, HOUR_US]) if chance.random() < 0.1 else 0),
                values or {"steps": 0.0},
                user,
                chance.choice(["watch", "watch", "ring"]),
                chance.choice(delays),
                seq=number,
                flags=chance.choice([0, 2, 6]) if has_contact else 0,
                activity=chance.choice(["", "", "", "rest", "walk", "run", "sleep", "workout"]),
                rr_ms=[800.0 + chance.gauss(0, 30) for _ in range(chance.choice([0, 0, 60]))],
            )
        )
    return sent


def frames_of(people: Sequence[Sequence[Sent]], chance: random.Random) -> list[ReadingFrame]:
    """Return the readings of some people in frames, each person's in their order."""
    turns = [number for number, sent in enumerate(people) for _ in sent]
    chance.shuffle(turns)
    waiting = [iter(sent) for sent in people]
    log = [next(waiting[number]) for number in turns]
    frames = []
    while log:
        size = chance.choice((1, 30, 200))
        frames.append(frame_of(log[:size]))
        log = log[size:]
    return frames


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(sorted(CONDITIONS)), min_size=1))
@example(174, {"no_energy_lately", "energy_drop", "falling"})  # a level from far ahead is not given
def test_any_rules_over_any_people_come_to_the_same_as_in_the_shard(seed: int, names: set[str]) -> None:
    chance = random.Random(seed)
    people = [
        person(chance, user, gives_levels=chance.random() < 0.7, has_contact=chance.random() < 0.2)
        for user in USERS
    ]
    rules, frames = rules_of(*sorted(names)), frames_of(people, chance)
    assert told(by_backtest(rules, frames, ZONES)) == told(by_shard(rules, frames, ZONES))


@pytest.mark.parametrize("seed", range(3))
def test_people_whose_devices_give_levels_are_narrow_and_see_the_same(seed: int) -> None:
    chance = random.Random(seed)
    people = [person(chance, user, gives_levels=True, has_contact=False) for user in USERS]
    rules, frames = rules_of(*CONDITIONS), frames_of(people, chance)
    history, triggers = History.of(frames, ZONES), Triggers(rules)
    assert narrow_people(history, triggers.needs).all()
    narrow = NarrowTracker(triggers, "UTC", history)
    found = [one for event in track_history(narrow, history) for one in outcomes_of(event)]
    assert told(found) == told(by_shard(rules, frames, ZONES))
    assert {outcome.firing.rule for outcome in found if not outcome.why} >= {"energy_drop", "racing"}
    assert {outcome.why for outcome in found} >= {"", "cooldown", "late", "future", "exercise"}


def simulated() -> tuple[list[ReadingFrame], dict[str, str]]:
    """Return two weeks and a day of simulated people with a watch that gives beats, and a ring."""
    (group,) = from_simulation(3, days=1, seed=3).groups
    return list(group.frames), dict(group.zones)


def test_shipped_rules_over_simulated_people_come_to_the_same_as_in_the_shard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, zones = simulated()
    expected = told(by_shard(builtin_rules(), frames, zones))
    assert sum(map(len, expected.values())) >= 3
    assert told(by_backtest(builtin_rules(), frames, zones)) == expected
    monkeypatch.setattr(backtest, "HELD_MAX", 5000)  # a history that does not fit goes through a shard
    assert told(by_backtest(builtin_rules(), frames, zones)) == expected


def test_what_lies_before_the_beginning_teaches_and_is_not_told() -> None:
    chance = random.Random(3)
    frames = frames_of([person(chance, user, gives_levels=True, has_contact=False) for user in USERS], chance)
    everything = by_backtest(rules_of(*CONDITIONS), frames, ZONES)
    test = Backtest(rules_of(*CONDITIONS), default_zone="UTC")
    test.begin(ZONES, from_us=NOON - 8 * DAY_US)
    for frame in frames:
        test.take(frame)
    test.finish()
    assert 0 < len(test.outcomes) < len(everything)
    assert told(test.outcomes) == told([one for one in everything if one.time_us >= NOON - 8 * DAY_US])


def test_people_of_different_groups_do_not_know_each_other() -> None:
    chance = random.Random(4)
    groups = [person(chance, "ada", gives_levels=True, has_contact=False) for _ in range(2)]
    test, apart = Backtest(rules_of(*CONDITIONS), default_zone="UTC"), []
    for sent in groups:
        frames = frames_of([sent], chance)
        test.begin({})
        for frame in frames:
            test.take(frame)
        test.finish()
        apart += by_shard(rules_of(*CONDITIONS), frames, {})
    assert told(test.outcomes) == told(apart)
