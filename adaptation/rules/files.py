"""Rule files as plain values, and what is said about a wrong one: what it is, where, and how to mend it."""

import re
import tomllib
from collections.abc import Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from adaptation.action_uses import ActionUse
from adaptation.rules.parse import closest
from adaptation.rules.places import Path, Position, Spot, locate, position_of
from schemas.errors import InputError

VERSION: Final = 2
FILE_MAX: Final = 200_000
"""Characters of a rule file."""

_BITS_MAX: Final = 64
_TOML_PLACE = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")
_EXPLAINED: Final = "docs/rules.md says how a rule is written"
_FIELDS: Final = ("version", "randomisation_seed", "rule")
_URGENCY: Final = {"extra_forbidden": 0, "missing": 2}
_TOP: Final = Spot(0, 0, ())
_LOC_OF_FIELD: Final = 3
"""Parts of the place of a rule's field in the models: rules, the rule's index, its name."""


class RuleFile(NamedTuple):
    """What a file holds, its rules unchecked."""

    rules: list[object]
    randomisation_seed: str


def wrong(what: str, *, mend: str, field: str | Path = "", at: int | None = None) -> PydanticCustomError:
    """Return a validation error for :func:`explain_rule_error`.

    Args:
        what: what is wrong.
        mend: how to mend it.
        field: the field it is about, where the error is raised by the model around it.
        at: index of the character where it goes wrong, where the field is a text.
    """
    place = (field,) if isinstance(field, str) and field else tuple(field)
    return PydanticCustomError(
        "daybeat_rule", "{what}", {"what": what, "mend": mend, "field": place, "at": at}
    )


def parse_rule_file(text: str, *, where: str) -> RuleFile:
    """Return what a file holds, as plain values.

    Args:
        text: TOML with ``version``, perhaps ``randomisation_seed``, and any number of ``[[rule]]``.
        where: the file's name, for errors.

    Raises:
        InputError: it is not TOML, has another version, or holds something that is not a rule.
    """
    parsed = _parse_toml(text, where=where)
    _check_version(parsed.get("version"), text, where=where)
    unknown = next((key for key in parsed if key not in _FIELDS), None)
    if unknown is not None:
        raise _error_at((unknown,), text, where, f"there is no field {unknown!r}", closest(unknown, _FIELDS))
    rules = parsed.get("rule", [])
    if not isinstance(rules, list):
        raise _error_at(("rule",), text, where, "[rule] is one table", "write [[rule]], with two brackets")
    seed = parsed.get("randomisation_seed", "")
    if not isinstance(seed, str):
        raise _error_at(
            ("randomisation_seed",),
            text,
            where,
            f"{seed!r} is not a text",
            'write it in quotes, as "trial-1"',
        )
    return RuleFile(rules, seed)


def explain_rule_error(error: ValidationError, text: str, *, where: str, fields: Sequence[str]) -> InputError:
    """Return the first thing that is wrong with a rule file as an error that names its line and column.

    Args:
        error: what pydantic found.
        text: the file's text.
        where: the file's name.
        fields: names of a rule's fields, for advice on a misspelt one.
    """
    plain = _with_plain_lines(text)
    places = locate(plain)
    found = [_Found.of(one, fields, places, plain) for one in error.errors(include_url=False)]
    first = min(found, key=lambda one: one.rank)
    return InputError(first.what, where=_said(where, first.rank[1]), mend=first.mend)


class _Found(NamedTuple):
    """One thing that pydantic found, in words and with its place."""

    what: str
    mend: str
    rank: tuple[int, Position]
    """What is reported first: a misspelt field, which is also a missing one, then what stands first."""

    @classmethod
    def of(cls, one: ErrorDetails, fields: Sequence[str], places: dict[Path, Spot], text: str) -> "_Found":
        context = one.get("ctx", {})
        path = _path_of((*one["loc"], *context.get("field", ())))
        around = _around(path, places)
        spot = places.get(around, _TOP)
        what, mend = context.get("what", ""), context.get("mend", "")
        index = spot.key
        if one["type"] != "daybeat_rule":
            what, mend = _in_words(one, ".".join(map(str, around[2:])) or "the file", fields)
        elif context["at"] is not None and spot.letters:
            index = spot.letters[min(context["at"], len(spot.letters) - 1)]
        return cls(what, mend, (_URGENCY.get(one["type"], 1), position_of(text, index)))


