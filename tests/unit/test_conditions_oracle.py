"""Conditions compiled to masks over many people, beside a plain look at one person after the other."""

import random
from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.rules import Rule, RuleSet
from adaptation.rules.model import Written
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Between,
    Comparison,
    Condition,
    ForDays,
    HeldFor,
    Holds,
    Is,
    Number,
    Term,
    Within,
)
from adaptation.tracked import ReadingEvent
from support.plain_rules import PlainRules
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, SECOND_US, Run, Sent
from support.rule_texts import rules_of

USERS = ("ada", "bob", "eve")
LEVELS = (0.1, 0.3, 0.65, 0.95)
LEVEL_NAMES = ("energy_level", "stress_level", "readiness_score")
OPERATORS = ("<", "<=", ">", ">=")

levels = st.sampled_from(LEVELS)
operators = st.sampled_from(OPERATORS)
spans = st.sampled_from([SECOND_US, 5 * MINUTE_US, 20 * MINUTE_US, 2 * HOUR_US]).map(
    lambda span_us: timedelta(microseconds=span_us)
)


def _compare(left: object, operator: str, right: object, unit: str = "0-1") -> Comparison:
    return Comparison(left, operator, right, unit, 0, 400)  # type: ignore[arg-type]


limits = st.builds(
    lambda name, operator, limit: _compare(Term(name), operator, Number(limit)),
    st.sampled_from(LEVEL_NAMES),
    operators,
    levels,
)
steps_moved = st.builds(
    lambda name, operator, by: _compare(
        Arithmetic("-", Term(name), Term(name, "previous")), operator, Number(by)
    ),
    st.sampled_from(LEVEL_NAMES),
    operators,
    st.sampled_from([-0.2, 0.0, 0.3]),
)
ratios = st.builds(
    lambda operator, limit: _compare(
        Arithmetic("/", Term("energy_level"), Arithmetic("-", Term("stress_level"), Number(0.3))),
        operator,
        Number(limit),
    ),
    operators,
    st.sampled_from([-1.0, 1.0, 2.0]),
)
pairs = st.builds(
    lambda one, operator, other: _compare(Term(one), operator, Term(other)),
    st.sampled_from(LEVEL_NAMES),
    operators,
    st.sampled_from(LEVEL_NAMES),
)
usuals = st.builds(
    lambda operator, factor: _compare(
        Term("hrv_rmssd_ms"), operator, Arithmetic("*", Number(factor), Term("hrv_rmssd_ms", "usual")), "ms"
    ),
    operators,
    st.sampled_from([0.7, 1.0, 1.02]),
)
scores = st.builds(
    lambda operator, limit: _compare(Term("hrv_rmssd_ms", "z"), operator, Number(limit), "SD"),
    operators,
    st.sampled_from([-1.5, 0.0, 1.0]),
)
nights = st.builds(
    lambda operator, limit: _compare(Term("sleep_quality"), operator, Number(limit)), operators, levels
)
words = st.builds(
    Is,
    st.just("activity"),
    st.sets(st.sampled_from(["rest", "run", "sleep"]), min_size=1).map(frozenset),
    st.booleans(),
) | st.builds(
    Is,
    st.just("weekday"),
    st.sets(st.sampled_from(["fri", "sat", "sun"]), min_size=1).map(frozenset),
    st.booleans(),
)
flags = st.builds(Holds, st.sampled_from(["exercising", "moving", "asleep", "resting"]), st.booleans())
clocks = st.builds(
    Between, st.sampled_from([0, 8 * 60, 12 * 60 + 5]), st.sampled_from([6 * 60, 12 * 60 + 1, 23 * 60])
)
compared = limits | steps_moved | ratios | pairs | usuals | scores | nights
leaves = compared | words | flags | clocks
joined = st.lists(leaves, min_size=1, max_size=3).map(tuple)
plain = leaves | joined.map(AllOf) | joined.map(AnyOf)
looking_back = st.builds(Within, limits, spans, st.booleans())
held = st.builds(HeldFor, plain, spans)
over_days = st.builds(ForDays, nights, st.just(2))
modified = looking_back | held | over_days
parts = st.lists(plain | modified, min_size=1, max_size=3).map(tuple)
KINDS: dict[str, st.SearchStrategy[Condition]] = {
    "plain": plain,
    "within": looking_back,
    "held": held,
    "over_days": over_days,
    "joined": parts.map(AllOf) | parts.map(AnyOf),
}


