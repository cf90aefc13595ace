"""Beats for tests: people who wear a watch, and the messages with RR intervals that it sends."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ingest.device_messages import DeviceMessage
from ingest.simulate import live_cadence, simulate_between
from ingest.wearers.stories import EverydayLife
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.frames import TIME_OF_RECEIPT
from schemas.measures import MEASURE_NAMES
from schemas.readings import Reading
from support.readings import DAY_US, MINUTE_US, SECOND_US, Sent

UNITS_PER_MS = 16
"""Beats are kept to the sixteenth of a millisecond."""

SENDING_US = 200_000
"""From a message's being sent to its arrival."""


def swinging(seconds: float, *, rmssd_ms: float = 40.0, mean_ms: float = 1000.0) -> list[float]:
    """Return intervals that swing around their mean: every difference, and so the RMSSD, is ``rmssd_ms``."""
    pairs = round(seconds * 1000 / mean_ms) // 2
    return [mean_ms + rmssd_ms / 2, mean_ms - rmssd_ms / 2] * pairs


def span_us(rr_ms: Sequence[float]) -> int:
    """Return how long intervals last together, µs."""
    return round(sum(rr_ms) * 1000)


def worn(
    begin_us: int,
    upto_us: int,
    *,
    each_s: float = 50,
    bpm: float | None = 60.0,
    rmssd_ms: float = 40.0,
    mean_ms: float = 1000.0,
    **other: object,
) -> list[Sent]:
    """Return what a watch sends from one moment up to another: beats without a gap, and a heart rate.

    Args:
        begin_us: where the first beat begins.
        upto_us: no message ends later.
        each_s: length of a message.
        bpm: the heart rate beside the beats, None for none.
        rmssd_ms: of every stretch of the beats.
        mean_ms: of the intervals.
        other: fields of every reading.
    """
    rr_ms = swinging(each_s, rmssd_ms=rmssd_ms, mean_ms=mean_ms)
    step_us = span_us(rr_ms)
    values = {} if bpm is None else {"heart_rate_bpm": bpm}
    plain = Sent(0, values, rr_ms=rr_ms)
    ends_us = range(begin_us + step_us, upto_us + 1, step_us)
    return [replace(plain, time_us=end_us, **other) for end_us in ends_us]  # type: ignore[arg-type]


def night(midnight_us: int, *, rmssd_ms: float = 40.0, bpm: float = 60.0, **other: object) -> list[Sent]:
    """Return a night of 24 minutes of beats from 02:00 on, and a heart rate at eight that ends it.

    Args:
        midnight_us: at which its day begins.
        rmssd_ms: of every window of the night.
        bpm: of the night, and of the morning.
        other: fields of every reading.
    """
    begin_us = midnight_us + 120 * MINUTE_US
    told = worn(
        begin_us,
        begin_us + 24 * MINUTE_US,
        each_s=240,
        bpm=bpm,
        rmssd_ms=rmssd_ms,
        mean_ms=60_000 / bpm,
        activity="sleep",
        **other,
    )
    morning = Sent(midnight_us + 480 * MINUTE_US, {"heart_rate_bpm": bpm}, activity="rest")
    return [*told, replace(morning, **other)]  # type: ignore[arg-type]


def nights(
    first_midnight_us: int, rmssd_ms: Iterable[float], *, bpm: float = 60.0, **other: object
) -> list[Sent]:
    """Return nights, one after the other, of these RMSSD."""
    return [
        one
        for number, value in enumerate(rmssd_ms)
        for one in night(first_midnight_us + number * DAY_US, rmssd_ms=value, bpm=bpm, **other)
    ]


@dataclass(frozen=True)
class Heard:
    """The beats of readings, as they were told."""

    rr_ms: NDArray[np.float64]
    """(n,) to the sixteenth of a millisecond."""
    end_us: NDArray[np.int64]
    """(n,) counted back from the end of each reading."""

    @property
    def end_s(self) -> NDArray[np.float64]:
        return self.end_us / 1e6


def heard_in(sent: Iterable[Sent]) -> Heard:
    """Return the beats of all readings, in their order."""
    rr_ms: list[float] = []
    end_us: list[int] = []
    for one in sent:
        kept = [round(rr * UNITS_PER_MS) / UNITS_PER_MS for rr in one.rr_ms]
        rr_ms += kept
        end_us += [one.time_us - round(sum(kept[index + 1 :]) * 1000) for index in range(len(kept))]
    return Heard(np.array(rr_ms), np.array(end_us, np.int64))


def regrouped(sent: Sequence[Sent], sizes: Iterator[int]) -> list[Sent]:
    """Return the beats of readings in readings of other sizes, never across a gap.

    They carry beats only; the last reading of a stretch without a gap may be smaller.
    """
    beats = heard_in(sent)
    made: list[Sent] = []
    begin = 0
    while begin < len(beats.rr_ms):
        end, size = begin + 1, next(sizes)
        while end < min(begin + size, len(beats.rr_ms)) and _follows(beats, end):
            end += 1
        rr_ms = beats.rr_ms[begin:end].tolist()
        made.append(replace(sent[0], time_us=int(beats.end_us[end - 1]), values={}, rr_ms=rr_ms))
        begin = end
    return made


def _follows(beats: Heard, index: int) -> bool:
    step_us = int(beats.end_us[index] - beats.end_us[index - 1])
    return step_us == round(float(beats.rr_ms[index]) * 1000)


def simulated(person: int, begin_us: int, upto_us: int, *, per_minute: float = 1.0) -> list[Sent]:
    """Return what all devices of a simulated person send between two moments, in order of sending."""
    wearer = simulated_wearer(person)
    messages = simulate_between(
        wearer, begin_us, upto_us, life=EverydayLife(), cadence=live_cadence(per_minute)
    )
    return [one for message in messages for one in _sent(message)]


def simulated_wearer(person: int) -> Wearer:
    """Return one of the simulated people of these tests."""
    return draw_wearers(person + 1, seed=19)[person]


def sent_of_reading(
    reading: Reading, *, time_us: int, sent_us: int, user: str = "ada", device: str = "watch"
) -> Sent:
    """Return a reading as it reaches the gateway."""
    return Sent(
        time_us,
        {name: float(reading[name]) for name in MEASURE_NAMES if name in reading},  # type: ignore[literal-required]
        user=user,
        device=device,
        delay_us=sent_us - time_us + SENDING_US,
        flags=TIME_OF_RECEIPT if reading.get("time_of") == "receipt" else 0,
        activity=reading.get("activity", ""),
        rr_ms=reading.get("rr_ms", []),
    )


def _sent(message: DeviceMessage) -> Iterator[Sent]:
    for timed in message.readings:
        yield sent_of_reading(
            timed.reading,
            time_us=timed.time_us,
            sent_us=message.sent_us,
            user=message.user_id,
            device=message.device_id,
        )


def midnight(day: str) -> int:
    """Return the moment a day begins in UTC, µs."""
    return round(dt.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * SECOND_US
