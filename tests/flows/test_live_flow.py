"""The live flow over a real Redis: framing, order of people, workers, crash and resume inside Bytewax."""

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main
from prometheus_client import CollectorRegistry

from adaptation.rules import builtin_rules
from dataflows.checkpoints import CheckpointFolder, CheckpointWriter
from dataflows.live import LiveConfig, build_live_flow
from dataflows.live_metrics import LiveMetrics
from dataflows.log_source import LogReader
from schemas.frames import ReadingFrame, decode_frame, encode_frame
from schemas.ids import partition_of
from schemas.measures import MEASURE_NAMES
from stores.log import EntryKind, NewEntry, RedisLog
from stores.plans import PlanStore
from support.dumps import dump_log, ends_of, forget_all_but_the_log, identities, people_of, records_of
from support.live_process import committed_of
from support.scenario import Row, day_of_entries, frame_of

PARTITIONS = 4
pytestmark = pytest.mark.servers


def _run_flow(client: redis.Redis, folder: Path, *, workers: int = 1, partitions: int = PARTITIONS) -> None:
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
    watcher = threading.Thread(target=_stop_when, args=(lambda: _caught_up(client, ends), stop))
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


def _caught_up(client: redis.Redis, ends: dict) -> bool:
    return all(committed_of(client, number) >= end for number, end in ends.items())


def _stop_when(done: Callable[[], bool], stop: threading.Event) -> None:
    deadline = time.monotonic() + 60
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()


def _what_was_decided(client: redis.Redis) -> list[bytes]:
    """Return the decisions and adaptations without their places in the log."""
    found = []
    for record in records_of(client, PARTITIONS):
        if record["table"] in {"decisions", "adaptations"}:
            record.pop("position", None)
            found.append(record)
    return identities(found)


def _append_reframed(client: redis.Redis, entries: list[NewEntry], seed: int) -> None:
    """Append the same readings in other frames, people in another order, every person's own order kept."""
    chance = random.Random(seed)
    log = RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    waiting: dict[int, list[Row]] = {}

    def flush() -> list[NewEntry]:
        frames = []
        for partition, rows in waiting.items():
            users = list({row[0] for row in rows})
            chance.shuffle(users)
            ordered = sorted(rows, key=lambda row: users.index(row[0]))
            while ordered:
                cut = chance.randrange(1, len(ordered) + 1)
                frames.append(NewEntry(partition, EntryKind.READINGS, encode_frame(frame_of(ordered[:cut]))))
                del ordered[:cut]
        waiting.clear()
        return frames

    made: list[NewEntry] = []
    for entry in entries:
        if entry.kind is not EntryKind.READINGS:
            made += [*flush(), entry]
            continue
        frame = decode_frame(entry.payload)
        for row in _rows(frame):
            waiting.setdefault(partition_of(row[0], PARTITIONS), []).append(row)
        if chance.random() < 0.2:
            made += flush()
    log.append(made + flush())


def _rows(frame: ReadingFrame) -> list[Row]:
    return [
        (
            frame.users[index],
            frame.devices[index],
            int(frame.seq[index]),
            int(frame.time_us[index]),
            {
                name: float(value)
                for name, value in zip(MEASURE_NAMES, frame.measures[index], strict=True)
                if value == value  # noqa: PLR0124  # NaN: not given
            },
        )
        for index in range(len(frame))
    ]


@pytest.fixture
def entries() -> list[NewEntry]:
    return day_of_entries(people=24, partitions=PARTITIONS, seed=11, minutes=150)


def test_other_frames_and_orders_of_people_give_the_same_decisions(
    redis_client: redis.Redis, tmp_path: Path, entries: list[NewEntry]
) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries)
    _run_flow(redis_client, tmp_path / "first")
    expected = _what_was_decided(redis_client)
    assert len(expected) > 30

    for seed in (1, 2):
        redis_client.flushdb()
        _append_reframed(redis_client, entries, seed)
        _run_flow(redis_client, tmp_path / f"reframed-{seed}")
        assert _what_was_decided(redis_client) == expected


def test_two_workers_decide_as_one_does(
    redis_client: redis.Redis, tmp_path: Path, entries: list[NewEntry]
) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries)
    _run_flow(redis_client, tmp_path / "one")
    expected, people = _what_was_decided(redis_client), people_of(redis_client)
    forget_all_but_the_log(redis_client)
    _run_flow(redis_client, tmp_path / "two", workers=2)
    assert _what_was_decided(redis_client) == expected
    assert people_of(redis_client) == people


def test_a_stopped_flow_goes_on_where_it_was(
    redis_client: redis.Redis, tmp_path: Path, entries: list[NewEntry]
) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    half = len(entries) // 2
    log.append(entries[:half])
    _run_flow(redis_client, tmp_path / "state")
    log.append(entries[half:])
    _run_flow(redis_client, tmp_path / "state")
    resumed, resumed_people = _what_was_decided(redis_client), people_of(redis_client)
    forget_all_but_the_log(redis_client)
    _run_flow(redis_client, tmp_path / "unbroken")
    assert _what_was_decided(redis_client) == resumed
    assert people_of(redis_client) == resumed_people
