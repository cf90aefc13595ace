"""What the gateway measures of itself."""

from collections import Counter as Counts
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.dead_letters import Refusal

_APPEND_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class GatewayMetrics:
    """The gateway's metrics, in the registry that is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter("daybeat_gateway_messages", "MQTT messages received", registry=registry)
        self.readings = Counter(
            "daybeat_gateway_readings", "Readings that the log has made durable", registry=registry
        )
        self.refused = Counter(
            "daybeat_gateway_refused",
            "Readings or whole messages that became dead letters",
            ["reason"],
            registry=registry,
        )
        for reason in Refusal:
            self.refused.labels(reason.value)
        self.unacked_messages = Gauge(
            "daybeat_gateway_unacked_messages",
            "Messages received and not yet acknowledged to the broker",
            registry=registry,
        )
        self.append_seconds = Histogram(
            "daybeat_gateway_append_seconds",
            "From handing a batch over until the log has made it durable, in seconds",
            buckets=_APPEND_BUCKETS_S,
            registry=registry,
        )
        self.connected = Gauge(
            "daybeat_gateway_connected", "1 while connected to the broker", registry=registry
        )
        self.log_bytes = Gauge("daybeat_log_bytes", "Memory that the log takes, in bytes", registry=registry)
        self.log_hours_left = Gauge(
            "daybeat_log_hours_left",
            "Hours until the log is full if nothing is trimmed; NaN while unknown",
            registry=registry,
        )
        self.log_full = Gauge(
            "daybeat_log_full", "1 while the log takes nothing because it is full", registry=registry
        )
        self.log_hours_left.set(float("nan"))

    def count_stored(self, readings: int, refused: Counts[Refusal]) -> None:
        """Count what a batch put into the log."""
        self.readings.inc(readings)
        for reason, count in refused.items():
            self.refused.labels(reason.value).inc(count)
