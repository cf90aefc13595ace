"""A person's edits: merged field by field, and never lost to a rule, a planner, an end or an undo."""

import datetime as dt
import itertools
import json

import jsonpatch
import pytest

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from adaptation.timed import decide_timer
from schemas.commands import CommandEntry
from schemas.events import PlanChanged, TaskChanged
from schemas.plan import PLAN_BYTES_MAX, Plan, Task, TaskVariant, TaskVariants
from schemas.records import PlanVersionRow, TaskEventRow
from schemas.situations import Decided, Situation
from support.adapting import (
    DAY,
    NOW,
    at,
    command,
    firing,
    firings_at,
    plan,
    position_at,
    situation,
    task,
    timer_at,
)

EVERY_EDIT: dict[str, object] = {
    "title": "Mine",
    "description": "My own words",
    "start": at("10:30"),
    "duration_minutes": 35,
    "intensity": "high",
    "locked": True,
}


def carry_out(state: Situation, entry: CommandEntry, *, index: int = 9) -> Decided:
    position = position_at(dt.datetime.fromtimestamp(entry.arrival_us / 1e6, dt.UTC), index)
    return decide_command(state, entry, position, time_zone="UTC", recorded=None)


def edit(state: Situation, task_id: str = "a", *, base: int = 1, **edits: object) -> Decided:
    return carry_out(state, command("task.edit", task_id=task_id, base_version=base, edits=edits))


def reason(decided: Decided) -> str:
    assert decided.outcome is not None
    return decided.outcome.reason


def tasks_of(state: Situation) -> dict[str, Task]:
    return {one.task_id: one for block in state.plans[DAY].blocks for one in block.tasks}


def two(**fields: object) -> Plan:
    return plan(task("a", "10:00", 40, **fields), task("b", "12:00", 40))


@pytest.mark.parametrize("name", sorted(EVERY_EDIT))
def test_an_edit_sets_its_field_and_leaves_the_rest(name: str) -> None:
    before = situation(two())
    decided = edit(before, **{name: EVERY_EDIT[name]})
    old, new = tasks_of(before)["a"], tasks_of(before.after(decided))["a"]
    assert getattr(new, name) == EVERY_EDIT[name]
    assert new.edited == (name,)
    may_differ = {name, "edited", "end"}
    assert old.model_dump(exclude=may_differ) == new.model_dump(exclude=may_differ)
    assert new.end == new.start + dt.timedelta(minutes=new.duration_minutes)
    changed, done = decided.events
    assert isinstance(changed, TaskChanged)
    assert (changed.task, changed.version, done.type) == (new, 2, "command.done")
    row, version = decided.records
    assert isinstance(row, TaskEventRow)
    assert (row.event, row.task_id) == ("edited", "a")
    expected = EVERY_EDIT[name]
    assert row.changes == {name: "2026-11-20T10:30:00Z" if isinstance(expected, dt.datetime) else expected}
    assert isinstance(version, PlanVersionRow)
    stored = json.loads(before.plans[DAY].model_dump_json())
    assert jsonpatch.apply_patch(stored, version.patch) == json.loads(decided.plans[0].model_dump_json())


def test_a_task_that_is_moved_takes_its_place_in_the_block() -> None:
    before = situation(two())
    decided = edit(before, start=at("13:00"))
    changed = decided.events[0]
    assert isinstance(changed, PlanChanged)
    assert changed.adaptation is None
    assert [one.task_id for one in decided.plans[0].blocks[0].tasks] == ["b", "a"]
    stored = json.loads(before.plans[DAY].model_dump_json())
    assert jsonpatch.apply_patch(stored, changed.patch) == json.loads(decided.plans[0].model_dump_json())


@pytest.mark.parametrize(
    ("fields", "base", "edits", "refused"),
    [
        ({}, 3, {"title": "Mine"}, ""),
        ({}, 1, {"title": "Mine"}, ""),
        ({}, 4, {"title": "Mine"}, "unknown_version"),
        ({"status": "started"}, 3, {"title": "Mine"}, ""),
        ({"status": "completed"}, 3, {"title": "Mine"}, "wrong_status"),
        ({"status": "skipped"}, 3, {"title": "Mine"}, "wrong_status"),
        ({"locked": True}, 3, {"title": "Mine"}, ""),
        ({}, 3, {"start": at("10:00") - dt.timedelta(days=1)}, ""),
        ({}, 3, {"start": at("10:00") + dt.timedelta(days=2)}, "other_day"),
        ({}, 3, {"start": dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)}, "other_day"),
    ],
)
def test_an_edit_is_taken_or_refused(
    fields: dict[str, object], base: int, edits: dict[str, object], refused: str
) -> None:
    one = two(**fields).model_copy(update={"version": 3})
    decided = edit(situation(one), base=base, **edits)
    assert reason(decided) == refused
    assert bool(decided.plans) == (not refused)


