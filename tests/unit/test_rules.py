"""The shipped rules, and what is said about wrong ones."""

from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from adaptation.rules import Rule, RuleSet, builtin_rules, load_rules
from schemas.errors import InputError

GOOD = """
version = 1

[[rule]]
name = "first"
kind = "protective"
action = "reduce_intensity"
priority = 1
cooldown = "4h"
horizon = "6h"
expires = "6h"
when = [
    { measure = "energy_level", below = 0.3 },
    { measure = "energy_level", above = 0.6, within = "2h" },
]
reason = "From {energy_level.earlier} to {energy_level}."

[[rule]]
name = "second"
kind = "upgrading"
action = "upgrade"
priority = 2
cooldown = "30min"
horizon = "6h"
expires = "2d"
when = [{ measure = "hrv_rmssd_ms", above_baseline_times = 1.2 }]
reason = "At {hrv_rmssd_ms}[, usual {hrv_rmssd_ms.usual}]."
"""


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_four_rules_ship_as_agreed() -> None:
    rules = {rule.name: rule for rule in builtin_rules().rules}
    assert {name: (rule.kind, rule.action, rule.priority) for name, rule in rules.items()} == {
        "energy_drop": ("protective", "reduce_intensity", 1),
        "stress_spike": ("protective", "switch_to_recovery", 1),
        "sleep_debt": ("protective", "prioritize_recovery", 1),
        "energy_surge": ("upgrading", "upgrade", 2),
    }
    for rule in rules.values():
        assert (rule.cooldown, rule.horizon, rule.expires) == (
            timedelta(hours=4),
            timedelta(hours=6),
            timedelta(hours=6),
        )
    assert {name: [c.model_dump(exclude_none=True) for c in rule.when] for name, rule in rules.items()} == {
        "energy_drop": [
            {"measure": "energy_level", "below": 0.3},
            {"measure": "energy_level", "above": 0.6, "within": timedelta(hours=2)},
        ],
        "stress_spike": [
            {"measure": "stress_level", "above": 0.8},
            {"measure": "hrv_rmssd_ms", "below_baseline_times": 0.7},
        ],
        "sleep_debt": [{"measure": "sleep_quality", "below": 0.6, "consecutive_days": 2}],
        "energy_surge": [
            {"measure": "energy_level", "above": 0.8},
            {"measure": "readiness_score", "above": 0.8},
        ],
    }


def test_a_good_file_is_read_with_its_durations() -> None:
    first, second = load_rules(GOOD, where="mine.toml").rules
    assert (first.cooldown, second.cooldown, second.expires) == (
        timedelta(hours=4),
        timedelta(minutes=30),
        timedelta(days=2),
    )
    assert second.when[0].against_baseline
    assert second.measures == {"hrv_rmssd_ms"}


def test_rules_are_ordered_by_priority_and_then_as_in_the_file() -> None:
    text = GOOD.replace("priority = 1", "priority = 3")
    text += GOOD.split("[[rule]]")[2].replace('"second"', '"third"').join(["[[rule]]", ""])
    rules = load_rules(text, where="mine.toml")
    assert [rule.name for rule in rules.rules] == ["first", "second", "third"]
    assert [rule.name for rule in rules.by_priority()] == ["second", "third", "first"]


def test_a_rule_is_found_by_its_name_or_not_at_all() -> None:
    rules = load_rules(GOOD, where="mine.toml")
    assert rules.find("second") == rules.rules[1]
    assert rules.find("none") is None


def test_no_rules_at_all_are_allowed() -> None:
    assert load_rules("version = 1", where="mine.toml").rules == ()


