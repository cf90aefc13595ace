import datetime as dt
import itertools
import json

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.candidates import candidates
from adaptation.rewrite import NoEffect, PlanRewritten, rewrite_plan, rewrite_plans
from schemas.plan import PLAN_BYTES_MAX, Plan, Task, TaskVariant, TaskVariants
from support.adapting import DAY, NOW, SEEDS, at, firing, plan, rule_named, task

TOMORROW = DAY + dt.timedelta(days=1)
INTENSITIES = ["easy", "moderate", "high"]


def rewritten(one: Plan, rule: str = "energy_drop", *, now: dt.datetime = NOW) -> PlanRewritten:
    found = rule_named(rule)
    result = rewrite_plan(one, firing(rule, now=now), found, now=now)
    assert isinstance(result, PlanRewritten)
    return result


def no_effect(*plans: Plan, rule: str = "energy_drop", now: dt.datetime = NOW) -> str:
    found = rule_named(rule)
    result = rewrite_plans(plans, firing(rule, now=now), found, now=now)
    assert isinstance(result, NoEffect)
    return result.why


def changed_ids(result: PlanRewritten) -> list[str]:
    return [change.task_id for change in result.changes]


def tasks_of(one: Plan) -> dict[str, Task]:
    return {one.task_id: one for block in one.blocks for one in block.tasks}


@pytest.mark.parametrize(
    ("start", "is_touched"),
    [
        pytest.param("08:59", False, id="past"),
        pytest.param("09:00", False, id="now"),
        pytest.param("09:01", True, id="just-ahead"),
        pytest.param("15:00", True, id="end-of-the-horizon"),
        pytest.param("15:01", False, id="behind-the-horizon"),
    ],
)
def test_only_tasks_of_the_next_six_hours_are_touched(start: str, *, is_touched: bool) -> None:
    one = plan(task("a", start))
    if is_touched:
        assert changed_ids(rewritten(one)) == ["a"]
    else:
        assert no_effect(one) == "nothing_to_change"


@pytest.mark.parametrize(
    "fields", [{"locked": True}, {"status": "started"}, {"status": "completed"}, {"status": "skipped"}]
)
def test_locked_and_begun_tasks_are_left_alone(fields: dict[str, object]) -> None:
    result = rewritten(plan(task("a", "10:00", **fields), task("b", "11:00")))
    assert changed_ids(result) == ["b"]
    assert tasks_of(result.plan)["a"] == task("a", "10:00", **fields)


def test_an_adapted_task_is_not_adapted_again() -> None:
    once = rewritten(plan(task("a")))
    assert no_effect(once.plan, rule="stress_spike") == "nothing_to_change"


def test_easing_touches_every_task_it_would_change() -> None:
    result = rewritten(
        plan(
            task("a", "10:00"),
            task("b", "11:00"),
            task("lunch", "12:00", category="meal"),
            task("c", "13:00"),
        )
    )
    assert changed_ids(result) == ["a", "b", "c"]


def test_an_upgrade_touches_the_task_that_it_changes_most_and_of_equal_ones_the_first() -> None:
    one = plan(
        task("early", "09:30", 20, energy_requirement="low"),
        task("full", "10:00", 60, energy_requirement="high", intensity="high"),
        task("chosen", "12:00", energy_requirement="high"),
        task("later", "13:00", energy_requirement="high"),
    )
    assert changed_ids(rewritten(one, "energy_surge")) == ["chosen"]


@pytest.mark.parametrize(
    ("next_start", "block_end", "flexibility", "minutes"),
    [
        pytest.param("12:00", "12:00", 0, 52, id="room-enough"),
        pytest.param("10:45", "12:00", 0, 45, id="next-task"),
        pytest.param("10:40", "12:00", 0, 40, id="next-task-at-once"),
        pytest.param("12:00", "10:44", 0, 44, id="end-of-block"),
        pytest.param("12:00", "10:44", 5, 49, id="end-of-block-and-flexibility"),
        pytest.param("10:20", "12:00", 0, 40, id="overlapped-already"),
    ],
)
def test_an_upgrade_ends_before_the_next_task_and_with_its_block(
    next_start: str, block_end: str, flexibility: int, minutes: int
) -> None:
    one = plan(
        task("a", "10:00", 40, energy_requirement="high"),
        task("next", next_start, 30, locked=True),
        end=block_end,
        flexibility=flexibility,
    )
    assert tasks_of(rewritten(one, "energy_surge").plan)["a"].duration_minutes == minutes


def in_blocks(*blocks: dict[str, object]) -> Plan:
    """Return a plan of blocks from 09:00 that last two hours each."""
    made = [
        {
            "block_id": f"b{number}",
            "title": "Block",
            "start": at(f"{9 + 2 * number:02}:00"),
            "end": at(f"{11 + 2 * number:02}:00"),
            **block,
        }
        for number, block in enumerate(blocks)
    ]
    return Plan.model_validate({"user_id": "ada", "date": DAY, "time_zone": "UTC", "blocks": made})


