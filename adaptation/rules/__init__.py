"""Rules: what is watched and what answers it, as typed data read from TOML."""

from adaptation.rules.model import Rule, RuleSet, builtin_rules, load_rules

__all__ = ["Rule", "RuleSet", "builtin_rules", "load_rules"]