WRONG = [
    pytest.param("energy_level", "energy_levl", 'measure = "energy_levl"', "mean energy_level", id="measure"),
    pytest.param("below = 0.3", "below = 30", "below = 30", "between 0 and 1", id="limit_too_high"),
    pytest.param("below = 0.3", "below = 0.0", "below = 0.0", "never or always", id="never_below_the_least"),
    pytest.param("above = 0.6", "above = 1.0", "above = 1.0", "never or always", id="never_above_the_most"),
    pytest.param("above = 0.6", "above = -0.1", "above = -0.1", "never or always", id="always_above"),
    pytest.param('"30min"', '"30 minutes"', "30 minutes", "such as 4h", id="duration_unit"),
    pytest.param('"30min"', '"0h"', '"0h"', "such as 4h", id="duration_of_nothing"),
    pytest.param('"30min"', "30", "cooldown = 30", "such as 4h", id="duration_without_unit"),
    pytest.param('within = "2h"', 'within = "25h"', "25h", "shorten", id="window_too_long"),
    pytest.param("below = 0.3 }", "below = 0.3, consecutive_days = 2 }", "days = 2", "sleep", id="not_a_day"),
    pytest.param("below = 0.3", "below = 0.3, above = 0.1", "above = 0.1", "exactly one", id="two_limits"),
    pytest.param(", below = 0.3", "", 'measure = "energy_level" }', "exactly one", id="no_limit"),
    pytest.param("below = 0.3", "belw = 0.3", "belw", "mean below", id="unknown_comparison"),
    pytest.param('action = "upgrade"', 'acton = "upgrade"', "acton", "mean action", id="unknown_field"),
    pytest.param('"upgrade"', '"boost"', "boost", "upgrade", id="unknown_action"),
    pytest.param('kind = "upgrading"', 'kind = "nice"', '"nice"', "protective", id="unknown_kind"),
    pytest.param("priority = 2", "priority = 0", "priority = 0", "greater", id="priority_zero"),
    pytest.param('"second"', '"Second Rule"', "Second Rule", "pattern", id="name"),
    pytest.param("1.2 }]", "1.2, within = '1h' }]", "within = '1h'", "above or below", id="baseline_window"),
    pytest.param("1.2 }]", "120 }]", "120 }]", "less", id="percent_as_factor"),
    pytest.param('"hrv_rmssd_ms", above', '"steps", above', "steps", "baseline", id="no_baseline"),
    pytest.param("{energy_level}", "{stress_level}", "{stress_level}", "energy_level", id="foreign_field"),
    pytest.param("{energy_level}", "{energy_level", "{energy_level.", "pair", id="brace"),
    pytest.param("[, usual", ", usual", "usual {", "[ ]", id="bracket"),
    pytest.param("[, usual {hrv_rmssd_ms.usual}]", " {hrv_rmssd_ms.usual}", "At", "[ ]", id="bare_baseline"),
    pytest.param(".usual}", ".earlier}", ".earlier}]", "usual", id="no_earlier_value"),
]


@pytest.mark.parametrize(("old", "new", "at", "advice"), WRONG)
def test_a_wrong_rule_is_refused_with_its_line_and_advice(old: str, new: str, at: str, advice: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises(InputError) as caught:
        load_rules(text, where="mine.toml")
    error = caught.value
    assert error.where == f"mine.toml, line {line_of(text, at)}", str(error)
    assert advice in f"{error.what} {error.mend}", str(error)


WRONG_FILES = [
    pytest.param(GOOD.replace("version = 1", "version = 2"), "version = 1", id="version"),
    pytest.param(GOOD.replace("version = 1", ""), "version = 1", id="no_version"),
    pytest.param(GOOD.replace("version = 1", "version = 1\nspeed = 3"), "[[rule]]", id="unknown_key"),
    pytest.param('version = 1\n[rule]\nname = "x"', "two brackets", id="one_bracket"),
    pytest.param(GOOD.replace('"second"', '"first"'), "name of its own", id="same_name_twice"),
]


@pytest.mark.parametrize(("text", "advice"), WRONG_FILES)
def test_a_wrong_file_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        load_rules(text, where="mine.toml")
    assert caught.value.where.startswith("mine.toml")
    assert advice in caught.value.mend


def test_broken_toml_is_refused_with_its_line() -> None:
    text = GOOD.replace("priority = 2", "priority = = 2")
    with pytest.raises(InputError, match="not TOML") as caught:
        load_rules(text, where="mine.toml")
    assert caught.value.where == f"mine.toml, line {line_of(text, '= = 2')}"


def test_rules_cannot_be_changed() -> None:
    rule: Rule = builtin_rules().rules[0]
    with pytest.raises(ValidationError, match="frozen"):
        rule.priority = 5  # type: ignore[misc]  # that is the point


def test_builtin_rules_are_read_once() -> None:
    first, second = pairwise([builtin_rules()] * 3)
    assert first[0] is second[1]
    assert isinstance(first[0], RuleSet)
