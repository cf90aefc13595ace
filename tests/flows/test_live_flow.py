"""The live flow over a real Redis: framing, order of people, workers, crash and resume inside Bytewax."""

import random
from pathlib import Path

import pytest
import redis

from schemas.frames import ReadingFrame, decode_frame, encode_frame
from schemas.ids import partition_of
from schemas.measures import MEASURE_NAMES
from stores.log import EntryKind, NewEntry, RedisLog
from support.dumps import forget_all_but_the_log, identities, people_of, records_of
from support.live_flow import run_flow
from support.scenario import Row, day_of_entries, frame_of

PARTITIONS = 4
pytestmark = pytest.mark.servers


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
    run_flow(redis_client, tmp_path / "first", partitions=PARTITIONS)
    expected = _what_was_decided(redis_client)
    assert len(expected) > 30

    for seed in (1, 2):
        redis_client.flushdb()
        _append_reframed(redis_client, entries, seed)
        run_flow(redis_client, tmp_path / f"reframed-{seed}", partitions=PARTITIONS)
        assert _what_was_decided(redis_client) == expected


def test_two_workers_decide_as_one_does(
    redis_client: redis.Redis, tmp_path: Path, entries: list[NewEntry]
) -> None:
    RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30).append(entries)
    run_flow(redis_client, tmp_path / "one", partitions=PARTITIONS)
    expected, people = _what_was_decided(redis_client), people_of(redis_client)
    forget_all_but_the_log(redis_client)
    run_flow(redis_client, tmp_path / "two", partitions=PARTITIONS, workers=2)
    assert _what_was_decided(redis_client) == expected
    assert people_of(redis_client) == people


def test_a_stopped_flow_goes_on_where_it_was(
    redis_client: redis.Redis, tmp_path: Path, entries: list[NewEntry]
) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    half = len(entries) // 2
    log.append(entries[:half])
    run_flow(redis_client, tmp_path / "state", partitions=PARTITIONS)
    log.append(entries[half:])
    run_flow(redis_client, tmp_path / "state", partitions=PARTITIONS)
    resumed, resumed_people = _what_was_decided(redis_client), people_of(redis_client)
    forget_all_but_the_log(redis_client)
    run_flow(redis_client, tmp_path / "unbroken", partitions=PARTITIONS)
    assert _what_was_decided(redis_client) == resumed
    assert people_of(redis_client) == resumed_people
