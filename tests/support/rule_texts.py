"""Rule files with one rule, of which a test says only what it is about."""

from adaptation.rules import RuleSet, load_rules

_RULE = """
version = 2
[[rule]]
name = "{name}"
kind = "protective"
priority = 1
when = "{when}"
cooldown = "{cooldown}"
horizon = "6h"
expires = "6h"
action = "reduce_intensity"
reason = "It is time."
"""


def rules_of(
    when: str,
    *,
    name: str = "mine",
    cooldown: str = "1min",
    leave: str = "",
    allow: tuple[str, ...] = (),
    at_most_per_day: int = 20,
    evidence: tuple[str, ...] = (),
) -> RuleSet:
    """Return a rule set of one rule."""
    text = _RULE.format(name=name, when=when, cooldown=cooldown)
    text += f"at_most_per_day = {at_most_per_day}\n"
    if leave:
        text += f'leave = "{leave}"\n'
    if allow:
        text += f"allow = {list(allow)}\n"
    if evidence:
        text += f"evidence = {list(evidence)}\n"
    return load_rules(text, where="mine.toml")
