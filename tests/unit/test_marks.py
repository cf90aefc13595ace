"""Marks that no change stands behind: put back by a planner, forged, or left over from a lost state."""

import datetime as dt
import json

import pytest

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from adaptation.timed import decide_timer
from schemas.events import PlanChanged
from schemas.people import PersonState
from schemas.plan import Plan, Task, TaskAdaptation
from schemas.positions import SLOTS_PER_INDEX
from schemas.situations import Decided, Situation
from support.adapting import (
    DAY,
    NOW,
    command,
    firing,
    firings_at,
    plan,
    position_at,
    situation,
    task,
    timer_at,
)

EXPIRED = NOW + dt.timedelta(hours=4, minutes=1)
"""A minute after the change of :func:`eased` is over."""


def eased() -> tuple[Situation, str]:
    """Return the situation after energy_drop eased a task of the afternoon, and the adaptation's id."""
    before = situation(plan(task("a", "14:30", intensity="high"), task("b", "20:00")))
    decided = decide_reading(before, firings_at(firing("energy_drop")))
    (adaptation_id,) = decided.person.adaptations
    return before.after(decided), adaptation_id


def carry_out(state: Situation, kind: str, *, now: dt.datetime = NOW, **fields: object) -> Decided:
    entry = command(kind, now=now, **fields)
    decided = decide_command(state, entry, position_at(now, 9), time_zone="UTC", recorded=None)
    assert decided.outcome is not None
    assert decided.outcome.ok, decided.outcome.reason
    return decided


def put(state: Situation, one: Plan, *, now: dt.datetime = NOW) -> Situation:
    return state.after(carry_out(state, "plan.put", now=now, plan=json.loads(one.model_dump_json())))


def the_task(state: Situation, day: dt.date = DAY) -> Task:
    return state.plans[day].blocks[0].tasks[0]


def with_mark(day: dt.date, mark: TaskAdaptation) -> Plan:
    """Return another day's plan whose task carries a mark of today's."""
    one = task("a", "14:30", 20, day=day)
    original = mark.original.model_copy(
        update={"end": one.start + dt.timedelta(minutes=mark.original.duration_minutes)}
    )
    own = mark.model_copy(update={"original": original, "expires_at": None})
    return plan(one.model_copy(update={"adaptation": own}), day=day)


def forged(state: Situation, away: range) -> Situation:
    """Return the situation once a client put plans around today with marks of today's change."""
    mark = the_task(state).adaptation
    assert mark is not None
    for days in away:
        if days:
            state = put(state, with_mark(DAY + dt.timedelta(days=days), mark))
    return state


def test_a_planner_that_puts_an_older_version_does_not_bring_an_undone_change_back() -> None:
    state, adaptation_id = eased()
    older = state.plans[DAY]
    state = state.after(carry_out(state, "adaptation.undo", adaptation_id=adaptation_id))
    undone = the_task(state)
    state = put(state, older)
    assert the_task(state) == undone
    assert (undone.adaptation, undone.duration_minutes, undone.intensity) == (None, 40, "high")


def test_a_task_that_loses_its_mark_stops_before_what_the_planner_put_into_its_time() -> None:
    state, adaptation_id = eased()
    older = state.plans[DAY]
    state = state.after(carry_out(state, "adaptation.undo", adaptation_id=adaptation_id))
    block = older.blocks[0]
    newcomer = task("c", "15:00", 10)
    tasks = (block.tasks[0], newcomer, block.tasks[1])
    state = put(state, older.model_copy(update={"blocks": (block.model_copy(update={"tasks": tasks}),)}))
    assert the_task(state).duration_minutes == 30


def test_a_change_in_force_stays_when_its_plan_is_put_anew() -> None:
    state, adaptation_id = eased()
    marked = the_task(state)
    state = put(state, state.plans[DAY])
    assert the_task(state) == marked
    ended = decide_timer(state, timer_at(EXPIRED))
    assert ended is not None
    assert [event.type for event in ended.events] == ["plan.changed", "adaptation.reverted"]
    assert adaptation_id not in ended.person.adaptations


def test_a_rebuilt_plan_keeps_its_marks_until_the_timer_ends_them() -> None:
    state, _ = eased()
    lost = situation(person=PersonState())
    rebuilt = put(lost, state.plans[DAY])
    assert rebuilt.plans[DAY] == state.plans[DAY]
    assert decide_timer(rebuilt, timer_at(NOW + dt.timedelta(hours=3))) is None
    ended = decide_timer(rebuilt, timer_at(EXPIRED))
    assert ended is not None
    (event,) = ended.events
    assert isinstance(event, PlanChanged)
    assert event.adaptation is None
    after = the_task(rebuilt.after(ended))
    assert (after.adaptation, after.duration_minutes, after.intensity) == (None, 40, "high")


def test_a_plan_that_is_rebuilt_too_late_comes_without_the_marks_that_are_over() -> None:
    state, _ = eased()
    rebuilt = put(situation(), state.plans[DAY], now=EXPIRED)
    after = the_task(rebuilt)
    assert (after.adaptation, after.duration_minutes, after.intensity) == (None, 40, "high")


def test_what_was_begun_keeps_its_mark_in_a_rebuilt_plan() -> None:
    state, _ = eased()
    state = state.after(carry_out(state, "task.start", task_id="a"))
    rebuilt = put(situation(), state.plans[DAY], now=EXPIRED)
    assert the_task(rebuilt) == the_task(state)
    assert decide_timer(rebuilt, timer_at(EXPIRED)) is None


@pytest.mark.parametrize("kind", ["adaptation.undo", "adaptation.accept"])
def test_marks_that_a_client_put_into_other_plans_are_left_alone(kind: str) -> None:
    state, adaptation_id = eased()
    state = forged(state, range(-16, 4))
    decided = carry_out(state, kind, adaptation_id=adaptation_id)
    assert len(decided.events) <= SLOTS_PER_INDEX
    assert [one.date for one in decided.plans] == [DAY]


def test_a_change_that_ends_at_a_reading_leaves_such_marks_alone() -> None:
    state, _ = eased()
    state = forged(state, range(-1, 2))
    decided = decide_reading(state, firings_at(firing("energy_surge", now=EXPIRED)))
    ended = [event for event in decided.events if isinstance(event, PlanChanged)]
    assert [event.date for event in ended] == [DAY.isoformat()]


def test_a_change_that_is_kept_ends_no_more_in_its_record_either() -> None:
    state, adaptation_id = eased()
    state = state.after(carry_out(state, "adaptation.accept", adaptation_id=adaptation_id))
    (change,) = state.person.adaptations[adaptation_id].changes
    assert change.adapted == the_task(state)
    assert change.adapted.adaptation is not None
    assert change.adapted.adaptation.expires_at is None
