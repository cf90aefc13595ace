"""How a person stays in charge: dials, pause, notes, undo, keeping a change, and changes that end."""

import datetime as dt
import json

import jsonpatch
import pytest

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from adaptation.timed import dates_of_timer, decide_timer
from schemas.commands import CommandEntry
from schemas.events import AdaptationNoted, AdaptationReverted, PlanChanged
from schemas.people import PersonState
from schemas.plan import Plan, Task
from schemas.positions import SLOTS_PER_INDEX
from schemas.records import Adaptation, DecisionRow, PlanVersionRow, ProfileRow, TaskChange
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

TOMORROW = DAY + dt.timedelta(days=1)


def carry_out(state: Situation, entry: CommandEntry, *, index: int = 9) -> Decided:
    position = position_at(dt.datetime.fromtimestamp(entry.arrival_us / 1e6, dt.UTC), index)
    return decide_command(state, entry, position, time_zone="UTC", recorded=None)


def fire(state: Situation, *rules: str, now: dt.datetime = NOW, number: int = 0) -> Decided:
    return decide_reading(state, firings_at(*(firing(one, now=now, number=number) for one in rules)))


def decisions(decided: Decided) -> list[tuple[str, str, str]]:
    return [(row.rule, row.outcome, row.why) for row in decided.records if isinstance(row, DecisionRow)]


def types(decided: Decided) -> list[str]:
    return [event.type for event in decided.events]


def reason(decided: Decided) -> str:
    assert decided.outcome is not None
    assert decided.outcome.ok == (decided.outcome.reason == "")
    return decided.outcome.reason


def tasks_of(state: Situation, day: dt.date = DAY) -> dict[str, Task]:
    return {one.task_id: one for block in state.plans[day].blocks for one in block.tasks}


def text(state: Situation, day: dt.date = DAY) -> dict[str, object]:
    """Return the plan as stored, without its version."""
    document: dict[str, object] = json.loads(state.plans[day].model_dump_json())
    del document["version"]
    return document


def eased(*plans: Plan, person: PersonState | None = None) -> tuple[Situation, str]:
    """Return the situation after energy_drop eased the day, and the adaptation's id."""
    before = situation(
        *(plans or (plan(task("a", "10:00", intensity="high"), task("b", "18:00")),)), person=person
    )
    decided = fire(before, "energy_drop")
    (adaptation_id,) = decided.person.adaptations
    return before.after(decided), adaptation_id


def proposed(*plans: Plan) -> tuple[Situation, str]:
    before = situation(*(plans or (plan(task("a")),)))
    decided = fire(before, "energy_surge")
    (adaptation_id,) = decided.person.proposals
    return before.after(decided), adaptation_id


def check_patches(before: Situation, decided: Decided) -> None:
    """Check with another implementation that events and rows lead from the old plans to the new ones."""
    for told in (
        [
            (dt.date.fromisoformat(one.date), one.patch)
            for one in decided.events
            if isinstance(one, PlanChanged)
        ],
        [(one.plan_date, one.patch) for one in decided.records if isinstance(one, PlanVersionRow)],
    ):
        documents = {date: json.loads(one.model_dump_json()) for date, one in before.plans.items()}
        for date, patch in told:
            assert patch is not None
            assert patch[0] == {"op": "test", "path": "/version", "value": documents[date]["version"]}
            documents[date] = jsonpatch.apply_patch(documents[date], patch)
        for one in decided.plans:
            if any(date == one.date for date, _ in told):
                assert documents[one.date] == json.loads(one.model_dump_json())


# -- the dial, reduce only, the pause


@pytest.mark.parametrize(
    ("dial", "rule", "outcome", "why", "event"),
    [
        ("off", "energy_drop", "withheld", "off", []),
        ("note", "energy_drop", "fired", "", ["adaptation.noted"]),
        ("propose", "energy_drop", "proposed", "", ["adaptation.proposed"]),
        ("apply", "energy_drop", "applied", "", ["plan.changed", "adaptation.applied"]),
        ("off", "energy_surge", "withheld", "off", []),
        ("note", "energy_surge", "fired", "", ["adaptation.noted"]),
        ("propose", "energy_surge", "proposed", "", ["adaptation.proposed"]),
        ("apply", "energy_surge", "proposed", "", ["adaptation.proposed"]),
    ],
)
def test_a_rule_does_what_its_dial_lets_it(
    dial: str, rule: str, outcome: str, why: str, event: list[str]
) -> None:
    person = PersonState.model_validate({"autonomy": {rule: dial}})
    decided = fire(situation(plan(task("a")), person=person), rule)
    assert decisions(decided) == [(rule, outcome, why)]
    assert types(decided) == event


