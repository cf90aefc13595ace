"""``track``: one shard of people a partition; readings move baselines, rules fire, deadlines fall due.

The shard's state is kept as a checkpoint plus the log after it (see :mod:`dataflows.checkpoints`), so a
snapshot is two positions. On resume everything after the checkpoint is tracked again and handed on again:
what had been written is recognised by its position, what had not is written now.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
import structlog
from bytewax.operators import StatefulBatchLogic
from pydantic import ValidationError

from adaptation.rules import RuleSet
from adaptation.shard import Shard
from adaptation.tracked import TrackedEvent
from dataflows.checkpoints import CheckpointFolder, CheckpointLostError, CheckpointWriter
from dataflows.live_metrics import LiveMetrics
from schemas.commands import CommandEntry
from schemas.errors import InputError
from schemas.frames import decode_frame
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.rule_entries import RulesEntry
from stores.log import START, Entry, EntryKind, Log

SNAPSHOT_VERSION: Final = 1

JUDGE_INTERVAL_S: Final = 1.0
"""Windows of beats that are over wait this long for others of their shard: one by one they cost seven times
as much. Each second brings a tick, so none waits much longer."""


@dataclass(frozen=True)
class TrackSnapshot:
    """What Bytewax keeps of a shard: positions only. Immutable and versioned."""

    version: int
    partition: int
    position: str
    """The last entry that the shard had taken."""
    checkpoint: str | None
    """The newest durable checkpoint, at or below ``position``; None before the first."""


@dataclass(frozen=True)
class TrackConfig:
    """What every shard of a process shares."""

    rules: RuleSet
    """Those that apply until others are found in the log."""
    default_zone: str
    hrv_window: timedelta
    log: Log
    folder: CheckpointFolder
    writer: CheckpointWriter
    checkpoint_interval_s: float
    metrics: LiveMetrics
    monotonic: Callable[[], float] = time.monotonic


class TrackLogic(StatefulBatchLogic[list[Entry], list[TrackedEvent], TrackSnapshot]):
    """The logic of one partition."""

    def __init__(self, config: TrackConfig, resume: TrackSnapshot | None) -> None:
        self._config = config
        self._shard = Shard(config.rules, default_zone=config.default_zone, hrv_window=config.hrv_window)
        self._partition: PartitionId | None = None
        self._replayed: list[TrackedEvent] = []
        self._checkpoint: EntryId | None = None
        self._snapshot: EntryId | None = None
        self._next_checkpoint = 0.0
        self._next_judgement = 0.0
        if resume is not None:
            self._resume(resume)

    def on_batch(self, values: list[list[Entry]]) -> tuple[list[list[TrackedEvent]], bool]:
        """Take the entries, track them for a bounded time, and hand on what happened."""
        for entries in values:
            for entry in entries:
                self._take(entry)
        return self._advance(), StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[list[list[TrackedEvent]], bool]:
        """Track what waits behind other people's readings."""
        return self._advance(), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[list[TrackedEvent]], bool]:
        """Keep everything: the end of input is only a stop."""
        return [], StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """Return now while anything waits, so that they are tracked after the other shards had their turn."""
        return datetime.now(UTC) if self._shard.has_pending or self._replayed else None

    def snapshot(self) -> TrackSnapshot:
        """Return how far the shard has read, and the checkpoint from which that can be reached."""
        assert self._partition is not None  # noqa: S101  # a shard without an entry is never snapshotted
        newest = self._config.writer.newest(self._partition) or self._checkpoint
        self._snapshot = self._shard.position
        return TrackSnapshot(
            SNAPSHOT_VERSION, self._partition, str(self._shard.position), str(newest) if newest else None
        )

    def _advance(self) -> list[list[TrackedEvent]]:
        now = self._config.monotonic()
        judge = now >= min(self._next_judgement, self._next_checkpoint)
        if judge:
            self._next_judgement = now + JUDGE_INTERVAL_S
        events = self._replayed + self._shard.advance(judge=judge)
        self._replayed = []
        self._offer_checkpoint(now)
        return [events] if events else []

    def _take(self, entry: Entry) -> None:
        if self._partition is None:
            self._begin(entry.partition)
        if entry.entry_id <= self._shard.position:
            return  # tracked before the stop already
        if entry.kind is EntryKind.READINGS:
            frame = decode_frame(entry.payload)
            self._shard.take_frame(entry.entry_id, frame)
            self._config.metrics.readings.inc(len(frame))
        elif entry.kind is EntryKind.COMMAND:
            self._shard.take_command(entry.entry_id, CommandEntry.model_validate_json(entry.payload))
        elif entry.kind is EntryKind.TICK:
            self._shard.take_tick(entry.entry_id, orjson.loads(entry.payload)["arrival_us"])
        elif entry.kind is EntryKind.RULES:
            self._take_rules(entry)
        # Dead letters change no decision; only the history flow keeps them.

    def _take_rules(self, entry: Entry) -> None:
        """Let other rules apply from here on; what this release cannot read is passed over, and said."""
        try:
            self._shard.take_rules(entry.entry_id, RulesEntry.model_validate_json(entry.payload))
        except (InputError, ValidationError) as error:
            told = str(error) if isinstance(error, InputError) else "it is no rules entry"
            structlog.get_logger().error(
                "rules_refused",
                partition=entry.partition,
                position=str(entry.entry_id),
                error=told,
                mend="the rules before it stay; check the file with daybeat rules check, and load it again",
            )
        else:
            self._config.metrics.rules_loaded.inc()

    def _begin(self, partition: PartitionId) -> None:
        self._partition = partition
        # The shards take turns: their first checkpoints are spread over one interval.
        share = partition / self._config.log.partitions
        self._next_checkpoint = self._config.monotonic() + self._config.checkpoint_interval_s * share

    def _offer_checkpoint(self, now: float) -> None:
        if self._partition is None or now < self._next_checkpoint or self._shard.has_waiting:
            return
        if self._snapshot is not None and self._shard.position <= self._snapshot:
            # A resume from that snapshot would take this state for the one it speaks of, though readings that
            # waited then are applied by now and what they set off may not be written yet.
            return
        if self._config.writer.offer(self._partition, self._shard.copy_state):
            self._next_checkpoint = now + self._config.checkpoint_interval_s

    def _resume(self, resume: TrackSnapshot) -> None:
        if resume.version != SNAPSHOT_VERSION:
            raise CheckpointLostError(
                f"the saved state has version {resume.version}, this release reads {SNAPSHOT_VERSION}",
                where="recovery store of the live flow",
                mend="start the release that wrote it",
            )
        partition = PartitionId(resume.partition)
        position = EntryId.parse(resume.position)
        self._snapshot = position
        self._begin(partition)
        state = self._config.folder.load(partition, position)
        if state is not None:
            self._shard = Shard.restore(
                state,
                self._config.rules,
                default_zone=self._config.default_zone,
                hrv_window=self._config.hrv_window,
            )
            self._checkpoint = state.position
        elif resume.checkpoint is not None:
            raise CheckpointLostError(
                f"the checkpoint {resume.checkpoint} of partition {partition} is gone",
                where="state folder of the live flow",
                mend="restore the folder from a backup (a log never trimmed can be replayed without it)",
            )
        for entry in self._journal(partition, self._shard.position if state else START, position):
            self._take(entry)
        while self._shard.has_pending:
            self._replayed += self._shard.advance()

    def _journal(self, partition: PartitionId, after: EntryId, upto: EntryId) -> Iterator[Entry]:
        self._config.log.check_resumable({partition: after})
        return self._config.log.read_range(partition, after, upto)
