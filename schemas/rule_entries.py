"""Rule files as they stand in the log, and the rules in force as apps see them."""

from pydantic import AwareDatetime

from schemas.people import Autonomy
from schemas.plan import Model, Text


class RulesEntry(Model):
    """A rule file that was checked and loaded. It applies behind its place in each partition of the log."""

    name: Text
    """Where it came from, such as a file's name; for messages only."""
    text: Text
    """The whole file, TOML; empty: the rules that Daybeat ships with."""
    arrival_us: int
    """µs since 1970 UTC, stamped by whoever appended it."""


class RuleShown(Model):
    """One rule in force, as the app shows it beside its dial."""

    name: str
    title: str
    kind: str
    """protective or upgrading."""
    default: Autonomy
    """What it may do where the person has not said otherwise."""
    when: str
    """Its condition, as written."""


class RulesShown(Model):
    """The rules in force."""

    loaded_at: AwareDatetime | None
    """None: the rules that Daybeat ships with."""
    name: Text
    text: Text
    rules: tuple[RuleShown, ...]