def test_a_note_says_what_would_have_changed_and_changes_nothing() -> None:
    person = PersonState(autonomy={"energy_drop": "note"})
    decided = fire(situation(plan(task("a", intensity="high")), person=person), "energy_drop")
    (noted,) = decided.events
    assert isinstance(noted, AdaptationNoted)
    assert noted.adaptation.status == "noted"
    assert [change.adapted.intensity for change in noted.adaptation.changes] == ["easy"]
    assert (decided.plans, decided.person) == ((), person)
    (told,) = fire(situation(person=person), "energy_drop").events
    assert isinstance(told, AdaptationNoted)
    assert told.adaptation.changes == ()


def test_a_rule_that_is_off_or_only_tells_does_not_hold_another_back() -> None:
    for dial, outcome in (("off", "withheld"), ("note", "suppressed")):
        person = PersonState.model_validate({"autonomy": {"energy_drop": dial}})
        decided = fire(situation(plan(task("a")), person=person), "energy_drop", "stress_spike")
        assert dict(row[:2] for row in decisions(decided)) == {
            "energy_drop": outcome,
            "stress_spike": "applied",
        }


def test_a_protective_rule_comes_before_an_upgrading_one_of_higher_priority() -> None:
    from adaptation.rules import RuleSet
    from support.adapting import RULES

    eager = RuleSet(
        rules=tuple(
            one.model_copy(update={"priority": 1 if one.kind == "upgrading" else 50}) for one in RULES.rules
        )
    )
    both = firings_at(firing("energy_surge"), firing("energy_drop"), rules=eager)
    decided = decide_reading(situation(plan(task("a"))), both)
    assert dict(row[:2] for row in decisions(decided)) == {
        "energy_surge": "suppressed",
        "energy_drop": "applied",
    }


def test_a_pause_holds_everything_back_until_its_end() -> None:
    until = NOW + dt.timedelta(hours=1)
    person = PersonState(paused_until=until, autonomy={"energy_drop": "note"})
    state = situation(plan(task("a", "12:00")), person=person)
    paused = fire(state, "energy_drop", "energy_surge", now=until - dt.timedelta(microseconds=1))
    assert {row[1:] for row in decisions(paused)} == {("withheld", "paused")}
    assert paused.events == ()
    assert decisions(fire(state, "energy_drop", now=until)) == [("energy_drop", "fired", "")]


def test_reduce_only_holds_back_what_makes_the_day_harder() -> None:
    state = situation(plan(task("a")), person=PersonState(reduce_only=True))
    decided = fire(state, "energy_surge", "energy_drop")
    assert decisions(decided) == [("energy_surge", "withheld", "reduce_only"), ("energy_drop", "applied", "")]


def test_reduce_only_and_a_rule_turned_off_close_what_is_proposed() -> None:
    for fields, why in (
        ({"reduce_only": True}, "reduce_only"),
        ({"rule": "energy_surge", "level": "off"}, "off"),
    ):
        state, _ = proposed()
        decided = carry_out(state, command("autonomy.set", **fields))
        assert decided.person.proposals == {}
        assert decisions(decided) == [("energy_surge", "expired", why)]
        assert types(decided) == ["adaptation.noted", "command.done"]


def test_dials_are_kept_and_can_go_back_to_the_default() -> None:
    set_to = carry_out(situation(), command("autonomy.set", rule="energy_drop", level="note"))
    assert set_to.person.autonomy == {"energy_drop": "note"}
    (row,) = set_to.records
    assert isinstance(row, ProfileRow)
    assert row.profile == {"autonomy": {"energy_drop": "note"}}
    state = situation(person=set_to.person)
    assert (
        carry_out(state, command("autonomy.set", rule="energy_drop", level="default")).person == PersonState()
    )


@pytest.mark.parametrize(
    ("until", "refused"),
    [
        (None, ""),
        (NOW, "bad_pause"),
        (NOW + dt.timedelta(seconds=1), ""),
        (NOW + dt.timedelta(days=366), ""),
        (NOW + dt.timedelta(days=366, seconds=1), "bad_pause"),
    ],
)
def test_a_pause_ends_in_the_future_and_within_a_year(until: dt.datetime | None, refused: str) -> None:
    decided = carry_out(situation(), command("adaptation.pause", until=until))
    assert reason(decided) == refused
    assert decided.person.paused_until == (None if refused else until)


