"""The history flow as a thread of a test, and as the process that operators run."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import redis
from prometheus_client import CollectorRegistry

from dataflows.history import HistoryConfig, run_history
from daybeat.servers import LocalServers
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.history import HistoryStore
from stores.log import RedisLog
from stores.stream_tail import StreamName, stream_states

PARTITIONS = 4


def wait_for(condition: Callable[[], bool], *, within_s: float = 30, words: Callable[[], str] = str) -> None:
    """Return once ``condition`` holds; fail with ``words()`` if it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {words()}"
        time.sleep(0.02)


def is_caught_up(client: redis.Redis, database: psycopg.Connection, partitions: int = PARTITIONS) -> bool:
    """Tell whether everything that stands in the streams now is stored."""
    numbers = [PartitionId(number) for number in range(partitions)]
    stored = HistoryStore(database).positions()
    return all(
        stored.get((stream, partition), EntryId(0, 0)) >= state.last
        for stream in StreamName
        for partition, state in stream_states(client, stream, numbers).items()
    )


@dataclass(frozen=True)
class HistoryHouse:
    """What a test of the history flow has at hand: settings, both ends, and a look at them."""

    config: HistoryConfig
    log: RedisLog
    redis: redis.Redis
    database: psycopg.Connection

    def caught_up(self) -> bool:
        """Tell whether everything that stands in the streams now is stored."""
        return is_caught_up(self.redis, self.database, self.config.partitions)


@dataclass
class RunningHistory:
    """A flow in a thread of this process."""

    registry: CollectorRegistry
    stop: threading.Event
    failures: list[BaseException] = field(default_factory=list)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def config_for(servers: LocalServers, folder: Path, **changes: object) -> HistoryConfig:
    """Return settings of a flow over the tests' servers."""
    settings: dict[str, object] = {
        "redis_url": servers.redis_url,
        "database_url": servers.database_url,
        "partitions": PARTITIONS,
        "log_bytes_max": 2**30,
        "state_folder": folder / "history",
        "epoch_interval": timedelta(milliseconds=200),
        "patience": timedelta(seconds=5),
    }
    return HistoryConfig(**(settings | changes))  # type: ignore[arg-type]


@contextmanager
def running_history(config: HistoryConfig) -> Iterator[RunningHistory]:
    """Run the flow while the block runs; what ends it early is raised behind the block."""
    running = RunningHistory(CollectorRegistry(), threading.Event())

    def run() -> None:
        try:
            run_history(config, registry=running.registry, stop=running.stop)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            running.failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive(), "the flow does not stop"
    if running.failures:
        raise running.failures[0]


class HistoryProcess:
    """One ``daybeat serve history``; may be started many times."""

    def __init__(self, servers: LocalServers, folder: Path, *, partitions: int = PARTITIONS) -> None:
        self._environment = os.environ | {
            "DAYBEAT_REDIS_URL": servers.redis_url,
            "DAYBEAT_DATABASE_URL": servers.database_url,
            "DAYBEAT_STATE_FOLDER": str(folder / "state"),
            "DAYBEAT_PARTITIONS": str(partitions),
            "DAYBEAT_METRICS_PORT_HISTORY": "0",
        }
        (folder / "state").mkdir(parents=True, exist_ok=True)
        self._log = folder / "history.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daybeat", "serve", "history"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def words(self) -> str:
        """Return the end of what it logged."""
        return self._log.read_text()[-4000:] if self._log.exists() else ""
