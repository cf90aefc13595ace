import datetime as dt
import json

import jsonpatch
import pytest

from adaptation.decide import decide_reading, plan_dates
from adaptation.rules import render_reason
from adaptation.tracked import ReadingEvent
from schemas.events import AdaptationApplied, AdaptationProposed, BaselineChanged, PlanChanged
from schemas.people import PersonState
from schemas.plan import Plan, Task
from schemas.records import AdaptationRow, DecisionRow, Firing, HrvDay, Outcome, PlanVersionRow
from schemas.situations import Decided, Situation
from support.adapting import (
    DAY,
    NOW,
    SEEDS,
    at,
    firing,
    firings_at,
    plan,
    position_at,
    rule_named,
    situation,
    task,
    with_rules,
)

TOMORROW = DAY + dt.timedelta(days=1)


def decisions(decided: Decided) -> list[tuple[str, str, str]]:
    return [(row.rule, row.outcome, row.why) for row in decided.records if isinstance(row, DecisionRow)]


def many_tasks(*, count: int = 30) -> Plan:
    """Return a day with a task every ten minutes, far more than a day of changes could touch."""
    return plan(
        *(task(f"t{n}", f"{9 + n // 6:02}:{10 * (n % 6):02}", 5, description="") for n in range(1, count))
    )


def test_a_protective_firing_changes_the_plan_and_says_so_to_everyone() -> None:
    before = plan(task("a", "10:00", intensity="high"), version=3)
    one = firing("energy_drop")
    position = position_at(NOW, index=5)
    decided = decide_reading(situation(before, feed_last="17-3"), firings_at(one, position=position))

    changed, applied = decided.events
    assert isinstance(changed, PlanChanged)
    assert isinstance(applied, AdaptationApplied)
    assert (changed.event_id, changed.previous_id) == (position.feed_id(0), "17-3")
    assert (applied.event_id, applied.previous_id) == (position.feed_id(1), position.feed_id(0))
    assert changed.time == applied.time == NOW

    (after,) = decided.plans
    assert (after.version, changed.version, changed.date) == (4, 4, "2026-11-20")
    old_text, new_text = json.loads(before.model_dump_json()), json.loads(after.model_dump_json())
    assert jsonpatch.apply_patch(old_text, changed.patch) == new_text

    adaptation = applied.adaptation
    assert changed.adaptation == adaptation
    assert adaptation.adaptation_id == one.firing_id
    assert (adaptation.status, adaptation.kind, adaptation.action) == (
        "applied",
        "protective",
        "reduce_intensity",
    )
    assert adaptation.expires_at == NOW + dt.timedelta(hours=4)
    assert decided.person.adaptations == {one.firing_id: adaptation}
    assert adaptation.evidence == one.evidence
    assert adaptation.reason == render_reason(rule_named("energy_drop"), one.evidence)
    assert [
        (change.original.duration_minutes, change.adapted.duration_minutes) for change in adaptation.changes
    ] == [(40, 20)]

    decision, row, version = decided.records
    assert isinstance(decision, DecisionRow)
    assert (decision.outcome, decision.reason, decision.position) == (
        Outcome.APPLIED,
        adaptation.reason,
        one.position,
    )
    assert isinstance(row, AdaptationRow)
    assert (row.task_id, row.status, row.original_task.duration_minutes) == ("a", "applied", 40)
    assert row.adapted_task == after.blocks[0].tasks[0]
    assert isinstance(version, PlanVersionRow)
    assert (version.version, version.cause, version.patch, version.plan) == (
        4,
        one.firing_id,
        changed.patch,
        None,
    )
    assert decided.person.changes == {DAY: ("energy_drop",)}
    assert decided.outcome is None


def test_an_upgrading_firing_only_proposes() -> None:
    before = plan(task("a", "10:00", energy_requirement="high"))
    decided = decide_reading(situation(before), firings_at(firing("energy_surge")))
    assert decided.plans == ()
    (proposed,) = decided.events
    assert isinstance(proposed, AdaptationProposed)
    assert proposed.adaptation.status == "proposed"
    assert decided.person.proposals == {proposed.adaptation.adaptation_id: proposed.adaptation}
    assert decided.person.changes == {}
    assert decisions(decided) == [("energy_surge", "proposed", "")]
    assert [row.status for row in decided.records if isinstance(row, AdaptationRow)] == ["proposed"]
    assert not any(isinstance(row, PlanVersionRow) for row in decided.records)