# -- proposals


def test_a_change_that_eases_closes_proposals_to_do_more_and_holds_new_ones_back() -> None:
    state, _ = proposed(plan(task("a", "12:00", intensity="high"), task("b", "11:00")))
    decided = fire(state, "energy_drop", now=NOW + dt.timedelta(minutes=5))
    assert decisions(decided) == [("energy_drop", "applied", ""), ("energy_surge", "expired", "outranked")]
    assert types(decided) == ["plan.changed", "adaptation.applied", "adaptation.noted"]
    assert decided.person.proposals == {}
    later = fire(state.after(decided), "energy_surge", now=NOW + dt.timedelta(minutes=6))
    assert decisions(later) == [("energy_surge", "withheld", "protective_in_force")]


def test_three_proposals_wait_and_no_fourth() -> None:
    waiting, _ = proposed(plan(task("a", "12:00")))
    (one,) = waiting.person.proposals.values()
    three = {name: one.model_copy(update={"adaptation_id": name, "rule": name}) for name in ("x", "y", "z")}
    state = situation(plan(task("a", "12:00")), person=PersonState(proposals=three))
    assert decisions(fire(state, "energy_surge")) == [("energy_surge", "withheld", "already_proposed")]


def test_declining_leaves_the_plan_byte_for_byte() -> None:
    state, adaptation_id = proposed()
    decided = carry_out(state, command("adaptation.decline", adaptation_id=adaptation_id))
    assert decided.plans == ()
    assert state.after(decided).plans[DAY].model_dump_json() == state.plans[DAY].model_dump_json()


def test_an_accepted_proposal_stays_for_good_and_can_be_undone() -> None:
    state, adaptation_id = proposed(plan(task("a", "10:00")))
    accepted = carry_out(state, command("adaptation.accept", adaptation_id=adaptation_id))
    check_patches(state, accepted)
    standing = state.after(accepted)
    mark = tasks_of(standing)["a"].adaptation
    assert mark is not None
    assert mark.expires_at is None
    assert accepted.person.adaptations[adaptation_id].status == "accepted"
    assert accepted.person.adaptations[adaptation_id].changes[0].adapted == tasks_of(standing)["a"]
    assert decide_timer(standing, timer_at(at("20:00"))) is None
    undone = carry_out(standing, command("adaptation.undo", adaptation_id=adaptation_id))
    check_patches(standing, undone)
    assert text(standing.after(undone)) == text(state)


# -- changes in force


def test_a_change_is_undone_in_one_step_byte_for_byte() -> None:
    before = plan(task("a", "10:00", intensity="high"), task("b", "12:00", status="skipped"), version=4)
    state, adaptation_id = eased(before)
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    check_patches(state, undone)
    assert types(undone) == ["plan.changed", "adaptation.reverted", "command.done"]
    reverted = undone.events[1]
    assert isinstance(reverted, AdaptationReverted)
    assert reverted.adaptation.status == "undone"
    assert decisions(undone) == [("energy_drop", "undone", "")]
    assert undone.person.adaptations == {}
    assert text(state.after(undone)) == text(situation(before))
    again = carry_out(state.after(undone), command("adaptation.undo", adaptation_id=adaptation_id, number=2))
    assert reason(again) == "unknown_adaptation"


def test_an_undo_leaves_what_was_begun_and_what_the_person_edited() -> None:
    state, adaptation_id = eased(plan(task("a", "10:00", 60), task("b", "12:00", 60), task("c", "14:00", 60)))
    state = state.after(carry_out(state, command("task.start", task_id="a")))
    edit = command("task.edit", task_id="b", base_version=1, edits={"title": "Mine"})
    state = state.after(carry_out(state, edit))
    started = tasks_of(state)["a"]
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    after = tasks_of(state.after(undone))
    assert after["a"] == started
    assert (after["b"].title, after["b"].duration_minutes, after["b"].adaptation) == ("Mine", 60, None)
    assert after["c"] == task("c", "14:00", 60)


