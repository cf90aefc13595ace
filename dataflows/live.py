"""The live flow: ``read_log → track → decide``.

Whole log entries travel as single items, keyed by partition. The flow never waits for PostgreSQL. It ends
when ``stop`` is set: the sources end, a last snapshot is taken, and the function returns.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from prometheus_client import CollectorRegistry

from adaptation.rules import RuleSet, builtin_rules
from adaptation.shard import HRV_WINDOW
from dataflows.checkpoints import CheckpointFolder, CheckpointWriter
from dataflows.decide import DecideConfig, DecideSink
from dataflows.live_metrics import LiveMetrics
from dataflows.log_source import LogReader, LogSource, PauseClock
from dataflows.track import TrackConfig, TrackLogic, TrackSnapshot
from schemas.errors import UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import connect_redis
from stores.log import START, Log, RedisLog
from stores.plans import PlanStore

LAG_EVERY_S: Final = 2.0
RECOVERY_PARTITIONS: Final = 2
"""Recovery files; resume reads each one's rows in quadratic time, so there are several."""


@dataclass(frozen=True)
class LiveConfig:
    """Settings of the live flow."""

    redis_url: str
    partitions: int
    log_bytes_max: int
    state_folder: Path
    """Recovery files of Bytewax and the shards' checkpoints."""
    default_zone: str
    hrv_window: timedelta = HRV_WINDOW
    epoch_interval: timedelta = timedelta(seconds=2)
    checkpoint_interval: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(seconds=60)


def build_live_flow(
    config: LiveConfig,
    *,
    rules: RuleSet,
    log: Log,
    plans: PlanStore,
    writer: CheckpointWriter,
    reader: LogReader,
    metrics: LiveMetrics,
) -> Dataflow:
    """Return the flow over all partitions of ``log``."""
    tracking = TrackConfig(
        rules=rules,
        default_zone=config.default_zone,
        hrv_window=config.hrv_window,
        log=log,
        folder=writer.folder,
        writer=writer,
        checkpoint_interval_s=config.checkpoint_interval.total_seconds(),
        metrics=metrics,
    )
    deciding = DecideConfig(plans=plans, metrics=metrics)

    def build_logic(resume: TrackSnapshot | None) -> TrackLogic:
        return TrackLogic(tracking, resume)

    flow = Dataflow("live")
    entries = op.input(
        "read_log",
        flow,
        LogSource(reader, PauseClock(metrics.observe_epoch_pause, partitions=log.partitions)),
    )
    events = op.stateful_batch("track", entries, build_logic)
    op.output("decide", events, DecideSink(deciding))
    return flow


def run_live(config: LiveConfig, *, registry: CollectorRegistry, stop: threading.Event) -> None:
    """Run the live flow until ``stop`` is set.

    Raises:
        UnavailableError: Redis did not answer within ``config.patience``.
        LogGapError: entries that were not yet tracked are gone from the log.
    """
    client = connect_redis(config.redis_url, patience=config.patience)
    log = RedisLog.open(client, partitions=config.partitions, bytes_max=config.log_bytes_max)
    recovery = _recovery_folder(config.state_folder)

    def commit(positions: Mapping[PartitionId, EntryId]) -> None:
        log.commit("live", positions)

    writer = CheckpointWriter(
        CheckpointFolder(config.state_folder / "checkpoints"),
        committed=lambda: log.committed("live"),
        release=lambda positions: log.commit("checkpoint", positions),
    )
    metrics = LiveMetrics(registry)
    reader = LogReader(log, stop, commit)
    watcher = threading.Thread(target=_watch_lag, args=(log, metrics, stop), name="lag", daemon=True)
    watcher.start()
    flow = build_live_flow(
        config,
        rules=builtin_rules(),
        log=log,
        plans=PlanStore(client, config.partitions),
        writer=writer,
        reader=reader,
        metrics=metrics,
    )
    try:
        cli_main(flow, epoch_interval=config.epoch_interval, recovery_config=recovery)
    except Exception as error:
        # Bytewax hands on the reader's error in another coat; the reader's own says how to mend it.
        if reader.failure is not None:
            raise reader.failure from error
        raise
    finally:
        stop.set()
        reader.close()
        watcher.join()
        writer.close()
        client.close()


def _recovery_folder(state_folder: Path) -> RecoveryConfig:
    folder = state_folder / "recovery"
    if not folder.exists():
        partial = state_folder / "recovery.partial"
        partial.mkdir(parents=True, exist_ok=True)
        for leftover in partial.iterdir():
            leftover.unlink()
        init_db_dir(partial, RECOVERY_PARTITIONS)
        partial.rename(folder)
    # Older snapshots would be needed only by somebody who copies the files away while the flow runs.
    return RecoveryConfig(str(folder), backup_interval=timedelta(0))


def _watch_lag(log: Log, metrics: LiveMetrics, stop: threading.Event) -> None:
    while not stop.wait(LAG_EVERY_S):
        try:
            committed, ends = log.committed("live"), log.ends()
        except UnavailableError:
            continue  # the reader says so; the gauge keeps its last value until Redis answers
        behind = [
            (end.ms - position.ms) / 1000
            for partition, end in ends.items()
            if START < (position := committed.get(partition, START)) < end
        ]
        metrics.lag.set(max(behind, default=0.0))
