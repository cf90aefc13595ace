"""How a wrong rule file is reported: what is wrong, in which line, and how to mend it."""

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from schemas.errors import InputError

_RULE_HEADER = re.compile(r"^[ \t]*\[\[\s*rule\s*\]\]", re.MULTILINE)
_INLINE_TABLE = re.compile(r"\{[^{}]*=[^{}]*\}")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_EXPLAINED: Final = "see the top of adaptation/rules.toml"

Place = tuple[int | str, ...]
"""Where a field stands in the parsed file, such as ``("rules", 1, "when", 0, "measure")``."""


def wrong(what: str, *, mend: str, field: str = "") -> PydanticCustomError:
    """Return a validation error for :func:`explain_rule_error`.

    Args:
        what: what is wrong.
        mend: how to mend it.
        field: the field it is about, where the error is raised by the model around it.
    """
    return PydanticCustomError("daybeat_rule", "{what}", {"what": what, "mend": mend, "field": field})


def closest(word: str, words: Sequence[str]) -> str:
    """Return advice that names the word that was probably meant, or all there are."""
    meant = get_close_matches(word, words, n=1)
    return f"did you mean {meant[0]}?" if meant else f"use one of {', '.join(words)}"


def parse_rule_file(text: str, *, version: int, where: str) -> list[object]:
    """Return the rules of a file as plain values, unchecked.

    Args:
        text: TOML with ``version`` and any number of ``[[rule]]``.
        version: the version of the format that this release reads.
        where: the file's name, for errors.

    Raises:
        InputError: it is not TOML, has another version, or holds something that is not a rule.
    """
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        line = f", line {found[1]}" if found else ""
        what = _TOML_LINE.sub("", str(error)).strip()
        raise InputError(f"not TOML: {what}", where=where + line, mend=_EXPLAINED) from error
    if parsed.get("version") != version:
        raise InputError(
            f"version {parsed.get('version')!r} of the rules' format",
            where=where,
            mend=f"write version = {version} at the top",
        )
    unknown = sorted(parsed.keys() - {"version", "rule"})
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not known here", where=where, mend="write version = and [[rule]] tables only"
        )
    rules = parsed.get("rule", [])
    if not isinstance(rules, list):
        raise InputError("[rule] is one table", where=where, mend="write [[rule]], with two brackets")
    return rules


def explain_rule_error(
    error: ValidationError,
    text: str,
    *,
    where: str,
    rule_fields: Sequence[str],
    condition_fields: Sequence[str],
) -> InputError:
    """Return the first thing that is wrong with a rule file as an error that names its line.

    Args:
        error: what pydantic found.
        text: the file's text.
        where: the file's name.
        rule_fields: names of a rule's fields, for advice on a misspelt one.
        condition_fields: names of a condition's fields.
    """
    found = error.errors(include_url=False)
    # A misspelt field is also a missing one; the misspelling says more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    place: Place = first["loc"]
    context = first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        fields = condition_fields if "when" in place[:-1] else rule_fields
        what, mend = f"there is no field {place[-1]!r}", closest(str(place[-1]), fields)
    elif "mend" in context:
        what, mend = str(context["what"]), str(context["mend"])
        place += (context["field"],) if context["field"] else ()
    else:
        name = ".".join(str(part) for part in place[2:])
        what, mend = f"{name}: {first['msg']}" if name else first["msg"], _EXPLAINED
    line = _line_of(place, text)
    return InputError(what, where=f"{where}, line {line}" if line else where, mend=mend)


def _line_of(place: Place, text: str) -> int | None:
    """Return the line (from 1) of a field, or of the nearest thing around it that can be found."""
    headers = list(_RULE_HEADER.finditer(text))
    number = place[1] if len(place) > 1 else None
    if not isinstance(number, int) or number >= len(headers):
        return None
    start = headers[number].start()
    end = headers[number + 1].start() if number + 1 < len(headers) else len(text)
    offset = _offset_of(place[2:], text[start:end])
    return text.count("\n", 0, start + offset) + 1


def _offset_of(place: Place, block: str) -> int:
    """Return where in a rule's text a field stands; 0, the header, if it cannot be found."""
    if len(place) > 1 and place[0] == "when" and isinstance(place[1], int):
        tables = list(_INLINE_TABLE.finditer(block))
        return tables[place[1]].start() if place[1] < len(tables) else 0
    key = re.search(rf"^[ \t]*{re.escape(str(place[0]))}\s*=", block, re.MULTILINE) if place else None
    return key.start() if key else 0