def test_a_change_across_midnight_has_one_event_for_each_plan_and_one_for_the_adaptation() -> None:
    now = at("22:00")
    plans = (plan(task("late", "23:00")), plan(task("night", "01:00", day=TOMORROW), day=TOMORROW))
    decided = decide_reading(situation(*plans), firings_at(firing(now=now)))
    assert [event.type for event in decided.events] == ["plan.changed", "plan.changed", "adaptation.applied"]
    assert [one.date for one in decided.plans] == [DAY, TOMORROW]
    assert decided.person.changes == {DAY: ("energy_drop",)}


def test_at_one_position_the_first_by_priority_acts() -> None:
    at_once = firings_at(firing("energy_surge"), firing("stress_spike"), firing("energy_drop"))
    decided = decide_reading(situation(plan(task("a"))), at_once)
    assert sorted(decisions(decided)) == [
        ("energy_drop", "applied", ""),
        ("energy_surge", "suppressed", "outranked"),
        ("stress_spike", "suppressed", "outranked"),
    ]


def test_of_equal_priority_the_file_s_order_decides() -> None:
    decided = decide_reading(
        situation(plan(task("a"))), firings_at(firing("sleep_debt"), firing("stress_spike"))
    )
    assert decisions(decided) == [("stress_spike", "applied", ""), ("sleep_debt", "suppressed", "outranked")]


def test_where_the_first_may_change_nothing_the_next_one_acts() -> None:
    person = PersonState(changes={DAY: ("stress_spike",)})
    decided = decide_reading(
        situation(plan(task("a")), person=person), firings_at(firing("stress_spike"), firing("sleep_debt"))
    )
    assert decisions(decided) == [("stress_spike", "withheld", "daily_cap"), ("sleep_debt", "applied", "")]


def test_a_suppressed_firing_leaves_a_row_with_its_reason_and_nothing_else() -> None:
    before = situation(plan(task("a")))
    decided = decide_reading(before, firings_at(suppressed=((firing("energy_drop"), "cooldown"),)))
    assert decisions(decided) == [("energy_drop", "suppressed", "cooldown")]
    assert (decided.plans, decided.events, decided.person) == ((), (), before.person)


def test_without_a_plan_a_firing_is_withheld_and_does_not_use_up_the_day_s_change() -> None:
    first = decide_reading(situation(), firings_at(firing("energy_drop", number=1)))
    assert decisions(first) == [("energy_drop", "withheld", "no_plan")]
    assert first.events == ()
    later = Situation("ada", first.person, {DAY: plan(task("a"))})
    second = decide_reading(later, firings_at(firing("energy_drop", number=2)))
    assert decisions(second) == [("energy_drop", "applied", "")]


@pytest.mark.parametrize("one", [task("a", locked=True), task("a", "08:00"), task("a", category="meal")])
def test_with_nothing_to_change_a_firing_is_withheld_and_does_not_use_up_the_day_s_change(one: Task) -> None:
    decided = decide_reading(situation(plan(one)), firings_at(firing("energy_drop")))
    assert decisions(decided) == [("energy_drop", "withheld", "nothing_to_change")]
    assert decided.person.changes == {}


def test_a_rule_changes_a_plan_once_a_local_day() -> None:
    person = PersonState(changes={DAY: ("energy_drop",)})
    decided = decide_reading(situation(plan(task("a")), person=person), firings_at(firing("energy_drop")))
    assert decisions(decided) == [("energy_drop", "withheld", "daily_cap")]
    other = decide_reading(situation(plan(task("a")), person=person), firings_at(firing("stress_spike")))
    assert decisions(other) == [("stress_spike", "applied", "")]


def test_three_rules_change_a_plan_on_a_local_day_and_no_fourth() -> None:
    person = PersonState(changes={DAY: ("one", "two", "three")})
    decided = decide_reading(situation(plan(task("a")), person=person), firings_at(firing("energy_drop")))
    assert decisions(decided) == [("energy_drop", "withheld", "daily_cap")]


def test_the_daily_cap_does_not_hold_a_proposal_back() -> None:
    person = PersonState(changes={DAY: ("one", "two", "three")})
    decided = decide_reading(situation(plan(task("a")), person=person), firings_at(firing("energy_surge")))
    assert decisions(decided) == [("energy_surge", "proposed", "")]


