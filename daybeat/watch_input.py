"""What a person types while they watch: one line, one command."""

import datetime as dt
import re
from difflib import get_close_matches
from typing import Final, get_args
from zoneinfo import ZoneInfo

from daybeat.watch_state import Watched
from schemas.commands import COMMAND, Command
from schemas.errors import InputError
from schemas.people import Autonomy

HELP: Final = (
    "accept [N]          take proposal N, or keep change N for good",
    "decline [N]         refuse proposal N; the plan stays as it is",
    "undo [N]            take change N back",
    "pause 2h|tomorrow   no rule does anything until then (30m, 2h, 3d, tomorrow); pause off: go on",
    "dial RULE LEVEL     what a rule may do by itself: off, note, propose, apply, or its default",
    "reduce-only on|off  whether nothing may make the day harder",
)
_SPAN: Final = re.compile(r"^(\d{1,4})([mhd])$")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_PAUSE_MEND: Final = "write it like pause 30m, pause 2h, pause 3d, pause tomorrow or pause off"


def parse_line(line: str, watched: Watched, *, command_id: str, now: dt.datetime) -> Command | None:
    """Return the command that a typed line means; None where it asks for help.

    Args:
        line: as it was typed, with at least one word.
        watched: what the numbers in it stand for.
        command_id: for the command.
        now: the moment on Daybeat's clock, from which a pause counts.

    Raises:
        InputError: it means nothing; the error says what would.
    """
    verb, *words = line.lower().split()
    fields: dict[str, object] = {"type": f"adaptation.{verb}"}
    match verb:
        case "help" if not words:
            return None
        case "accept" | "decline" | "undo" if len(words) <= 1:
            number = _number_of(verb, words, watched)
            adaptation = watched.find(number)
            assert adaptation is not None  # noqa: S101  # _number_of returns only numbers that are known
            fields["adaptation_id"] = adaptation.adaptation_id
        case "pause" if len(words) == 1:
            fields["until"] = _pause_end(words[0], now, watched.zone)
        case "dial" if len(words) == 2:
            fields = {
                "type": "autonomy.set",
                "rule": _rule_of(words[0], watched),
                "level": _level_of(words[1]),
            }
        case "reduce-only" if words in (["on"], ["off"]):
            fields = {"type": "autonomy.set", "reduce_only": words == ["on"]}
        case _:
            raise _unknown(line, verb)
    return COMMAND.validate_python({**fields, "command_id": command_id})


def _number_of(verb: str, words: list[str], watched: Watched) -> int:
    if words:
        number = int(words[0]) if words[0].isdecimal() else 0
        if watched.find(number) is None:
            raise InputError(f"there is no number {words[0]}", where=verb, mend=_which(verb, watched))
        return number
    if verb == "undo":
        if not watched.in_force():
            raise InputError("no change is in force", where=verb)
        return watched.in_force()[-1]
    waiting = watched.waiting()
    if len(waiting) != 1:
        what = (
            f"{len(waiting)} proposals wait for an answer" if waiting else "no proposal waits for an answer"
        )
        raise InputError(what, where=verb, mend=_which(verb, watched))
    return waiting[0]


def _which(verb: str, watched: Watched) -> str:
    """Say which numbers a verb could be followed by."""
    waiting, standing = watched.waiting(), watched.in_force()
    numbers = {"accept": waiting + standing, "decline": waiting, "undo": standing}[verb]
    return f"say {' or '.join(f'{verb} {number}' for number in sorted(numbers))}" if numbers else ""


def _pause_end(word: str, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
    """Return when a pause ends; None: now."""
    if word == "off":
        return None
    if word == "tomorrow":
        tomorrow = now.astimezone(zone).date() + dt.timedelta(days=1)
        return dt.datetime.combine(tomorrow, dt.time(), zone)
    span = _SPAN.match(word)
    if span is None:
        raise InputError(f"{word!r} is not a time to pause for", where="pause", mend=_PAUSE_MEND)
    return now + dt.timedelta(**{_UNITS[span[2]]: int(span[1])})


def _rule_of(word: str, watched: Watched) -> str:
    rules = [] if watched.profile is None else [rule.name for rule in watched.profile.rules]
    if rules and word not in rules:
        near = get_close_matches(word, rules, n=1)
        mend = f"did you mean {near[0]}?" if near else f"the rules are {', '.join(rules)}"
        raise InputError(f"there is no rule {word}", where="dial", mend=mend)
    return word


def _level_of(word: str) -> str:
    levels = [*get_args(Autonomy), "default"]
    if word not in levels:
        raise InputError(f"{word!r} is not a level", where="dial", mend=f"say {', '.join(levels)}")
    return word


def _unknown(line: str, verb: str) -> InputError:
    usage = next((one for one in HELP if one.startswith(verb)), None)
    if usage is None:
        return InputError(f"{verb!r} means nothing here", mend="say help")
    return InputError(f"{line.strip()!r} is not complete", mend=" ".join(usage.split()))
