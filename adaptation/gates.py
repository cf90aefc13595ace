"""Data that must not set anything off: too late, of a clock far ahead, of a sensor off the skin.

Such values change no current value and no rule. What they would have set off is judged beside, on copies of
what is known of their people, so that it can be told why nothing came of it. A condition that has to hold for
a while is not built up beside: of those only the last value is asked about.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.channels import TRACKED_INDEX, TRACKED_MEASURES
from adaptation.columns import Cells
from adaptation.compiling import CARRIES
from adaptation.current_values import Measured
from adaptation.people import DayRing, Seen
from adaptation.triggers import Onset, Triggers

LATE_AFTER: Final = timedelta(minutes=10)
"""A value that arrives later than this after its time is history: it sets nothing off."""
FUTURE_AFTER: Final = timedelta(minutes=5)
"""A reading that lies further ahead of its arrival than this comes from a clock that cannot be trusted. The
gateway refuses it already."""
BODY_MEASURES: Final = ("heart_rate_bpm", "hrv_rmssd_ms", "hrv_sdnn_ms", "stress_level")
"""What a sensor that does not touch the skin cannot measure: such values go to the history only."""

LATE: Final = "late"
FUTURE: Final = "future"
NOT_WORN: Final = "not_worn"
"""Reason codes of what would have been set off."""

LATE_AFTER_US: Final = LATE_AFTER // MICROSECOND
FUTURE_AFTER_US: Final = FUTURE_AFTER // MICROSECOND

MEASURE_BITS: Final = np.array([CARRIES[name] for name in TRACKED_MEASURES], np.int64)
"""(9,) what a reading carries, by measure."""
_OF_THE_BODY: Final = np.zeros(len(TRACKED_MEASURES), np.bool_)
_OF_THE_BODY[[TRACKED_INDEX[name] for name in BODY_MEASURES]] = True


class Barred(NamedTuple):
    """Readings with values that must not set anything off, beside copies of their people."""

    why: str
    rows: NDArray[np.intp]
    """(k,) of the readings in their round."""
    seen: Seen
    """k of them."""
    carried: NDArray[np.int64]
    """(k,) bits of those values."""


def lost_on_skin(
    given: NDArray[np.bool_], elapsed_us: NDArray[np.int64], lost: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return (n, 9) values in order that a sensor without contact gives.

    Args:
        given: (n, 9) values of the readings.
        elapsed_us: (n, 9) time since the device's last value.
        lost: (n,) the sensor does not touch the skin.
    """
    return given & (elapsed_us >= 0) & lost[:, np.newaxis] & _OF_THE_BODY


class Gates:
    """The gates of one rule set.

    Args:
        triggers: the rules.
        days: where values of whole days stand.
    """

    def __init__(self, triggers: Triggers, days: DayRing) -> None:
        self._triggers = triggers
        self._days = days

    def bar(
        self,
        why: str,
        barred: NDArray[np.bool_],
        *,
        seen: Seen,
        streams: Cells,
        measured: Measured,
    ) -> Barred | None:
        """Return readings that might set something off, beside copies that took their values.

        None if there are none. To be called before the values move the baselines of their devices.

        Args:
            why: the reason code.
            barred: (n, 9) values that must not set anything off.
            seen: the readings and people; copied, never changed.
            streams: rows of their devices.
            measured: what the readings measured; ``fresh`` is not looked at.
        """
        (rows,) = np.logical_or.reduce(barred, axis=1).nonzero()
        carried = barred[rows] @ MEASURE_BITS
        asked = carried & self._triggers.asked_at != 0
        if not np.logical_or.reduce(asked):
            return None
        rows, carried = rows[asked], carried[asked]
        barred = barred[rows]
        floats = seen.floats[rows]
        people = Cells(floats, floats.view(np.int64))
        device = streams.floats[rows]
        values = np.where(barred, measured.values[rows], np.nan)
        time_us, day = seen.time_us[rows], seen.day[rows]
        taken = Measured(values, barred, time_us, measured.slot[rows], measured.exercised[rows])
        self._triggers.places.current.take(people, Cells(device, device.view(np.int64)), taken)
        self._days.take(people, values, day=day, time_us=time_us)
        copied = Seen(
            people, time_us=time_us, local_us=seen.local_us[rows], day=day, activity=seen.activity[rows]
        )
        return Barred(why, rows, copied, carried)

    def judge(self, barred: Sequence[Barred], seen: Seen) -> list[Onset]:
        """Return what barred values would have set off; ``seen`` keeps that it was told."""
        return [
            onset
            for one in barred
            for onset in self._triggers.judge_aside(one.seen, one.carried, one.why, seen, one.rows)
        ]
