"""The pause at the end of an epoch of the live flow, with many people in its shards.

The flow is the live one, ``read_log → track → decide``, with its recovery store, and with checkpoints by the
thread that writes them in production; only the servers are missing: the log is in memory, and records that
would go to Redis are dropped. It resumes its shards from checkpoints, as after a restart, and is fed at the
rate of as many watches that send beats every 50 s.
"""

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from adaptation.shard import ShardState
from bench.epoch_flow import Watched, run_watched_flow
from bench.memory_log import DueEntry
from bench.shard_state import copied_people
from bench.usage import usage_of
from bench.watch_days import FRAME_US, SentReading, frame_of
from dataflows.checkpoints import CheckpointFolder
from ingest.device_messages import TimedReading
from schemas.frames import encode_frame
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.log import Entry, EntryKind

PARTITIONS: Final = 64
EPOCH_S: Final = 1.0
"""Half of what the live flow has, so that a run holds more of them."""

_WARM_UP_EPOCHS: Final = 3
_TICK_S: Final = 0.25
"""Every partition gets a frame in each; they take turns."""
_FRAME_PEOPLE: Final = 2
"""Readings in a frame: so few that the flow mostly waits, for what is looked for is the epoch's own share."""
_BEATS_MS: Final = (800.0, 30.0)
"""Mean and SD of the intervals that are fed: 75 beats per minute."""
_BEGIN: Final = EntryId(1, 0)
_SECOND_US: Final = 1_000_000
_MESSAGE_S: Final = FRAME_US / _SECOND_US

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EpochPauses:
    """What the flow with ``people`` people showed; times in ms."""

    people: int
    epochs: int
    epoch_pause_ms: dict[str, float]
    """The longest gap between two polls of the sources around each epoch's end, apart from tracking."""
    gap_elsewhere_ms: dict[str, float]
    """The same in as many polls that are clear of an epoch's end: mostly waiting for something to do."""
    checkpoint_copy_ms: dict[str, float]
    """Copying one shard for the thread that writes it."""
    rss_bytes_per_person: float
    """By how much the process grew, all that Python keeps beside the state included."""