@st.composite
def rules(draw: st.DrawFn, conditions: st.SearchStrategy[Condition]) -> Rule:
    (rule,) = rules_of(
        "energy_level < 30 %",
        cooldown=draw(st.sampled_from(["1min", "4h"])),
        at_most_per_day=draw(st.integers(1, 3)),
        allow=draw(st.sampled_from([(), ("exercise",)])),
    ).rules
    leave = draw(st.none() | conditions | plain)
    written = None if leave is None else Written("leave", leave)
    return rule.model_copy(update={"when": Written("when", draw(conditions)), "leave": written})


PAUSES_US = (0, SECOND_US, *[MINUTE_US] * 4, *[4 * MINUTE_US] * 3, 16 * MINUTE_US, HOUR_US, DAY_US // 2)
DELAYS_US = (*[0] * 9, 10 * MINUTE_US, 11 * MINUTE_US, 7 * HOUR_US, -5 * MINUTE_US, -6 * MINUTE_US)
ACTIVITIES = (*[""] * 8, "rest", "walk", "run", "sleep")


def lives(chance: random.Random) -> dict[str, list[Sent]]:
    """Return each person's readings in order: a fortnight of usual values (eve has none), then anything."""
    found: dict[str, list[Sent]] = {}
    for user in USERS:
        sent = [
            Sent(NOON - (24 - day) * DAY_US // 2, {"hrv_rmssd_ms": 44.0 + day % 3}, user=user, seq=day)
            for day in range(24 if user != "eve" else 0)
        ]
        time_us = NOON
        for seq in range(100, 140):
            time_us += chance.choice(PAUSES_US)
            values = {name: chance.choice(LEVELS) for name in LEVEL_NAMES if chance.random() < 0.6}
            if chance.random() < 0.3:
                values["hrv_rmssd_ms"] = chance.choice((12.0, 31.5, 45.0, 47.0))
            if chance.random() < 0.15:
                values["sleep_quality"] = chance.choice(LEVELS)
            if not values or chance.random() < 0.2:
                values["steps"] = chance.choice((3.0, 40.0))
            delay_us, activity = chance.choice(DELAYS_US), chance.choice(ACTIVITIES)
            sent.append(Sent(time_us, values, user, delay_us=delay_us, seq=seq, activity=activity))
        found[user] = sent
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_masks_over_people_are_what_a_look_at_each_of_them_finds(
    kind: str, data: st.DataObject, seed: int
) -> None:
    rule = data.draw(rules(KINDS[kind]))
    chance, run = random.Random(seed), Run(RuleSet.model_construct(rules=(rule,), text=""))
    lived = lives(chance)
    waiting = {user: iter(sent) for user, sent in lived.items()}
    turns = [user for user, sent in lived.items() for _ in sent]
    chance.shuffle(turns)
    log = [next(waiting[user]) for user in turns]
    while log:
        size = chance.choice((1, 3, 20, len(log)))
        run.put(*log[:size])
        log = log[size:]
        run.advance()
    while run.shard.has_pending:
        run.advance()
    found: dict[str, list[tuple[int | None, str]]] = defaultdict(list)
    for event in run.events:
        if isinstance(event, ReadingEvent):
            for firing, why in [*((one.firing, "") for one in event.firings), *event.suppressed]:
                found[event.user_id].append((firing.evidence.reading.seq, why))
    for user, sent in lived.items():
        plainly = PlainRules(rule)
        expected = [(one.seq, why) for one in sent for why in plainly.take(one)]
        assert found[user] == expected