@pytest.mark.parametrize(
    ("following", "minutes"),
    [
        pytest.param({}, 52, id="nothing-there"),
        pytest.param({"dependencies": ("b0",)}, 45, id="a-block-that-depends-on-it"),
        pytest.param({"purpose": "Sleep"}, 45, id="sleep-as-purpose"),
        pytest.param({"purpose": "read"}, 52, id="another-purpose"),
        pytest.param({"tasks": (task("night", "10:45", 10, category="sleep"),)}, 45, id="sleep-as-task"),
    ],
)
def test_an_upgrade_ends_before_what_depends_on_it_and_before_sleep(
    following: dict[str, object], minutes: int
) -> None:
    one = in_blocks({"tasks": (task("a", "10:00", 40),)}, {"start": at("10:45"), **following})
    assert tasks_of(rewritten(one, "energy_surge").plan)["a"].duration_minutes == minutes


def test_a_task_is_not_upgraded_where_what_it_builds_on_was_skipped() -> None:
    skipped = {"tasks": (task("base", "08:00", status="skipped"),)}
    one = in_blocks(skipped, {"dependencies": ("b0",), "tasks": (task("a", "11:30"),)})
    assert no_effect(one, rule="energy_surge") == "nothing_to_change"
    assert changed_ids(rewritten(one)) == ["a"]


@pytest.mark.parametrize(("tasks", "changed"), [("all", "abc"), ("first", "b"), (2, "bc"), (9, "abc")])
def test_those_that_change_most_come_first(tasks: object, changed: str) -> None:
    # 10 × 2 - 5 × 1 = 15, 40 × 3 - 20 × 1 = 100 and 40 × 2 - 20 × 1 = 60 weighted minutes.
    one = plan(task("a", "10:00", 10), task("b", "11:00", 40, intensity="high"), task("c", "12:00", 40))
    rule = rule_named("energy_drop")
    use = rule.action.model_copy(update={"tasks": tasks})
    result = rewrite_plan(one, firing(), rule.model_copy(update={"action": use}), now=NOW)
    assert isinstance(result, PlanRewritten)
    assert "".join(changed_ids(result)) == changed
    found = candidates([one], rule, now=NOW)
    assert [(change.before.task_id, change.effect) for change in found] == [("b", 100), ("c", 60), ("a", 15)]


def test_yesterday_s_plan_is_rewritten_where_it_reaches_past_midnight() -> None:
    now = at("00:10", TOMORROW)
    late = plan(task("late", "00:30", day=TOMORROW))
    assert changed_ids(rewritten(late, now=now)) == ["late"]


def test_before_midnight_tomorrow_s_plan_is_rewritten_too_and_limits_an_upgrade() -> None:
    now = at("22:00")
    today = plan(task("late", "23:30", 30, energy_requirement="high"), flexibility=60)
    tomorrow = plan(task("night", "00:05", 30, day=TOMORROW), day=TOMORROW)
    drop, surge = rule_named("energy_drop"), rule_named("energy_surge")
    eased = rewrite_plans((today, tomorrow), firing(now=now), drop, now=now)
    assert not isinstance(eased, NoEffect)
    assert [(one.plan.date, changed_ids(one)) for one in eased] == [(DAY, ["late"]), (TOMORROW, ["night"])]
    fixed = plan(task("night", "00:05", 30, day=TOMORROW, locked=True), day=TOMORROW)
    upgraded = rewrite_plans((today, fixed), firing("energy_surge", now=now), surge, now=now)
    assert not isinstance(upgraded, NoEffect)
    assert [one.plan.date for one in upgraded] == [DAY]
    assert tasks_of(upgraded[0].plan)["late"].duration_minutes == 35


def test_a_task_id_used_on_both_days_names_two_tasks() -> None:
    now = at("22:00")
    drop = rule_named("energy_drop")
    plans = (
        plan(task("walk", "22:30")),
        plan(task("walk", "01:00", day=TOMORROW, locked=True), day=TOMORROW),
    )
    result = rewrite_plans(plans, firing(now=now), drop, now=now)
    assert not isinstance(result, NoEffect)
    assert [one.plan.date for one in result] == [DAY]


def test_the_mark_names_rule_reason_expiry_and_original() -> None:
    before = task("a", energy_requirement="high", intensity="high")
    after = tasks_of(rewritten(plan(before)).plan)["a"]
    assert after.adaptation is not None
    assert after.adaptation.rule == "energy_drop"
    assert "64%" in after.adaptation.reason
    assert "27%" in after.adaptation.reason
    assert after.adaptation.expires_at == NOW + dt.timedelta(hours=4)
    assert restored(after) == before


def test_a_plan_near_its_limit_is_rewritten_as_far_as_it_fits() -> None:
    def ten_tasks(length: int) -> Plan:
        return plan(
            *(task(f"t{n}", f"{10 + n // 2}:{30 * (n % 2):02}", description="ü" * length) for n in range(10))
        )

    assert len(changed_ids(rewritten(ten_tasks(100)))) == 10
    crowded = rewritten(ten_tasks(400))
    assert 0 < len(crowded.changes) < 10
    assert changed_ids(crowded) == [f"t{n}" for n in range(len(crowded.changes))]
    assert len(crowded.plan.model_dump_json().encode()) <= PLAN_BYTES_MAX


