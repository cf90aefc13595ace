"""Text that a command reads: a file, or standard input where the name is ``-``."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from schemas.errors import InputError

STANDARD_INPUT: Final = "-"


def name_of(source: str) -> str:
    """Return how errors name a source."""
    return "standard input" if source == STANDARD_INPUT else source


@contextmanager
def open_text(source: str) -> Iterator[TextIO]:
    """Open UTF-8 text, with or without a byte order mark, whose lines end in LF, CRLF or CR.

    Raises:
        InputError: it cannot be read, or what is read of it inside is not UTF-8.
    """
    name = name_of(source)
    try:
        if source == STANDARD_INPUT:
            with _standard_input() as text:
                yield text
        else:
            with open(source, encoding="utf-8-sig") as text:  # noqa: PTH123  # as it was given, for the errors
                yield text
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", where=name, mend="give the path of a text file, or -"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "is not text in UTF-8", where=name, mend="give a text file, or save it again as UTF-8"
        ) from error


@contextmanager
def _standard_input() -> Iterator[TextIO]:
    if sys.stdin is None:
        raise InputError("is closed", where=name_of(STANDARD_INPUT), mend="pipe a file into it, or name one")
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig")
    try:
        yield text
    finally:
        text.detach()  # standard input is not ours to close
