"""Ctrl-C and SIGTERM as an event, for commands that finish what they began."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set. Use it from the main thread."""
    stop = threading.Event()
    before = {
        which: signal.signal(which, lambda _number, _frame: stop.set())
        for which in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
