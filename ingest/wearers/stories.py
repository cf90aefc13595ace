"""What kind of day a simulated person has: which of the things that a rule should notice happen to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Protocol

from ingest.wearers.randomness import Purpose, generator_of
from ingest.wearers.wearer import Wearer


class Story(StrEnum):
    """Something out of the ordinary on one local day."""

    HARD_WORKOUT = "hard_workout"
    """Late in the morning; the day's energy is spent in little more than an hour."""
    STRESSFUL_MEETING = "stressful_meeting"
    """Early in the afternoon; stress stays high for more than an hour and RMSSD falls."""
    GOOD_DAY = "good_day"
    """A very good night; energy and readiness are high all morning."""
    BAD_NIGHTS = "bad_nights"
    """The night before the day and the night before that were poor."""


Stories = frozenset[Story]
NO_STORY: Final[Stories] = frozenset()


class Life(Protocol):
    """Tells the stories of every person and day. Pure: the same question gets the same answer."""

    def stories_of(self, wearer: Wearer, day: date) -> Stories:
        """Return what happens to the person on a local day."""
        ...


STORY_CHANCES: Final[Mapping[Story, float]] = {
    Story.HARD_WORKOUT: 0.12,
    Story.STRESSFUL_MEETING: 0.12,
    Story.GOOD_DAY: 0.15,
    Story.BAD_NIGHTS: 0.08,
}
"""How often each happens in an everyday life, per person and day (ours)."""


@dataclass(frozen=True, slots=True)
class EverydayLife:
    """Stories come by chance, each day on its own."""

    def stories_of(self, wearer: Wearer, day: date) -> Stories:
        """Return what chance brings the person on a local day."""
        rng = generator_of(wearer.seed, purpose=Purpose.STORY, person=wearer.index, day=day.toordinal())
        drawn = {story for story, chance in STORY_CHANCES.items() if rng.random() < chance}
        if Story.BAD_NIGHTS in drawn:
            drawn -= {Story.GOOD_DAY, Story.HARD_WORKOUT}
        return frozenset(drawn)


ROLES: Final[tuple[Stories, ...]] = (
    frozenset({Story.BAD_NIGHTS}),
    frozenset({Story.HARD_WORKOUT}),
    frozenset({Story.GOOD_DAY}),
    frozenset({Story.STRESSFUL_MEETING}),
    frozenset({Story.BAD_NIGHTS, Story.STRESSFUL_MEETING}),
    frozenset({Story.GOOD_DAY, Story.HARD_WORKOUT}),
    frozenset({Story.HARD_WORKOUT}),
    frozenset({Story.STRESSFUL_MEETING}),
    frozenset({Story.BAD_NIGHTS}),
    frozenset({Story.GOOD_DAY}),
    frozenset({Story.GOOD_DAY, Story.HARD_WORKOUT}),
    frozenset({Story.BAD_NIGHTS, Story.STRESSFUL_MEETING}),
)
"""One role a person. The first four hold every story; all twelve hold each of them four times."""

QUIET_DAYS: Final = 2
"""Days without a story before the first cast day, so that no bad night of theirs joins its own."""


@dataclass(frozen=True, slots=True)
class CastLife:
    """From ``first`` on every day hands out all the roles; before it life is everyday, then quiet."""

    first: date
    people: int

    def stories_of(self, wearer: Wearer, day: date) -> Stories:
        """Return the person's role on a local day, another one each day."""
        if day < self.first - timedelta(days=QUIET_DAYS):
            return EverydayLife().stories_of(wearer, day)
        if day < self.first:
            return NO_STORY
        rng = generator_of(wearer.seed, purpose=Purpose.CAST, day=day.toordinal())
        return ROLES[int(rng.permutation(self.people)[wearer.index % self.people]) % len(ROLES)]
