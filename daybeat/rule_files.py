"""Rule files that a command is given by name."""

from typing import Final

from adaptation.rules import RuleSet, load_rules
from daybeat.text_input import name_of, open_text
from schemas.errors import InputError

RULES_CHARACTERS_MAX: Final = 200_000
"""Of a rule file, which goes into every partition of the log and every checkpoint."""


def read_rules(file: str) -> RuleSet:
    """Return the rules in a file; ``-`` is standard input.

    Raises:
        InputError: it cannot be read, is too long, or holds a wrong rule.
    """
    with open_text(file) as source:
        text = source.read(RULES_CHARACTERS_MAX + 1)
    if len(text) > RULES_CHARACTERS_MAX:
        raise InputError(
            f"is longer than {RULES_CHARACTERS_MAX} characters",
            where=name_of(file),
            mend="give a rule file; the log keeps it whole",
        )
    return load_rules(text, where=name_of(file))
