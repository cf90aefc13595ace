"""The demo's plans: days that a person could live, within the limits of a plan."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from daybeat.demo_plans import demo_plan
from schemas.plan import PLAN_BYTES_PUT_MAX, Plan

DAY = dt.date(2026, 11, 20)


@pytest.fixture(params=[(person, later) for person in range(6) for later in range(3)])
def plan(request: pytest.FixtureRequest) -> Plan:
    person, later = request.param
    return demo_plan("ada", DAY + dt.timedelta(days=later), time_zone="Europe/Athens", person=person)


def test_a_plan_has_five_to_seven_blocks_and_ten_to_sixteen_tasks(plan: Plan) -> None:
    assert 5 <= len(plan.blocks) <= 7
    assert 10 <= sum(len(block.tasks) for block in plan.blocks) <= 16


def test_a_plan_can_be_put_and_has_room_for_its_adaptations(plan: Plan) -> None:
    assert len(plan.model_dump_json().encode()) < 0.75 * PLAN_BYTES_PUT_MAX


def test_tasks_lie_in_their_blocks_one_after_the_other_between_six_and_ten(plan: Plan) -> None:
    zone = ZoneInfo(plan.time_zone)
    assert all(one.end <= other.start for one, other in itertools.pairwise(plan.blocks))
    tasks = [task for block in plan.blocks for task in block.tasks]
    assert all(one.end <= other.start for one, other in itertools.pairwise(tasks))
    for block in plan.blocks:
        assert all(block.start <= task.start and task.end <= block.end for task in block.tasks)
    assert tasks[0].start.astimezone(zone).date() == plan.date
    assert tasks[0].start.astimezone(zone).hour >= 6
    assert tasks[-1].end.astimezone(zone).hour <= 22


def test_a_plan_has_something_for_every_rule_to_change(plan: Plan) -> None:
    tasks = [task for block in plan.blocks for task in block.tasks]
    assert any(task.locked for task in tasks)
    assert sum(task.variants.low_energy is not None for task in tasks) >= 5
    assert any(task.variants.high_energy is not None for task in tasks)
    assert any(task.variants.recovery is not None for task in tasks)


def test_neighbours_and_following_days_have_different_plans() -> None:
    shapes = {demo_plan("ada", DAY, time_zone="UTC", person=person).archetype for person in range(3)}
    days = {
        demo_plan("ada", DAY + dt.timedelta(days=n), time_zone="UTC", person=0).archetype for n in range(3)
    }
    assert len(shapes) == len(days) == 3


def test_an_easier_version_is_never_longer_and_a_harder_one_never_shorter(plan: Plan) -> None:
    for task in (task for block in plan.blocks for task in block.tasks):
        for easier in (task.variants.low_energy, task.variants.recovery):
            if easier is not None and easier.duration_minutes is not None:
                assert easier.duration_minutes <= task.duration_minutes
        harder = task.variants.high_energy
        if harder is not None and harder.duration_minutes is not None:
            assert harder.duration_minutes >= task.duration_minutes
