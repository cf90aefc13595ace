"""What a person at the terminal sees of a command at work, and how they end it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import orjson


def say(line: str) -> None:
    """Show a line of progress on standard error; standard output is for results."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def print_json(result: object) -> None:
    """Print one JSON object on one line of standard output."""
    sys.stdout.write(orjson.dumps(result).decode() + "\n")
    sys.stdout.flush()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM end what is inside with KeyboardInterrupt, so that it cleans up.

    Also SIGINT, because a shell lets the programs that it starts in the background ignore it.
    """

    def interrupt(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = {which: signal.signal(which, interrupt) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
