"""The shipped rules, and rules as data."""

import pickle
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from adaptation.rules import ActionUse, Randomisation, Rule, RuleSet, Written, builtin_rules, load_rules
from adaptation.rules.check import read_condition
from adaptation.rules.tree import Comparison, Holds, Number, Term
from adaptation.rules.vocabulary import FLAGS, FUNCTIONS, STATUSES, UNIT_WORDS, VALUES

GOOD = """
version = 2
randomisation_seed = "trial-1"

[[rule]]
name = "first_one"
kind = "protective"
priority = 1
when = "energy_level < 30 %"
cooldown = "4h"
horizon = "6h"
expires = "6h"
action = "reduce_intensity"
reason = "Energy is at {energy_level}."

[[rule]]
name = "second"
title = "Fresh"
kind = "upgrading"
priority = 2
when = "hrv_rmssd_ms > 120 % * usual(hrv_rmssd_ms) and not exercising"
leave = "hrv_rmssd_ms < usual(hrv_rmssd_ms) or strain > 100"
cooldown = "30min"
at_most_per_day = 1
horizon = "6h"
expires = "2d"
action = { name = "upgrade", tasks = 2, duration_factor = 1.2 }
evidence = ["readiness_score"]
allow = ["estimated", "low_quality"]
randomise = 0.25
reason = "At {hrv_rmssd_ms}[, usual {hrv_rmssd_ms.usual}][, readiness {readiness_score}]."
"""

HOURS = timedelta(hours=1)


def test_the_seed_rules_ship_as_agreed() -> None:
    rules = {rule.name: rule for rule in builtin_rules().rules}
    seeds = ("energy_drop", "stress_spike", "sleep_debt", "energy_surge")
    assert {name: (rules[name].kind, rules[name].action.name, rules[name].priority) for name in seeds} == {
        "energy_drop": ("protective", "reduce_intensity", 1),
        "stress_spike": ("protective", "switch_to_recovery", 1),
        "sleep_debt": ("protective", "prioritize_recovery", 1),
        "energy_surge": ("upgrading", "upgrade", 2),
    }
    assert {name: rules[name].when.condition for name in seeds} == {
        "energy_drop": read_condition("energy_level < 0.3 and energy_level > 0.6 within 2 h"),
        "stress_spike": read_condition("stress_level > 0.8 and hrv_rmssd_ms < 0.7 * usual(hrv_rmssd_ms)"),
        "sleep_debt": read_condition("sleep_quality < 0.6 for 2 days"),
        "energy_surge": read_condition("energy_level > 0.8 and readiness_score > 0.8"),
    }
    for name in seeds:
        assert (rules[name].cooldown, rules[name].horizon) == (4 * HOURS, 6 * HOURS)
        assert not rules[name].allow


def test_every_shipped_rule_is_bounded_and_says_what_it_saw() -> None:
    rules = builtin_rules()
    assert [rule.name for rule in rules.by_priority()] == [
        *("energy_drop", "stress_spike", "sleep_debt"),
        *("hrv_below_normal", "resting_heart_rate_high", "energy_surge"),
        *("strain_high", "poor_night", "recovered"),
    ]
    for rule in rules.rules:
        assert timedelta(hours=4) <= rule.cooldown <= timedelta(days=1)
        assert rule.expires <= 12 * HOURS
        assert "{" in rule.reason
        assert rule.title[0].isupper()
        assert rule.randomise is None


def test_a_good_file_is_read_with_all_its_fields() -> None:
    first, second = load_rules(GOOD, where="mine.toml").rules
    low = Comparison(Term("energy_level"), "<", Number(0.3), "0-1", 0, 1)
    assert first.when == Written("energy_level < 30 %", low)
    assert first.leave is None
    assert first.action == ActionUse(name="reduce_intensity")
    assert first.action.parameters == {}
    assert (first.at_most_per_day, first.evidence, first.allow, first.randomise) == (3, (), frozenset(), None)
    assert second.leave is not None
    assert second.leave.text == "hrv_rmssd_ms < usual(hrv_rmssd_ms) or strain > 100"
    assert (second.cooldown, second.expires, second.at_most_per_day) == (HOURS / 2, 48 * HOURS, 1)
    assert second.action.parameters == {"tasks": 2, "duration_factor": 1.2}
    assert second.evidence == ("readiness_score",)
    assert second.allow == {"estimated", "low_quality"}
    assert second.randomise == Randomisation(0.25, "trial-1")


