"""Micro-randomisation: draws that repeat, with their propensities on record."""

import datetime as dt
from hashlib import sha256

import pytest

from adaptation.decide import decide_reading
from adaptation.randomisation import SURE, draw
from adaptation.rules import Randomisation, RuleSet
from schemas.people import PersonState
from schemas.records import AdaptationRow, DecisionRow
from schemas.situations import Decided
from support.adapting import NOW, RULES, firing, firings_at, plan, rule_named, situation, task

DRAWS = 4000


def drawn(probability: float, rule: str = "energy_drop") -> RuleSet:
    """Return the rules with one that is drawn by lot."""
    lot = Randomisation(probability, "trial-1")
    return RuleSet(
        rules=tuple(
            one.model_copy(update={"randomise": lot}) if one.name == rule else one for one in RULES.rules
        )
    )


def fire(number: int, rules: RuleSet, rule: str = "energy_drop") -> Decided:
    one = firing(rule, number=number)
    return decide_reading(situation(plan(task("a"))), firings_at(one, rules=rules))


def number_of(decided: Decided, outcome: str) -> int:
    return sum(isinstance(row, DecisionRow) and row.outcome == outcome for row in decided.records)


def test_a_rule_without_a_draw_acts_for_sure() -> None:
    assert draw(rule_named("energy_drop"), firing()) == SURE == (True, 1.0)


def test_the_draw_is_that_of_the_formula() -> None:
    rule = rule_named("energy_drop", drawn(0.3))
    for number in range(50):
        one = firing(number=number)
        digest = sha256(f"trial-1/ada/energy_drop/{one.firing_id}".encode()).digest()
        u = int.from_bytes(digest[:8], "big") / 2**64
        assert draw(rule, one) == ((True, 0.3) if u < 0.3 else (False, 0.7))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_that_acts_is_the_probability(probability: float) -> None:
    rule = rule_named("energy_drop", drawn(probability))
    acted = sum(draw(rule, firing(number=number)).acts for number in range(DRAWS))
    three_sigma = 3 * (probability * (1 - probability) / DRAWS) ** 0.5
    assert abs(acted / DRAWS - probability) < three_sigma


def test_another_seed_draws_otherwise() -> None:
    one, other = drawn(0.5), drawn(0.5)
    changed = rule_named("energy_drop", other).model_copy(update={"randomise": Randomisation(0.5, "trial-2")})
    draws = [
        (draw(rule_named("energy_drop", one), firing(number=number)), draw(changed, firing(number=number)))
        for number in range(100)
    ]
    assert len({first.acts == second.acts for first, second in draws}) == 2


@pytest.mark.parametrize(("rule", "acted"), [("energy_drop", "applied"), ("energy_surge", "proposed")])
def test_what_was_drawn_is_on_record_with_its_propensity(rule: str, acted: str) -> None:
    rules = drawn(0.25, rule)
    seen = set()
    for number in range(40):
        decided = fire(number, rules, rule)
        row = next(row for row in decided.records if isinstance(row, DecisionRow))
        (of_task,) = [row for row in decided.records if isinstance(row, AdaptationRow)]
        seen.add(row.outcome)
        if row.outcome == acted:
            assert (row.why, row.propensity, of_task.status, of_task.propensity) == ("", 0.25, acted, 0.25)
            assert decided.events[-1].adaptation.propensity == 0.25  # type: ignore[union-attr]
        else:
            assert (row.outcome, row.why, row.propensity) == ("withheld", "by_lot", 0.75)
            assert (of_task.status, of_task.propensity) == ("withheld", 0.75)
            assert of_task.adapted_task != of_task.original_task
            assert (decided.plans, decided.events, decided.person) == ((), (), PersonState())
    assert seen == {acted, "withheld"}


def test_nothing_is_drawn_where_nothing_could_be_done_or_only_a_note_is_wanted() -> None:
    rules = drawn(0.5)
    for number in range(20):
        one = firings_at(firing(number=number), rules=rules)
        (row,) = decide_reading(situation(plan(task("a", locked=True))), one).records
        assert isinstance(row, DecisionRow)
        assert (row.why, row.propensity) == ("nothing_to_change", 1.0)
        note = PersonState(autonomy={"energy_drop": "note"})
        told = decide_reading(situation(plan(task("a")), person=note), one)
        assert number_of(told, "fired") == 1


def test_a_firing_withheld_by_lot_does_not_use_up_the_day_s_change() -> None:
    rules = drawn(0.5)
    state = situation(plan(task("a")))
    withheld = next(number for number in range(50) if not fire(number, rules).plans)
    acts = next(number for number in range(50) if fire(number, rules).plans)
    state = state.after(decide_reading(state, firings_at(firing(number=withheld), rules=rules)))
    later = firing(number=acts, now=NOW)
    assert decide_reading(state, firings_at(later, rules=rules)).plans
    assert later.at - NOW == dt.timedelta()
