"""CPU time of one thread, and libraries that are measured beside ours."""

import importlib
import time
from collections.abc import Callable
from typing import Any

from schemas.errors import InputError


def seconds_of(work: Callable[[], object]) -> float:
    """Return how much CPU time the calling thread spent on ``work``, s.

    Other work on the machine counts only as far as it empties the caches that both share.
    """
    began = time.thread_time()
    work()
    return time.thread_time() - began


def import_beside(name: str) -> Any:
    """Return a library that is only measured beside ours, and no part of the product.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{name.partition('.')[0]} is not installed",
            where="bench physiology",
            mend="install requirements-dev.lock",
        ) from error
