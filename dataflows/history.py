"""The history flow: ``read_log`` and ``read_decisions → store``, a process of its own.

Readings come from the log, decisions, baselines and plan versions from the decisions streams; both end in
PostgreSQL. The live flow never waits for this one: while the database is away the streams hold the rows.
The flow ends when ``stop`` is set: the sources end, what is held is stored, and the function returns.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import bytewax.operators as op
import psycopg
import redis
import structlog
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from prometheus_client import CollectorRegistry

from dataflows.history_keeper import HistoryKeeper
from dataflows.history_metrics import HistoryMetrics
from dataflows.history_sink import StoreSink
from dataflows.history_source import StreamReader, StreamSource
from schemas.errors import DaybeatError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.connections import connect_database, connect_redis
from stores.decisions import check_decisions
from stores.history import HistoryStore, Positions
from stores.history_writer import HistoryWriter
from stores.log import Log, LogGapError, RedisLog
from stores.log_streams import START
from stores.retention import apply_retention
from stores.stream_tail import StreamName

RECOVERY_PARTITIONS: Final = 8
"""Recovery files."""

After = Mapping[PartitionId, EntryId]


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Settings of the history flow."""

    redis_url: str
    database_url: str
    partitions: int
    log_bytes_max: int
    state_folder: Path
    """Where the recovery files of Bytewax are; made where it does not exist."""
    log_keep: timedelta = timedelta(minutes=15)
    """How long the streams keep what everybody has committed."""
    epoch_interval: timedelta = timedelta(seconds=2)
    patience: timedelta = timedelta(seconds=60)
    """How long to wait for Redis and PostgreSQL at the start; afterwards, for ever."""
    readings_keep: timedelta | None = None
    """Readings and what is computed from them are dropped when older than this; None: kept for ever."""
    accept_gap: bool = False
    """Go on where entries were removed before they were stored, and only say so."""


def build_history_flow(log: StreamSource, decisions: StreamSource, sink: StoreSink) -> Dataflow:
    """Return the flow from the two streams of all partitions into the history."""
    flow = Dataflow("history")
    entries = op.input("read_log", flow, log)
    records = op.input("read_decisions", flow, decisions)
    op.output("store", op.merge("gather", entries, records), sink)
    return flow


def run_history(config: HistoryConfig, *, registry: CollectorRegistry, stop: threading.Event) -> None:
    """Run the history flow until ``stop`` is set.

    Raises:
        UnavailableError: Redis or PostgreSQL did not answer within ``config.patience``.
        MigrationError: the database does not have the schema of this release.
        LogGapError: entries that were not yet stored are gone, and ``accept_gap`` is not set.
        LogRewoundError: Redis is older than the database, or became so while the flow ran.
    """
    metrics = HistoryMetrics(registry)
    client = connect_redis(config.redis_url, patience=config.patience)
    log = RedisLog.open(client, partitions=config.partitions, bytes_max=config.log_bytes_max)
    with connect_database(config.database_url, patience=config.patience) as connection:
        stored = HistoryStore.open(connection).positions()
    readers = _readers(config, client, log, stored, stop)
    writer = HistoryWriter(config.database_url, stop=stop, observer=metrics)
    keeper = HistoryKeeper(
        client,
        log,
        writer,
        metrics,
        stored=stored,
        log_keep=config.log_keep,
        stop=stop,
        drop_old=lambda: _drop_old(config),
    )
    flow = build_history_flow(
        StreamSource(readers[StreamName.LOG]),
        StreamSource(readers[StreamName.DECISIONS]),
        StoreSink(writer, metrics),
    )
    metrics.database_is_up(True)
    keeper.start()
    try:
        cli_main(
            flow,
            epoch_interval=config.epoch_interval,
            recovery_config=_recovery(config.state_folder),
        )
    except Exception as error:
        # Bytewax hands on a reader's error in another coat; the reader's own says how to mend it.
        failures = [reader.failure for reader in readers.values() if reader.failure is not None]
        if failures:
            raise failures[0] from error
        raise
    finally:
        stop.set()
        keeper.close()
        writer.close()
        client.close()


def _readers(
    config: HistoryConfig, client: redis.Redis, log: Log, stored: Positions, stop: threading.Event
) -> dict[StreamName, StreamReader]:
    partitions = [PartitionId(number) for number in range(config.partitions)]
    checks: dict[StreamName, Callable[[After], None]] = {
        StreamName.LOG: log.check_resumable,
        StreamName.DECISIONS: lambda after: check_decisions(client, after),
    }
    readers = {}
    for stream, check in checks.items():
        after = _after(stored, stream, partitions)
        try:
            check(after)
        except LogGapError as error:
            if not config.accept_gap:
                raise LogGapError(
                    error.what,
                    where=f"history, {error.where}",
                    mend="bring back the database that belongs to this Redis, or accept the gap"
                    " with DAYBEAT_HISTORY_ACCEPT_GAP=true",
                ) from error
            structlog.get_logger().warning("history_accepts_gap", place=error.where, what=error.what)
        readers[stream] = StreamReader(client, stream, after, check_resumable=check, stop=stop)
    return readers


def _after(
    stored: Positions, stream: StreamName, partitions: list[PartitionId]
) -> dict[PartitionId, EntryId]:
    return {partition: stored.get((stream, partition), START) for partition in partitions}


def _drop_old(config: HistoryConfig) -> None:
    if config.readings_keep is None:
        return
    logger = structlog.get_logger()
    try:
        with connect_database(config.database_url, patience=timedelta(0)) as connection:
            dropped = apply_retention(connection, config.readings_keep)
    except (psycopg.Error, DaybeatError) as error:
        logger.warning("retention_waits_a_day", error=type(error).__name__)
    else:
        logger.info("retention_applied", chunks_dropped=dropped)


def _recovery(state_folder: Path) -> RecoveryConfig:
    """Return a recovery folder that is new each time.

    The database knows the positions; what an earlier run left here could only be old, mixed or of another
    layout of partitions, and keep the flow from starting.
    """
    folder = state_folder / "recovery"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    init_db_dir(folder, RECOVERY_PARTITIONS)
    return RecoveryConfig(str(folder), backup_interval=timedelta(0))
