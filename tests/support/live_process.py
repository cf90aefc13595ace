"""The live flow as the process that operators run, started and killed by tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.keys import committed_key

EPOCH_S = 0.2


class LiveProcess:
    """One ``daybeat serve live`` over a Redis and a state folder; may be started many times."""

    def __init__(self, *, redis_url: str, state_folder: Path, partitions: int) -> None:
        self._environment = os.environ | {
            "DAYBEAT_REDIS_URL": redis_url,
            "DAYBEAT_STATE_FOLDER": str(state_folder),
            "DAYBEAT_PARTITIONS": str(partitions),
            "DAYBEAT_EPOCH_INTERVAL_S": str(EPOCH_S),
            "DAYBEAT_CHECKPOINT_INTERVAL_S": "0.5",
            "DAYBEAT_METRICS_PORT_LIVE": "0",
        }
        state_folder.mkdir(parents=True, exist_ok=True)
        self._log = state_folder.parent / "live.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daybeat", "serve", "live"],
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

    def check(self) -> None:
        """Fail with the process's own words if it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-4000:]

    def wait_until(self, client: redis.Redis, ends: Mapping[int, EntryId], *, within_s: float = 60) -> None:
        """Return once the flow has committed all of ``ends``."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.check()
            if all(committed_of(client, number) >= end for number, end in ends.items()):
                return
            time.sleep(0.05)
        raise AssertionError(f"not caught up within {within_s} s: {self._log.read_text()[-4000:]}")


def committed_of(client: redis.Redis, partition: int, consumer: str = "live") -> EntryId:
    """Return what a consumer has committed of a partition."""
    value = client.hget(committed_key(PartitionId(partition)), consumer)
    return EntryId.parse(value) if value else EntryId(0, 0)
