"""Rules: what is watched and what answers it, as typed data read from TOML."""

from adaptation.action_uses import ActionUse
from adaptation.rules.model import (
    Randomisation,
    Rule,
    RuleSet,
    Written,
    builtin_rules,
    load_rules,
    render_reason,
)

__all__ = [
    "ActionUse",
    "Randomisation",
    "Rule",
    "RuleSet",
    "Written",
    "builtin_rules",
    "load_rules",
    "render_reason",
]
