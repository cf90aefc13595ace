"""The current values of people: what their devices measured last, or what Daybeat made of it.

With each value its baseline is kept as it was just before the value, and what speaks against resting on it.
Only values that a rule names are kept.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.channels import (
    CHANNELS,
    MEASURE_CHANNELS,
    SLOTS,
    STATISTICS,
    TRACKED_INDEX,
    statistics_of,
)
from adaptation.columns import Cells, Layout
from adaptation.needs import Needs
from adaptation.value_flags import cleared_bits, estimate_bits, exercise_bit, quality_bits

WINDOW_VALUE: Final = "rmssd_ms"
"""The current value that comes from windows of beats."""


class Measured(NamedTuple):
    """What n readings of different people measured."""

    values: NDArray[np.float64]
    """(n, 9) in the order of ``TRACKED_MEASURES``."""
    fresh: NDArray[np.bool_]
    """(n, 9) values that become the current ones."""
    time_us: NDArray[np.int64]
    slot: NDArray[np.int64]
    """(n,) index into ``SLOTS``."""
    exercised: NDArray[np.bool_]
    """(n,) the person exercised at most 10 minutes before."""


class Made(NamedTuple):
    """Values of one name that Daybeat made at some of n readings."""

    name: str
    rows: NDArray[np.intp]
    """(k,) of the readings."""
    values: NDArray[np.float64]
    """(k,)."""
    time_us: NDArray[np.int64]
    """(k,)."""
    flags: NDArray[np.int64]
    """(k,) bits of ``value_flags``."""
    usual: NDArray[np.float64] | None
    """(k, 4 of STATISTICS) cells of their baselines; None where they have none."""


class CurrentValues:
    """The columns of current values in the people's table.

    Args:
        layout: of that table.
        needs: what rules look at.
    """

    def __init__(self, layout: Layout, needs: Needs) -> None:
        columns = layout.columns
        self.names = needs.current
        self.value, self.value_us = columns("value"), columns("value_us")
        self.flags = columns("value_flags").start if needs.current else -1
        self.previous_names = needs.previous
        self.previous, self.previous_us = columns("previous"), columns("previous_us")
        self.previous_flags = columns("previous_flags").start if needs.previous else -1
        self.usual_names = {"usual": needs.usual, "usual_at_hour": needs.usual_at_hour}
        self.usual = {aspect: columns(f"{aspect}_mean", f"{aspect}_since_us") for aspect in self.usual_names}
        """Columns of baselines: 4 of STATISTICS times the values that are compared with theirs."""
        measured = [name for name in self.names if name in TRACKED_INDEX]
        self._measured = slice(0, len(measured))
        self._tracked = [TRACKED_INDEX[name] for name in measured]
        self._clears = np.array([cleared_bits(name) for name in measured], np.int64)
        self._exercise = np.array([exercise_bit(name) for name in measured], np.int64)
        self._shifted = [self.names.index(name) for name in needs.previous]
        self._all_day = [name for name in needs.usual if name in TRACKED_INDEX]
        self._at_hour = np.array([CHANNELS.index((name, SLOTS[0])) for name in needs.usual_at_hour], np.intp)

    def take(self, people: Cells, streams: Cells, measured: Measured) -> None:
        """Let fresh values be the current ones.

        Args:
            people: the people's rows, changed in place.
            streams: rows of the devices that measured, before the values move their baselines.
            measured: the values.
        """
        if not self._tracked:
            return
        given = measured.fresh[:, self._tracked]
        if not np.logical_or.reduce(given, axis=None):
            return
        times_us = measured.time_us[:, np.newaxis]
        value_us = people.ints[:, self.value_us]
        if self._shifted:
            self._shift(people, given, times_us)
        np.copyto(
            people.floats[:, self.value][:, self._measured], measured.values[:, self._tracked], where=given
        )
        np.copyto(value_us[:, self._measured], times_us, where=given)
        words = people.ints[:, self.flags]
        (flagged,) = ((words != 0) | measured.exercised).nonzero()
        if len(flagged):
            some = given[flagged]
            told = np.where(measured.exercised[flagged], some @ self._exercise, 0)
            words[flagged] = (words[flagged] & ~(some @ self._clears)) | told
        if self._all_day:
            kept = self._baselines(people, "usual")[:, :, : len(self._all_day)]
            places = [TRACKED_INDEX[name] for name in self._all_day]
            channels = statistics_of(streams.floats)[:, :, MEASURE_CHANNELS]
            # Copied as 8-byte cells: the counts and times among them keep their bits.
            np.copyto(kept, channels[:, :, places], where=measured.fresh[:, np.newaxis, places])
        if len(self._at_hour):
            self._take_at_hour(people, streams, measured)

    def take_made(self, people: Cells, made: Made) -> None:
        """Let values that Daybeat made be the current ones, in place."""
        place = self.names.index(made.name)
        if made.name in self.previous_names:
            given = np.zeros((len(people.ints), len(self.names)), np.bool_)
            given[made.rows, place] = True
            times_us = np.zeros((len(people.ints), 1), np.int64)
            times_us[made.rows, 0] = made.time_us
            self._shift(people, given, times_us)
        people.floats[made.rows, self.value.start + place] = made.values
        people.ints[made.rows, self.value_us.start + place] = made.time_us
        people.ints[made.rows, self.flags] &= ~cleared_bits(made.name)
        people.ints[made.rows, self.flags] |= made.flags
        for aspect, names in self.usual_names.items():
            if made.name in names:
                kept = self._baselines(people, aspect)
                kept[made.rows, :, names.index(made.name)] = 0.0 if made.usual is None else made.usual

    def _shift(self, people: Cells, given: NDArray[np.bool_], times_us: NDArray[np.int64]) -> None:
        """Let current values be the previous ones where later ones come."""
        value, value_us = people.floats[:, self.value], people.ints[:, self.value_us]
        now, before = people.ints[:, self.flags], people.ints[:, self.previous_flags]
        for place, column in enumerate(self._shifted):
            if column >= given.shape[1]:
                continue
            moves = given[:, column] & (times_us[:, 0] > value_us[:, column])
            np.copyto(people.floats[:, self.previous.start + place], value[:, column], where=moves)
            np.copyto(people.ints[:, self.previous_us.start + place], value_us[:, column], where=moves)
            bits = cleared_bits(self.names[column])
            np.copyto(before, (before & ~bits) | (now & bits), where=moves)

    def _take_at_hour(self, people: Cells, streams: Cells, measured: Measured) -> None:
        names = self.usual_names["usual_at_hour"]
        channels = (self._at_hour + measured.slot[:, np.newaxis])[:, np.newaxis, :]
        statistics = np.take_along_axis(
            statistics_of(streams.floats), np.repeat(channels, len(STATISTICS), axis=1), axis=2
        )
        fresh = measured.fresh[:, np.newaxis, [TRACKED_INDEX[name] for name in names]]
        np.copyto(self._baselines(people, "usual_at_hour"), statistics, where=fresh)

    def _baselines(self, people: Cells, aspect: str) -> NDArray[np.float64]:
        """Return (n, 4 of STATISTICS, values) cells in place."""
        cells = people.floats[:, self.usual[aspect]]
        return cells.reshape(len(cells), len(STATISTICS), -1)


def made_estimate(
    name: str,
    rows: NDArray[np.intp],
    level: NDArray[np.float64],
    confidence: NDArray[np.float64],
    time_us: NDArray[np.int64],
) -> Made:
    """Return estimates at some readings; they have no baseline."""
    return Made(name, rows, level, time_us, estimate_bits(name, confidence), None)


def made_window(
    rows: NDArray[np.intp],
    rmssd_ms: NDArray[np.float64],
    time_us: NDArray[np.int64],
    *,
    is_low: NDArray[np.bool_],
    usual: NDArray[np.float64],
) -> Made:
    """Return RMSSD of windows of beats that some readings closed."""
    return Made(WINDOW_VALUE, rows, rmssd_ms, time_us, quality_bits(WINDOW_VALUE, is_low=is_low), usual)
