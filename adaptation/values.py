"""Where the values that conditions compare stand in the people's table, and what is known of each.

A value has one class by its kind. Over many people at once it gives numbers, NaN where a person's is not
known; of one person it gives what a firing shows.
"""

import math
from abc import ABC, abstractmethod
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND, count_of, is_mature, maturity
from adaptation.columns import NEVER_US
from adaptation.current_values import CurrentValues
from adaptation.people import CURRENT_AGE_MAX, Seen
from adaptation.value_flags import ESTIMATED, FLAGGED, LOW_QUALITY, confidence_of, flags_of
from schemas.records import ValueQuality

TRUST_FLAGGED: Final = 0.5
"""What a value from a window of low quality counts in the confidence of a firing, and an estimate whose own
confidence is not kept (ours)."""

_CURRENT_US: Final = CURRENT_AGE_MAX // MICROSECOND
_NAN: Final = float("nan")


class Usual(NamedTuple):
    """Baselines of n people."""

    mean: NDArray[np.float64]
    """(n,) NaN where it gives no verdict."""
    sd: NDArray[np.float64]
    """(n,) NaN where there is no deviation."""


class UsualOf(NamedTuple):
    """The baseline of one person."""

    mean: float
    sd: float
    values: int
    """How many it holds."""
    maturity: float
    """How far it is trusted, 0 to 1."""


class Shown(NamedTuple):
    """A value of one person as a firing shows it."""

    value: float
    time_us: int
    quality: ValueQuality | None = None
    trust: float = 1.0
    """What it counts in the firing's confidence, 0 to 1."""

    @property
    def is_known(self) -> bool:
        """Whether there ever was such a value."""
        return math.isfinite(self.value) and self.time_us > NEVER_US


def rated(shown: Shown, name: str, flags: int, confidence: float = TRUST_FLAGGED) -> Shown:
    """Return a value with the quality that its flags tell.

    Args:
        shown: the value.
        name: of it.
        flags: as in ``value_flags.py``.
        confidence: of an estimate, 0 to 1.
    """
    if flags & ESTIMATED:
        return shown._replace(quality="estimated", trust=confidence)
    if flags & LOW_QUALITY:
        return shown._replace(quality="low", trust=TRUST_FLAGGED)
    return shown._replace(quality="good") if FLAGGED[name] & LOW_QUALITY else shown


class Source(ABC):
    """One value of the vocabulary. ``barred`` are flags of values that count as not known."""

    @abstractmethod
    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:
        """Return (n,) the values."""

    @abstractmethod
    def shown(self, one: Seen, *, previous: bool = False) -> Shown:
        """Return the value of one person, whatever it is."""

    def previous(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:
        """Return (n,) the values before them."""
        raise AssertionError(seen, barred)  # conditions that name it are refused

    def usual(self, seen: Seen, aspect: str) -> Usual:
        """Return the baselines; ``aspect`` is ``usual`` or ``usual_at_hour``."""
        raise AssertionError(seen, aspect)  # conditions that name it are refused

    def usual_of(self, one: Seen, aspect: str) -> UsualOf:
        """Return the baseline of one person."""
        raise AssertionError(one, aspect)  # conditions that name it are refused

    def trust(self, one: Seen) -> float:  # noqa: ARG002  # most need not ask
        """Return how far the value itself is trusted because of what it was made from, 0 to 1."""
        return 1.0


class CurrentValue(Source):
    """The latest value, while it is at most 2 hours old."""

    def __init__(self, name: str, places: CurrentValues) -> None:
        self._name = name
        self._flagged = FLAGGED[name]
        index = places.names.index(name)
        self._value, self._us = places.value.start + index, places.value_us.start + index
        self._flags = places.flags
        self._previous = self._previous_us = -1
        if name in places.previous_names:
            index = places.previous_names.index(name)
            self._previous, self._previous_us = (
                places.previous.start + index,
                places.previous_us.start + index,
            )
        self._previous_flags = places.previous_flags
        self._usual = {
            aspect: range(
                places.usual[aspect].start + names.index(name), places.usual[aspect].stop, len(names)
            )
            for aspect, names in places.usual_names.items()
            if name in names
        }
        """Columns of mean, variance, tally and time of the first value."""

    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:
        """Return (n,) the values that are current."""
        return seen.once(
            (self._value, barred & self._flagged),
            lambda seen: self._known(seen, self._value, self._us, self._flags, barred),
        )

    def previous(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:
        """Return (n,) the values before them, at most 2 hours old."""
        return self._known(seen, self._previous, self._previous_us, self._previous_flags, barred)

    def usual(self, seen: Seen, aspect: str) -> Usual:
        """Return the baselines that the devices had just before their values."""
        mean, variance, tally, since = self._usual[aspect]
        counts = count_of(seen.ints[:, tally])
        known = is_mature(counts, seen.ints[:, since], seen.ints[:, self._us]) & self._is_current(
            seen, self._us
        )
        sd = np.sqrt(seen.floats[:, variance])
        return Usual(np.where(known, seen.floats[:, mean], _NAN), np.where(known & (sd > 0), sd, _NAN))

    def shown(self, one: Seen, *, previous: bool = False) -> Shown:
        """Return the value with its quality."""
        value, time_us, words = (
            (self._previous, self._previous_us, self._previous_flags)
            if previous
            else (self._value, self._us, self._flags)
        )
        flags, word = int(flags_of(one.ints[:, words], self._name)[0]), int(one.ints[0, words])
        found = Shown(float(one.floats[0, value]), int(one.ints[0, time_us]))
        confidence = confidence_of(word, self._name) if flags & ESTIMATED else TRUST_FLAGGED
        return rated(found, self._name, flags, confidence)

    def usual_of(self, one: Seen, aspect: str) -> UsualOf:
        """Return the baseline with its maturity when the value came."""
        mean, variance, tally, since = self._usual[aspect]
        return UsualOf(
            mean=float(one.floats[0, mean]),
            sd=float(np.sqrt(one.floats[0, variance])),
            values=int(count_of(one.ints[:, tally])[0]),
            maturity=maturity(int(one.ints[0, since]), int(one.ints[0, self._us])),
        )

    def is_known(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where there is a current value."""
        value = self.now(seen, barred)
        known: NDArray[np.bool_] = value == value  # noqa: PLR0124  # false for NaN
        return known

    def flags(self, seen: Seen) -> NDArray[np.int64]:
        """Return (n,) what speaks against resting on the values."""
        return flags_of(seen.ints[:, self._flags], self._name)

    def latest(self, seen: Seen) -> NDArray[np.float64]:
        """Return (n,) the values, of any age."""
        latest: NDArray[np.float64] = seen.floats[:, self._value]
        return latest

    def times(self, seen: Seen) -> NDArray[np.int64]:
        """Return (n,) when they were measured."""
        times: NDArray[np.int64] = seen.ints[:, self._us]
        return times

    def _known(self, seen: Seen, value: int, value_us: int, words: int, barred: int) -> NDArray[np.float64]:
        known = self._is_current(seen, value_us)
        if barred & self._flagged:
            known &= flags_of(seen.ints[:, words], self._name) & barred == 0
        return np.where(known, seen.floats[:, value], _NAN)

    def _is_current(self, seen: Seen, value_us: int) -> NDArray[np.bool_]:
        current: NDArray[np.bool_] = seen.time_us - seen.ints[:, value_us] <= _CURRENT_US
        return current