def measure_epochs(state: ShardState, *, people: int, epochs: int) -> EpochPauses:
    """Return the pauses of a flow with at least so many people, over at least so many epochs.

    It runs in a process of its own, which holds nothing else.

    Args:
        state: of some people with one watch each, who stand for all.
        people: in all shards together.
        epochs: to be measured.
    """
    copies = -(-people // (PARTITIONS * len(state.users)))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measure, state.to_bytes(), copies, epochs).result()


def longest_gaps_s(watched: Watched, *, polls: int, since_s: float) -> tuple[Floats, Floats]:
    """Return the longest gaps between two polls around the end of each epoch, and in stretches elsewhere, s.

    Tracking that fell into a gap does not count. A gap with nothing to do is a wait of up to ``IDLE_WAIT``.

    Args:
        watched: a run.
        polls: so many polls from the first snapshot of an epoch on are looked at, and the gap that holds it;
            elsewhere as many.
        since_s: moment from which on the run counts.
    """
    polls_s, snapshots_s = np.array(watched.polls_s), np.array(watched.snapshots_s)
    gaps_s = np.diff(polls_s)
    places = np.searchsorted(polls_s, np.array(watched.batches_s)) - 1
    gaps_s -= np.bincount(places, watched.batch_lengths_s, len(polls_s))[:-1]
    ends_s = snapshots_s[np.diff(snapshots_s, prepend=-np.inf) > EPOCH_S / 2]
    begins = np.searchsorted(polls_s, ends_s[ends_s > since_s]) - 1
    begins = begins[begins + polls < len(gaps_s)]
    at_ends = [gaps_s[begin : begin + polls].max() for begin in begins.tolist()]
    clear = polls_s[:-1] > since_s
    for begin in begins.tolist():
        clear[begin : begin + polls] = False
    elsewhere = [
        gaps_s[first : first + polls].max()
        for first in range(0, len(gaps_s) - polls, polls)
        if clear[first : first + polls].all()
    ]
    return np.array(at_ends), np.array(elsewhere)


def _measure(state_bytes: bytes, copies: int, epochs: int) -> EpochPauses:
    state = ShardState.from_bytes(state_bytes)
    shard_people = copies * len(state.users)
    epoch_interval = timedelta(seconds=EPOCH_S)
    seconds = (_WARM_UP_EPOCHS + epochs + 1) * EPOCH_S
    with tempfile.TemporaryDirectory(prefix="daybeat-bench-") as name:
        folder = Path(name)
        # So that there is a snapshot from which the shards are resumed.
        run_watched_flow(
            list(_first_entries(state.clock_us)), folder, partitions=PARTITIONS, epoch_interval=epoch_interval
        )
        saved = CheckpointFolder(folder / "checkpoints")
        for number in range(PARTITIONS):
            shard = copied_people(state, copies=copies, first=number * shard_people, position=_BEGIN)
            saved.save(PartitionId(number), shard)
        load = list(_load(shard_people, seconds, state.clock_us))
        sizes = [_rss_bytes()]
        timer = threading.Timer(seconds / 2, lambda: sizes.append(_rss_bytes()))
        timer.start()
        watched = run_watched_flow(load, folder, partitions=PARTITIONS, epoch_interval=epoch_interval)
        timer.join()
    return _pauses(watched, PARTITIONS * shard_people, sizes[1] - sizes[0])


def _pauses(watched: Watched, people: int, grown_bytes: float) -> EpochPauses:
    since_s = watched.polls_s[0] + _WARM_UP_EPOCHS * EPOCH_S
    at_ends, elsewhere = longest_gaps_s(watched, polls=2 * PARTITIONS, since_s=since_s)
    return EpochPauses(
        people=people,
        epochs=len(at_ends),
        epoch_pause_ms=_in_ms(at_ends),
        gap_elsewhere_ms=_in_ms(elsewhere),
        checkpoint_copy_ms=_in_ms(np.array(watched.copies_s)),
        rss_bytes_per_person=round(grown_bytes / people),
    )


def _first_entries(arrival_us: int) -> Iterator[DueEntry]:
    for number in range(PARTITIONS):
        tick = orjson.dumps({"arrival_us": arrival_us})
        yield DueEntry(0.0, Entry(PartitionId(number), _BEGIN, EntryKind.TICK, tick))


def _load(shard_people: int, seconds: float, clock_us: int) -> Iterator[DueEntry]:
    """Yield frames: each person sends once in 50 s, each partition gets a frame in every tick."""
    rng = np.random.default_rng(2)
    beats = [
        rng.normal(*_BEATS_MS, round(_MESSAGE_S * 1000 / _BEATS_MS[0])).round().tolist() for _ in range(50)
    ]
    for tick in range(round(seconds / _TICK_S)):
        for number in range(PARTITIONS):
            due_s = (tick + number / PARTITIONS) * _TICK_S
            at_us = clock_us + round((_MESSAGE_S + due_s) * _SECOND_US)
            persons = np.arange(tick * _FRAME_PEOPLE, (tick + 1) * _FRAME_PEOPLE) % shard_people
            users = [f"person-{person:06d}" for person in (number * shard_people + persons).tolist()]
            frame = frame_of([_sent(user, at_us, beats[tick % len(beats)]) for user in users])
            entry_id = EntryId(_BEGIN.ms + 1 + tick, 0)
            yield DueEntry(
                due_s, Entry(PartitionId(number), entry_id, EntryKind.READINGS, encode_frame(frame))
            )


def _sent(user: str, at_us: int, rr_ms: Sequence[float]) -> SentReading:
    reading = TimedReading(
        at_us, {"heart_rate_bpm": 75, "steps": 0, "activity": "rest", "rr_ms": list(rr_ms)}
    )
    return SentReading(user, at_us, reading)


def _rss_bytes() -> float:
    return usage_of({"self": os.getpid()})["self"].rss_mb * 1e6


def _in_ms(seconds: Floats) -> dict[str, float]:
    return {"p50": round(float(np.median(seconds)) * 1000, 2), "max": round(float(seconds.max()) * 1000, 2)}
