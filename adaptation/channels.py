"""What is kept of each device of a person: when it last gave each measure, and its running baselines.

A channel is one baseline: a measure over the whole day, or one in one quarter of the local day. Devices,
measures and times of day are never pooled. Heart rate has two: ``heart_rate_bpm`` of all times, and
``heart_rate_rest_bpm`` of those at which the person is awake and quiet. Columns of a row's values, and of its
last times::

    0…11  by time of day │ 12  heart rate at rest │ 13…18  measures │ 19…21  the other measures
    └─────────────── 19 channels with a baseline ─────────────────┘
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import DEVIATION_COUNT_MIN, Baselines, count_of, weigh_unweighted
from adaptation.columns import NEVER_US, Cells, Group, Layout
from adaptation.zones import HOUR_US
from schemas.measures import DAY_MEASURES, MEASURE_INDEX, MEASURE_NAMES
from schemas.readings import moment_of
from schemas.records import BaselineRow

ALL_DAY: Final = "all_day"
SLOTS: Final = ("night", "morning", "afternoon", "evening")
"""Quarters of the local day, from midnight."""
SLOT_US: Final = 6 * HOUR_US
REST_MEASURE: Final = "heart_rate_rest_bpm"
"""Heart rate while the person is awake, does not move and has not exercised lately."""
SLOT_MEASURES: Final = (REST_MEASURE, "energy_level", "stress_level")
"""Measures that have a baseline in each slot, besides the one over the whole day."""

BASELINE_MEASURES: Final = (
    "heart_rate_bpm",
    "hrv_rmssd_ms",
    "hrv_sdnn_ms",
    "energy_level",
    "stress_level",
    "readiness_score",
)
TRACKED_MEASURES: Final = (
    *BASELINE_MEASURES,
    *(name for name in MEASURE_NAMES if name not in BASELINE_MEASURES and name not in DAY_MEASURES),
    *(name for name in MEASURE_NAMES if name in DAY_MEASURES),
)
"""All measures in the order of the columns here: those of whole days last."""
TRACKED_INDEX: Final = {name: index for index, name in enumerate(TRACKED_MEASURES)}
FRAME_COLUMNS: Final = np.array([MEASURE_INDEX[name] for name in TRACKED_MEASURES])
"""Where each of them stands in a frame."""

CHANNELS: Final = (
    *((measure, slot) for measure in SLOT_MEASURES for slot in SLOTS),
    (REST_MEASURE, ALL_DAY),
    *((measure, ALL_DAY) for measure in BASELINE_MEASURES),
)
"""Measure and slot of each baseline."""

STATISTICS: Final = ("mean", "variance", "count", "since_us")
_LABELS = tuple(f"{measure}.{slot}" for measure, slot in CHANNELS)
_OTHER_LABELS = tuple(f"{measure}.{ALL_DAY}" for measure in TRACKED_MEASURES[len(BASELINE_MEASURES) :])

CHANNEL_GROUPS: Final = (
    Group("last_us", _LABELS + _OTHER_LABELS, NEVER_US),
    Group("mean", _LABELS, 0.0),
    Group("variance", _LABELS, 0.0),
    Group("count", _LABELS, 0),
    Group("since_us", _LABELS, NEVER_US),
)
"""The first columns of the devices' table."""
_LAYOUT: Final = Layout(*CHANNEL_GROUPS)
_LAST = _LAYOUT.columns("last_us")
_STATISTICS = _LAYOUT.columns("mean", "since_us")
_BASELINES = slice(0, len(CHANNELS))
_REST: Final = len(SLOT_MEASURES) * len(SLOTS)
MEASURES: Final = slice(_REST + 1, _REST + 1 + len(TRACKED_MEASURES))
"""The columns of a row's values that hold measures, in the order of ``TRACKED_MEASURES``."""
MEASURE_CHANNELS: Final = slice(_REST + 1, len(CHANNELS))
"""The channels of ``BASELINE_MEASURES``."""
REST_CHANNEL: Final = _REST
_SLOT_NUMBERS = np.arange(len(SLOTS))
_HEART_RATE = TRACKED_INDEX["heart_rate_bpm"]
_SLOTTED = [MEASURES.start + TRACKED_INDEX[name] for name in SLOT_MEASURES if name != REST_MEASURE]
_IN_SLOTS = np.array([REST_CHANNEL, *_SLOTTED])
"""Columns of the values that also have a baseline in each slot, in the order of ``SLOT_MEASURES``."""


class Arrived(NamedTuple):
    """The values of n readings of different devices, beside what is known of those devices."""

    time_us: NDArray[np.int64]
    """(n,)."""
    values: NDArray[np.float64]
    """(n, 22) values by column, NaN where not given."""
    given: NDArray[np.bool_]
    """(n, 22)."""
    elapsed_us: NDArray[np.int64]
    """(n, 22) time since the device's last value in that column."""
    in_order: NDArray[np.bool_]
    """(n, 9) measures given that are not older than the device's last value of them."""


