"""Random numbers that depend on a person and a day only, so that any day can be generated alone."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What numbers are drawn for. Each has a stream of its own: a change in one leaves the others alone."""

    PERSON = 0
    STORY = 1
    NIGHT = 2
    LIFE = 3
    CURVES = 4
    BEATS = 5
    WATCH = 6
    RING = 7
    CAST = 8


def generator_of(seed: int, *, purpose: Purpose, person: int = 0, day: int = 0) -> np.random.Generator:
    """Return the generator of one person (by index), day (proleptic ordinal) and purpose."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose, person, day])))
