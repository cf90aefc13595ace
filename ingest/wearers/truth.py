"""What was really going on with the simulated people: lines of JSON to score later what the rules saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import orjson

from ingest.device_messages import format_time
from ingest.wearers.beats import Beats
from ingest.wearers.curves import DayCurves
from ingest.wearers.life_day import LifeDay
from ingest.wearers.wearer import Wearer

CURVE_STEP_MINUTES: Final = 5


@dataclass(frozen=True, slots=True)
class TruePerson:
    """Who a person is, once."""

    kind: Literal["person"]
    user_id: str
    time_zone: str
    age_years: int
    resting_heart_rate_bpm: float
    rmssd_ms: float
    chronotype_hours: float


@dataclass(frozen=True, slots=True)
class TrueDay:
    """What a local day was, and the night before it."""

    kind: Literal["day"]
    user_id: str
    date: str
    stories: list[str]
    sleep_quality: float
    sleep_minutes: float
    readiness_on_waking: float


@dataclass(frozen=True, slots=True)
class TrueEpisode:
    """Something that went on for a while."""

    kind: Literal["episode"]
    user_id: str
    date: str
    episode: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class TrueCurve:
    """A quantity over the day, a mean for each step."""

    kind: Literal["curve"]
    user_id: str
    date: str
    measure: str
    """Name of the measure that devices give of it."""
    start: str
    step_minutes: int
    values: list[float]


@dataclass(frozen=True, slots=True)
class TrueArtefacts:
    """The beats that the watch got wrong, and the ectopic ones."""

    kind: Literal["artefacts"]
    user_id: str
    date: str
    beats: list[tuple[str, str]]
    """Moment and kind of each."""


TrueLine = TruePerson | TrueDay | TrueEpisode | TrueCurve | TrueArtefacts


def truth_of_person(wearer: Wearer) -> TruePerson:
    """Return who a simulated person is."""
    return TruePerson(
        "person",
        wearer.user_id,
        wearer.time_zone,
        wearer.age_years,
        wearer.resting_heart_rate_bpm,
        wearer.rmssd_ms,
        wearer.chronotype_hours,
    )


def truth_of_day(day: LifeDay, body: DayCurves, beats: Beats | None) -> Iterator[TrueLine]:
    """Yield what was true on one local day."""
    user_id, date = day.wearer.user_id, day.day.isoformat()
    yield TrueDay(
        "day",
        user_id,
        date,
        sorted(day.stories),
        day.night.quality,
        day.night.asleep_minutes,
        day.night.readiness,
    )
    for one in day.episodes:
        start, end = format_time(one.start_us), format_time(one.end_us)
        yield TrueEpisode("episode", user_id, date, one.kind.value, start, end)
    start = format_time(day.start_us)
    curves = {
        "energy_level": body.energy,
        "stress_level": body.stress,
        "hrv_rmssd_ms": body.rmssd_ms,
        "heart_rate_bpm": body.heart_rate_bpm,
    }
    for measure, curve in curves.items():
        steps = len(curve) // CURVE_STEP_MINUTES
        means = np.reshape(curve[: steps * CURVE_STEP_MINUTES], (steps, CURVE_STEP_MINUTES)).mean(axis=1)
        yield TrueCurve("curve", user_id, date, measure, start, CURVE_STEP_MINUTES, means.round(3).tolist())
    if beats is not None:
        listed = [(format_time(moment_us), kind.value) for moment_us, kind in beats.artefacts]
        yield TrueArtefacts("artefacts", user_id, date, listed)


def encode_truth(line: TrueLine) -> bytes:
    """Return one line of the file of truth."""
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
