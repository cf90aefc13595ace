"""A simulated person: what stays the same about them from day to day."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from ingest.wearers.randomness import Purpose, generator_of

AGE_YEARS: Final = (22, 67)

RESTING_HEART_RATE_BPM: Final = (62.0, 6.0, 46.0, 78.0)
"""Mean, SD, lowest, highest (Nunan et al. 2010, doi 10.1111/j.1540-8159.2010.02841.x: RR 926 ms)."""

RMSSD_MS: Final = (42.0, 0.30, 19.0, 75.0)
"""Mean, SD of the logarithm, lowest and highest over people (Nunan et al. 2010: mean 42, range 19-75)."""

AGE_OF_MEAN_YEARS: Final = 42
RMSSD_FALL_PER_YEAR: Final = 0.009
"""RMSSD falls with age (Umetani et al. 1998, doi 10.1016/S0735-1097(97)00554-8); the linear slope is ours."""

CHRONOTYPE_HOURS: Final = (0.8, 1.4)
"""SD and largest size of how much later than most a person lives."""


@dataclass(frozen=True, slots=True)
class Wearer:
    """One simulated person. The seed and the index give all of their days."""

    seed: int
    index: int
    user_id: str
    time_zone: str
    age_years: int
    resting_heart_rate_bpm: float
    """While awake and sitting still after a good night."""
    rmssd_ms: float
    """Over a quiet waking day."""
    chronotype_hours: float
    """How much later than most people they wake, eat and sleep."""
    breaths_per_minute: float
    """At rest."""

    @property
    def zone(self) -> ZoneInfo:
        """The person's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def heart_rate_max_bpm(self) -> float:
        """Highest heart rate, 208 - 0.7 age (Tanaka et al. 2001, doi 10.1016/S0735-1097(00)01054-8)."""
        return 208 - 0.7 * self.age_years


def draw_wearers(count: int, *, seed: int) -> list[Wearer]:
    """Return the first ``count`` people of a seed; a longer list begins with the shorter one."""
    content = tomllib.loads(files("ingest.wearers").joinpath("wearers.toml").read_text("utf-8"))
    return [_draw(index, seed, content["names"], content["zones"]) for index in range(count)]


def _draw(index: int, seed: int, names: Sequence[str], zones: Sequence[str]) -> Wearer:
    rng = generator_of(seed, purpose=Purpose.PERSON, person=index)
    mean_bpm, sd_bpm, low_bpm, high_bpm = RESTING_HEART_RATE_BPM
    mean_ms, sd_ln, low_ms, high_ms = RMSSD_MS
    sd_hours, most_hours = CHRONOTYPE_HOURS
    age_years = int(rng.integers(*AGE_YEARS, endpoint=True))
    round_number, place = divmod(index, len(names))
    age_factor = 1 - RMSSD_FALL_PER_YEAR * (age_years - AGE_OF_MEAN_YEARS)
    return Wearer(
        seed=seed,
        index=index,
        user_id=names[place] if round_number == 0 else f"{names[place]}-{round_number + 1}",
        time_zone=zones[index % len(zones)],
        age_years=age_years,
        resting_heart_rate_bpm=round(min(max(rng.normal(mean_bpm, sd_bpm), low_bpm), high_bpm), 1),
        rmssd_ms=round(min(max(mean_ms * age_factor * float(rng.lognormal(0, sd_ln)), low_ms), high_ms), 1),
        chronotype_hours=round(float(min(max(rng.normal(0, sd_hours), -most_hours), most_hours)), 2),
        breaths_per_minute=round(float(rng.uniform(12, 17)), 1),
    )
