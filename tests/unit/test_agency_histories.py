"""Random histories of one person's plans, driven by Hypothesis; ``daybeat bench agency`` runs millions."""

import datetime as dt
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import adaptation.acting
import adaptation.edits
import adaptation.marks
import adaptation.plan_puts
import adaptation.timed
import adaptation.undo
from adaptation.rules import Rule
from bench.agency import AgencyOptions, run_agency, run_history
from bench.agency_copies import AgencyViolationError
from bench.agency_model import STEPS, History
from schemas.commands import TaskEdits
from schemas.people import PersonState
from schemas.plan import Task

chances = st.randoms(use_true_random=False)


class Histories(RuleBasedStateMachine):
    """Every step checks what must be true; see ``bench/agency_checks.py``."""

    @initialize(chance=chances)
    def begin(self, chance: Random) -> None:
        self.history = History(chance)
        self.history.put_plan()

    @rule(chance=chances)
    def fire(self, chance: Random) -> None:
        self.step(History.fire, chance)

    @rule(chance=chances)
    def fire_again(self, chance: Random) -> None:
        self.step(History.fire, chance)

    @rule(chance=chances)
    def put_plan(self, chance: Random) -> None:
        self.step(History.put_plan, chance)

    @rule(chance=chances)
    def start_complete_skip_or_rate(self, chance: Random) -> None:
        self.step(History.start_complete_skip_or_rate, chance)

    @rule(chance=chances)
    def edit(self, chance: Random) -> None:
        self.step(History.edit, chance)

    @rule(chance=chances)
    def accept(self, chance: Random) -> None:
        self.step(History.accept, chance)

    @rule(chance=chances)
    def decline(self, chance: Random) -> None:
        self.step(History.decline, chance)

    @rule(chance=chances)
    def undo(self, chance: Random) -> None:
        self.step(History.undo, chance)

    @rule(chance=chances)
    def pause_or_set_dial(self, chance: Random) -> None:
        self.step(History.pause if chance.random() < 0.5 else History.set_dial, chance)

    @rule(chance=chances)
    def travel(self, chance: Random) -> None:
        self.step(History.travel, chance)

    @rule(chance=chances)
    def wait(self, chance: Random) -> None:
        self.step(History.wait, chance)

    @rule(chance=chances)
    def replay_or_repeat(self, chance: Random) -> None:
        self.step(History.replay if chance.random() < 0.5 else History.repeat, chance)

    def step(self, take: object, chance: Random) -> None:
        assert callable(take)
        self.history.draw_from(chance)
        take(self.history)


Histories.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestHistories = Histories.TestCase


def test_random_histories_keep_every_promise_and_are_repeated_by_their_seed() -> None:
    report = run_agency(AgencyOptions(histories=200, seed=7))
    assert (report.histories, report.violations, report.first) == (200, 0, ())
    assert run_history(7, 4).person.steps == run_history(7, 4).person.steps


def test_every_step_is_taken() -> None:
    steps = {take.__name__ for take, _ in STEPS}
    public = {name for name in vars(History) if not name.startswith("_")} - {"draw_from"}
    assert steps == public


def _edits_are_lost_by_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = adaptation.edits.with_edits

    def forgetful(task: Task, edits: TaskEdits) -> Task:
        return plain(task, edits).model_copy(update={"edited": ()})

    monkeypatch.setattr(adaptation.edits, "with_edits", forgetful)


def _edits_are_lost_by_planners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation.plan_puts, "with_edits_of", lambda _, new: new)


def _return_over_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation.marks, "_begun_meanwhile", lambda *_: ())


def _no_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation.acting, "has_daily_cap", lambda *_: False)


def _nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation.timed, "_is_over", lambda *_: False)


def _upgrades_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(person: PersonState, rule: Rule) -> str:
        return person.autonomy.get(rule.name, "apply")

    monkeypatch.setattr(adaptation.acting, "dial_of", eager)


def _undo_forgets_old_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    def near(now: dt.datetime, time_zone: str) -> tuple[dt.date, ...]:
        del time_zone
        return (now.date(),)

    monkeypatch.setattr(adaptation.undo, "kept_dates", near)


@pytest.mark.parametrize(
    "safeguard",
    [
        _edits_are_lost_by_rules,
        _edits_are_lost_by_planners,
        _return_over_others,
        _no_cap,
        _nothing_ends,
        _upgrades_by_themselves,
        _undo_forgets_old_plans,
    ],
)
def test_without_a_safeguard_the_histories_find_what_is_broken(
    safeguard: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(safeguard)
    safeguard(monkeypatch)
    report = run_agency(AgencyOptions(histories=150, seed=7))
    assert report.violations > 0
    first = report.first[0]
    assert first.steps
    with pytest.raises(AgencyViolationError) as caught:
        run_history(7, first.number)
    assert str(caught.value) == first.what
