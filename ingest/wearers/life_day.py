"""One local day of a simulated person as a list of episodes: what was really going on."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from ingest.wearers.night import Night, local_us, night_before
from ingest.wearers.randomness import Purpose, generator_of
from ingest.wearers.stories import Life, Stories, Story
from ingest.wearers.wearer import Wearer

MINUTE_US: Final = 60_000_000
_SATURDAY: Final = 5


class EpisodeKind(StrEnum):
    """What a stretch of time was."""

    SLEEP = "sleep"
    WALK = "walk"
    WORKOUT = "workout"
    HARD_WORKOUT = "hard_workout"
    STRESS = "stress"
    """A tense hour, as most days have one."""
    STRESSFUL_MEETING = "stressful_meeting"
    WATCH_OFF = "watch_off"
    RING_OFF = "ring_off"
    OUT_OF_REACH = "out_of_reach"
    """The watch is worn but its phone is away: its messages come later, in one."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of time, from ``start_us`` up to ``end_us``."""

    kind: EpisodeKind
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class LifeDay:
    """One local day: from midnight to midnight, 23 to 25 hours."""

    wearer: Wearer
    day: date
    start_us: int
    end_us: int
    stories: Stories
    night: Night
    """The night that ended today."""
    next_night: Night
    """The night that ends tomorrow; it may begin today."""
    episodes: tuple[Episode, ...]
    """In order of their start; sleep is cut at midnight."""

    def of(self, *kinds: EpisodeKind) -> tuple[Episode, ...]:
        """Return the day's episodes of some kinds."""
        return tuple(episode for episode in self.episodes if episode.kind in kinds)


def live_day(wearer: Wearer, day: date, life: Life) -> LifeDay:
    """Return what happens to a person on one local day."""
    rng = generator_of(wearer.seed, purpose=Purpose.LIFE, person=wearer.index, day=day.toordinal())
    stories = life.stories_of(wearer, day)
    night = night_before(wearer, day, life)
    next_night = night_before(wearer, day + timedelta(days=1), life)
    start_us = local_us(wearer, day, 0)
    end_us = local_us(wearer, day + timedelta(days=1), 0)
    awake = (max(night.wake_us, start_us), min(next_night.bed_us, end_us))
    happenings = [
        one
        for one in _happenings(wearer, day, stories, rng)
        if awake[0] <= one.start_us and one.end_us <= awake[1]
    ]
    devices = _device_gaps(wearer, day, awake, happenings, rng)
    sleep = [
        Episode(EpisodeKind.SLEEP, max(one.bed_us, start_us), min(one.wake_us, end_us))
        for one in (night, next_night)
        if one.bed_us < end_us and one.wake_us > start_us
    ]
    episodes = sorted(
        [*sleep, *happenings, *devices],
        key=lambda episode: (episode.start_us, episode.kind),
    )
    return LifeDay(wearer, day, start_us, end_us, stories, night, next_night, tuple(episodes))


def _happenings(wearer: Wearer, day: date, stories: Stories, rng: np.random.Generator) -> list[Episode]:
    """Return what the person does; the order of the draws is fixed, whatever the stories are."""
    later_hours = 0.5 * wearer.chronotype_hours
    wobbles = rng.uniform(0, 1, 12).tolist()
    is_workday = day.weekday() < _SATURDAY

    def episode(kind: EpisodeKind, hour: float, minutes: float) -> Episode:
        start_us = local_us(wearer, day, hour + later_hours)
        return Episode(kind, start_us, start_us + round(minutes) * MINUTE_US)

    lived = [
        episode(EpisodeKind.WALK, 8.6 + 0.3 * wobbles[0], 12 + 12 * wobbles[1]),
        episode(EpisodeKind.WALK, 12.35 + 0.2 * wobbles[2], 10 + 10 * wobbles[3]),
        episode(EpisodeKind.WALK, 17.2 + 0.3 * wobbles[4], 12 + 12 * wobbles[5]),
    ]
    if is_workday:
        lived.append(episode(EpisodeKind.STRESS, 15.6 + 0.5 * wobbles[6], 25 + 25 * wobbles[7]))
    if Story.HARD_WORKOUT in stories:
        lived.append(episode(EpisodeKind.HARD_WORKOUT, 9.9 + 0.6 * wobbles[8], 70 + 15 * wobbles[9]))
    elif wobbles[8] < 0.4:
        lived.append(episode(EpisodeKind.WORKOUT, 18.0 + 0.5 * wobbles[9], 35 + 15 * wobbles[10]))
    if Story.STRESSFUL_MEETING in stories:
        lived.append(episode(EpisodeKind.STRESSFUL_MEETING, 13.1 + 0.8 * wobbles[11], 75 + 20 * wobbles[6]))
    return lived


def _device_gaps(
    wearer: Wearer, day: date, awake: tuple[int, int], lived: list[Episode], rng: np.random.Generator
) -> list[Episode]:
    """Return when the devices are off or out of reach, clear of the day's stories by half an hour."""
    draws = rng.uniform(0, 1, 10).tolist()
    wanted = [
        (EpisodeKind.WATCH_OFF, 20.5 + 0.8 * draws[0], 35 + 25 * draws[1]),  # on the charger
        (EpisodeKind.WATCH_OFF, 9.0 + 9 * draws[2], 8 + 20 * draws[3]),  # not worn
        (EpisodeKind.RING_OFF, 19.0 + 1.5 * draws[4], 30 + 20 * draws[5]),
        (EpisodeKind.OUT_OF_REACH, 8.0 + 11 * draws[6], 15 + 25 * draws[7]),
    ]
    margin_us = 30 * MINUTE_US
    stories = [one for one in lived if one.kind in {EpisodeKind.HARD_WORKOUT, EpisodeKind.STRESSFUL_MEETING}]
    gaps: list[Episode] = []
    for kind, hour, minutes in wanted:
        start_us = local_us(wearer, day, hour)
        end_us = start_us + round(minutes) * MINUTE_US
        # An hour and more after a hard workout energy is still low; that too should be seen.
        is_clear = all(
            end_us < one.start_us - margin_us or start_us > one.end_us + 3 * margin_us
            for one in [*stories, *gaps]
        )
        if is_clear and awake[0] + margin_us < start_us and end_us < awake[1]:
            gaps.append(Episode(kind, start_us, end_us))
    return gaps