def test_an_edit_on_the_last_day_of_the_calendar_is_refused_and_stops_nothing() -> None:
    day = dt.date(9999, 12, 31)
    state = situation(plan(task("a", "23:00", 30, day=day), day=day))
    entry = command(
        "task.edit", task_id="a", date="9999-12-31", base_version=1, edits={"duration_minutes": 1440}
    )
    assert reason(carry_out(state, entry)) == "other_day"


def test_an_edit_that_makes_the_plan_too_large_is_refused() -> None:
    full = plan(
        *(task(f"t{n}", f"{10 + n // 3}:{20 * (n % 3):02}", 5, description="x" * 150) for n in range(25))
    )
    room = PLAN_BYTES_MAX - len(full.model_dump_json())
    assert room > 0
    filled = full.model_copy(update={"archetype": "x" * room})
    assert reason(edit(situation(filled), "t0", description="y" * 500)) == "too_large"


ORDERS = list(itertools.permutations(("edit", "fire")))


@pytest.mark.parametrize("order", ORDERS, ids=["edit-first", "firing-first"])
@pytest.mark.parametrize("name", sorted(EVERY_EDIT))
def test_of_an_edit_and_a_rule_in_the_same_instant_the_edit_is_never_lost(
    name: str, order: tuple[str, str]
) -> None:
    variant = TaskVariant(title="Variant", description="Easier", duration_minutes=10, intensity="easy")
    state = situation(two(variants=TaskVariants(low_energy=variant)))
    for index, step in enumerate(order):
        if step == "edit":
            entry = command("task.edit", task_id="a", base_version=1, edits={name: EVERY_EDIT[name]})
            state = state.after(carry_out(state, entry, index=index))
        else:
            one = firing("energy_drop", position=position_at(NOW, index))
            state = state.after(decide_reading(state, firings_at(one)))
    assert getattr(tasks_of(state)["a"], name) == EVERY_EDIT[name]
    if name != "locked":
        for other in {"title", "description", "duration_minutes", "intensity"} - {name}:
            assert getattr(tasks_of(state)["a"], other) == getattr(variant, other)
    ended = decide_timer(state, timer_at(at("13:00") + dt.timedelta(minutes=1)))
    (adaptation_id,) = state.person.adaptations
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    for decided in (ended, undone):
        assert decided is not None
        assert getattr(tasks_of(state.after(decided))["a"], name) == EVERY_EDIT[name]
    back = tasks_of(state.after(undone))["a"]
    plain = tasks_of(situation(two(variants=TaskVariants(low_energy=variant))))["a"]
    may_differ = {name, "edited", "end"}
    assert back.model_dump(exclude=may_differ) == plain.model_dump(exclude=may_differ)


def test_a_new_plan_keeps_what_the_person_edited() -> None:
    state = situation(two())
    state = state.after(edit(state, title="Mine", start=at("13:00")))
    new = plan(task("a", "09:30", 20, intensity="easy"), task("b", "12:00", 40), version=9)
    put = carry_out(state, command("plan.put", plan=new.model_dump()))
    after = state.after(put)
    one = tasks_of(after)["a"]
    assert (one.title, one.start, one.end) == ("Mine", at("13:00"), at("13:20"))
    assert (one.intensity, one.edited) == ("easy", ("title", "start"))
    assert [task.task_id for task in after.plans[DAY].blocks[0].tasks] == ["b", "a"]


def test_a_new_plan_leaves_a_locked_task_as_it_is() -> None:
    state = situation(two(locked=True))
    new = plan(task("a", "09:30", 20, title="Other"))
    put = carry_out(state, command("plan.put", plan=new.model_dump()))
    assert tasks_of(state.after(put))["a"] == tasks_of(state)["a"]


def test_a_plan_whose_marks_could_not_be_taken_back_is_refused() -> None:
    marked = tasks_of(situation(two()).after(decide_reading(situation(two()), firings_at(firing()))))["a"]
    document = marked.model_dump()
    assert Task.model_validate(document) == marked
    document["adaptation"]["original"]["end"] += dt.timedelta(minutes=1)
    with pytest.raises(ValueError, match="original's end"):
        Task.model_validate(document)
