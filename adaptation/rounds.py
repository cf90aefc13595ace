"""What one reading of each of many people does to what is kept of them, and which rules it makes true.

In this order, each step a module:

1. beats go to their windows, windows to their days, days that are over to their rings (``bodies.py``);
2. the local day and its quarter follow from the person's zone (``local_time.py``);
3. wear, smoothed heart rate and movement follow (``estimating.py``);
4. values that are on time and in order become the person's current ones (``current_values.py``), and so do
   windows, and the day that a body has closed (``taking.py``, ``body_values.py``);
5. strain and energy move by the work of the heart, and estimates that are due are made, before anything they
   look at moves (``strain.py``, ``estimating.py``);
6. the baselines of the device move; where an hour begins, they are recorded before that (``channels.py``);
7. values of a whole day, and HRV given by devices, are kept by day (``people.py``, ``day_slots.py``);
8. the rules that name a fresh value are judged (``triggers.py``).

A value is late if it arrives more than 10 minutes after its time; a measure of a whole day is on time as
long as that local day lasts. It is out of order if its device has given a later one of that measure. Late
values move baselines and count for their day; values out of order count for their day; neither does more. A
reading that lies more than 5 minutes ahead of its arrival moves nothing at all. What such values would have
set off is told (``gates.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.bodies import HRV_COLUMNS, BegunRound, Bodies
from adaptation.channels import (
    MEASURES,
    SLOT_US,
    SLOTS,
    TRACKED_INDEX,
    Arrived,
    arrange_values,
    move_streams,
    record_new_hours,
)
from adaptation.columns import Cells
from adaptation.compiling import CARRIES_ANYTHING, CARRIES_BODY_DAY, CARRIES_STRAIN
from adaptation.current_values import Measured
from adaptation.estimate_rows import estimate_rows, wear_rows
from adaptation.estimating import (
    GIVEN_COLUMNS,
    Device,
    Observed,
    device_of,
    estimate_levels,
    move_energy,
    note_given,
    observe,
    reserve_of,
)
from adaptation.gates import BODY_MEASURES, FUTURE, LATE, MEASURE_BITS, NOT_WORN, Barred, Gates, lost_on_skin
from adaptation.local_time import LocalTime
from adaptation.pending import Field, Rows
from adaptation.people import DAY_COLUMNS, DayRing, Seen, note_activity
from adaptation.physiology.stillness import Movement
from adaptation.sleep_ring import keep_nights
from adaptation.strain import Work
from adaptation.streams import ESTIMATES, WINDOWS
from adaptation.taking import take_estimates, take_readiness, take_windows
from adaptation.tracked import TrackedEvent
from adaptation.triggers import Onset, Triggers
from adaptation.window_values import WindowValues

_READINESS: Final = TRACKED_INDEX["readiness_score"]
_SLEEP: Final = TRACKED_INDEX["sleep_minutes"]


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """n readings of different people, beside the rows of their people and devices, which change in place."""

    rows: Rows
    """Without values of sensors off the skin."""
    late: NDArray[np.bool_]
    """(n,)."""
    seen: Seen
    people: Cells
    streams: Cells
    device: Device
    observed: Observed


class Rounds:
    """The way of a round.

    Args:
        triggers: the rules.
        local_time: of the people.
        bodies: their beats and days.
        devices: user and device id of each row of the devices' table; grows with it.
        records: whether baselines, estimates and wear are told for the history.
    """

    def __init__(
        self,
        triggers: Triggers,
        local_time: LocalTime,
        bodies: Bodies,
        devices: Sequence[tuple[str, str]],
        *,
        records: bool = True,
    ) -> None:
        self._triggers = triggers
        self._local_time = local_time
        self._bodies = bodies
        self._devices = devices
        self._records = records
        self._places = triggers.places
        layout = triggers.layout
        self._days = DayRing(layout)
        self._gates = Gates(triggers, self._days)
        self._movement, self._given = layout.columns("movement_us"), layout.columns("given_us")
        self._sleep_day, self._nights = layout.columns("sleep_day"), layout.columns("sleep_minutes")
        self._activity = layout.columns("activity").start if triggers.needs.activity else None

    def apply(
        self, rows: Rows, late: NDArray[np.bool_], begun: BegunRound, people: Cells, streams: Cells
    ) -> tuple[list[TrackedEvent], list[Onset]]:
        """Apply one reading of each of n people; return records and the onsets of rules.

        Args:
            rows: the readings, none of them far ahead.
            late: (n,) they came too late to be news.
            begun: what their beats brought to light.
            people: the people's rows, changed in place.
            streams: the devices' rows, changed in place.
        """
        time_us, values = rows[Field.TIME_US], rows.values
        seen, slot = self._see(rows, people)
        device, movement = device_of(streams, ESTIMATES), Movement(people.ints[:, self._movement])
        observed = observe(device, movement, streams, rows, late)
        rows = rows.without(BODY_MEASURES, observed.lost)
        one = _Round(rows, late, seen, people, streams, device, observed)
        quiet = observed.stillness.quiet & observed.step.moved
        arrived = arrange_values(streams, rows.values, time_us, slot, quiet)
        fresh = self._fresh(rows, late, seen, arrived)
        events: list[TrackedEvent] = [*begun.features, *begun.days.records]
        if self._records:
            events += record_new_hours(streams, arrived, rows[Field.STREAM], self._devices)
        measured = Measured(rows.values, fresh, time_us, slot, observed.stillness.exercised)
        self._places.current.take(people, streams, measured)
        carried = fresh @ MEASURE_BITS + CARRIES_ANYTHING * ~late
        carried |= self._take_begun(one, begun)
        barred = self._bar(one, arrived, measured, values)
        if self._activity is not None:
            note_activity(people.ints[:, self._activity], rows[Field.ACTIVITY], time_us)
        told = np.logical_or.reduce(arrived.given[:, MEASURES], axis=0).tolist()
        if any(told[measure] for measure in GIVEN_COLUMNS):
            note_given(people.ints[:, self._given], rows)
        made, estimated = self._work(one)
        carried |= estimated
        move_streams(streams, arrived)
        if any(told[measure] for measure in DAY_COLUMNS):
            self._keep_days(one)
        if any(told[measure] for measure in HRV_COLUMNS):
            self._bodies.take_given(rows, streams, arrived.in_order, observed.stillness)
        arrival_us = rows[Field.ARRIVAL_US]
        arrived_on = self._local_time.days_of(people, arrival_us)
        onsets = self._triggers.judge(seen, carried, arrival_us, arrived_on)
        return events + made, onsets + self._gates.judge(barred, seen)

    def tell_ahead(self, rows: Rows, people: Cells, streams: Cells) -> list[Onset]:
        """Return what readings from far ahead would have set off; they move nothing.

        Args:
            rows: n readings.
            people: the people's rows, who keep that it was told.
            streams: the devices' rows.
        """
        floats = people.floats.copy()
        seen, slot = self._see(rows, Cells(floats, floats.view(np.int64)))
        given = rows.values == rows.values
        measured = Measured(rows.values, given, seen.time_us, slot, np.zeros(len(rows), np.bool_))
        barred = self._gates.bar(FUTURE, given, seen=seen, streams=streams, measured=measured)
        told = Seen(
            people, time_us=seen.time_us, local_us=seen.local_us, day=seen.day, activity=seen.activity
        )
        return self._gates.judge([barred] if barred is not None else [], told)

    def _see(self, rows: Rows, people: Cells) -> tuple[Seen, NDArray[np.int64]]:
        """Return the readings beside their people, and (n,) the quarter of their local day."""
        time_us = rows[Field.TIME_US]
        local_us = time_us + self._local_time.offsets_at(people, time_us)
        day, slot = np.divmod(local_us // SLOT_US, len(SLOTS))
        seen = Seen(people, time_us=time_us, local_us=local_us, day=day, activity=rows[Field.ACTIVITY])
        return seen, slot

    def _fresh(self, rows: Rows, late: NDArray[np.bool_], seen: Seen, arrived: Arrived) -> NDArray[np.bool_]:
        """Return (n, 9) where a value is on time and in order."""
        if not np.logical_or.reduce(late):
            return arrived.in_order
        fresh = arrived.in_order & ~late[:, np.newaxis]
        late_days = arrived.in_order[:, DAY_COLUMNS] & late[:, np.newaxis]
        arrived_on = self._local_time.days_of(Cells(seen.floats, seen.ints), rows[Field.ARRIVAL_US])
        for row in np.logical_or.reduce(late_days, axis=1).nonzero()[0].tolist():
            if arrived_on(row) == seen.day[row]:
                fresh[row, DAY_COLUMNS] = late_days[row]
        return fresh

    def _take_begun(self, one: _Round, begun: BegunRound) -> NDArray[np.int64] | int:
        """Keep windows and days that became known for the rules; return what the readings carry by that."""
        carried: NDArray[np.int64] | int = 0
        current, body_days = self._places.current, self._places.body_days
        if begun.windows:
            carried |= take_windows(current, one.people, one.streams, begun.windows)
        if begun.days.known and body_days is not None:
            known = body_days.take(one.people, begun.days.known, len(one.rows))
            carried |= known * CARRIES_BODY_DAY
        if begun.days.readiness:
            silent = one.late | ~np.isnan(one.rows.values[:, _READINESS])
            carried |= take_readiness(
                current, one.people, begun.days.readiness, time_us=one.seen.time_us, silent=silent
            )
        return carried

    def _bar(
        self, one: _Round, arrived: Arrived, measured: Measured, values: NDArray[np.float64]
    ) -> list[Barred]:
        """Return the values that came too late, or off the skin, beside copies of their people.

        Args:
            one: the readings.
            arrived: what they gave, without what came off the skin.
            measured: the same, as it became current.
            values: (n, 9) what they gave, all of it.
        """
        barred: list[Barred | None] = []
        if np.logical_or.reduce(one.late):
            late = arrived.in_order & ~measured.fresh & one.late[:, np.newaxis]
            barred.append(self._gates.bar(LATE, late, seen=one.seen, streams=one.streams, measured=measured))
        if np.logical_or.reduce(one.observed.lost):
            given = values == values  # noqa: PLR0124  # false for NaN
            lost = lost_on_skin(given, arrived.elapsed_us[:, MEASURES], one.observed.lost & ~one.late)
            taken = measured._replace(values=values)
            barred.append(self._gates.bar(NOT_WORN, lost, seen=one.seen, streams=one.streams, measured=taken))
        return [some for some in barred if some is not None]

    def _work(self, one: _Round) -> tuple[list[TrackedEvent], NDArray[np.int64] | int]:
        """Count the work of the heart: for strain, for energy, and for the estimates that are due.

        Returns:
            Records of estimates and of changes in wear, and what the readings carry by the estimates.
        """
        observed, people, time_us = one.observed, one.people, one.seen.time_us
        events: list[TrackedEvent] = []
        carried: NDArray[np.int64] | int = 0
        if self._records and observed.changes is not None:
            events += wear_rows(observed.changes, self._devices_of(one.rows))
        if not np.logical_or.reduce(observed.step.moved):
            return events, carried
        reserve = reserve_of(one.device, observed)
        if self._places.strain is not None:
            work = Work(observed.step, reserve, one.device.wear.since_us)
            counted = self._places.strain.add(people, work, time_us, one.seen.local_us)
            carried |= (counted & ~one.late) * CARRIES_STRAIN
        move_energy(one.device, observed, reserve, time_us)
        if np.logical_or.reduce(observed.due):
            estimates = estimate_levels(
                one.device,
                observed,
                one.streams,
                windows=WindowValues(one.streams, WINDOWS).resting(),
                given_us=people.ints[:, self._given],
                time_us=time_us,
            )
            if self._records:
                events += estimate_rows(estimates, time_us, self._devices_of(one.rows))
            carried |= take_estimates(self._places.current, people, estimates, time_us)
        return events, carried

    def _keep_days(self, one: _Round) -> None:
        """Keep values of whole days, and nights, by day."""
        values, day = one.rows.values, one.seen.day
        opens = self._days.take(one.people, values, day=day, time_us=one.seen.time_us)
        self._triggers.begin_days(one.people, opens)
        minutes = values[:, _SLEEP]
        if np.logical_or.reduce(minutes == minutes):  # noqa: PLR0124  # false for NaN
            keep_nights(one.people, self._sleep_day, self._nights, day=day, minutes=minutes)

    def _devices_of(self, rows: Rows) -> list[tuple[str, str]]:
        return [self._devices[stream] for stream in rows[Field.STREAM].tolist()]