def test_a_full_plan_is_not_rewritten() -> None:
    tasks = [task(f"t{n}", "10:00", description="x" * 500) for n in range(25)]
    tasks = tasks[
        : next(n for n in range(25) if len(plan(*tasks[: n + 1]).model_dump_json()) > PLAN_BYTES_MAX)
    ]
    room = PLAN_BYTES_MAX - len(plan(*tasks).model_dump_json())
    filled = plan(*tasks).model_copy(update={"archetype": "x" * room})
    assert len(filled.model_dump_json()) == PLAN_BYTES_MAX
    assert no_effect(filled) == "plan_full"


def restored(one: Task) -> Task:
    """Return the task as it was, from its own mark alone."""
    assert one.adaptation is not None
    original = one.adaptation.original.model_dump()
    return Task.model_validate({**one.model_dump(), **original, "adaptation": None})


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
variant = st.builds(
    TaskVariant,
    title=st.none() | texts,
    description=st.none() | texts,
    duration_minutes=st.none() | st.integers(1, 300),
    intensity=st.none() | st.sampled_from(INTENSITIES),
)
variants = st.builds(
    TaskVariants,
    low_energy=st.none() | variant,
    high_energy=st.none() | variant,
    recovery=st.none() | variant,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return a plan whose tasks, in two blocks, do not overlap."""
    midnight = at("00:00")
    minute = draw(st.integers(0, 900))
    blocks = []
    for block_id in ("first", "second"):
        begin, tasks = minute, []
        for number in range(draw(st.integers(0, 4))):
            minute += draw(st.integers(0, 60))
            length = draw(st.integers(1, 120))
            tasks.append(
                Task(
                    task_id=f"{block_id}-{number}",
                    title=draw(texts),
                    description=draw(texts),
                    category=draw(st.sampled_from(["movement", "work", "meal", "recovery"])),
                    start=midnight + dt.timedelta(minutes=minute),
                    end=midnight + dt.timedelta(minutes=minute + length),
                    duration_minutes=length,
                    intensity=draw(st.sampled_from(INTENSITIES)),
                    energy_requirement=draw(st.sampled_from(["low", "medium", "high"])),
                    status=draw(st.sampled_from(["upcoming", "upcoming", "upcoming", "started", "skipped"])),
                    locked=draw(st.integers(0, 3)) == 0,
                    variants=draw(variants),
                )
            )
            minute += length
        end = max(minute + draw(st.integers(0, 30)), begin + 1)
        blocks.append(
            {
                "block_id": block_id,
                "title": block_id,
                "start": midnight + dt.timedelta(minutes=begin),
                "end": midnight + dt.timedelta(minutes=end),
                "flexibility_minutes": draw(st.integers(0, 30)),
                "tasks": tuple(tasks),
            }
        )
        minute = end
    return Plan.model_validate({"user_id": "ada", "date": DAY, "time_zone": "UTC", "blocks": blocks})


@settings(max_examples=300, deadline=None)
@given(one=plans(), rule=st.sampled_from(SEEDS), minute=st.integers(0, 1200))
def test_rewriting_keeps_its_promises(one: Plan, rule: str, minute: int) -> None:
    now = at("00:00") + dt.timedelta(minutes=minute)
    found = rule_named(rule)
    result = rewrite_plan(one, firing(rule, now=now), found, now=now)
    if isinstance(result, NoEffect):
        return
    before, after = tasks_of(one), tasks_of(result.plan)
    assert before.keys() == after.keys()
    touched = set(changed_ids(result))
    assert touched == {task_id for task_id in before if before[task_id] != after[task_id]}
    for task_id in touched:
        old, new = before[task_id], after[task_id]
        assert old.status == "upcoming"
        assert not old.locked
        assert now < old.start <= now + found.horizon
        assert new.start == old.start
        assert restored(new) == old
        if found.kind == "upgrading":
            assert new.duration_minutes >= old.duration_minutes
            assert INTENSITIES.index(new.intensity) >= INTENSITIES.index(old.intensity)
        else:
            assert new.duration_minutes <= old.duration_minutes
            assert INTENSITIES.index(new.intensity) <= INTENSITIES.index(old.intensity)
    in_order = sorted(after.values(), key=lambda task: task.start)
    for earlier, later in itertools.pairwise(in_order):
        assert earlier.end <= later.start
    for block in result.plan.blocks:
        limit = block.end + dt.timedelta(minutes=block.flexibility_minutes)
        assert all(task.end <= limit for task in block.tasks)
    # The patch by itself leads from the stored text of one version to that of the next.
    stored = json.loads(one.model_dump_json())
    assert jsonpatch.apply_patch(stored, result.patch) == json.loads(result.plan.model_dump_json())
    assert result.patch[0] == {"op": "test", "path": "/version", "value": one.version}
    assert result.plan.version == one.version + 1
    # Copies skip validation: what was made must be valid all the same.
    assert Plan.model_validate_json(result.plan.model_dump_json()) == result.plan
