"""Beats of a recording, gathered into readings of a few seconds; never across a gap."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Final, NamedTuple

from ingest.device_messages import TimedReading
from schemas.measures import RR_HIGH_MS, RR_LOW_MS
from schemas.readings import Reading, TimeOf

GROUP_SPAN: Final = timedelta(seconds=5)
"""A reading holds the beats of about so long."""

EXACT_TOLERANCE_MS: Final = 10.0
"""Beats follow each other if |Δt - RR| is at most this, where stamps are exact."""


class Beat(NamedTuple):
    """One beat: when it fell, and the interval that it ended."""

    time_us: int
    rr_ms: float


def follows_exactly(before: Beat, beat: Beat) -> bool:
    """Tell whether a beat follows the one before without a gap, where stamps are exact."""
    return abs((beat.time_us - before.time_us) / 1000 - beat.rr_ms) <= EXACT_TOLERANCE_MS


def is_plausible(beat: Beat) -> bool:
    """Tell whether a beat's interval is within the bounds of a reading."""
    return RR_LOW_MS <= beat.rr_ms <= RR_HIGH_MS


def group_beats(
    beats: Iterable[Beat], *, follows: Callable[[Beat, Beat], bool], time_of: TimeOf = "measure"
) -> Iterator[TimedReading]:
    """Yield one reading for each stretch of at most :data:`GROUP_SPAN` of beats without a gap.

    A reading's moment is the end of its last beat, or with ``time_of="receipt"`` when that beat was received.
    """
    span_us = GROUP_SPAN // timedelta(microseconds=1)
    held: list[Beat] = []
    for beat in beats:
        if held and (not follows(held[-1], beat) or beat.time_us - held[0].time_us >= span_us):
            yield _reading(held, time_of)
            held = []
        held.append(beat)
    if held:
        yield _reading(held, time_of)


def _reading(beats: list[Beat], time_of: TimeOf) -> TimedReading:
    reading: Reading = {"rr_ms": [beat.rr_ms for beat in beats], "source": "wearable"}
    if time_of != "measure":
        reading["time_of"] = time_of
    return TimedReading(beats[-1].time_us, reading)