def test_the_cap_counts_the_local_day_not_the_utc_day() -> None:
    now = at("23:30")  # half past midnight of the next day in Berlin
    person = PersonState(changes={DAY: ("energy_drop",)})
    tomorrow = plan(task("a", "02:00", day=TOMORROW), day=TOMORROW)
    one = firing(now=now, zone="Europe/Berlin")
    decided = decide_reading(situation(tomorrow, person=person), firings_at(one))
    assert decisions(decided) == [("energy_drop", "applied", "")]
    assert decided.person.changes == {DAY: ("energy_drop",), TOMORROW: ("energy_drop",)}


def test_changes_of_days_before_yesterday_are_forgotten() -> None:
    days = {DAY - dt.timedelta(days=back): ("energy_drop",) for back in (1, 2, 3)}
    decided = decide_reading(situation(person=PersonState(changes=days)), firings_at(firing()))
    assert set(decided.person.changes) == {DAY - dt.timedelta(days=1)}


def test_a_rule_has_one_open_proposal_at_a_time() -> None:
    plans = plan(task("a", "10:00"), task("b", "14:00"))
    first = decide_reading(situation(plans), firings_at(firing("energy_surge", number=1)))
    soon = NOW + dt.timedelta(minutes=59)
    again = firings_at(firing("energy_surge", now=soon, number=2))
    second = decide_reading(situation(plans).after(first), again)
    assert decisions(second) == [("energy_surge", "withheld", "already_proposed")]
    # Task a begins at ten: then that proposal lapses, and another one may be made.
    begun = firings_at(firing("energy_surge", now=at("10:00"), number=3))
    third = decide_reading(situation(plans).after(first), begun)
    assert decisions(third) == [("energy_surge", "expired", ""), ("energy_surge", "proposed", "")]
    assert [event.type for event in third.events] == ["adaptation.noted", "adaptation.proposed"]


def test_an_expired_proposal_is_closed_with_a_row_at_the_next_firing() -> None:
    before = situation(plan(task("a", "10:00"), task("b", "14:00")))
    first = decide_reading(before, firings_at(firing("energy_surge")))
    (proposal,) = first.person.proposals.values()
    now = proposal.expires_at
    assert now == at("10:00")  # its task begins
    second = decide_reading(before.after(first), firings_at(firing("energy_drop", now=now)))
    assert decisions(second) == [("energy_surge", "expired", ""), ("energy_drop", "applied", "")]
    assert second.records[0].time == proposal.expires_at
    assert second.person.proposals == {}


def test_a_hundred_firings_at_once_change_once_per_rule_and_three_times_in_all() -> None:
    state = situation(many_tasks())
    outcomes: list[tuple[str, str, str]] = []
    for number in range(100):
        one = firing(SEEDS[number % len(SEEDS)], number=number)
        decided = decide_reading(state, firings_at(one, position=position_at(NOW, number)))
        outcomes += decisions(decided)
        state = state.after(decided)
    applied = [rule for rule, outcome, _ in outcomes if outcome == "applied"]
    assert len(outcomes) == 100
    assert len(applied) == len(set(applied))
    assert 1 <= len(applied) <= 3
    assert len(state.person.changes[DAY]) == len(applied)
    assert state.plans[DAY].version == 1 + len(applied)


def test_the_same_input_gives_the_same_ids_and_every_id_only_once() -> None:
    at_once = firings_at(
        firing("energy_drop"), firing("stress_spike"), suppressed=((firing("sleep_debt"), "cooldown"),)
    )
    one, two = (decide_reading(situation(plan(task("a"))), at_once) for _ in range(2))
    assert one == two
    ids = [row.decision_id for row in one.records if isinstance(row, DecisionRow)]
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize(
    ("moment", "zone", "today"),
    [
        ("2026-11-20T23:30:00+00:00", "UTC", "2026-11-20"),
        ("2026-11-20T23:30:00+00:00", "Europe/Berlin", "2026-11-21"),
        ("2026-11-20T03:30:00+00:00", "America/New_York", "2026-11-19"),
        pytest.param("2026-10-24T22:30:00+00:00", "Europe/Berlin", "2026-10-25", id="25-hour-day"),
        pytest.param("2026-10-25T22:59:00+00:00", "Europe/Berlin", "2026-10-25", id="its-last-minute"),
    ],
)
def test_the_dates_of_plans_are_yesterday_today_and_tomorrow_where_the_person_is(
    moment: str, zone: str, today: str
) -> None:
    middle = dt.date.fromisoformat(today)
    assert plan_dates(dt.datetime.fromisoformat(moment), zone) == (
        middle - dt.timedelta(days=1),
        middle,
        middle + dt.timedelta(days=1),
    )


