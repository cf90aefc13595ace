"""The estimates at work: wear, smoothed heart rate, stress and energy of each device, round by round.

What a device cannot say is estimated only while no device of the person says it: a level given within the
last day silences the estimate of it. An estimate is recorded at the first heart rate of every five minutes,
if it came on time: late ones move what is known, and are no news.
"""

from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.channels import TRACKED_INDEX, rest_of
from adaptation.columns import NEVER_US, NO_DAY, Cells, Group
from adaptation.pending import Field, Rows
from adaptation.physiology.energy_estimate import Energy, energy_per_hour
from adaptation.physiology.estimates import Estimate, maturities
from adaptation.physiology.heart_rate import (
    HeartRateStep,
    SmoothedHeartRate,
    heart_rate_reserve,
    is_exertion,
    is_rest_known,
    maximal_heart_rate,
)
from adaptation.physiology.stillness import Movement, Stillness
from adaptation.physiology.stress_estimate import RestingWindows, estimate_stress
from adaptation.physiology.wear import OFF, WITHOUT_CONTACT, Wear, WearChanges
from schemas.frames import CONTACT, CONTACT_GIVEN

ESTIMATE_EVERY: Final = timedelta(minutes=5)
"""Estimates are recorded at most once in each such stretch of UTC (ours)."""

GIVEN_HOLDS: Final = timedelta(days=1)
"""A level that a device gave within this time silences the estimate of it (ours)."""

ESTIMATE_GROUPS: Final = (
    Group("smooth", ("bpm",), float("nan")),
    Group("smooth_us", ("last",), NEVER_US),
    Group("wear", ("state",), OFF),
    Group("wear_us", ("told", "since"), NEVER_US),
    Group("energy", ("level", "start", "start_confidence"), float("nan")),
    Group("energy_us", ("start",), NEVER_US),
    Group("energy_seen_us", ("since_start",), 0),
    Group("energy_day", ("latest",), NO_DAY),
)
"""Columns of the devices' table."""
_BPM, _SMOOTH_US, _WEAR, _TOLD, _WORN_SINCE, _LEVEL, _START, _TRUST, _START_US, _SEEN, _DAY = range(11)

_EVERY_US: Final = ESTIMATE_EVERY // MICROSECOND
_GIVEN_US: Final = GIVEN_HOLDS // MICROSECOND
_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]
_STEPS: Final = TRACKED_INDEX["steps"]
LEVELS: Final = ("stress_level", "energy_level")
"""What is estimated at readings, in the order of :class:`Estimates`."""
_GIVEN: Final = (*LEVELS, "readiness_score")
GIVEN_COLUMNS: Final = [TRACKED_INDEX[name] for name in _GIVEN]
GIVEN_GROUP: Final = Group("given_us", _GIVEN, NEVER_US)
"""Columns of the people's table: when a device gave a level that is estimated where none does."""
_MAXIMAL_BPM: Final = maximal_heart_rate()


class Device(NamedTuple):
    """The columns of ``ESTIMATE_GROUPS`` in rows of the devices' table, in place."""

    heart: SmoothedHeartRate
    wear: Wear
    energy: Energy


class Observed(NamedTuple):
    """What n readings tell about wear, heart rate and movement."""

    step: HeartRateStep
    stillness: Stillness
    lost: NDArray[np.bool_]
    """(n,) the sensor does not touch the skin."""
    changes: WearChanges | None
    due: NDArray[np.bool_]
    """(n,) an estimate is recorded at this reading."""
    rest_bpm: NDArray[np.float64]
    """(n,) the device's mean heart rate at rest, beats/min; NaN while not known."""


class Estimates(NamedTuple):
    """The levels of n readings that are due and have something to say."""

    stress: Estimate
    energy: Estimate
    said: NDArray[np.bool_]
    """(n, 2 of LEVELS)."""


def device_of(cells: Cells, columns: slice) -> Device:
    """Return the estimates' state in rows of the devices' table."""
    floats, ints = cells.floats[:, columns], cells.ints[:, columns]
    energy = Energy(
        level=floats[:, _LEVEL],
        start_level=floats[:, _START],
        start_confidence=floats[:, _TRUST],
        start_us=ints[:, _START_US],
        seen_us=ints[:, _SEEN],
        day=ints[:, _DAY],
    )
    return Device(
        heart=SmoothedHeartRate(floats[:, _BPM], ints[:, _SMOOTH_US]),
        wear=Wear(ints[:, _WEAR], ints[:, _TOLD], ints[:, _WORN_SINCE]),
        energy=energy,
    )


