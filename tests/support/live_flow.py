"""The live flow inside the process of a test, over a real Redis."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import redis
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main
from prometheus_client import CollectorRegistry

from adaptation.rules import builtin_rules
from dataflows.checkpoints import CheckpointFolder, CheckpointWriter
from dataflows.live import LiveConfig, build_live_flow
from dataflows.live_metrics import LiveMetrics
from dataflows.log_source import LogReader
from stores.log import RedisLog
from stores.plans import PlanStore
from support.dumps import dump_log, ends_of
from support.live_process import committed_of

PATIENCE_S = 60


def run_flow(client: redis.Redis, folder: Path, *, partitions: int, workers: int = 1) -> None:
    """Run the flow in this process until it has committed the whole log, then stop it in an orderly way."""
    log = RedisLog.open(client, partitions=partitions, bytes_max=2**30)
    config = LiveConfig(
        redis_url="", partitions=partitions, log_bytes_max=2**30, state_folder=folder, default_zone="UTC"
    )
    stop = threading.Event()
    writer = CheckpointWriter(
        CheckpointFolder(folder / "checkpoints"),
        committed=lambda: log.committed("live"),
        release=lambda positions: log.commit("checkpoint", positions),
    )
    reader = LogReader(log, stop, lambda positions: log.commit("live", positions))
    flow = build_live_flow(
        config,
        rules=builtin_rules(),
        log=log,
        plans=PlanStore(client, partitions),
        writer=writer,
        reader=reader,
        metrics=LiveMetrics(CollectorRegistry()),
    )
    recovery = folder / "recovery"
    if not recovery.exists():
        recovery.mkdir(parents=True)
        init_db_dir(recovery, 2)
    ends = ends_of(dump_log(client, partitions))

    def is_caught_up() -> bool:
        return all(committed_of(client, number) >= end for number, end in ends.items())

    watcher = threading.Thread(target=_stop_when, args=(is_caught_up, stop))
    watcher.start()
    cluster_main(
        flow,
        [],
        0,
        epoch_interval=timedelta(milliseconds=200),
        recovery_config=RecoveryConfig(str(recovery)),
        worker_count_per_proc=workers,
    )
    watcher.join()
    reader.close()
    writer.close()


def _stop_when(done: Callable[[], bool], stop: threading.Event) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
