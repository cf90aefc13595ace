"""What the push server counts. No value of a reading and no person's id is among it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class PushMetrics:
    """Counters of the push server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "daybeat_push_connections", "Open connections that were welcomed", registry=registry
        )
        self.events = Counter(
            "daybeat_push_events", "Feed events handed to connections, one each", registry=registry
        )
        self.closed = Counter(
            "daybeat_push_closed",
            "Connections that the server ended, by close code",
            ["code"],
            registry=registry,
        )
        self.resyncs = Counter(
            "daybeat_push_resyncs",
            "Times a client was sent its plan anew for events it missed",
            registry=registry,
        )
        self.rereads = Counter(
            "daybeat_push_rereads",
            "Times a feed was read again behind a trimmed live stream",
            registry=registry,
        )
        self.commands = Counter(
            "daybeat_push_commands", "Commands by what became of them here", ["taken"], registry=registry
        )
        self.append = Histogram(
            "daybeat_push_append_seconds",
            "How long a batch of commands took to be durable",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self.arrival_to_push = Histogram(
            "daybeat_push_arrival_to_push_seconds",
            "Real time from a reading's arrival to the handing of its event to the connections",
            buckets=(0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
