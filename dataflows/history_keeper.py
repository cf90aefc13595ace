"""What the history flow does beside its way: tell Redis what is stored, trim, watch, drop what is too old."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import redis
import structlog

from dataflows.history_metrics import HistoryMetrics
from schemas.errors import BusyError, UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.decisions import commit_decisions, trim_decisions
from stores.history import FLOW, Positions
from stores.history_writer import HistoryWriter
from stores.log import Log
from stores.log_streams import START
from stores.stream_tail import StreamName, entries_behind, stream_states

LOG_CONSUMERS: Final = ("live", "checkpoint", FLOW)
"""Everyone who must have committed an entry before it may be trimmed."""

COMMIT_EVERY_S: Final = 1.0
"""Commits only let the log be trimmed: there is no hurry, and each is a write to Redis' disk."""

TRIM_EVERY_S: Final = 10.0
LAG_EVERY_S: Final = 2.0
RETENTION_EVERY_S: Final = 86_400.0

SILENT_AFTER_S: Final = 5.0
"""A write that takes longer is a database that does not answer."""

STOP_GRACE_S: Final = 3.0
"""So long a write in course may take after the stop; then its connection is cut."""

_TICK_S: Final = 0.25


class HistoryKeeper:
    """A thread that looks after streams and database while the flow runs."""

    def __init__(
        self,
        client: redis.Redis,
        log: Log,
        writer: HistoryWriter,
        metrics: HistoryMetrics,
        *,
        stored: Positions,
        log_keep: timedelta,
        stop: threading.Event,
        drop_old: Callable[[], None],
    ) -> None:
        self._client = client
        self._log = log
        self._writer = writer
        self._metrics = metrics
        self._log_keep = log_keep
        self._stop = stop
        self._drop_old = drop_old
        self._stored: Positions = dict(stored)
        self._committed: Positions = {}
        self._silent = False
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history_keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, after a last commit of what is stored."""
        self._finished.set()
        self._thread.join()
        self._patiently("commit", self._commit)

    def _run(self) -> None:
        due_s = dict.fromkeys(("commit", "trim", "lag", "retention"), 0.0)
        tasks: dict[str, tuple[Callable[[], None], float]] = {
            "commit": (self._commit, COMMIT_EVERY_S),
            "trim": (self._trim, TRIM_EVERY_S),
            "lag": (self._measure_lag, LAG_EVERY_S),
            "retention": (self._drop_old, RETENTION_EVERY_S),
        }
        stopped_s: float | None = None
        severed = False
        while not self._finished.wait(_TICK_S):
            now_s = time.monotonic()
            self._watch_writer()
            if self._stop.is_set():
                stopped_s = stopped_s or now_s
                if not severed and now_s - stopped_s >= STOP_GRACE_S and self._writer.busy_s() > 0:
                    self._writer.sever()
                    severed = True
                continue
            for name, (task, every_s) in tasks.items():
                if now_s >= due_s[name]:
                    due_s[name] = now_s + every_s
                    self._patiently(name, task)

    def _patiently(self, name: str, task: Callable[[], None]) -> None:
        try:
            task()
        except (UnavailableError, BusyError) as error:
            structlog.get_logger().warning("history_keeper_waits", task=name, error=str(error))

    def _commit(self) -> None:
        self._stored.update(self._writer.stored_positions())
        fresh = {
            key: entry_id for key, entry_id in self._stored.items() if self._committed.get(key) != entry_id
        }
        for_log = _of_stream(fresh, StreamName.LOG)
        if for_log:
            self._log.commit(FLOW, for_log)
        for_decisions = _of_stream(fresh, StreamName.DECISIONS)
        if for_decisions:
            commit_decisions(self._client, for_decisions)
        self._committed.update(fresh)

    def _trim(self) -> None:
        removed = self._log.trim(consumers=LOG_CONSUMERS, keep=self._log_keep)
        removed += trim_decisions(
            self._client, _of_stream(self._committed, StreamName.DECISIONS), keep=self._log_keep
        )
        if removed:
            structlog.get_logger().debug("streams_trimmed", entries=removed)

    def _measure_lag(self) -> None:
        partitions = [PartitionId(number) for number in range(self._log.partitions)]
        behind = 0
        for stream in StreamName:
            states = stream_states(self._client, stream, partitions)
            behind += sum(
                entries_behind(state, self._stored.get((stream, partition), START))
                for partition, state in states.items()
            )
        self._metrics.lag.set(behind)

    def _watch_writer(self) -> None:
        """A stopped database raises no error: only the time that a write takes tells."""
        busy_s = self._writer.busy_s()
        if busy_s >= SILENT_AFTER_S and not self._silent:
            self._metrics.database_is_up(False)
            structlog.get_logger().warning(
                "history_database_is_silent",
                seconds=round(busy_s),
                mend="rows wait in the log and are stored once it answers; see daybeat doctor",
            )
        elif busy_s < SILENT_AFTER_S and self._silent:
            structlog.get_logger().info("history_database_answers")
        self._silent = busy_s >= SILENT_AFTER_S


def _of_stream(positions: Positions, stream: StreamName) -> dict[PartitionId, EntryId]:
    return {partition: entry_id for (one, partition), entry_id in positions.items() if one is stream}
