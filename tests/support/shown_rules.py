"""Rules as apps see them, for servers where none were loaded."""

from schemas.rule_entries import RuleShown, RulesShown

SHIPPED = RulesShown(
    loaded_at=None,
    name="shipped",
    text="",
    rules=(
        RuleShown(
            name="stress_spike",
            title="Stress spike",
            kind="protective",
            default="apply",
            when="stress_level > 80 %",
        ),
        RuleShown(
            name="energy_surge",
            title="Energy surge",
            kind="upgrading",
            default="propose",
            when="energy_level > 80 %",
        ),
    ),
)
