"""A day of people who wear one watch that gives heart rate and beats: its frames, and its windows."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

import numpy as np

from adaptation.beat_buffers import BEAT_GROUPS, BeatBuffers, BeatMessages, ClosedWindow
from adaptation.pending import Field, Rows, rows_of_frame, split_rounds
from adaptation.physiology.windows import WINDOW_S
from ingest.device_messages import TimedReading
from ingest.simulate import LIVE
from ingest.wearers.beats import Beats, beat
from ingest.wearers.curves import body_of
from ingest.wearers.life_day import live_day
from ingest.wearers.stories import EverydayLife
from ingest.wearers.watch import watch_messages
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.frames import NO_SEQ, ReadingFrame
from schemas.measures import ACTIVITIES, MEASURE_INDEX, MEASURE_NAMES
from schemas.positions import EntryId

DAY: Final = dt.date(2026, 3, 10)
"""The day that is lived, in UTC, so that all nights end within hours of each other."""

FRAME_US: Final = LIVE.watch.measure // dt.timedelta(microseconds=1)
"""A frame holds what was sent in as long as the watch takes from message to message: 50 s, µs."""

_SEED: Final = 7
_FASTER_BPM: Final = 15
"""By so much the simulated people's hearts are made to beat faster: the watch then gives 75 beats for each
minute of the day, sleep and time off the wrist included."""
_WINDOW: Final = dt.timedelta(seconds=WINDOW_S)


@dataclass(frozen=True, slots=True)
class SentReading:
    """One reading, and when it reached the gateway."""

    user_id: str
    arrival_us: int
    timed: TimedReading


def watch_frames(people: int) -> list[ReadingFrame]:
    """Return a day of so many people as frames of 50 s, with heart rate, steps, activity and beats."""
    sent = [one for wearer in draw_wearers(people, seed=_SEED) for one in _sent(wearer)]
    sent.sort(key=lambda one: one.arrival_us)
    return [frame_of(list(group)) for _, group in groupby(sent, lambda one: one.arrival_us // FRAME_US)]


def frame_of(sent: Sequence[SentReading]) -> ReadingFrame:
    """Return readings as one frame, in their order."""
    n = len(sent)
    readings = [one.timed.reading for one in sent]
    measures = np.full((n, len(MEASURE_NAMES)), np.nan)
    for name in ("heart_rate_bpm", "steps"):
        measures[:, MEASURE_INDEX[name]] = [reading.get(name, np.nan) for reading in readings]
    beats = [reading.get("rr_ms", []) for reading in readings]
    return ReadingFrame(
        users=[one.user_id for one in sent],
        devices=["watch"] * n,
        time_us=np.array([one.timed.time_us for one in sent], np.int64),
        arrival_us=np.array([one.arrival_us for one in sent], np.int64),
        seq=np.full(n, NO_SEQ, np.int64),
        digest=np.arange(n, dtype=np.uint64),
        flags=np.zeros(n, np.uint8),
        activity=np.array(
            [1 + ACTIVITIES.index(one.get("activity", "unknown")) for one in readings], np.uint8
        ),
        source=np.ones(n, np.uint8),
        measures=measures,
        rr_counts=np.array([len(one) for one in beats], np.uint16),
        rr_ms=np.array([rr_ms for one in beats for rr_ms in one], np.float64),
        extra=[b""] * n,
    )


def windows_of(frames: Iterable[ReadingFrame]) -> list[ClosedWindow]:
    """Return the windows of frames as the live flow closes them, in order of time."""
    buffers = BeatBuffers(_WINDOW)
    numbers: dict[str, int] = {}
    never = [group.default for group in BEAT_GROUPS]
    known = np.empty((0, len(never)), np.int64)
    closed: list[ClosedWindow] = []
    for frame in frames:
        streams = [numbers.setdefault(user, len(numbers)) for user in frame.users]
        known = np.concatenate([known, np.full((len(numbers) - len(known), len(never)), never, np.int64)])
        for rows in _rounds(frame, streams):
            messages = _messages_of(rows)
            cells = known[messages.streams]
            closed += buffers.take(cells, messages)
            known[messages.streams] = cells
    return closed


def _sent(wearer: Wearer) -> Iterator[SentReading]:
    faster_bpm = wearer.resting_heart_rate_bpm + _FASTER_BPM
    wearer = replace(wearer, time_zone="UTC", resting_heart_rate_bpm=faster_bpm)
    day = live_day(wearer, DAY, EverydayLife())
    body = body_of(day)
    beats: Beats = beat(day, body)
    for message in watch_messages(day, body, beats, LIVE.watch):
        for timed in message.readings:
            if "heart_rate_bpm" in timed.reading:  # the others hold what this watch does not give
                yield SentReading(message.user_id, message.sent_us, timed)


def _rounds(frame: ReadingFrame, streams: list[int]) -> list[Rows]:
    rounds, _ = split_rounds(rows_of_frame(EntryId(1, 0), frame, streams, streams), len(frame))
    return rounds


def _messages_of(rows: Rows) -> BeatMessages:
    given = rows.pick((rows[Field.RR_COUNT] > 0).nonzero()[0])
    return BeatMessages(
        streams=given[Field.STREAM],
        end_us=given[Field.TIME_US],
        length_us=given[Field.RR_US],
        starts=given[Field.RR_START],
        counts=given[Field.RR_COUNT],
        flags=given[Field.FLAGS],
        beats=given.beats,
    )
