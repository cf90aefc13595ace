"""What a simulated watch measures and sends: heart rate, beats, steps; at rest also RMSSD and stress."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from ingest.device_messages import DeviceMessage, TimedReading
from ingest.wearers.beats import Beats
from ingest.wearers.curves import DayCurves
from ingest.wearers.life_day import MINUTE_US, EpisodeKind, LifeDay
from ingest.wearers.randomness import Purpose, generator_of
from ingest.wearers.sending import Measurement, episode_at, send
from schemas.readings import Reading

WATCH_ID: Final = "watch"

MESSAGE_LOST_CHANCE: Final = 0.003
HEART_RATE_NOISE_BPM: Final = 0.8
RMSSD_NOISE: Final = 0.06
"""SD of ln(reported / true), for a whole five minutes of beats."""
RMSSD_SPOILT_CHANCE: Final = 0.01
RMSSD_SPOILT_FACTOR: Final = 1.7
"""Now and then a wrong beat gets past the watch, and its RMSSD comes out far too high."""
STRESS_NOISE: Final = 0.015
STILL: Final = frozenset({"rest", "sleep"})
"""Only then does the watch give RMSSD and stress."""


@dataclass(frozen=True, slots=True)
class WatchCadence:
    """How often a watch does what."""

    measure: timedelta
    hrv: timedelta
    """How often it gives RMSSD and stress while its wearer is still."""
    sync: timedelta | None
    """How often it sends what it has gathered; at once where None."""


def watch_messages(
    day: LifeDay, body: DayCurves, beats: Beats | None, cadence: WatchCadence
) -> Iterator[DeviceMessage]:
    """Yield what the watch sends of a day's measurements, in order of sending.

    Without ``beats`` the readings carry no RR intervals.
    """
    return send(
        day,
        WATCH_ID,
        _measurements(day, body, beats, cadence),
        out_of_reach=day.of(EpisodeKind.OUT_OF_REACH),
        sync=cadence.sync,
    )


def _measurements(
    day: LifeDay, body: DayCurves, beats: Beats | None, cadence: WatchCadence
) -> Iterator[Measurement]:
    rng = generator_of(
        day.wearer.seed, purpose=Purpose.WATCH, person=day.wearer.index, day=day.day.toordinal()
    )
    step_us = cadence.measure // timedelta(microseconds=1)
    hrv_every = max(cadence.hrv // cadence.measure, 1)
    count = (day.end_us - day.start_us) // step_us
    moments = day.start_us + int(rng.integers(step_us)) + np.arange(count) * step_us
    steps = _steps_between(body, moments, step_us)
    lost = rng.random(count) < MESSAGE_LOST_CHANCE
    bpm_noise = rng.normal(0, HEART_RATE_NOISE_BPM, count)
    rmssd_factor = np.exp(rng.normal(0, RMSSD_NOISE, count))
    rmssd_factor *= np.where(rng.random(count) < RMSSD_SPOILT_CHANCE, RMSSD_SPOILT_FACTOR, 1)
    stress_noise = rng.normal(0, STRESS_NOISE, count)
    off = day.of(EpisodeKind.WATCH_OFF)
    for index, moment_us in enumerate(moments.tolist()):
        if lost[index] or episode_at(off, moment_us) is not None:
            continue
        minute = body.minute(moment_us)
        activity = body.activity[minute]
        reading: Reading = {
            "heart_rate_bpm": round(float(body.heart_rate_bpm[minute] + bpm_noise[index])),
            "steps": int(steps[index]),
            "activity": activity,
            "source": "wearable",
        }
        last_beat_us, rr_ms = beats.reported_rr(moment_us - step_us, moment_us) if beats else (0, [])
        if rr_ms:
            reading["rr_ms"] = rr_ms
        measured = [TimedReading(last_beat_us or moment_us, reading)]
        if index % hrv_every == 0 and activity in STILL:
            stress = float(body.stress[minute] + stress_noise[index])
            hrv: Reading = {
                "hrv_rmssd_ms": round(float(body.rmssd_ms[minute] * rmssd_factor[index]), 1),
                "stress_level": round(min(max(stress, 0.0), 1.0), 2),
                "source": "wearable",
            }
            measured.append(TimedReading(moment_us, hrv))
        yield moment_us, measured


def _steps_between(body: DayCurves, moments: np.ndarray, step_us: int) -> np.ndarray:
    """Return the whole steps walked in the interval that ends at each moment."""
    marks_us = body.start_us + np.arange(len(body.steps) + 1) * MINUTE_US
    so_far = np.concatenate([[0.0], np.cumsum(body.steps)])
    edges_us = np.concatenate([[moments[0] - step_us], moments])
    return np.diff(np.floor(np.interp(edges_us, marks_us, so_far)))