def arrange_values(
    streams: Cells,
    measures: NDArray[np.float64],
    time_us: NDArray[np.int64],
    slot: NDArray[np.int64],
    quiet: NDArray[np.bool_],
) -> Arrived:
    """Return the values of n readings by column, and how they follow what each device gave before.

    Args:
        streams: the devices' rows.
        measures: (n, 9) in the order of ``TRACKED_MEASURES``, NaN where not given.
        time_us: (n,) times of the readings.
        slot: (n,) index into ``SLOTS``.
        quiet: (n,) whether the person is awake and at rest.
    """
    values = np.empty((len(measures), MEASURES.stop))
    values[:, MEASURES] = measures
    values[:, REST_CHANNEL] = np.where(quiet, measures[:, _HEART_RATE], np.nan)
    in_slot = (slot[:, np.newaxis] == _SLOT_NUMBERS)[:, np.newaxis]
    by_slot = np.where(in_slot, values.take(_IN_SLOTS, axis=1)[:, :, np.newaxis], np.nan)
    values[:, :_REST] = by_slot.reshape(len(values), _REST)
    given = values == values  # noqa: PLR0124  # false for NaN
    elapsed_us = time_us[:, np.newaxis] - streams.ints[:, _LAST]
    in_order = (given & (elapsed_us >= 0))[:, MEASURES]
    return Arrived(time_us, values, given, elapsed_us, in_order)


def rest_of(streams: Cells) -> Baselines:
    """Return the devices' baselines of heart rate at rest, in place."""
    floats = statistics_of(streams.floats)[:, :, REST_CHANNEL]
    ints = statistics_of(streams.floats).view(np.int64)[:, :, REST_CHANNEL]
    return Baselines(floats[:, 0], floats[:, 1], ints[:, 2], ints[:, 3])


def statistics_of(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the devices' baselines in place: (n, 4 of STATISTICS, 19 channels)."""
    return cells[:, _STATISTICS].reshape(len(cells), len(STATISTICS), len(CHANNELS))


def weigh_streams(streams: Cells) -> None:
    """Give the baselines of devices that an earlier release kept without weights theirs, in place."""
    ints = statistics_of(streams.floats).view(np.int64)
    weigh_unweighted(ints[:, 2], ints[:, 3], streams.ints[:, _LAST][:, _BASELINES])


def move_streams(streams: Cells, arrived: Arrived) -> None:
    """Move the devices' baselines and last times by what arrived, in place."""
    floats = statistics_of(streams.floats)
    ints = floats.view(np.int64)
    time_us = arrived.time_us[:, np.newaxis]
    baselines = Baselines(floats[:, 0], floats[:, 1], ints[:, 2], ints[:, 3])
    baselines.move(arrived.values[:, _BASELINES], time_us, arrived.elapsed_us[:, _BASELINES])
    np.copyto(streams.ints[:, _LAST], time_us, where=arrived.given & (arrived.elapsed_us > 0))


def record_new_hours(
    streams: Cells, arrived: Arrived, rows: NDArray[np.int64], devices: Sequence[tuple[str, str]]
) -> list[BaselineRow]:
    """Return the baselines that get their first value of a UTC hour, as they stand before it.

    To be called before :func:`move_streams`. A baseline without a deviation yet is left out.

    Args:
        streams: the devices' rows.
        arrived: the values of n readings.
        rows: (n,) index of each reading's device.
        devices: user and device id by that index.
    """
    statistics = statistics_of(streams.floats)
    hour = (arrived.time_us // HOUR_US)[:, np.newaxis]
    first = hour > streams.ints[:, _LAST][:, _BASELINES] // HOUR_US
    first &= arrived.given[:, _BASELINES]
    first &= count_of(statistics.view(np.int64)[:, 2]) >= DEVIATION_COUNT_MIN
    readings, channels = first.nonzero()
    if not len(readings):
        return []
    found = statistics[readings, :, channels]
    counts = count_of(found.view(np.int64)[:, 2]).tolist()
    numbers = zip(found.tolist(), counts, found.view(np.int64)[:, 3].tolist(), strict=True)
    places = zip(rows[readings].tolist(), arrived.time_us[readings].tolist(), channels.tolist(), strict=True)
    return [
        BaselineRow(
            time=moment_of(time_us),
            user_id=devices[row][0],
            device_id=devices[row][1],
            measure=CHANNELS[channel][0],
            slot=CHANNELS[channel][1],
            mean=floats[0],
            sd=math.sqrt(floats[1]),
            count=count,
            since=moment_of(since_us),
        )
        for (row, time_us, channel), (floats, count, since_us) in zip(places, numbers, strict=True)
    ]
