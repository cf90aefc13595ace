"""Where the keys and values of a TOML text stand, and each character of its strings.

``tomllib`` says what a text means but not where; this says where, of a text that ``tomllib`` has read.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a value, such as ``("rule", 1, "when")``."""

_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_BARE = re.compile(r"[^,\]}\n#]*")
_QUOTES: Final = ('"""', "'''", '"', "'")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\n[ \t\n]*|.)")


class Spot(NamedTuple):
    """Where a key and its value start, as indexes into the text."""

    key: int
    value: int
    letters: Sequence[int]
    """Of a string: where each of its characters stands, and where it ends; empty for other values."""


class Position(NamedTuple):
    """A place in a text as people count: both from 1."""

    line: int
    column: int


def position_of(text: str, index: int) -> Position:
    """Return line and column of a character."""
    return Position(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def locate(text: str) -> dict[Path, Spot]:
    """Return where each table, key and value of a TOML text stands.

    Args:
        text: TOML that ``tomllib`` reads, with lines that end in a line feed alone.
    """
    return _Scanner(text).scan()


class _Scanner:
    """One pass over a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._spots: dict[Path, Spot] = {}
        self._arrays: dict[Path, int] = {}

    def scan(self) -> dict[Path, Spot]:
        table: Path = ()
        self._skip_space()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip_space()
        return self._spots

    def _skip_space(self) -> None:
        self._at = self._match_end(_SPACE)

    def _match_end(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        return match.end() if match else self._at

    def _header(self) -> Path:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        keys = self._keys()
        self._at += brackets
        table: Path = ()
        for number, key in enumerate(keys, 1):
            table += (key,)
            if number == len(keys) and brackets == 2:
                self._arrays[table] = self._arrays.get(table, -1) + 1
            if table in self._arrays:
                table += (self._arrays[table],)
        self._spots[table] = Spot(start, start, ())
        return table

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while match := _KEY_PART.match(self._text, self._at):
            keys.append(match[1].strip("\"'"))
            self._at = match.end()
            if self._text[self._at] != ".":
                break
            self._at += 1
        return keys

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._keys())
        self._at += 1
        self._skip_space()
        self._value(path, start)

    def _value(self, path: Path, key: int) -> None:
        start = self._at
        first = self._text[start]
        letters = self._string() if first in "\"'" else ()
        self._spots[path] = Spot(key, start, letters)
        if letters:
            return
        if first == "[":
            self._items(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._at = self._match_end(_BARE)

    def _items(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip_space()
        while self._text[self._at] != "]":
            self._value((*path, index), self._at)
            index += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip_space()
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip_space()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip_space()

    def _string(self) -> list[int]:
        quote = next(one for one in _QUOTES if self._text.startswith(one, self._at))
        self._at += len(quote)
        if len(quote) == 3 and self._text[self._at] == "\n":
            self._at += 1
        letters: list[int] = []
        while not self._closes(quote):
            escape = _ESCAPE.match(self._text, self._at) if quote[0] == '"' else None
            if escape is None:
                letters.append(self._at)
                self._at += 1
            else:
                letters += [self._at] * bool(escape[1].strip())
                self._at = escape.end()
        letters.append(self._at)
        self._at += len(quote)
        return letters

    def _closes(self, quote: str) -> bool:
        # Up to two quotation marks may stand right before the three that end a string.
        return self._text.startswith(quote, self._at) and not (
            len(quote) == 3 and self._text.startswith(quote[0], self._at + 3)
        )
