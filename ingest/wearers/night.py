"""A simulated night: when it began and ended, how good it was, and what the person wakes up with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ingest.wearers.randomness import Purpose, generator_of
from ingest.wearers.stories import Life, Story
from ingest.wearers.wearer import Wearer

BED_HOUR: Final = -1.1
"""Usual local hour of going to bed, from the midnight at which the night's day begins."""
WAKE_HOUR: Final = 6.7
LATER_AT_WEEKENDS_HOURS: Final = 0.7
"""Social jet lag is about an hour for most people (Wittmann et al. 2006, doi 10.1080/07420520500545979)."""

ORDINARY_QUALITY: Final = (0.77, 0.05, 0.68, 0.86)
"""Mean, SD, lowest and highest sleep quality of an ordinary night (ours)."""
GOOD_QUALITY: Final = (0.92, 0.97)
BAD_QUALITY: Final = (0.30, 0.48)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Night:
    """The night that ends on a local day."""

    bed_us: int
    wake_us: int
    quality: float
    """0-1; under 0.6 is poor."""
    asleep_minutes: float
    energy_at_bed: float
    energy_on_waking: float
    readiness: float
    """0-1, as it is right after waking."""


def night_before(wearer: Wearer, day: date, life: Life) -> Night:
    """Return the night that ended on a local day."""
    rng = generator_of(wearer.seed, purpose=Purpose.NIGHT, person=wearer.index, day=day.toordinal())
    stories = life.stories_of(wearer, day)
    is_good = Story.GOOD_DAY in stories
    is_bad = not is_good and _is_bad(wearer, day, life)
    mean, sd, low, high = ORDINARY_QUALITY
    quality = float(min(max(rng.normal(mean, sd), low), high))
    bed_later_hours, wake_later_hours = rng.normal(0, 0.3, 2).clip(-0.6, 0.6)
    at_bed, spread = float(rng.uniform(0.34, 0.42)), float(rng.uniform(-0.015, 0.015))
    if is_good:
        quality = float(rng.uniform(*GOOD_QUALITY))
    elif is_bad:
        quality = float(rng.uniform(*BAD_QUALITY))
        bed_later_hours += 1.0
    weekend_hours = LATER_AT_WEEKENDS_HOURS if day.weekday() >= _SATURDAY else 0.0
    later_hours = wearer.chronotype_hours + weekend_hours
    bed_us = local_us(wearer, day, BED_HOUR + later_hours + float(bed_later_hours))
    wake_us = local_us(wearer, day, WAKE_HOUR + later_hours + float(wake_later_hours))
    energy = 0.35 + 0.45 * quality + spread
    if is_good:
        energy = 0.93 + spread
    elif Story.HARD_WORKOUT in stories:
        # Whoever trains hard today has the energy for it: more than a rule needs to see it fall.
        energy = 0.77 + spread / 2
    return Night(
        bed_us=bed_us,
        wake_us=wake_us,
        quality=round(quality, 2),
        asleep_minutes=round((wake_us - bed_us) / 60e6 * (0.70 + 0.25 * quality)),
        energy_at_bed=round(at_bed, 3),
        energy_on_waking=round(energy, 3),
        readiness=round(0.90 + spread if is_good else 0.20 + 0.60 * quality + spread, 2),
    )


def local_us(wearer: Wearer, day: date, hours: float) -> int:
    """Return the moment ``hours`` after (or before) local midnight of a day, µs since 1970 UTC."""
    midnight = datetime.combine(day, time(), wearer.zone).astimezone(UTC)
    return round((midnight + timedelta(hours=hours)).timestamp() * 1e6)


def _is_bad(wearer: Wearer, day: date, life: Life) -> bool:
    stories = life.stories_of(wearer, day)
    if Story.BAD_NIGHTS in stories:
        return True
    # The first of the next day's two bad nights, unless today needs a night that was not bad.
    if Story.HARD_WORKOUT in stories:
        return False
    return Story.BAD_NIGHTS in life.stories_of(wearer, day + timedelta(days=1))
