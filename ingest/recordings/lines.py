"""Reading text files line by line, with errors that name the file and the line."""

import math
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import InputError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not empty, with their numbers from 1.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if text := line.strip():
                    yield number, text
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", where=str(path), mend="give the path of a recording"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8", where=str(path), mend="give a text file") from error


def place(path: Path, number: int) -> str:
    """Return how errors name a line of a file."""
    return f"{path}:{number}"


def number_in(text: str, what: str, *, where: str) -> float:
    """Return a finite number.

    Raises:
        InputError: it is none; ``what`` says what it should have been.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text[:40]!r} is not {what}", where=where, mend="correct or remove the line")
    return value