def test_an_old_change_is_undone_from_the_record_and_only_once() -> None:
    state, adaptation_id = eased()
    record = state.person.adaptations[adaptation_id]
    days_later = at("09:00") + dt.timedelta(days=6)
    forgotten = Situation("ada", PersonState(), state.plans)

    def undo(status: str) -> Decided:
        told = record.model_copy(update={"status": status})
        fields = {"adaptation_id": adaptation_id, "record": told.model_dump()}
        return carry_out(forgotten, command("adaptation.undo", now=days_later, **fields))

    assert reason(carry_out(forgotten, command("adaptation.undo", adaptation_id=adaptation_id))) == (
        "unknown_adaptation"
    )
    undone = undo("applied")
    assert reason(undone) == ""
    assert tasks_of(forgotten.after(undone))["a"] == task("a", "10:00", intensity="high")
    assert reason(undo("undone")) == "already_undone"
    for status in ("proposed", "declined", "withheld", "noted"):
        assert reason(undo(status)) == "unknown_adaptation"
    assert reason(undo("expired")) == ""
    forgotten = Situation("ada", PersonState(), {})
    assert reason(undo("expired")) == "expired"
    record = record.model_copy(update={"user_id": "bob"})
    assert reason(undo("applied")) == "unknown_adaptation"


def test_a_change_that_was_undone_a_moment_ago_is_not_undone_again_where_the_history_lags() -> None:
    state, adaptation_id = eased()
    record = state.person.adaptations[adaptation_id].model_dump()
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    again = command("adaptation.undo", adaptation_id=adaptation_id, record=record, number=2)
    assert reason(carry_out(state.after(undone), again)) == "already_undone"


def test_a_task_returns_only_as_far_as_there_is_room() -> None:
    state, adaptation_id = eased(plan(task("a", "10:00", 60), task("b", "16:00", 20, locked=True)))
    edit = command("task.edit", task_id="b", base_version=1, edits={"start": at("10:45")})
    state = state.after(carry_out(state, edit))
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    assert tasks_of(state.after(undone))["a"].duration_minutes == 45


def test_a_task_that_overlapped_before_returns_whole() -> None:
    before = plan(task("a", "10:00", 60), task("b", "10:40", 20, locked=True))
    state, adaptation_id = eased(before)
    undone = carry_out(state, command("adaptation.undo", adaptation_id=adaptation_id))
    assert text(state.after(undone)) == text(situation(before))


def test_a_change_ends_by_itself_and_says_so() -> None:
    # Eased at nine for four hours: at one, a task at noon has begun by the clock.
    before = plan(task("noon", "12:00", 60), task("two", "14:00", 60), task("three", "15:00", 60))
    state, adaptation_id = eased(before)
    timer = timer_at(at("13:00"))
    assert decide_timer(state, timer_at(at("13:00") - dt.timedelta(microseconds=1))) is None
    ended = decide_timer(state, timer)
    assert ended is not None
    check_patches(state, ended)
    assert types(ended) == ["plan.changed", "adaptation.reverted"]
    reverted = ended.events[1]
    assert isinstance(reverted, AdaptationReverted)
    assert (reverted.adaptation.status, reverted.adaptation.adaptation_id) == ("expired", adaptation_id)
    assert decisions(ended) == [("energy_drop", "expired", "")]
    after = tasks_of(state.after(ended))
    assert after["two"] == task("two", "14:00", 60)
    assert after["three"] == task("three", "15:00", 60)
    assert after["noon"].duration_minutes == 30
    assert ended.person.adaptations == {}
    assert decide_timer(state.after(ended), timer) is None


def test_a_change_that_is_kept_or_locked_does_not_end() -> None:
    state, adaptation_id = eased(plan(task("a", "14:00", 60), task("b", "14:30", 60)))
    kept = carry_out(state, command("adaptation.accept", adaptation_id=adaptation_id))
    check_patches(state, kept)
    assert types(kept) == ["plan.changed", "adaptation.applied", "command.done"]
    assert decisions(kept) == [("energy_drop", "accepted", "")]
    assert decide_timer(state.after(kept), timer_at(at("13:00"))) is None
    again = carry_out(state.after(kept), command("adaptation.accept", adaptation_id=adaptation_id, number=2))
    assert reason(again) == "unknown_adaptation"
    lock = command("task.edit", task_id="a", base_version=2, edits={"locked": True})
    locked = state.after(carry_out(state, lock))
    ended = decide_timer(locked, timer_at(at("13:00")))
    assert ended is not None
    after = tasks_of(locked.after(ended))
    assert after["a"] == tasks_of(locked)["a"]
    assert after["b"].adaptation is None


