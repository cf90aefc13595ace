"""What speaks against resting on a current value, three bits each in one integer of a person.

Behind them stands the confidence of those that are estimated, twelve bits each.
"""

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import Group
from adaptation.rules.vocabulary import VALUE, VALUES, Kind

EXERCISE: Final = 1
"""The person exercised at most 10 minutes before it."""
LOW_QUALITY: Final = 2
"""It comes from a window of beats of low quality."""
ESTIMATED: Final = 4
"""Daybeat estimated it; no device of the person gives it."""
WHY_BARRED: Final = {EXERCISE: "exercise", LOW_QUALITY: "low_quality", ESTIMATED: "estimated"}
"""Reason codes of onsets that rest on such values; of several the first one."""

ESTIMATED_VALUES: Final = ("stress_level", "energy_level", "readiness_score")
FLAGGED: Final = {
    one.name: (EXERCISE if one.exercise_confounds else 0)
    | (LOW_QUALITY if one.name == "rmssd_ms" else 0)
    | (ESTIMATED if one.name in ESTIMATED_VALUES else 0)
    for one in VALUES
    if one.kind is Kind.CURRENT
}
"""Value → the flags that it may have."""

VALUE_FLAGS: Final = Group("value_flags", ("now",), 0)
"""Column of the people's table."""

_BITS: Final = 3
_CONFIDENCE_BITS: Final = 12
_ALL: Final = 2**_BITS - 1
_PLACE: Final = {name: _BITS * index for index, name in enumerate(FLAGGED)}
_CONFIDENCE_PLACE: Final = {
    name: _BITS * len(FLAGGED) + _CONFIDENCE_BITS * index for index, name in enumerate(ESTIMATED_VALUES)
}
_CONFIDENCE_ONE: Final = 2**_CONFIDENCE_BITS - 1


def barred_by(allow: Collection[str]) -> int:
    """Return the flags of values that a rule must not rest on, if it allows these."""
    return sum(flag for flag, why in WHY_BARRED.items() if why not in allow)


def flags_of(words: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Return (n,) the flags of a current value."""
    flags: NDArray[np.int64] = words >> _PLACE[name] & _ALL
    return flags


def confidence_of(word: int, name: str) -> float:
    """Return the confidence of a value that is estimated, 0 to 1."""
    return (word >> _CONFIDENCE_PLACE[name] & _CONFIDENCE_ONE) / _CONFIDENCE_ONE


def cleared_bits(name: str) -> int:
    """Return the bits of a value, confidence included."""
    bits = _ALL << _PLACE[name]
    return bits | (_CONFIDENCE_ONE << _CONFIDENCE_PLACE[name] if name in _CONFIDENCE_PLACE else 0)


def exercise_bit(name: str) -> int:
    """Return the bit that says that exercise confounds a value; 0 if it never does."""
    return EXERCISE << _PLACE[name] if VALUE[name].exercise_confounds else 0


def quality_bits(name: str, *, is_low: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (n,) the bits of a value that comes from windows of beats."""
    return np.where(is_low, LOW_QUALITY << _PLACE[name], 0)


def estimate_bits(name: str, confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (n,) the bits of an estimated value."""
    kept = np.rint(confidence * _CONFIDENCE_ONE).astype(np.int64)
    return (kept << _CONFIDENCE_PLACE[name]) | (ESTIMATED << _PLACE[name])