def has_contact(flags: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a reading does not say that its sensor has lost the skin."""
    contact: NDArray[np.bool_] = (flags & (CONTACT_GIVEN | CONTACT)) != CONTACT_GIVEN
    return contact


def is_estimate_due(
    heart_rate_bpm: NDArray[np.float64], time_us: NDArray[np.int64], last_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return where a heart rate is the first of five minutes, after the device's last one."""
    given = heart_rate_bpm == heart_rate_bpm  # noqa: PLR0124  # false for NaN
    due: NDArray[np.bool_] = given & (time_us // _EVERY_US > last_us // _EVERY_US)
    return due


def observe(
    device: Device, movement: Movement, streams: Cells, rows: Rows, late: NDArray[np.bool_]
) -> Observed:
    """Return what n readings tell, and keep it.

    Args:
        device: the devices' state.
        movement: that of their people.
        streams: the devices' rows.
        rows: the readings.
        late: (n,) they came too late to be news.
    """
    time_us, flags = rows[Field.TIME_US], rows[Field.FLAGS]
    bpm = rows.values[:, _HEART_RATE]
    has_data = (bpm == bpm) | (rows[Field.RR_COUNT] > 0)  # noqa: PLR0124  # false for NaN
    due = is_estimate_due(bpm, time_us, device.heart.time_us) & ~late
    known = device.wear.told_us > NEVER_US
    worn = device.wear.move(time_us, has_data, flags & CONTACT_GIVEN > 0, flags & CONTACT > 0)
    step = device.heart.move(np.where(worn.on, bpm, np.nan), time_us)
    rest = rest_of(streams)
    known_rest = np.where(is_rest_known(rest, time_us), rest.mean, np.nan)
    exerts = is_exertion(device.heart.bpm, known_rest, _MAXIMAL_BPM) & step.moved
    stillness = movement.move(rows[Field.ACTIVITY], rows.values[:, _STEPS], exerts, time_us)
    without = (device.wear.state == WITHOUT_CONTACT) & (time_us >= device.wear.told_us)
    lost = ~has_contact(flags) | (without & (flags & CONTACT_GIVEN == 0))
    return Observed(step, stillness, lost, _of_known(worn.changes, known), due & step.moved, known_rest)


def note_given(given_us: NDArray[np.int64], rows: Rows) -> None:
    """Keep when levels were given, however late they came.

    Args:
        given_us: (n, 3) of ``GIVEN_GROUP``, changed in place.
        rows: the readings.
    """
    levels = rows.values[:, GIVEN_COLUMNS]
    given = levels == levels  # noqa: PLR0124  # false for NaN
    np.maximum(given_us, rows[Field.TIME_US][:, np.newaxis], out=given_us, where=given)


def reserve_of(device: Device, observed: Observed) -> NDArray[np.float64]:
    """Return (n,) the share of the heart-rate reserve that the smoothed rate takes, NaN where not known."""
    return heart_rate_reserve(device.heart.bpm, observed.rest_bpm, _MAXIMAL_BPM)


def move_energy(
    device: Device, observed: Observed, reserve: NDArray[np.float64], time_us: NDArray[np.int64]
) -> None:
    """Let the time since each device's last heart rate drain or give back energy, where a day has begun."""
    if (device.energy.start_us == NEVER_US).all():
        return
    per_hour = energy_per_hour(reserve, quiet=observed.stillness.quiet, asleep=observed.stillness.asleep)
    device.energy.move(observed.step, time_us, per_hour, device.wear.since_us)


def estimate_levels(
    device: Device,
    observed: Observed,
    streams: Cells,
    *,
    windows: RestingWindows,
    given_us: NDArray[np.int64],
    time_us: NDArray[np.int64],
) -> Estimates:
    """Return the estimates of n readings. The baseline at rest has not moved yet.

    Args:
        device: the devices' state, after :func:`observe` and :func:`move_energy`.
        observed: by this reading.
        streams: the devices' rows.
        windows: their last good windows at rest.
        given_us: (n, 3) of ``GIVEN_GROUP``.
        time_us: (n,) times of the readings.
    """
    rest = rest_of(streams)
    stress = estimate_stress(
        device.heart.bpm,
        observed.step,
        time_us,
        speaks=observed.stillness.quiet,
        rest=rest,
        windows=windows,
    )
    trust = np.where(is_rest_known(rest, time_us), maturities(rest.since_us, time_us), 0.0)
    energy = device.energy.estimate(time_us, speaks=observed.step.moved, rest_trust=trust)
    silent = np.isnan([stress.level, energy.level]).T | is_given(given_us[:, : len(LEVELS)], time_us)
    return Estimates(stress, energy, ~silent & observed.due[:, np.newaxis])


def is_given(given_us: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n, levels) where a device of the person gives a level, so that no estimate of it is made."""
    given: NDArray[np.bool_] = time_us[:, np.newaxis] - given_us < _GIVEN_US
    return given


def _of_known(changes: WearChanges | None, known: NDArray[np.bool_]) -> WearChanges | None:
    """Return the changes of devices that had told something before: the first data change nothing."""
    if changes is None or known.all():
        return changes
    kept = known[changes.rows]
    if not kept.any():
        return None
    return WearChanges(
        rows=changes.rows[kept],
        time_us=changes.time_us[kept],
        worn=changes.worn[kept],
        reason=changes.reason[kept],
    )
