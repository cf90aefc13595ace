"""What is kept of people follows from what the rules look at."""

import pytest

from adaptation.needs import Needs
from adaptation.rules import builtin_rules, load_rules
from adaptation.triggers import Triggers
from support.rule_texts import rules_of


def groups_of(when: str, **other: object) -> set[str]:
    """Return the groups of columns that a rule adds to those of no rule at all."""
    bare = Triggers(load_rules("version = 2", where="none.toml")).layout.names
    names = Triggers(rules_of(when, **other)).layout.names  # type: ignore[arg-type]
    return {name.partition(".")[0] for name in names if name not in bare} - {"rule", "fired_us"}


CURRENT = {"value", "value_us", "value_flags"}
USUAL = {"usual_mean", "usual_variance", "usual_count", "usual_since_us"}
AT_HOUR = {one.replace("_", "_at_hour_", 1) for one in USUAL}
HELD = {"hold_since_us", "hold_last_us", "hold_tainted"}
LOOK = {"held", "held_us", "peak", "peak_us"}


@pytest.mark.parametrize(
    ("when", "groups"),
    [
        ("energy_level < 30 %", CURRENT),
        ("sleep_quality < 30 %", set()),
        ("energy_level < previous(energy_level)", CURRENT | {"previous", "previous_us", "previous_flags"}),
        ("z(hrv_rmssd_ms) < -1 SD", CURRENT | USUAL),
        ("energy_level < usual_at_hour(energy_level)", CURRENT | AT_HOUR),
        ("heart_rate_bpm > 90 bpm for 5 min", CURRENT | HELD),
        ("steps > 90 within 5 min", CURRENT | LOOK),
        ("stress_level > 90 % within 5 min", CURRENT | LOOK | {"held_flags"}),
        ("strain > 90 TRIMP", {"strain", "strain_day", "strain_us"}),
        ("hrv_days > 9", {"body_day", "body_day_us", "body_day_verdict", "body_day_hrv"}),
        ("activity is run", {"activity"}),
        ("resting and weekday is mon and time_of_day between 08:00 and 09:00", set()),
    ],
)
def test_a_rule_keeps_what_it_looks_at_and_nothing_else(when: str, groups: set[str]) -> None:
    assert groups_of(when) == groups


def test_values_to_show_are_kept_too() -> None:
    assert Triggers(rules_of("steps > 9", evidence=("heart_rate_bpm", "strain"))).needs.current == (
        "heart_rate_bpm",
        "steps",
    )


def test_needs_name_what_no_rule_looks_at() -> None:
    needs = Needs.of(rules_of("energy_level < 30 %").rules)
    looked_at = (needs.windows, needs.strain, needs.body_days, needs.activity, needs.movement)
    assert not any(looked_at)
    assert Needs.of(rules_of("stress_level > 30 %").rules).movement  # exercise confounds it
    assert Needs.of(rules_of("rmssd_ms > 30 ms").rules).windows


def test_a_person_costs_little_under_the_rules_that_ship() -> None:
    assert 8 * len(Triggers(builtin_rules()).layout.names) <= 700
