"""Plans for the demo's people, made from the days in ``demo_plan.toml``."""

import functools
import tomllib
from datetime import date, datetime, time, timedelta
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import Field

from schemas.ids import Id
from schemas.plan import (
    EnergyRequirement,
    Intensity,
    Model,
    Plan,
    Task,
    TaskVariant,
    TaskVariants,
    TimeBlock,
)

SHIFTS_MINUTES: Final = (0, -20, 20, 10, -10)
"""How much earlier or later a person's whole day is than in the file."""


class _Variant(Model):
    title: str | None = None
    minutes: int | None = Field(default=None, ge=1)
    intensity: Intensity | None = None

    def made(self) -> TaskVariant:
        return TaskVariant(title=self.title, duration_minutes=self.minutes, intensity=self.intensity)


class _Task(Model):
    id: Id
    title: str
    description: str = ""
    category: str
    at: time
    minutes: int = Field(ge=1)
    intensity: Intensity = "moderate"
    energy: EnergyRequirement
    locked: bool = False
    low_energy: _Variant | None = None
    high_energy: _Variant | None = None
    recovery: _Variant | None = None


class _Block(Model):
    id: Id
    title: str
    from_: time = Field(alias="from")
    until: time
    purpose: str
    energy_requirement: EnergyRequirement
    flexibility_minutes: int = 0
    dependencies: tuple[Id, ...] = ()
    tasks: tuple[_Task, ...]


class _Day(Model):
    archetype: str
    mode: str
    block: tuple[_Block, ...]


class _DemoDays(Model):
    day: tuple[_Day, ...] = Field(min_length=1)


def demo_plan(user_id: str, day: date, *, time_zone: str, person: int) -> Plan:
    """Return a person's plan for a local day; neighbours and following days get different ones.

    Args:
        user_id: whose plan.
        day: the local day.
        time_zone: IANA zone of the person.
        person: the person's number, from 0.
    """
    days = _demo_days().day
    shape = days[(person + day.toordinal()) % len(days)]
    shift = timedelta(minutes=SHIFTS_MINUTES[person % len(SHIFTS_MINUTES)])
    zone = ZoneInfo(time_zone)

    def at(local: time) -> datetime:
        return datetime.combine(day, local, zone) + shift

    return Plan.model_validate(
        {
            "user_id": user_id,
            "date": day,
            "time_zone": time_zone,
            "archetype": shape.archetype,
            "mode": shape.mode,
            "blocks": [
                TimeBlock(
                    block_id=block.id,
                    title=block.title,
                    start=at(block.from_),
                    end=at(block.until),
                    purpose=block.purpose,
                    energy_requirement=block.energy_requirement,
                    flexibility_minutes=block.flexibility_minutes,
                    dependencies=block.dependencies,
                    tasks=tuple(_task(one, at(one.at)) for one in block.tasks),
                )
                for block in shape.block
            ],
        }
    )


@functools.cache
def _demo_days() -> _DemoDays:
    text = resources.files("daybeat").joinpath("demo_plan.toml").read_text("utf-8")
    return _DemoDays.model_validate(tomllib.loads(text))


def _task(one: _Task, start: datetime) -> Task:
    return Task(
        task_id=one.id,
        title=one.title,
        description=one.description,
        category=one.category,
        start=start,
        end=start + timedelta(minutes=one.minutes),
        duration_minutes=one.minutes,
        intensity=one.intensity,
        energy_requirement=one.energy,
        locked=one.locked,
        variants=TaskVariants(
            low_energy=one.low_energy.made() if one.low_energy else None,
            high_energy=one.high_energy.made() if one.high_energy else None,
            recovery=one.recovery.made() if one.recovery else None,
        ),
        origin="demo",
    )
