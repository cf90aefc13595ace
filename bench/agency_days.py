"""Days for histories of one person's agency: rules of every kind, random plans and random firings."""

import datetime as dt
from random import Random
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from adaptation.rules import Rule, load_rules
from schemas.plan import Plan, Task, TaskVariant, TaskVariants, TimeBlock
from schemas.positions import Position
from schemas.records import Evidence, EvidenceValue, Firing, ReadingRef

USER: Final = "ada"
TASK_IDS: Final = tuple(f"t{number}" for number in range(8))
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Pacific/Honolulu")
DAYS: Final = (
    dt.date(2026, 6, 10),
    dt.date(2026, 3, 29),  # clocks go forward in Berlin
    dt.date(2026, 10, 25),  # and back
    dt.date(2026, 11, 1),  # back in New York
    dt.date(2026, 9, 27),  # forward in Auckland
)

_CATEGORIES: Final = ("movement", "movement", "work", "work", "meal", "sleep")
_HEAD: Final = 'version = 2\nrandomisation_seed = "agency"\n'
_RULE: Final = """
[[rule]]
name = "{name}"
kind = "{kind}"
priority = {priority}
when = "energy_level {sign} 50 %"
cooldown = "30min"
horizon = "{horizon}"
expires = "{expires}"
action = {action}
reason = "Your energy is at {{energy_level}}."
{more}
"""


def _rule(
    name: str, kind: str, action: str, *, priority: int, horizon: str, expires: str, more: str = ""
) -> str:
    sign = "<" if kind == "protective" else ">"
    return _RULE.format(
        name=name,
        kind=kind,
        priority=priority,
        sign=sign,
        horizon=horizon,
        expires=expires,
        action=action,
        more=more,
    )


RULES: Final = load_rules(
    _HEAD
    + _rule("ease", "protective", '"reduce_intensity"', priority=1, horizon="6h", expires="40min")
    + _rule("rest", "protective", '"switch_to_recovery"', priority=2, horizon="12h", expires="2h")
    + _rule(
        "calm",
        "protective",
        '{ name = "prioritize_recovery", tasks = "first" }',
        priority=1,
        horizon="1d",
        expires="2d",
    )
    + _rule(
        "trim",
        "protective",
        '{ name = "reduce_intensity", duration_factor = 0.8, tasks = 2 }',
        priority=3,
        horizon="4h",
        expires="90min",
        more="randomise = 0.5",
    )
    + _rule("more", "upgrading", '"upgrade"', priority=1, horizon="8h", expires="3h")
    + _rule(
        "push",
        "upgrading",
        '{ name = "upgrade", tasks = 2, duration_factor = 2.0 }',
        priority=2,
        horizon="1d",
        expires="1d",
        more="randomise = 0.7",
    ),
    where="bench/agency_days.py",
)
"""Four that make the day easier and two that make it harder; one of each is drawn by lot."""


def random_plan(chance: Random, day: dt.date, *, near: dt.datetime) -> Plan:
    """Return a plan of up to three blocks and eight tasks that begins around the time of day of ``near``.

    Now and then tasks overlap, or lie beside their day.
    """
    ids = list(TASK_IDS)
    chance.shuffle(ids)
    is_large = chance.random() < 0.03  # so large that its changes do not all fit
    start = dt.datetime.combine(day, near.time(), dt.UTC).replace(second=0, microsecond=0)
    start += dt.timedelta(minutes=chance.choice((-120, -30, 10, 10, 60)))
    blocks: list[TimeBlock] = []
    for number in range(chance.randint(1, 3)):
        begin = start
        tasks = []
        for _ in range(min(4 if is_large else chance.randint(1, 4), len(ids))):
            start += dt.timedelta(minutes=chance.choice((0, 0, 5, 30, 90)))
            one = random_task(chance, ids.pop(), start, is_large=is_large)
            tasks.append(one)
            start = one.end - dt.timedelta(minutes=chance.choice((0, 0, 0, 0, 10)))
        start = max(start, begin) + dt.timedelta(minutes=chance.choice((1, 20)))
        blocks.append(
            TimeBlock(
                block_id=f"b{number}",
                title="Block",
                start=begin,
                end=start,
                purpose=chance.choice(("", "", "", "sleep")),
                flexibility_minutes=chance.choice((0, 15, 60, 200)),
                dependencies=(f"b{number - 1}",) if number and chance.random() < 0.3 else (),
                tasks=tuple(sorted(tasks, key=lambda task: task.start)),
            )
        )
    return Plan(user_id=USER, date=day, time_zone="UTC", version=1, blocks=tuple(blocks))


def random_task(chance: Random, task_id: str, start: dt.datetime, *, is_large: bool) -> Task:
    """Return an upcoming task; its start and end are now and then written in other offsets."""
    minutes = chance.choice((1, 5, 20, 45, 90))
    end = start + dt.timedelta(minutes=minutes)
    if chance.random() < 0.3:
        end = end.astimezone(dt.timezone(dt.timedelta(hours=2)))
    variant = TaskVariant(
        title=chance.choice((None, "Variant")),
        description="y" * 490 if is_large else None,
        duration_minutes=chance.choice((None, 10, 60)),
        intensity=chance.choice((None, "easy", "high")),
    )
    variants = TaskVariants(
        **{
            name: variant
            for name in TaskVariants.model_fields
            if chance.random() < (0.33 if is_large else 0.2)
        }
    )
    return Task(
        task_id=task_id,
        title=f"Task {chance.randrange(100)}",
        description="x" * 490 if is_large else "As planned",
        category=chance.choice(_CATEGORIES),
        start=start,
        end=end,
        duration_minutes=minutes,
        intensity=chance.choice(("easy", "moderate", "high")),
        energy_requirement=chance.choice(("low", "medium", "high")),
        locked=chance.random() < 0.1,
        variants=variants,
    )


def firing_of(rule: Rule, number: int, *, now: dt.datetime, time_zone: str, position: Position) -> Firing:
    """Return the firing of a rule at a reading; ``number`` makes its id."""
    value = EvidenceValue(
        measure="energy_level", unit="0-1", value=(number % 97) / 100, time=now, threshold=0.5
    )
    return Firing(
        firing_id=str(uuid5(NAMESPACE_URL, f"{USER}/{rule.name}/{number}")),
        user_id=USER,
        rule=rule.name,
        position=str(position),
        at=now,
        time_zone=time_zone,
        evidence=Evidence(reading=ReadingRef(device="watch", seq=number, time=now), values=(value,)),
        confidence=0.5,
    )
