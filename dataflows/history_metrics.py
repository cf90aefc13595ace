"""What the history flow counts."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stores.history import RowCount


class HistoryMetrics:
    """Counters of the history flow; no value of a reading is among them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter("daybeat_history_rows", "Rows stored, by table", ["table"], registry=registry)
        self.repeats = Counter(
            "daybeat_history_repeated_rows", "Rows that were there already", ["table"], registry=registry
        )
        self.batches = Counter("daybeat_history_batches", "Transactions committed", registry=registry)
        self.corrupt = Counter(
            "daybeat_history_corrupt_entries", "Entries that could not be read", registry=registry
        )
        self.database_up = Gauge(
            "daybeat_history_database_up", "1 while PostgreSQL takes the rows, else 0", registry=registry
        )
        self.lag = Gauge(
            "daybeat_history_lag_entries",
            "Entries of log and decisions not yet stored, estimated from their ids",
            registry=registry,
        )
        self.write = Histogram(
            "daybeat_history_write_seconds",
            "Storing one batch, waiting for the database included",
            buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60),
            registry=registry,
        )

    def stored(self, counts: Mapping[str, RowCount]) -> None:
        """Count a transaction that was committed."""
        self.batches.inc()
        for table, count in counts.items():
            self.rows.labels(table).inc(count.stored)
            self.repeats.labels(table).inc(count.given - count.stored)

    def database_is_up(self, up: bool) -> None:  # noqa: FBT001  # the one fact there is to tell
        """Show whether PostgreSQL takes the rows."""
        self.database_up.set(1 if up else 0)
