"""Whether a device is worn: told by its contact with the skin, or by data that come and stay away.

A device is worn from its first data on. It is not while its sensor says that it does not touch the skin, and
it was not where more than 20 minutes passed without data: then it was taken off when the last data came,
which is known only once data come again. Nobody's heart stood still in between, so no estimate may take the
gap for zeros.

What a reading tells counts only if it is not older than what was told last. Data of a sensor that has said it
does not touch the skin are none, until it says that it does.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import NEVER_US

WEAR_GAP_MAX: Final = timedelta(minutes=20)
"""Longest pause between data of a device that is worn (ours: sparing watches measure every 15 min)."""

OFF: Final = 0
"""Not worn, or nothing known; data put it on."""
WORN: Final = 1
WITHOUT_CONTACT: Final = 2
"""The sensor said that it does not touch the skin; only the sensor puts it on."""

REASONS: Final[tuple[Literal["contact", "data"], ...]] = ("contact", "data")
BY_CONTACT: Final = 0
BY_DATA: Final = 1

WEAR_GAP_US: Final = WEAR_GAP_MAX // MICROSECOND


class WearChanges(NamedTuple):
    """k changes, those of one row in order."""

    rows: NDArray[np.intp]
    """(k,) index of the reading."""
    time_us: NDArray[np.int64]
    """(k,) since when."""
    worn: NDArray[np.bool_]
    """(k,) put on; false: taken off."""
    reason: NDArray[np.int8]
    """(k,) index into ``REASONS``."""


class WearStep(NamedTuple):
    """What n readings tell about wear."""

    on: NDArray[np.bool_]
    """(n,) the reading tells that the device is worn: its heart rate and beats count."""
    changes: WearChanges | None
    """None where nothing changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Wear:
    """Whether n devices are worn, changed in place."""

    state: NDArray[np.int64]
    """(n,) ``OFF``, ``WORN`` or ``WITHOUT_CONTACT``; ``OFF`` at first."""
    told_us: NDArray[np.int64]
    """(n,) time of the last reading with data or contact, ``NEVER_US`` before the first."""
    since_us: NDArray[np.int64]
    """(n,) since when it is worn without a pause, if it is; ``NEVER_US`` before the first time."""

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return the state of n devices that have not told anything yet."""
        return cls(np.full(n, OFF, np.int64), np.full(n, NEVER_US), np.full(n, NEVER_US))

    def move(
        self,
        time_us: NDArray[np.int64],
        has_data: NDArray[np.bool_],
        contact_given: NDArray[np.bool_],
        contact: NDArray[np.bool_],
    ) -> WearStep:
        """Take one reading of each device.

        Args:
            time_us: (n,).
            has_data: (n,) it holds a heart rate or beats.
            contact_given: (n,) it says whether the sensor touches the skin.
            contact: (n,) it does; ignored where not given.
        """
        in_order = time_us >= self.told_us
        off = contact_given & ~contact & in_order
        on = has_data & (self.state != WITHOUT_CONTACT)
        on |= contact_given
        on &= in_order & ~off
        was_worn = self.state == WORN
        gap = was_worn & (on | off) & (time_us - self.told_us > WEAR_GAP_US)
        put_on = on & (gap | ~was_worn)
        taken_off = off & was_worn & ~gap
        changes = self._changes(time_us, gap, put_on, taken_off, contact_given)
        np.copyto(self.since_us, time_us, where=put_on)
        np.copyto(self.told_us, time_us, where=on | off)
        np.copyto(self.state, WORN, where=on)
        np.copyto(self.state, WITHOUT_CONTACT, where=off)
        return WearStep(on, changes)

    def _changes(
        self,
        time_us: NDArray[np.int64],
        gap: NDArray[np.bool_],
        put_on: NDArray[np.bool_],
        taken_off: NDArray[np.bool_],
        contact_given: NDArray[np.bool_],
    ) -> WearChanges | None:
        (changed,) = (put_on | taken_off).nonzero()
        (stayed_away,) = gap.nonzero()
        if not (len(changed) or len(stayed_away)):
            return None
        rows = np.concatenate([stayed_away, changed])
        is_gap = np.arange(len(rows)) < len(stayed_away)
        return WearChanges(
            rows=rows,
            time_us=np.where(is_gap, self.told_us[rows], time_us[rows]),
            worn=np.where(is_gap, False, put_on[rows]),
            reason=np.where(is_gap | ~contact_given[rows], BY_DATA, BY_CONTACT).astype(np.int8),
        )