def _parse_toml(text: str, *, where: str) -> dict[str, object]:
    if len(text) > FILE_MAX:
        raise InputError(f"the file has {len(text)} characters", where=where, mend=f"keep it to {FILE_MAX}")
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.search(str(error))
        what = _TOML_PLACE.sub("", str(error)).strip()
        position = position_of(text, len(text.rstrip()))
        if found and found[1]:
            position = Position(int(found[1]), int(found[2]))
        raise InputError(f"not TOML: {what}", where=_said(where, position), mend=_EXPLAINED) from error
    except (ValueError, RecursionError) as error:  # which tomllib lets through
        raise InputError(
            "a number is too long, or brackets are nested too deep", where=where, mend=_EXPLAINED
        ) from error
    if _holds_long_number(parsed):
        raise InputError("a number is too long", where=where, mend=_EXPLAINED)
    return parsed


def _holds_long_number(parsed: dict[str, object]) -> bool:
    """Tell whether an integer has more than 64 bits: TOML has none, and Python may refuse to write it."""
    waiting: list[object] = [parsed]
    while waiting:
        one = waiting.pop()
        if isinstance(one, int) and one.bit_length() > _BITS_MAX:
            return True
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def _check_version(version: object, text: str, *, where: str) -> None:
    if version == VERSION and not isinstance(version, bool):
        return
    if version is None:
        raise InputError(
            "the format's version is missing", where=where, mend=f"write version = {VERSION} at the top"
        )
    mend = f"write version = {VERSION}"
    if version == 1:
        mend += ' and each condition as a text, such as when = "energy_level < 30 %"'
    raise _error_at(("version",), text, where, f"version {version!r} of the format is not read", mend)


def _error_at(path: Path, text: str, where: str, what: str, mend: str) -> InputError:
    plain = _with_plain_lines(text)
    places = locate(plain)
    position = position_of(plain, places.get(_around(path, places), _TOP).key)
    return InputError(what, where=_said(where, position), mend=mend)


def _said(where: str, position: Position) -> str:
    return f"{where}, line {position.line}, column {position.column}"


def _with_plain_lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _path_of(loc: Path) -> Path:
    """Return the place in the file of a place in the models."""
    return ("rule", *loc[1:]) if loc[:1] == ("rules",) else loc


def _around(path: Path, places: dict[Path, Spot]) -> Path:
    """Return where a value stands, or the nearest thing around it that does; nothing if it is the file."""
    return next((path[:length] for length in range(len(path), 0, -1) if path[:length] in places), ())


def _in_words(one: ErrorDetails, name: str, fields: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong and how to mend it, of an error that pydantic words.

    Args:
        one: the error.
        name: the field, or what is nearest around it.
        fields: names of a rule's fields.
    """
    last, context = str(one["loc"][-1]), one.get("ctx", {})
    what, mend = f"{name} is {one['input']!r:.60}", _EXPLAINED
    match one["type"]:
        case "extra_forbidden":
            known = fields if len(one["loc"]) == _LOC_OF_FIELD else tuple(ActionUse.model_fields)
            what, mend = f"there is no field {last!r}", closest(last, known)
        case "missing":
            what, mend = f"{last} is missing", f"write {last} = …; {_EXPLAINED}"
        case "too_long":
            what = f"{name} has {context['actual_length']} items"
            mend = f"keep to {context['max_length']}"
        case "value_error":
            what = str(context["error"])
        case "model_type":
            what, mend = "this is not a table", "write [[rule]] above the fields of a rule"
        case _:
            mend = _wanted(one)
            if not mend:
                what, mend = f"{name}: {one['msg']}", _EXPLAINED
    return what, mend


def _wanted(one: ErrorDetails) -> str:
    """Return what to write in place of a value of the wrong kind; nothing where that is not known."""
    match one["type"]:
        case _ if "tasks" in one["loc"]:
            return "write all, first or a whole number from 1"
        case "literal_error":
            return f"write {one['ctx']['expected']}"
        case "string_pattern_mismatch":
            return "use small letters, digits and _, a letter first"
        case "frozen_set_type" | "tuple_type" if isinstance(one["input"], str):
            return f'write {one["loc"][-1]} = ["{one["input"]:.60}"]'
        case kind if kind.startswith(("greater_than", "less_than", "string_t", "int_type", "string_type")):
            return str(one["msg"]).replace("Input should", "it must").replace("String should", "it must")
        case _:
            return ""
