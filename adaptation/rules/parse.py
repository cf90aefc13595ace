"""Text of a condition to its syntax tree, by ``grammar.lark``; what is wrong with it, in words.

The tree's recursion is bounded here, so that whatever walks it may recurse.
"""

import functools
import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from typing import Final

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from schemas.errors import InputError

Node = Tree[Token]

TEXT_MAX: Final = 2000
"""Characters of one condition."""
DEPTH_MAX: Final = 20
"""Levels of brackets, ``not``, functions, modifiers and arithmetic in one condition."""

_DEEPER: Final = frozenset({"bracketed", "negated", "negative", "call", "arithmetic", "within", "held_for"})
_CLOSEST_MAX: Final = 8
_MEANT_MAX: Final = 3
_WHAT_MAX: Final = 200
_INSTEAD: Final = {
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "[": "write ( and )",
    "{": "write ( and )",
    "^": "use + - * / only",
    '"': "write words without quotes",
    "'": "write words without quotes",
    ";": "join conditions with and, or",
    "°": "units are %, bpm, ms, min, h, SD and TRIMP",
    ".": "write numbers as 0.5 and functions as usual(energy_level)",
}
"""What to write in place of characters that conditions do not know."""
_WANTED: Final = (
    ({"NUMBER", "NAME"}, "a value, a status, a flag or a number", "write one, such as energy_level"),
    ({"NUMBER"}, "a length of time", "write one, such as 2 h"),
    ({"NAME"}, "a word", "write one, or in (…) with several in place of is"),
    ({"COMMA"}, "a comma or )", "write words as in (walk, run)"),
)
"""Terminals that may be missing, what they are, and how to mend it; the first that would all fit count."""
_BEHIND: Final = {
    "NUMBER": "write one number with one unit, such as 450 min, and join conditions with and, or",
    "COMMA": "join conditions with and, or, and write numbers without commas",
    "RPAR": "take it out: it closes nothing",
    "LPAR": "only functions take something in brackets, such as usual(energy_level)",
    "PERCENT": "% stands behind a number",
    "COMPARE": "compare numbers, not conditions",
}
"""What to do about a token that stands behind something complete."""
_KEYWORDS: Final = frozenset({"and", "or", "not", "within", "for", "is", "in", "between", "consecutive"})
_LAST_WORDS = re.compile(r"\w+")


class ConditionError(InputError):
    """A condition that cannot be used; ``at`` is the index of the character where it goes wrong."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", at: int = 0) -> None:
        what = what if len(what) <= _WHAT_MAX else f"{what[: _WHAT_MAX - 1]}…"
        super().__init__(what, where=where or f"column {at + 1}", mend=mend)
        self.at = at


def closest(word: str, words: Sequence[str]) -> str:
    """Return advice that names the word that was probably meant, or what there is to choose from."""
    folded = {one.casefold(): one for one in words}
    meant = [one for one in folded if f"_{word.casefold()}_" in f"_{one}_"][:_MEANT_MAX]
    meant = meant or get_close_matches(word.casefold(), folded, n=1)
    if meant:
        return f"did you mean {' or '.join(folded[one] for one in meant)}?"
    if len(words) > _CLOSEST_MAX:
        return f"use one of {', '.join(words[:_CLOSEST_MAX])}, …; docs/rules.md lists all"
    return f"use one of {', '.join(words)}"


def parse_condition(text: str) -> Node:
    """Return the syntax tree of a condition; no deeper than ``DEPTH_MAX`` levels.

    Raises:
        ConditionError: the text is no condition, or is too long or too deep.
    """
    if not text.strip():
        raise ConditionError("the condition is empty", mend="write one, such as energy_level < 30 %")
    if _KEYWORDS.issuperset(text.split()):
        raise ConditionError(
            f"the condition is only {text.strip():.20}",
            mend="write what it is about, such as energy_level < 30 % and resting",
            at=len(text) - len(text.lstrip()),
        )
    if len(text) > TEXT_MAX:
        raise ConditionError(
            f"the condition has {len(text)} characters",
            mend=f"keep it to {TEXT_MAX}; split it into several rules",
            at=TEXT_MAX,
        )
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(error, text) from None
    _check_depth(tree)
    return tree


@functools.cache
def _parser() -> Lark:
    grammar = resources.files("adaptation.rules").joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False)


def _check_depth(tree: Node) -> None:
    waiting = [(tree, 0)]
    while waiting:
        node, above = waiting.pop()
        depth = above + (node.data in _DEEPER)
        if depth > DEPTH_MAX:
            raise ConditionError(
                f"the condition is nested more than {DEPTH_MAX} levels deep",
                mend="write it with fewer brackets and nots, or split it into several rules",
                at=node.meta.start_pos,
            )
        waiting += [(child, depth) for child in node.children if isinstance(child, Tree)]


def _explain(error: UnexpectedInput, text: str) -> ConditionError:
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        mend = _INSTEAD.get(text[at], "leave it out")
        return ConditionError(f"{text[at]!r} is not known here", mend=mend, at=at)
    if isinstance(error, UnexpectedToken):
        return _explain_token(error.token, error.accepts or error.expected, text)
    return ConditionError("the condition cannot be read", mend="see docs/rules.md")


def _explain_token(token: Token, accepted: set[str], text: str) -> ConditionError:
    at = len(text.rstrip()) if token.type == "$END" else token.start_pos or 0
    loud = _loud_keyword(text, at)
    if loud is not None:
        return loud
    if token.type == "$END" and "RPAR" in accepted and "NUMBER" not in accepted:
        return ConditionError("a ( is not closed", mend="close it with )", at=_open_bracket(text))
    found = "the condition ends" if token.type == "$END" else f"{token:.20} stands"
    if accepted == {"LPAR"}:
        return ConditionError(f"{found} where ( should", mend="write words as in (walk, run)", at=at)
    for wanted, what, mend in _WANTED:
        if wanted <= accepted and "OR" not in accepted:
            return ConditionError(f"{found} where {what} should", mend=mend, at=at)
    if token.type == "$END":
        return ConditionError(
            "the condition ends after one time", mend="write between 08:00 and 20:00", at=at
        )
    mend = _BEHIND.get(token.type, "join conditions with and, or; write functions as usual(energy_level)")
    return ConditionError(f"{token:.20} cannot stand here", mend=mend, at=at)


def _loud_keyword(text: str, at: int) -> ConditionError | None:
    """Return what is wrong if the word here, or the one before it, is a keyword in capitals."""
    for match in _LAST_WORDS.finditer(text):
        word = match[0]
        if match.end() >= at and word != word.lower() and word.lower() in _KEYWORDS:
            return ConditionError(f"{word} is not known", mend=f"write {word.lower()}", at=match.start())
        if match.start() > at:
            break
    return None


def _open_bracket(text: str) -> int:
    waiting: list[int] = []
    for at, letter in enumerate(text):
        if letter == "(":
            waiting.append(at)
        elif letter == ")":
            waiting.pop()
    return waiting[-1]
