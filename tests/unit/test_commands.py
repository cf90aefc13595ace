import datetime as dt
import json

import jsonpatch
import pytest

from adaptation.commands import dates_of_command, decide_command
from adaptation.decide import decide_reading
from schemas.commands import CommandEntry, CommandOutcome
from schemas.events import CommandDone, PlanChanged, PlanReplaced, TaskChanged
from schemas.plan import PLAN_BYTES_PUT_MAX, Plan
from schemas.records import DecisionRow, PlanVersionRow, ProfileRow, TaskEventRow
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
)

TOMORROW = DAY + dt.timedelta(days=1)


def decide(
    state: Situation, entry: CommandEntry, *, index: int = 9, recorded: CommandOutcome | None = None
) -> Decided:
    position = position_at(dt.datetime.fromtimestamp(entry.arrival_us / 1e6, dt.UTC), index)
    return decide_command(state, entry, position, time_zone="UTC", recorded=recorded)


def refusal(decided: Decided) -> str:
    """Return why a command was refused, and check that a refused one changes nothing by itself."""
    done, *over = decided.events
    assert {event.type for event in over} <= {"adaptation.noted"}
    assert isinstance(done, CommandDone)
    assert decided.outcome == CommandOutcome(command_id=done.command_id, ok=False, reason=done.reason)
    assert not done.ok
    assert decided.plans == ()
    return done.reason


def with_proposal(*plans: Plan) -> tuple[Situation, str]:
    """Return the situation after energy_surge proposed something, and the proposal's id."""
    before = situation(*plans)
    one = firing("energy_surge")
    return before.after(decide_reading(before, firings_at(one))), one.firing_id


@pytest.mark.parametrize(
    ("kind", "status", "event"),
    [
        ("task.start", "upcoming", "started"),
        ("task.complete", "upcoming", "completed"),
        ("task.complete", "started", "completed"),
        ("task.skip", "upcoming", "skipped"),
        ("task.skip", "started", "skipped"),
    ],
)
def test_a_task_command_changes_the_status_in_a_new_version(kind: str, status: str, event: str) -> None:
    before = plan(task("a", status=status), version=4)
    fields = {"reason": "rain"} if kind == "task.skip" else {}
    decided = decide(situation(before, feed_last="3-1"), command(kind, task_id="a", **fields))
    changed, done = decided.events
    assert isinstance(changed, TaskChanged)
    assert (changed.previous_id, done.previous_id) == ("3-1", changed.event_id)
    assert (changed.version, changed.date, changed.task.status) == (5, "2026-11-20", event)
    assert isinstance(done, CommandDone)
    assert (done.ok, done.reason) == (True, "")
    row, version = decided.records
    assert isinstance(row, TaskEventRow)
    assert (row.event, row.task_id, row.plan_date, row.reason) == (event, "a", DAY, fields.get("reason"))
    assert isinstance(version, PlanVersionRow)
    assert version.cause == done.command_id
    (after,) = decided.plans
    assert jsonpatch.apply_patch(json.loads(before.model_dump_json()), version.patch) == json.loads(
        after.model_dump_json()
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("task.start", "started"),
        ("task.start", "completed"),
        ("task.start", "skipped"),
        ("task.complete", "completed"),
        ("task.complete", "skipped"),
        ("task.skip", "completed"),
        ("task.skip", "skipped"),
        ("task.rate", "upcoming"),
    ],
)
def test_a_status_that_does_not_allow_it_refuses_the_command(kind: str, status: str) -> None:
    fields = {"rating": 4} if kind == "task.rate" else {}
    decided = decide(situation(plan(task("a", status=status))), command(kind, task_id="a", **fields))
    assert refusal(decided) == "wrong_status"


