"""The last sixty days of HRV of each device, measure and slot: one row a series that has any.

A day's value stands at its day modulo 60 as float32 (lnRMSSD to 1e-7), so a ring takes 240 bytes. The verdict
on a day is computed from them exactly, see :mod:`adaptation.physiology.normal_range`.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import Baselines, count_of
from adaptation.columns import NEVER_US, NO_DAY, TWO_NANS, Group, Layout, Table
from adaptation.day_slots import ClosedDay, SlotKey
from adaptation.physiology.normal_range import (
    ABOVE,
    BELOW,
    NO_STATUS,
    RING_DAYS,
    WITHIN,
    DayVerdicts,
    judge_days,
)
from adaptation.zones import DAY_US

RING_LAYOUT: Final = Layout(
    Group("ring", tuple(f"{cell:02d}" for cell in range(RING_DAYS // 2)), TWO_NANS),
    Group("day", ("latest",), NO_DAY),
    Group("status", ("latest",), NO_STATUS),
    Group("resting", ("mean", "variance"), 0.0),
    Group("resting_count", ("count",), 0),
    Group("resting_us", ("since", "last"), NEVER_US),
)
_RING = RING_LAYOUT.columns("ring")
_DAY = RING_LAYOUT.columns("day").start
_STATUS = RING_LAYOUT.columns("status").start
_MEAN, _VARIANCE = range(RING_LAYOUT.columns("resting").start, RING_LAYOUT.columns("resting").stop)
_COUNT = RING_LAYOUT.columns("resting_count").start
_SINCE, _LAST = range(RING_LAYOUT.columns("resting_us").start, RING_LAYOUT.columns("resting_us").stop)


class JudgedDays(NamedTuple):
    """Days of n series, and the usual heart rate of their slots before them."""

    verdicts: DayVerdicts
    changed: NDArray[np.bool_]
    """(n,) the status began to be below or above with this day, or is within again."""
    status_before: NDArray[np.int8]
    """(n,) that of the last day before that had one, ``NO_STATUS`` if there was none."""
    usual_bpm: NDArray[np.float64]
    """(n,) mean of the slot's heart rate over the days before; any number where there are none."""
    usual_sd_bpm: NDArray[np.float64]
    usual_days: NDArray[np.int64]
    """(n,) days with a heart rate before."""

    def pick(self, rows: Sequence[int]) -> "JudgedDays":
        """Return the days of these numbers."""
        verdicts = DayVerdicts(
            **{field.name: getattr(self.verdicts, field.name)[rows] for field in fields(DayVerdicts)}
        )
        return JudgedDays(
            verdicts=verdicts,
            changed=self.changed[rows],
            status_before=self.status_before[rows],
            usual_bpm=self.usual_bpm[rows],
            usual_sd_bpm=self.usual_sd_bpm[rows],
            usual_days=self.usual_days[rows],
        )


class HrvRings:
    """The series of one shard."""

    def __init__(self, table: Table | None = None, keys: Sequence[SlotKey] = ()) -> None:
        self.table = Table(RING_LAYOUT) if table is None else table
        self.keys = list(keys)
        """Series of each row."""
        self._rows = {key: row for row, key in enumerate(self.keys)}

    @classmethod
    def resume(cls, names: Sequence[str], cells: NDArray[np.float64], keys: Sequence[SlotKey]) -> Self:
        """Return the rings with the rows of ``cells``, whose columns are called ``names``."""
        return cls(Table.resume(RING_LAYOUT, names, cells), keys)

    def last_day(self, key: SlotKey) -> int:
        """Return the last local day of a series, a day long ago if it has none."""
        row = self._rows.get(key)
        return NO_DAY if row is None else int(self.table.view().ints[row, _DAY])

    def days_known(self, key: SlotKey) -> int:
        """Return how many days of a series have a value, of the sixty up to its last one."""
        row = self._rows.get(key)
        if row is None:
            return 0
        return int((~np.isnan(self.table.view().floats[row, _RING].view(np.float32))).sum())

    def judge(self, closed: Sequence[ClosedDay]) -> JudgedDays:
        """Return the verdicts on days of different series, and keep their values.

        Args:
            closed: days that lie behind the last day of their series.
        """
        rows = np.array([self._row(one.key) for one in closed])
        days = np.array([one.day for one in closed])
        today = np.array([one.ln_value for one in closed]).astype(np.float32).astype(np.float64)
        cells = self.table.take(rows)
        ring = cells.floats[:, _RING].view(np.float32)
        latest = cells.ints[:, _DAY]
        before = days[:, np.newaxis] + np.arange(-RING_DAYS, 0)
        kept = (before <= latest[:, np.newaxis]) & (before > latest[:, np.newaxis] - RING_DAYS)
        places = before % RING_DAYS
        previous = np.where(kept, np.take_along_axis(ring, places, axis=1), np.nan).astype(np.float64)
        status_before = cells.ints[:, _STATUS].astype(np.int8)
        verdicts = judge_days(previous, today, status_before)
        np.put_along_axis(ring, places, previous.astype(np.float32), axis=1)
        ring[np.arange(len(days)), days % RING_DAYS] = today
        cells.ints[:, _DAY] = days
        np.copyto(cells.ints[:, _STATUS], verdicts.status, where=verdicts.status != NO_STATUS)
        is_back = (verdicts.status == WITHIN) & np.isin(status_before, (BELOW, ABOVE))
        judged = JudgedDays(
            verdicts=verdicts,
            changed=verdicts.onset | is_back,
            status_before=status_before,
            usual_bpm=cells.floats[:, _MEAN].copy(),
            usual_sd_bpm=np.sqrt(cells.floats[:, _VARIANCE]),
            usual_days=count_of(cells.ints[:, _COUNT]),
        )
        rates = np.array([one.heart_rate_bpm for one in closed])
        time_us = days * DAY_US
        baselines = Baselines(
            cells.floats[:, _MEAN], cells.floats[:, _VARIANCE], cells.ints[:, _COUNT], cells.ints[:, _SINCE]
        )
        baselines.move(rates, time_us, time_us - cells.ints[:, _LAST])
        np.copyto(cells.ints[:, _LAST], time_us, where=~np.isnan(rates))
        self.table.put(rows, cells)
        return judged

    def _row(self, key: SlotKey) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self.table.add_row()
            self.keys.append(key)
        return row