def test_a_title_is_the_name_in_words_where_none_is_given() -> None:
    assert [rule.title for rule in load_rules(GOOD, where="mine.toml").rules] == ["First one", "Fresh"]


def test_protective_rules_act_by_themselves_and_upgrading_ones_ask() -> None:
    first, second = load_rules(GOOD, where="mine.toml").rules
    assert (first.default_autonomy, second.default_autonomy) == ("apply", "propose")


def test_a_rule_knows_the_values_that_it_and_its_leaving_compare() -> None:
    first, second = load_rules(GOOD, where="mine.toml").rules
    assert first.names == {"energy_level"}
    assert second.names == {"hrv_rmssd_ms", "strain"}


def test_a_rule_set_keeps_the_text_it_was_read_from() -> None:
    rules = load_rules(GOOD, where="mine.toml")
    assert rules.text == GOOD
    assert load_rules(rules.text, where="again") == rules


def test_a_draw_without_a_seed_is_from_the_empty_one() -> None:
    unseeded = GOOD.replace('randomisation_seed = "trial-1"\n', "")
    assert load_rules(unseeded, where="mine.toml").rules[1].randomise == Randomisation(0.25, "")


def test_an_action_may_be_a_table_of_its_own() -> None:
    text = GOOD.replace('action = { name = "upgrade", tasks = 2, duration_factor = 1.2 }\n', "")
    text += '\n[rule.action]\nname = "upgrade"\ntasks = 2\nduration_factor = 1.2\n'
    assert load_rules(text, where="mine.toml").rules == load_rules(GOOD, where="mine.toml").rules


def test_lengths_of_time_may_be_as_long_as_is_allowed() -> None:
    text = (
        GOOD.replace('"4h"', '"60d"', 1)
        .replace('"6h"', '"2d"', 1)
        .replace('expires = "6h"', 'expires = "7d"')
    )
    first = load_rules(text, where="mine.toml").rules[0]
    assert (first.cooldown, first.horizon, first.expires) == (60 * 24 * HOURS, 48 * HOURS, 7 * 24 * HOURS)


def test_rules_are_ordered_by_priority_and_then_as_in_the_file() -> None:
    text = GOOD.replace("priority = 1", "priority = 3")
    text += GOOD.split("[[rule]]")[2].replace('"second"', '"third"').join(["[[rule]]", ""])
    rules = load_rules(text, where="mine.toml")
    assert [rule.name for rule in rules.rules] == ["first_one", "second", "third"]
    assert [rule.name for rule in rules.by_priority()] == ["second", "third", "first_one"]


def test_a_rule_is_found_by_its_name_or_not_at_all() -> None:
    rules = load_rules(GOOD, where="mine.toml")
    assert rules.find("second") == rules.rules[1]
    assert rules.find("none") is None


def test_no_rules_at_all_are_allowed() -> None:
    assert load_rules("version = 2", where="mine.toml").rules == ()


def test_rules_cannot_be_changed() -> None:
    rule: Rule = builtin_rules().rules[0]
    with pytest.raises(ValidationError, match="frozen"):
        rule.priority = 5  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    "rules", [builtin_rules(), load_rules(GOOD, where="mine.toml")], ids=["shipped", "mine"]
)
def test_rules_survive_pickling(rules: RuleSet) -> None:
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301  # our own bytes


def test_a_rule_is_dumped_with_its_condition_as_text_and_read_back() -> None:
    for rule in (*builtin_rules().rules, load_rules(GOOD, where="mine.toml").rules[0]):
        dumped = rule.model_dump()
        assert dumped["when"] == rule.when.text
        assert Rule.model_validate(dumped) == rule


def test_a_rule_may_be_made_from_a_condition_that_was_read_before() -> None:
    written = Written("moving", Holds("moving"))
    rule = builtin_rules().rules[0].model_dump() | {"when": written, "leave": None, "reason": "Easy."}
    assert Rule.model_validate(rule).when is written


def test_builtin_rules_are_read_once() -> None:
    first, second = pairwise([builtin_rules()] * 3)
    assert first[0] is second[1]
    assert isinstance(first[0], RuleSet)


def test_every_word_of_the_language_says_what_it_means() -> None:
    for one in (*VALUES, *STATUSES, *FLAGS, *FUNCTIONS):
        assert one.meaning
        assert not one.meaning.endswith(".")
    units = {unit.unit for unit in UNIT_WORDS}
    assert {value.unit for value in VALUES} - units == {"count"}
    assert {function.unit for function in FUNCTIONS} <= {*units, ""}