def test_a_rating_leaves_a_row_and_no_new_version() -> None:
    state = situation(plan(task("a", status="completed"), version=4))
    decided = decide(state, command("task.rate", task_id="a", rating=5))
    assert decided.plans == ()
    (row,) = decided.records
    assert isinstance(row, TaskEventRow)
    assert (row.event, row.rating) == ("rated", 5)
    assert [event.type for event in decided.events] == ["task.changed", "command.done"]
    assert decided.events[0].version == 4


def test_a_task_is_looked_for_today_or_on_the_date_that_is_named() -> None:
    state = situation(plan(task("a")), plan(task("b", day=TOMORROW), day=TOMORROW))
    assert refusal(decide(state, command("task.skip", task_id="b"))) == "unknown_task"
    skipped = decide(state, command("task.skip", task_id="b", date="2026-11-21"))
    assert [one.date for one in skipped.plans] == [TOMORROW]
    assert refusal(decide(state, command("task.skip", task_id="a", date="2026-11-22"))) == "no_plan"


def test_an_accepted_proposal_changes_the_plan_as_proposed() -> None:
    state, proposal_id = with_proposal(
        plan(task("a", minutes=40, energy_requirement="high"), task("b", "12:00"))
    )
    # Another task changed meanwhile: the patch is made against today's version.
    state = state.after(decide(state, command("task.skip", task_id="b")))
    decided = decide(state, command("adaptation.accept", adaptation_id=proposal_id))
    changed, applied, done = decided.events
    assert isinstance(changed, PlanChanged)
    assert (applied.type, done.type) == ("adaptation.applied", "command.done")
    assert changed.adaptation is not None
    assert changed.adaptation.status == "accepted"
    stored = json.loads(state.plans[DAY].model_dump_json())
    assert jsonpatch.apply_patch(stored, changed.patch) == json.loads(decided.plans[0].model_dump_json())
    assert decided.plans[0].blocks[0].tasks[0].duration_minutes == 52
    assert decided.plans[0].blocks[0].tasks[1].status == "skipped"
    row, version = decided.records
    assert isinstance(row, DecisionRow)
    assert (row.outcome, row.firing_id) == ("accepted", proposal_id)
    assert isinstance(version, PlanVersionRow)
    assert version.cause == proposal_id
    assert decided.person.proposals == {}
    assert decided.person.changes == {}
    again = decide(state.after(decided), command("adaptation.accept", adaptation_id=proposal_id, number=2))
    assert refusal(again) == "unknown_adaptation"


@pytest.mark.parametrize(
    ("minutes", "reason"), [(359, None), (360, "expired"), (361, "expired")], ids=["before", "at", "after"]
)
def test_a_proposal_can_be_accepted_until_it_expires(minutes: int, reason: str | None) -> None:
    state, proposal_id = with_proposal(plan(task("a", "15:00", energy_requirement="high")))
    late = NOW + dt.timedelta(minutes=minutes)
    decided = decide(state, command("adaptation.accept", adaptation_id=proposal_id, now=late))
    if reason is None:
        assert decided.outcome is not None
        assert decided.outcome.ok
    else:
        assert refusal(decided) == reason
        assert [(row.outcome, row.time) for row in decided.records] == [("expired", late)]
        assert decided.person.proposals == {}


def test_a_proposal_whose_task_has_begun_by_the_clock_has_expired() -> None:
    state, proposal_id = with_proposal(plan(task("a", "10:00")))
    decided = decide(state, command("adaptation.accept", adaptation_id=proposal_id, now=at("10:00")))
    assert refusal(decided) == "expired"
    assert [event.type for event in decided.events] == ["command.done", "adaptation.noted"]
    assert decided.person.proposals == {}


def test_a_proposal_whose_task_was_started_edited_replaced_or_lost_is_not_applicable() -> None:
    original = plan(task("a", "10:00", intensity="high"))
    state, proposal_id = with_proposal(original)
    accept = command("adaptation.accept", adaptation_id=proposal_id)
    edited = decide(state, command("task.edit", task_id="a", base_version=1, edits={"title": "Mine"}))
    other = original.model_copy(update={"blocks": plan(task("a", "10:00", title="New")).blocks})
    for changed in (
        state.after(decide(state, command("task.start", task_id="a"))),
        state.after(edited),
        state.after(decide(state, command("plan.put", plan=other.model_dump()))),
        state.after(decide(state, command("plan.put", plan=plan(task("b")).model_dump()))),
        Situation("ada", state.person, {}, state.feed_last),
    ):
        assert refusal(decide(changed, accept, index=20)) == "not_applicable"


