"""How much memory the log takes, and how long it will last at its present rate."""

import time
from typing import Final, cast

import redis

from stores.keys import decisions_key, log_key

MEASURE_EVERY_S: Final = 2.0
"""Between two measurements the size is what was measured plus what was appended."""

_NODES_SAMPLED: Final = 100
"""Nodes per stream that MEMORY USAGE looks at before it extrapolates."""

_SPAN_SHORTEST_S: Final = 60.0
"""A log that holds less time than this says nothing about its rate."""


class LogSize:
    """The size of the log and of the decisions: they share Redis' memory, so they share a bound."""

    def __init__(self, client: redis.Redis, *, partitions: int, bytes_max: int) -> None:
        self._client = client
        self._keys = [
            key_of(partition) for partition in range(partitions) for key_of in (log_key, decisions_key)
        ]
        self._bytes_max = bytes_max
        self._measured_bytes = 0
        self._measured_s: float | None = None
        self._added_bytes = 0

    def add(self, appended_bytes: int) -> None:
        """Count bytes that were appended just now."""
        self._added_bytes += appended_bytes

    def forget(self) -> None:
        """Measure anew at the next question: something was removed."""
        self._measured_s = None

    def bytes_now(self) -> int:
        """Return the size in bytes: measured at most 2 s ago, plus what was appended since."""
        now_s = time.monotonic()
        if self._measured_s is None or now_s - self._measured_s >= MEASURE_EVERY_S:
            pipeline = self._client.pipeline(transaction=False)
            for key in self._keys:
                pipeline.memory_usage(key, samples=_NODES_SAMPLED)
            self._measured_bytes = sum(size or 0 for size in cast("list[int | None]", pipeline.execute()))
            self._measured_s = now_s
            self._added_bytes = 0
        return self._measured_bytes + self._added_bytes

    def is_full(self) -> bool:
        """Tell whether the bound is reached."""
        return self.bytes_now() >= self._bytes_max

    def hours_left(self, *, span_s: float) -> float | None:
        """Return in how many hours the bound is reached, at the log's mean rate over ``span_s``.

        None if the log is empty or holds less than a minute.
        """
        size = self.bytes_now()
        if span_s < _SPAN_SHORTEST_S or size == 0:
            return None
        return max(0, self._bytes_max - size) / (size / span_s) / 3600
