"""A checkpoint never stands for a snapshot that was taken at its position with readings still waiting."""

from dataclasses import replace
from pathlib import Path

import pytest
import redis
from prometheus_client import CollectorRegistry

from adaptation.rules import builtin_rules
from adaptation.shard import HRV_WINDOW, ROUNDS_MAX
from adaptation.tracked import ReadingEvent
from dataflows.checkpoints import CheckpointFolder, CheckpointWriter
from dataflows.live_metrics import LiveMetrics
from dataflows.track import TrackConfig, TrackLogic
from schemas.frames import encode_frame
from schemas.ids import PartitionId
from schemas.readings import micros
from stores.log import START as BEFORE_ALL
from stores.log import EntryKind, NewEntry, RedisLog
from support.scenario import START, Row, frame_of

pytestmark = pytest.mark.servers


def _one_person_many_readings() -> list[Row]:
    """Return more readings than one activation applies; the last of them fires a rule."""
    count = 2 * ROUNDS_MAX
    began = micros(START)
    rows: list[Row] = [
        ("ada", "watch", seq, began + seq * 1_000_000, {"energy_level": 0.7}) for seq in range(count)
    ]
    return [*rows, ("ada", "watch", count, began + count * 1_000_000, {"energy_level": 0.1})]


def test_what_waited_at_a_snapshot_is_tracked_again_after_a_crash(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    log = RedisLog.open(redis_client, partitions=1, bytes_max=2**30)
    log.append(
        [NewEntry(PartitionId(0), EntryKind.READINGS, encode_frame(frame_of(_one_person_many_readings())))]
    )
    entries = list(log.read_range(PartitionId(0), BEFORE_ALL, log.ends()[PartitionId(0)]))
    folder = CheckpointFolder(tmp_path)
    writer = CheckpointWriter(folder, committed=dict, release=lambda _positions: None)
    config = TrackConfig(
        hrv_window=HRV_WINDOW,
        rules=builtin_rules(),
        default_zone="UTC",
        log=log,
        folder=folder,
        writer=writer,
        checkpoint_interval_s=0.0,
        metrics=LiveMetrics(CollectorRegistry()),
    )
    logic = TrackLogic(config, None)
    logic.on_batch([entries])
    snapshot = logic.snapshot()
    # The flow goes on, hands the firing to a writer that dies with it, and would like to checkpoint.
    while logic.notify_at() is not None:
        handed_on, _ = logic.on_notify()
    assert any(isinstance(event, ReadingEvent) for events in handed_on for event in events)
    writer.close()

    again = CheckpointWriter(folder, committed=dict, release=lambda _positions: None)
    resumed = TrackLogic(replace(config, writer=again), snapshot)
    events = [event for batch in resumed.on_notify()[0] for event in batch]
    again.close()
    fired = [one.rule.name for event in events if isinstance(event, ReadingEvent) for one in event.firings]
    assert fired == ["energy_drop"]
