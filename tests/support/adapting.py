"""Plans, firings and commands for the tests of what becomes of them. Times are those of one Friday."""

import datetime as dt
from uuid import NAMESPACE_URL, uuid5

from adaptation.rules import Rule, RuleSet, builtin_rules
from adaptation.tracked import ReadingEvent, RuleFiring, TimerAt
from schemas.commands import COMMAND, CommandEntry
from schemas.people import PersonState
from schemas.plan import Plan, Task, TimeBlock
from schemas.positions import Position
from schemas.readings import micros
from schemas.records import Evidence, EvidenceValue, Firing, ReadingRef
from schemas.situations import NO_EVENT, Situation

DAY = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
RULES = builtin_rules()

_EVIDENCE = {
    "energy_drop": [("energy_level", 0.64, -40), ("energy_level", 0.27, 0)],
    "stress_spike": [("stress_level", 0.9, 0), ("hrv_rmssd_ms", 21.0, -5)],
    "sleep_debt": [("sleep_quality", 0.5, -1440), ("sleep_quality", 0.4, 0)],
    "energy_surge": [("energy_level", 0.9, 0), ("readiness_score", 0.85, -30)],
}
SEEDS = tuple(_EVIDENCE)
"""Rules that :func:`firing` can fire."""

_UNITS = {"hrv_rmssd_ms": "ms"}


def at(clock: str, day: dt.date = DAY) -> dt.datetime:
    """Return a moment of the day, UTC, from ``HH:MM``."""
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), dt.UTC)


def task(
    task_id: str, start: str = "10:00", minutes: int = 40, *, day: dt.date = DAY, **fields: object
) -> Task:
    begin = at(start, day)
    return Task.model_validate(
        {
            "task_id": task_id,
            "title": f"Title of {task_id}",
            "description": f"Description of {task_id}",
            "category": "movement",
            "start": begin,
            "end": begin + dt.timedelta(minutes=minutes),
            "duration_minutes": minutes,
            **fields,
        }
    )


def plan(
    *tasks: Task,
    user: str = "ada",
    day: dt.date = DAY,
    end: str = "23:59",
    flexibility: int = 0,
    version: int = 1,
) -> Plan:
    """Return a plan of one block that begins at midnight."""
    block = TimeBlock(
        block_id="day",
        title="Day",
        start=at("00:00", day),
        end=at(end, day),
        flexibility_minutes=flexibility,
        tasks=tasks,
    )
    return Plan(user_id=user, date=day, time_zone="UTC", version=version, blocks=(block,))


def firing(
    rule: str = "energy_drop",
    *,
    now: dt.datetime = NOW,
    user: str = "ada",
    zone: str = "UTC",
    number: int = 0,
    position: Position | None = None,
) -> Firing:
    values = tuple(
        EvidenceValue(
            measure=measure,
            unit=_UNITS.get(measure, "0-1"),
            value=value,
            time=now + dt.timedelta(minutes=minutes),
        )
        for measure, value, minutes in _EVIDENCE[rule]
    )
    return Firing(
        firing_id=str(uuid5(NAMESPACE_URL, f"{user}/{rule}/{micros(now)}/{number}")),
        user_id=user,
        rule=rule,
        position=str(position or position_at(now)),
        at=now,
        time_zone=zone,
        evidence=Evidence(reading=ReadingRef(device="watch", seq=812, time=now), values=values),
        confidence=0.8,
    )


def position_at(now: dt.datetime, index: int = 0) -> Position:
    return Position(micros(now) // 1000, 0, index)


def rule_named(name: str, rules: RuleSet = RULES) -> Rule:
    rule = rules.find(name)
    assert rule is not None, name
    return rule


def with_rules(*firings: Firing, rules: RuleSet = RULES) -> tuple[RuleFiring, ...]:
    """Return firings as ``track`` hands them on: by priority, equal ones in the order of the rules' file."""
    order = [rule.name for rule in rules.by_priority()]
    fired = sorted(firings, key=lambda one: order.index(one.rule))
    return tuple(RuleFiring(one, rule_named(one.rule, rules)) for one in fired)


def firings_at(
    *firings: Firing,
    suppressed: tuple[tuple[Firing, str], ...] = (),
    position: Position | None = None,
    rules: RuleSet = RULES,
) -> ReadingEvent:
    first = (*firings, *(one for one, _ in suppressed))[0]
    return ReadingEvent(
        position or Position.parse(first.position),
        first.user_id,
        at=first.at,
        time_zone=first.time_zone,
        firings=with_rules(*firings, rules=rules),
        suppressed=suppressed,
    )


def timer_at(now: dt.datetime, *, user: str = "ada", zone: str = "UTC", index: int = 7) -> TimerAt:
    return TimerAt(position_at(now, index), user, now, zone)


def situation(
    *plans: Plan, person: PersonState | None = None, user: str = "ada", feed_last: str = NO_EVENT
) -> Situation:
    return Situation(user, person or PersonState(), {one.date: one for one in plans}, feed_last)


def command(
    kind: str, *, now: dt.datetime = NOW, user: str = "ada", number: int = 1, **fields: object
) -> CommandEntry:
    one = COMMAND.validate_python(
        {"type": kind, "command_id": f"{kind.replace('.', '-')}-{number}", **fields}
    )
    return CommandEntry(user_id=user, arrival_us=micros(now), command=one)
