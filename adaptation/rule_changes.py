"""Rules that were loaded while a shard runs: from their place in the log on they apply."""

from dataclasses import dataclass
from functools import lru_cache

from adaptation.rules import RuleSet, load_rules
from schemas.positions import EntryId
from schemas.rule_entries import RulesEntry


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Other rules apply behind an entry of the log."""

    entry_id: EntryId
    entry: RulesEntry
    rules: RuleSet


def read_change(entry_id: EntryId, entry: RulesEntry, *, shipped: RuleSet) -> RuleChange:
    """Return what a rules entry changes.

    Args:
        entry_id: its place in the log.
        entry: the file that was loaded.
        shipped: the rules that apply where its text is empty.

    Raises:
        InputError: this release cannot read the file; names the line and the way to mend it.
    """
    rules = read_text(entry.text, where=entry.name) if entry.text else shipped
    return RuleChange(entry_id, entry, rules)


@lru_cache(maxsize=4)
def read_text(text: str, *, where: str) -> RuleSet:
    """Return the rules of a file's text; kept, because every shard of a process reads the same one.

    Raises:
        InputError: this release cannot read it.
    """
    return load_rules(text, where=where)
