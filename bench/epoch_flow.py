"""The live flow without servers, watched: when its sources are polled, snapshots taken and shards copied."""

import threading
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from prometheus_client import CollectorRegistry

from adaptation.rules import builtin_rules
from adaptation.shard import HRV_WINDOW, ShardState
from adaptation.tracked import TrackedEvent
from bench.memory_log import DueEntry, MemoryLog
from dataflows.checkpoints import CheckpointFolder, CheckpointWriter
from dataflows.decide import DecideConfig, DecideSink
from dataflows.live import RECOVERY_PARTITIONS
from dataflows.live_metrics import LiveMetrics
from dataflows.log_source import LogReader, LogSource, PauseClock
from dataflows.track import TrackConfig, TrackLogic, TrackSnapshot
from schemas.ids import PartitionId
from schemas.records import Record
from stores.log import Entry
from stores.plans import PlanStore

CHECKPOINT_INTERVAL_S = 30.0
"""As in production: each shard is written once in that time, one after the other."""


@dataclass
class Watched:
    """What was seen of one run; moments are those of ``time.perf_counter``, s."""

    polls_s: "array[float]" = field(default_factory=lambda: array("d"))
    """A partition of the source was asked for what has come."""
    snapshots_s: "array[float]" = field(default_factory=lambda: array("d"))
    """A partition of the source was asked for its position."""
    batches_s: "array[float]" = field(default_factory=lambda: array("d"))
    """A shard was given a batch to track."""
    batch_lengths_s: "array[float]" = field(default_factory=lambda: array("d"))
    """How long it was at it, the copy for a checkpoint included."""
    copies_s: "array[float]" = field(default_factory=lambda: array("d"))
    """How long copying a shard took."""


def run_watched_flow(
    entries: Sequence[DueEntry], folder: Path, *, partitions: int, epoch_interval: timedelta
) -> Watched:
    """Run the flow over entries that come in their time, and return what was seen.

    Args:
        entries: of a log in memory.
        folder: recovery store and checkpoints; the flow resumes what is there.
        partitions: of the log.
        epoch_interval: from one snapshot to the next.
    """
    stop = threading.Event()
    log = MemoryLog(entries, partitions=partitions, stop=stop)
    watched = Watched()
    writer = _TimedWriter(folder / "checkpoints", log, watched)
    reader = LogReader(log, stop, lambda positions: log.commit("live", positions))
    try:
        cli_main(
            _build_flow(reader, writer, watched),
            epoch_interval=epoch_interval,
            recovery_config=_recovery(folder / "recovery"),
        )
    finally:
        stop.set()
        reader.close()
        writer.close()
    return watched


def _build_flow(reader: LogReader, writer: CheckpointWriter, watched: Watched) -> Dataflow:
    rules, metrics = builtin_rules(), LiveMetrics(CollectorRegistry())
    tracking = TrackConfig(
        rules=rules,
        default_zone="UTC",
        hrv_window=HRV_WINDOW,
        log=reader.log,
        folder=writer.folder,
        writer=writer,
        checkpoint_interval_s=CHECKPOINT_INTERVAL_S,
        metrics=metrics,
    )

    def build_logic(resume: TrackSnapshot | None) -> TrackLogic:
        return _TimedLogic(tracking, resume, watched)

    clock = _WatchedClock(metrics.observe_epoch_pause, reader.log.partitions, watched)
    flow = Dataflow("live")
    entries = op.input("read_log", flow, LogSource(reader, clock))
    events = op.stateful_batch("track", entries, build_logic)
    op.output("decide", events, DecideSink(DecideConfig(plans=_NoPlans(), metrics=metrics)))
    return flow


def _recovery(folder: Path) -> RecoveryConfig:
    if not folder.exists():
        folder.mkdir(parents=True)
        init_db_dir(folder, RECOVERY_PARTITIONS)
    return RecoveryConfig(str(folder), backup_interval=timedelta(0))


class _WatchedClock(PauseClock):
    """The flow's own clock, which also notes every moment."""

    def __init__(self, observe: Callable[[float], None], partitions: int, watched: Watched) -> None:
        super().__init__(observe, partitions=partitions)
        self._watched_run = watched

    def snapshot_taken(self) -> None:
        super().snapshot_taken()
        self._watched_run.snapshots_s.append(time.perf_counter())

    def polled(self) -> None:
        super().polled()
        self._watched_run.polls_s.append(time.perf_counter())


class _TimedLogic(TrackLogic):
    """The flow's own logic, which also notes when it was at work."""

    def __init__(self, config: TrackConfig, resume: TrackSnapshot | None, watched: Watched) -> None:
        super().__init__(config, resume)
        self._watched_run = watched

    def on_batch(self, values: list[list[Entry]]) -> tuple[list[list[TrackedEvent]], bool]:
        began = time.perf_counter()
        done = super().on_batch(values)
        self._watched_run.batches_s.append(began)
        self._watched_run.batch_lengths_s.append(time.perf_counter() - began)
        return done


class _TimedWriter(CheckpointWriter):
    """The flow's own writer, which also notes how long a shard's copy took."""

    def __init__(self, folder: Path, log: MemoryLog, watched: Watched) -> None:
        super().__init__(
            CheckpointFolder(folder),
            committed=lambda: log.committed("live"),
            release=lambda positions: log.commit("checkpoint", positions),
        )
        self._watched_run = watched

    def offer(self, partition: PartitionId, copy: Callable[[], ShardState]) -> bool:
        def timed() -> ShardState:
            began = time.perf_counter()
            state = copy()
            self._watched_run.copies_s.append(time.perf_counter() - began)
            return state

        return super().offer(partition, timed)


class _NoPlans(PlanStore):
    """Takes the records of tracking and drops them. The load fires no rule, so no plan is asked for."""

    def __init__(self) -> None:
        # No server: the methods that would need one are not called.
        pass

    def append_records(self, records: Sequence[Record]) -> None:
        del records
