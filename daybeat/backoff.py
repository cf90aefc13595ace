"""When a service that died is started again."""

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
"""A service that ran for so long before it died begins with the first pause again."""


@dataclass(slots=True)
class Backoff:
    """Pauses that double from 0.5 s to 30 s while a service keeps dying; a healthy minute starts them over.

    >>> backoff = Backoff()
    >>> [backoff.pause_s(ran_for_s=1) for _ in range(3)]
    [0.5, 1.0, 2.0]
    >>> backoff.pause_s(ran_for_s=61)
    0.5
    """

    _next_s: float = FIRST_PAUSE_S

    def pause_s(self, *, ran_for_s: float) -> float:
        """Return how long to wait before the next start of a service that ran for ``ran_for_s`` seconds."""
        if ran_for_s >= HEALTHY_AFTER_S:
            self._next_s = FIRST_PAUSE_S
        pause = self._next_s
        self._next_s = min(2 * pause, LONGEST_PAUSE_S)
        return pause
