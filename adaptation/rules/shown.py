"""Rules as people see them: what each is called, when it fires and what it may do by itself."""

import datetime as dt
from typing import Final

from adaptation.rules.model import RuleSet
from schemas.rule_entries import RuleShown, RulesShown

SHIPPED: Final = "built in"
"""Where the rules come from that Daybeat ships with."""


def show_rules(rules: RuleSet, *, name: str = SHIPPED, loaded_at: dt.datetime | None = None) -> RulesShown:
    """Return rules as they are shown, most urgent first.

    Args:
        rules: the rules.
        name: where they came from, such as a file's name.
        loaded_at: when they were loaded; None for those that Daybeat ships with.
    """
    shown = tuple(
        RuleShown(
            name=rule.name,
            title=rule.title,
            kind=rule.kind,
            default=rule.default_autonomy,
            when=rule.when.text,
        )
        for rule in rules.by_priority()
    )
    return RulesShown(loaded_at=loaded_at, name=name, text=rules.text, rules=shown)