def test_a_proposal_that_would_now_run_into_another_task_is_not_applicable() -> None:
    state, proposal_id = with_proposal(plan(task("a", "10:00", 40, energy_requirement="high")))
    crowded = plan(task("a", "10:00", 40, energy_requirement="high"), task("b", "10:45"))
    state = state.after(decide(state, command("plan.put", plan=crowded.model_dump())))
    assert refusal(decide(state, command("adaptation.accept", adaptation_id=proposal_id))) == "not_applicable"


def test_a_declined_proposal_leaves_the_plan_alone() -> None:
    state, proposal_id = with_proposal(plan(task("a")))
    decided = decide(state, command("adaptation.decline", adaptation_id=proposal_id))
    assert decided.plans == ()
    noted, _ = decided.events
    assert noted.type == "adaptation.noted"
    assert noted.adaptation.status == "declined"
    assert [row.outcome for row in decided.records if isinstance(row, DecisionRow)] == ["declined"]
    assert decided.person.proposals == {}
    assert (
        refusal(decide(situation(), command("adaptation.decline", adaptation_id="none")))
        == "unknown_adaptation"
    )


def test_a_profile_sets_the_zone() -> None:
    decided = decide(situation(), command("profile.set", time_zone="Europe/Berlin"))
    assert decided.person.time_zone == "Europe/Berlin"
    (row,) = decided.records
    assert isinstance(row, ProfileRow)
    assert row.profile == {"time_zone": "Europe/Berlin"}
    assert [event.type for event in decided.events] == ["command.done"]


def test_a_put_plan_follows_the_version_it_replaces_and_keeps_what_has_happened() -> None:
    old = plan(task("done", "08:00", status="completed"), task("a", "10:00"), task("b", "11:00"), version=7)
    state = situation(old)
    state = state.after(decide_reading(state, firings_at(firing("energy_drop"))))
    adapted = state.plans[DAY].blocks[0].tasks
    new = plan(
        task("done", "08:00", title="Changed"),
        task("a", "10:30", title="Changed"),
        task("new", "12:00"),
        version=2,
    )
    decided = decide(state, command("plan.put", plan=new.model_dump()))
    (put,) = decided.plans
    assert put.version == 9
    assert put.blocks[0].tasks == (adapted[0], adapted[1], new.blocks[0].tasks[2])
    replaced, done = decided.events
    assert isinstance(replaced, PlanReplaced)
    assert replaced.plan == put
    assert done.type == "command.done"
    (row,) = decided.records
    assert isinstance(row, PlanVersionRow)
    assert (row.cause, row.version, row.patch) == ("plan.put", 9, None)
    assert row.plan == json.loads(put.model_dump_json())


def test_the_first_plan_of_a_date_keeps_the_version_that_was_sent() -> None:
    (put,) = decide(situation(), command("plan.put", plan=plan(task("a"), version=5).model_dump())).plans
    assert put.version == 5


def test_a_plan_of_somebody_else_is_refused() -> None:
    entry = command("plan.put", plan=plan(task("a"), user="bob").model_dump())
    assert refusal(decide(situation(), entry)) == "wrong_user"


