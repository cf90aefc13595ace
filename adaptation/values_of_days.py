"""Values that belong to a local day: nights, HRV and heart rate at rest, strain. They hold on that day."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import count_of
from adaptation.body_values import DAYS_FULL, DAYS_MIN, BodyValues
from adaptation.columns import Layout
from adaptation.people import DAY_NAMES, Seen
from adaptation.physiology.normal_range import STABLE_DAYS
from adaptation.strain import Strain
from adaptation.values import Shown, Source, Usual, UsualOf

_NAN: Final = float("nan")


class DayValue(Source):
    """One value a local day, told by a reading."""

    def __init__(self, name: str, layout: Layout) -> None:
        index, columns = DAY_NAMES.index(name), layout.columns
        self._day = columns("day").start + index
        self._value, self._us = columns("day_value").start + index, columns("day_us").start + index
        self._before = columns("day_before_value").start + index
        self._before_us = columns("day_before_us").start + index

    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:  # noqa: ARG002  # nothing bars it
        """Return (n,) the values of the readings' local day."""
        return self._of_today(seen, self._value)

    def previous(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:  # noqa: ARG002  # nothing bars it
        """Return (n,) the values of the local day right before it."""
        return self._of_today(seen, self._before)

    def shown(self, one: Seen, *, previous: bool = False) -> Shown:
        """Return the value of the day, or of the day before."""
        value, time_us = (self._before, self._before_us) if previous else (self._value, self._us)
        return Shown(float(one.floats[0, value]), int(one.ints[0, time_us]))

    def _of_today(self, seen: Seen, value: int) -> NDArray[np.float64]:
        return np.where(seen.ints[:, self._day] == seen.day, seen.floats[:, value], _NAN)


class HrvOfDay(Source):
    """How the 7-day mean lies in its normal range, or how many days that rests on."""

    def __init__(self, name: str, places: BodyValues) -> None:
        self._counts_days = name == "hrv_days"
        self._places = places

    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:  # noqa: ARG002  # nothing bars it
        """Return (n,) the values of the readings' local day."""
        values = (
            self._places.days_of_hrv(seen.ints) if self._counts_days else seen.floats[:, self._places.hrv_z]
        )
        return np.where(self._places.is_of(seen.ints, seen.day), values, _NAN)

    def shown(self, one: Seen, *, previous: bool = False) -> Shown:  # noqa: ARG002  # there is one
        """Return the value of the day."""
        days = float(self._places.days_of_hrv(one.ints)[0])
        value = days if self._counts_days else float(one.floats[0, self._places.hrv_z])
        return Shown(value, int(one.ints[0, self._places.known_us]))

    def trust(self, one: Seen) -> float:
        """Return how far the normal range is trusted: fully from 28 days on."""
        days = int(self._places.days_of_hrv(one.ints)[0])
        return 1.0 if self._counts_days else min(1.0, days / STABLE_DAYS)


class RestingHeartRate(Source):
    """Mean heart rate of the night or of the morning's measurement."""

    def __init__(self, places: BodyValues) -> None:
        assert places.resting is not None  # noqa: S101  # it is kept where a rule names it
        self._places = places
        self._bpm, self._mean, self._sd = range(places.resting, places.resting + 3)

    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:  # noqa: ARG002  # nothing bars it
        """Return (n,) the values of the readings' local day."""
        return np.where(self._places.is_of(seen.ints, seen.day), seen.floats[:, self._bpm], _NAN)

    def usual(self, seen: Seen, aspect: str) -> Usual:  # noqa: ARG002  # there is one
        """Return the baselines of the days before."""
        known = self._places.is_of(seen.ints, seen.day)
        known &= self._places.days_of_rest(seen.ints) >= DAYS_MIN
        return Usual(
            np.where(known, seen.floats[:, self._mean], _NAN), np.where(known, seen.floats[:, self._sd], _NAN)
        )

    def shown(self, one: Seen, *, previous: bool = False) -> Shown:  # noqa: ARG002  # there is one
        """Return the value of the day."""
        return Shown(float(one.floats[0, self._bpm]), int(one.ints[0, self._places.known_us]))

    def usual_of(self, one: Seen, aspect: str) -> UsualOf:  # noqa: ARG002  # there is one
        """Return the baseline of the days before."""
        days = int(self._places.days_of_rest(one.ints)[0])
        mean, sd = float(one.floats[0, self._mean]), float(one.floats[0, self._sd])
        return UsualOf(mean, sd, days, min(1.0, days / DAYS_FULL))


class StrainOfDay(Source):
    """Work of the heart since local midnight."""

    def __init__(self, places: Strain) -> None:
        self._places = places

    def now(self, seen: Seen, barred: int = 0) -> NDArray[np.float64]:  # noqa: ARG002  # nothing bars it
        """Return (n,) what has gathered on the readings' local day."""
        places = self._places
        return np.where(seen.ints[:, places.day] == seen.day, seen.floats[:, places.total], _NAN)

    def usual(self, seen: Seen, aspect: str) -> Usual:  # noqa: ARG002  # there is one
        """Return the baselines of whole days before."""
        mean, variance, tally, _ = self._usual_columns()
        known = count_of(seen.ints[:, tally]) >= DAYS_MIN
        sd = np.sqrt(seen.floats[:, variance])
        return Usual(np.where(known, seen.floats[:, mean], _NAN), np.where(known & (sd > 0), sd, _NAN))

    def shown(self, one: Seen, *, previous: bool = False) -> Shown:  # noqa: ARG002  # there is one
        """Return what has gathered."""
        return Shown(float(one.floats[0, self._places.total]), int(one.ints[0, self._places.until]))

    def usual_of(self, one: Seen, aspect: str) -> UsualOf:  # noqa: ARG002  # there is one
        """Return the baseline of whole days before."""
        mean, variance, tally, _ = self._usual_columns()
        days = int(count_of(one.ints[:, tally])[0])
        sd = float(np.sqrt(one.floats[0, variance]))
        return UsualOf(float(one.floats[0, mean]), sd, days, min(1.0, days / DAYS_FULL))

    def _usual_columns(self) -> range:
        assert self._places.usual is not None  # noqa: S101  # it is kept where a rule names it
        return range(self._places.usual, self._places.usual + 4)