HRV_BELOW = HrvDay(
    day=DAY,
    device_id="watch",
    measure="rmssd_ms",
    slot="asleep",
    values=84,
    ln_value=3.05,
    heart_rate_bpm=57.5,
    mean7=3.21,
    cv7=4.6,
    normal_low=3.35,
    normal_high=3.78,
    have=41,
    need=41,
    maturity="stable",
    status="below",
    onset=True,
)


def changed_at(
    *firings: Firing, suppressed: tuple[tuple[Firing, str], ...] = (), now: dt.datetime = NOW
) -> ReadingEvent:
    """Return a reading at which the baseline changed, with what else became true at it."""
    return ReadingEvent(
        position_at(now, index=3),
        "ada",
        at=now,
        time_zone="UTC",
        firings=with_rules(*firings),
        suppressed=suppressed,
        baseline=HRV_BELOW,
    )


def test_a_changed_baseline_is_told_and_changes_nothing_else() -> None:
    before = situation(plan(task("a")), feed_last="17-3")
    decided = decide_reading(before, changed_at())
    (event,) = decided.events
    assert isinstance(event, BaselineChanged)
    assert (event.type, event.baseline, event.time) == ("baseline.changed", HRV_BELOW, NOW)
    assert (event.event_id, event.previous_id) == (position_at(NOW, 3).feed_id(0), "17-3")
    assert (decided.plans, decided.records, decided.person) == ((), (), before.person)
    assert decided.at == NOW
    assert decided.outcome is None


@pytest.mark.parametrize(
    ("rule", "one", "types"),
    [
        pytest.param("energy_drop", task("a"), ["plan.changed", "adaptation.applied"], id="applied"),
        pytest.param(
            "energy_surge", task("a", energy_requirement="high"), ["adaptation.proposed"], id="proposed"
        ),
        pytest.param("energy_drop", task("a", locked=True), [], id="withheld"),
    ],
)
def test_a_changed_baseline_is_told_before_what_a_firing_led_to(
    rule: str, one: Task, types: list[str]
) -> None:
    before = situation(plan(one), feed_last="17-3")
    at_once = changed_at(firing(rule, position=position_at(NOW, 3)))
    decided = decide_reading(before, at_once)
    assert [event.type for event in decided.events] == ["baseline.changed", *types]
    ids = [event.event_id for event in decided.events]
    assert ids == [position_at(NOW, 3).feed_id(slot) for slot in range(len(ids))]
    assert [event.previous_id for event in decided.events] == ["17-3", *ids[:-1]]
    assert {event.time for event in decided.events} == {NOW}
    without = decide_reading(before, firings_at(*(one.firing for one in at_once.firings)))
    assert (decided.plans, decided.records, decided.person) == (
        without.plans,
        without.records,
        without.person,
    )


def test_a_changed_baseline_fits_beside_a_change_of_two_plans() -> None:
    now = at("22:00")
    plans = (plan(task("late", "23:00")), plan(task("night", "01:00", day=TOMORROW), day=TOMORROW))
    decided = decide_reading(situation(*plans), changed_at(firing(now=now), now=now))
    assert [event.type for event in decided.events] == [
        "baseline.changed",
        "plan.changed",
        "plan.changed",
        "adaptation.applied",
    ]
    assert len({event.event_id for event in decided.events}) == 4


def test_a_changed_baseline_is_told_beside_a_firing_that_may_not_act() -> None:
    at_once = changed_at(suppressed=((firing("energy_drop"), "cooldown"),))
    decided = decide_reading(situation(plan(task("a"))), at_once)
    assert [event.type for event in decided.events] == ["baseline.changed"]
    assert decisions(decided) == [("energy_drop", "suppressed", "cooldown")]


def test_a_changed_baseline_closes_proposals_that_have_expired() -> None:
    before = situation(plan(task("a", "10:00"), task("b", "18:00")))
    first = decide_reading(before, firings_at(firing("energy_surge")))
    (proposal,) = first.person.proposals.values()
    second = decide_reading(before.after(first), changed_at(now=proposal.expires_at))
    assert decisions(second) == [("energy_surge", "expired", "")]
    assert second.person.proposals == {}
    assert [event.type for event in second.events] == ["baseline.changed", "adaptation.noted"]


def test_the_same_change_of_a_baseline_has_the_same_id() -> None:
    before = situation(plan(task("a")))
    assert decide_reading(before, changed_at()) == decide_reading(before, changed_at())
