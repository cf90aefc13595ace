"""Running baselines of many people: ours, in vectorised rounds, beside river's, person by person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import BASELINE_TAU, MICROSECOND, Baselines, count_of
from adaptation.channels import (
    TRACKED_INDEX,
    TRACKED_MEASURES,
    arrange_values,
    move_streams,
    statistics_of,
)
from adaptation.columns import NEVER_US, Group, Layout, Table
from adaptation.streams import STREAM_LAYOUT
from bench.timing import import_beside, seconds_of

ROUND_PEOPLE: Final = 8192
"""People in a vectorised round of one baseline each."""

ROUND_DEVICES: Final = 512
"""Devices in a round of whole rows: what a shard of 1,600 people may have in a busy second."""

_TURNS: Final = 11
"""Values of each person; the first of them warms up and is not counted."""
_STEP_US: Final = 60_000_000
_START_US: Final = 1_780_000_000_000_000
_LAYOUT: Final = Layout(
    Group("mean", ("value",), 0.0),
    Group("variance", ("value",), 0.0),
    Group("count", ("value",), 0),
    Group("since_us", ("value",), NEVER_US),
    Group("last_us", ("value",), NEVER_US),
)
"""One baseline a person."""
_MEAN, _VARIANCE, _COUNT, _SINCE, _LAST = range(5)
_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]


@dataclass(frozen=True, slots=True)
class BaselineSpeed:
    """Updates of a baseline a second of one core."""

    updates_per_s: float
    river_updates_per_s: float
    updates_per_s_by_way: dict[str, float]
    """``rows``: the main figure, from row numbers. ``ids``: the same from people's ids, as river gets them.
    ``devices``: whole rows of devices by ``move_streams``, as in a shard, where a heart rate at rest moves
    three of 19 baselines."""


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """One value of each of some people, in the order in which they arrive."""

    users: Sequence[str]
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    time_us: NDArray[np.int64]

    def rounds(self, size: int) -> Iterator["_Values"]:
        """Yield so many of them at a time."""
        for first in range(0, len(self.rows), size):
            part = slice(first, first + size)
            yield _Values(self.users[part], self.rows[part], self.values[part], self.time_us[part])


def measure_baselines(people: int) -> BaselineSpeed:
    """Return how fast baselines of so many people move, one value each in every turn.

    Ours: rows are gathered from a table of all people, moved and scattered, :data:`ROUND_PEOPLE` at a time.
    River's: ``EWMean`` and ``EWVar`` of each person, found in a dict by the person's id. Both get the same
    values in the same order, which is not that of their memory, as people's readings do not come in the order
    in which they signed up. They take turns; figures are medians over the turns. The two do not compute the
    same: river's weights are per value, ours per time; and river's variance is E[x²] - E[x]².

    Raises:
        InputError: river is not installed.
    """
    stats = import_beside("river.stats")
    users = [f"person-{number:06d}" for number in range(people)]
    row_of = {user: row for row, user in enumerate(users)}
    fading = -float(np.expm1(-_STEP_US / (BASELINE_TAU / MICROSECOND)))
    theirs = {user: (stats.EWMean(fading), stats.EWVar(fading)) for user in users}
    by_row, by_id, devices = (_grown(layout, people) for layout in (_LAYOUT, _LAYOUT, STREAM_LAYOUT))
    ways: dict[str, Callable[[_Values], None]] = {
        "river": partial(_move_river, theirs),
        "rows": partial(_move_rows, by_row),
        "ids": partial(_move_ids, by_id, row_of),
        "devices": partial(_move_devices, devices),
    }
    spent_s: dict[str, list[float]] = {way: [] for way in ways}
    for values in _turns(users):
        for way, move in ways.items():
            spent_s[way].append(seconds_of(partial(move, values)))
    moved = int(count_of(statistics_of(devices.view().floats).view(np.int64)[:, 2]).sum()) / people / _TURNS
    per_s = {way: people / median(times[1:]) for way, times in spent_s.items()}
    per_s["devices"] *= moved
    rounded = {way: float(round(rate)) for way, rate in per_s.items()}
    river_per_s = rounded.pop("river")
    return BaselineSpeed(rounded["rows"], river_per_s, rounded)


def _grown(layout: Layout, people: int) -> Table:
    """Return a table that so many people have joined one by one."""
    table = Table(layout)
    for _ in range(people):
        table.add_row()
    return table


def _turns(users: Sequence[str]) -> Iterator[_Values]:
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(users))
    arriving = [users[row] for row in rows.tolist()]
    usual = rng.normal(60, 8, len(users))
    phase_us = rng.integers(0, _STEP_US, len(users))
    for turn in range(_TURNS):
        values = usual + rng.normal(0, 5, len(users))
        yield _Values(arriving, rows, values, _START_US + phase_us + turn * _STEP_US)


def _move_river(people: Mapping[str, tuple[Any, Any]], values: _Values) -> None:
    for user, value in zip(values.users, values.values.tolist(), strict=True):
        mean, variance = people[user]
        mean.update(value)
        variance.update(value)


def _move_rows(table: Table, values: _Values) -> None:
    for part in values.rounds(ROUND_PEOPLE):
        _move(table, part.rows, part)


def _move_ids(table: Table, row_of: Mapping[str, int], values: _Values) -> None:
    for part in values.rounds(ROUND_PEOPLE):
        _move(table, np.array([row_of[user] for user in part.users]), part)


def _move(table: Table, rows: NDArray[np.int64], part: _Values) -> None:
    cells = table.take(rows)
    floats, ints = cells
    baselines = Baselines(floats[:, _MEAN], floats[:, _VARIANCE], ints[:, _COUNT], ints[:, _SINCE])
    baselines.move(part.values, part.time_us, part.time_us - ints[:, _LAST])
    ints[:, _LAST] = part.time_us
    table.put(rows, cells)


def _move_devices(table: Table, values: _Values) -> None:
    """Do what a shard does with heart rates at rest, as far as baselines are concerned."""
    for part in values.rounds(ROUND_DEVICES):
        cells = table.take(part.rows)
        measures = np.full((len(part.rows), len(TRACKED_MEASURES)), np.nan)
        measures[:, _HEART_RATE] = part.values
        slot = np.ones(len(part.rows), np.int64)
        quiet = np.ones(len(part.rows), np.bool_)
        move_streams(cells, arrange_values(cells, measures, part.time_us, slot, quiet))
        table.put(part.rows, cells)