@pytest.mark.parametrize(("over_bytes", "reason"), [(0, ""), (1, "too_large")])
def test_a_plan_is_put_up_to_its_size_and_not_beyond(over_bytes: int, reason: str) -> None:
    def sent(lengths: list[int]) -> Plan:
        return plan(*(task(f"t{n:02}", description="x" * length) for n, length in enumerate(lengths)))

    lengths = [300] * 16
    missing = PLAN_BYTES_PUT_MAX + over_bytes - len(sent(lengths).model_dump_json())
    lengths = [length + missing // 16 + (n < missing % 16) for n, length in enumerate(lengths)]
    one = sent(lengths)
    assert len(one.model_dump_json()) == PLAN_BYTES_PUT_MAX + over_bytes
    decided = decide(situation(), command("plan.put", plan=one.model_dump()))
    assert decided.outcome is not None
    assert decided.outcome.reason == reason


def test_a_plan_that_was_adapted_can_be_put_back_as_it_was() -> None:
    full = plan(*(task(f"t{n}", f"{10 + n}:00", description="x" * 500) for n in range(12)))
    state = situation(full)
    state = state.after(decide_reading(state, firings_at(firing("energy_drop"))))
    lost = state.plans[DAY]
    assert len(lost.model_dump_json()) > PLAN_BYTES_PUT_MAX
    assert decide(situation(), command("plan.put", plan=lost.model_dump())).plans == (lost,)


def test_a_repeated_command_gets_its_recorded_outcome_and_changes_nothing() -> None:
    state = situation(plan(task("a")))
    entry = command("task.start", task_id="a")
    for recorded in (
        CommandOutcome(command_id=entry.command.command_id, ok=True),
        CommandOutcome(command_id=entry.command.command_id, ok=False, reason="no_plan"),
    ):
        decided = decide(state, entry, recorded=recorded)
        assert decided.outcome == recorded
        assert (decided.plans, decided.records, decided.person) == ((), (), state.person)
        (done,) = decided.events
        assert isinstance(done, CommandDone)
        assert (done.ok, done.reason) == (recorded.ok, recorded.reason)


@pytest.mark.parametrize(
    ("kind", "fields", "dates"),
    [
        ("task.start", {"task_id": "a"}, ["2026-11-20"]),
        ("task.rate", {"task_id": "a", "rating": 1, "date": "2026-11-02"}, ["2026-11-02"]),
        ("adaptation.accept", {"adaptation_id": "x"}, [f"2026-11-{day}" for day in range(17, 24)]),
        ("adaptation.undo", {"adaptation_id": "x"}, [f"2026-11-{day:02}" for day in range(4, 24)]),
        ("adaptation.decline", {"adaptation_id": "x"}, []),
        ("adaptation.pause", {"until": None}, []),
        ("autonomy.set", {"reduce_only": True}, []),
        ("task.edit", {"task_id": "a", "base_version": 1, "edits": {"locked": True}}, ["2026-11-20"]),
        ("profile.set", {"time_zone": "UTC"}, []),
        ("plan.put", {"plan": plan(day=TOMORROW).model_dump()}, ["2026-11-21"]),
    ],
)
def test_a_command_names_the_dates_it_needs(kind: str, fields: dict[str, object], dates: list[str]) -> None:
    assert [date.isoformat() for date in dates_of_command(command(kind, **fields), "UTC")] == dates


def test_today_is_that_of_the_person() -> None:
    late = command("task.start", task_id="a", now=at("23:30"))
    assert dates_of_command(late, "Asia/Tokyo") == (TOMORROW,)


def test_a_situation_follows_what_was_decided() -> None:
    before = situation(plan(task("old", day=TOMORROW), day=TOMORROW))
    decided = decide(before, command("plan.put", plan=plan(task("a")).model_dump()))
    after = before.after(decided)
    assert after.plans == {DAY: plan(task("a")), TOMORROW: before.plans[TOMORROW]}
    assert after.feed_last == decided.events[-1].event_id
    assert after.after(Decided(at=NOW, person=after.person)) == after


@pytest.mark.parametrize("date", ["0001-01-01", "9999-12-31"])
def test_the_first_and_last_day_of_the_calendar_are_days_without_a_plan(date: str) -> None:
    assert decide(situation(), command("task.start", task_id="run", date=date)).outcome is not None
