"""Who sends what in a load: many people, of whom a known share fires a rule once."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.plan import Plan, Task, TimeBlock

FIRED_SHARE: Final = 0.012
"""Share of readings that fire a rule."""

ARM, FIRE = 0, 1
_QUIET_BODIES: Final = 32
_TASKS: Final = 8
_CATEGORIES: Final = ("movement", "nutrition", "work", "hydration")
"""As in a usual day: meals and drinks are kept, so two or three of the next hours' tasks change."""
_TASK_MINUTES: Final = 20
_LATE_HOUR: Final = 20
"""From here on too little of the day is left for eight tasks."""


@dataclass(frozen=True)
class Scenario:
    """The readings of one load, in order of sending."""

    topics: Sequence[bytes]
    order: NDArray[np.int32]
    kinds: NDArray[np.int16]
    bodies: Sequence[bytes]
    firing_users: Sequence[str]
    """People whose energy falls from above 0.6 to below 0.3 once."""


def user_name(number: int) -> str:
    """Return the id of person ``number``."""
    return f"person-{number:06d}"


def make_scenario(*, readings: int, users: int, rate: float, seed: int = 1) -> Scenario:
    """Return ``readings`` single readings of ``users`` people, of which 1.2 % fire ``energy_drop``.

    A firing person's two readings lie about a second apart, at even and odd places of the order, so that they
    never fall on one another.
    """
    chance = np.random.default_rng(seed)
    firing = min(int(readings * FIRED_SHARE), users // 2)
    order = chance.integers(firing, users, readings).astype(np.int32)
    kinds = chance.integers(2, 2 + _QUIET_BODIES, readings).astype(np.int16)
    gap = int(max(rate, 1)) | 1
    places = np.arange(gap + gap % 2 + 1, readings, 2)
    fire_at = np.sort(chance.choice(places - places % 2, firing, replace=False))
    people = chance.permutation(firing)
    order[fire_at], kinds[fire_at] = people, FIRE
    order[fire_at - gap], kinds[fire_at - gap] = people, ARM
    quiet = [
        b'"heart_rate_bpm":%d,"energy_level":0.%d,"activity":"rest"}' % (58 + index, 40 + index % 20)
        for index in range(_QUIET_BODIES)
    ]
    return Scenario(
        topics=[f"v1/{user_name(number)}/watch/readings".encode() for number in range(users)],
        order=order,
        kinds=kinds,
        bodies=[b'"energy_level":0.72}', b'"energy_level":0.21}', *quiet],
        firing_users=[user_name(number) for number in range(firing)],
    )


def plan_of(user: str, now: dt.datetime) -> Plan:
    """Return a plan of eight tasks, 75 minutes apart: at most five in the six hours from ``now`` (UTC) on.

    Late in the evening it is tomorrow's plan, which a change reaches across midnight.
    """
    first = now.replace(second=0, microsecond=0) + dt.timedelta(minutes=30)
    if first.hour >= _LATE_HOUR:
        first = first.replace(hour=0, minute=5) + dt.timedelta(days=1)
    last = first.replace(hour=23, minute=15)
    step = min(dt.timedelta(minutes=75), (last - first) / (_TASKS - 1))
    tasks = []
    for number in range(_TASKS):
        start = first + step * number
        tasks.append(
            Task(
                task_id=f"task-{number}",
                title=f"Task {number}",
                category=_CATEGORIES[number % len(_CATEGORIES)],
                start=start,
                end=start + dt.timedelta(minutes=_TASK_MINUTES),
                duration_minutes=_TASK_MINUTES,
                intensity="high",
                energy_requirement="high",
            )
        )
    block = TimeBlock(
        block_id="rest-of-day", title="Rest of the day", start=first, end=tasks[-1].end, tasks=tuple(tasks)
    )
    return Plan(user_id=user, date=first.date(), time_zone="UTC", blocks=(block,))