def test_a_change_whose_tasks_are_gone_ends_without_a_new_plan() -> None:
    state, adaptation_id = eased()
    for plans in ({}, {DAY: plan(task("other"))}):
        gone = Situation("ada", state.person, plans)
        ended = decide_timer(gone, timer_at(at("13:00")))
        assert ended is not None
        assert types(ended) == ["adaptation.reverted"]
        assert ended.plans == ()
        undone = carry_out(gone, command("adaptation.undo", adaptation_id=adaptation_id))
        assert types(undone) == ["adaptation.reverted", "command.done"]


def test_what_is_over_ends_at_a_firing_before_it_acts() -> None:
    state, _ = eased(plan(task("two", "14:00", 60)))
    decided = fire(state, "stress_spike", now=at("13:00"))
    assert decisions(decided) == [("energy_drop", "expired", ""), ("stress_spike", "applied", "")]
    assert types(decided) == ["plan.changed", "adaptation.reverted", "plan.changed", "adaptation.applied"]
    check_patches(state, decided)
    (changed,) = decided.plans
    assert changed.version == state.plans[DAY].version + 2


def test_what_is_over_waits_for_the_timer_where_a_command_does_not_know_the_plans_around() -> None:
    late = plan(task("late", "23:00", 90, intensity="high"))
    before = situation(late, plan(task("night", "00:40", 20, day=TOMORROW, locked=True), day=TOMORROW))
    state = before.after(fire(before, "energy_drop", now=at("18:00")))
    edit = command(
        "task.edit", task_id="night", date="2026-11-21", base_version=1, edits={"start": at("23:50")}
    )
    state = state.after(carry_out(state, edit))
    now = at("22:00")
    only_today = Situation("ada", state.person, {DAY: state.plans[DAY]}, state.feed_last)
    entry = command("task.rate", task_id="late", rating=3, now=now)
    assert types(carry_out(only_today, entry)) == ["command.done"]
    ended = decide_timer(state, timer_at(now))
    assert ended is not None
    assert tasks_of(state.after(ended))["late"].duration_minutes == 50


def over(number: int, day: dt.date) -> Adaptation:
    """Return one more change of a plan that is over at 13:00."""
    state, adaptation_id = eased()
    one = state.person.adaptations[adaptation_id]
    change = one.changes[0]
    moved = TaskChange(date=day, task_id=change.task_id, original=change.original, adapted=change.adapted)
    name = f"c82cef6a-048d-5215-a201-{number:012d}"
    return one.model_copy(update={"adaptation_id": name, "changes": (moved,)})


def test_more_changes_than_a_reading_has_room_for_end_at_the_timer_behind_it() -> None:
    state, _ = eased()
    many = {one.adaptation_id: one for one in (over(number, DAY) for number in range(20))}
    person = state.person.model_copy(update={"adaptations": {**state.person.adaptations, **many}})
    full = Situation("ada", person, state.plans)
    decided = fire(full, "stress_spike", now=at("13:00"))
    assert len(decided.events) <= SLOTS_PER_INDEX
    left = full.after(decided)
    assert 0 < len(left.person.adaptations) < 21
    timer = timer_at(at("13:00"))
    ended = decide_timer(left, timer)
    assert ended is not None
    assert len(ended.events) > SLOTS_PER_INDEX
    assert [one.status for one in ended.person.adaptations.values()] == ["applied"]  # stress_spike's
    ids = [tuple(map(int, event.event_id.split("-"))) for event in ended.events]
    assert ids == sorted(set(ids))
    following = position_at(at("13:00"), timer.position.index).feed_id(0)
    assert ended.events[0].event_id == following


def test_an_accepted_change_is_forgotten_after_the_day_behind_its_last_plan() -> None:
    state, adaptation_id = eased()
    kept = state.after(carry_out(state, command("adaptation.accept", adaptation_id=adaptation_id)))
    for days, stands in ((1, True), (2, False)):
        decided = carry_out(kept, command("adaptation.pause", until=None, now=NOW + dt.timedelta(days=days)))
        assert (adaptation_id in decided.person.adaptations) == stands


def test_a_change_over_while_nothing_was_read_ends_once_however_late_it_is() -> None:
    state, _ = eased()
    late = timer_at(NOW + dt.timedelta(days=9))
    assert DAY not in dates_of_timer(late)
    ended = decide_timer(Situation("ada", state.person, {}), late)
    assert ended is not None
    assert types(ended) == ["adaptation.reverted"]
    assert ended.person.adaptations == {}
