"""What the live flow counts."""

from collections import deque
from statistics import median
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PAUSES_KEPT: Final = 300
"""Pauses of which the median is shown: ten minutes of epochs of 2 s."""


class LiveMetrics:
    """Counters of the live flow; no value of a reading is among them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.readings = Counter("daybeat_live_readings", "Readings tracked", registry=registry)
        self.firings = Counter("daybeat_live_firings", "Rules fired", ["rule"], registry=registry)
        self.outcomes = Counter(
            "daybeat_live_outcomes", "Decisions by outcome", ["outcome"], registry=registry
        )
        self.plans_rewritten = Counter("daybeat_live_plans_rewritten", "Plans rewritten", registry=registry)
        self.reverted = Counter(
            "daybeat_live_adaptations_reverted",
            "Changes no longer in force, undone or expired",
            ["status"],
            registry=registry,
        )
        self.lapsed = Counter(
            "daybeat_live_proposals_lapsed", "Proposals that nobody answered in time", registry=registry
        )
        self.rules_loaded = Counter(
            "daybeat_live_rules_loaded", "Rule files taken from the log, one a partition", registry=registry
        )
        self.events = Counter("daybeat_live_events", "Events written to feeds", registry=registry)
        self.replayed = Counter(
            "daybeat_live_replayed", "Events met again after a restart, not written twice", registry=registry
        )
        self.epoch_pause = Histogram(
            "daybeat_live_epoch_pause_seconds",
            "How long an epoch's end kept the sources from reading",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self._epoch_pause_max = Gauge(
            "daybeat_live_epoch_pause_max_seconds", "Longest pause since the start", registry=registry
        )
        self._epoch_pause_p50 = Gauge(
            "daybeat_live_epoch_pause_p50_seconds", "Median of the latest pauses", registry=registry
        )
        self._longest_pause = 0.0
        self._pauses: deque[float] = deque(maxlen=PAUSES_KEPT)
        self.decide = Histogram(
            "daybeat_live_decide_seconds",
            "Loading, deciding and writing one batch",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self.lag = Gauge(
            "daybeat_live_lag_seconds", "From the committed position to the end of the log", registry=registry
        )

    def observe_epoch_pause(self, seconds: float) -> None:
        """Take note of one pause at the end of an epoch, in seconds."""
        self.epoch_pause.observe(seconds)
        self._pauses.append(seconds)
        self._longest_pause = max(self._longest_pause, seconds)
        self._epoch_pause_max.set(self._longest_pause)
        self._epoch_pause_p50.set(median(self._pauses))
