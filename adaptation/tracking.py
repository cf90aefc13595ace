"""What one reading of each of many people does to what is kept of them, and what it sets off.

In this order, each step a module:

1. beats go to their windows, windows to their days, days that are over to their rings (``bodies.py``);
2. the local day and its quarter follow from the person's zone (``zones.py``);
3. wear, smoothed heart rate and movement follow (``estimating.py``);
4. values that are on time and in order become the person's current ones (``people.py``);
5. estimates that are due are made, before anything they look at moves (``estimating.py``);
6. the baselines of the device move; where an hour begins, they are recorded before that (``channels.py``);
7. values of a whole day, and HRV given by devices, are kept by day (``people.py``, ``day_slots.py``);
8. the rules that name a fresh value are judged (``triggers.py``), and onsets become firings (``firings.py``).

A value is late if it arrives more than 10 minutes after its time; a measure of a whole day is on time as
long as that local day lasts. It is out of order if its device has given a later one of that measure. Late
values move baselines and count for their day; values out of order count for their day; neither does more.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from sys import intern
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.bodies import Bodies
from adaptation.channels import (
    SLOT_US,
    SLOTS,
    TRACKED_INDEX,
    Arrived,
    arrange_values,
    move_streams,
    record_new_hours,
    weigh_streams,
)
from adaptation.columns import Cells, Table
from adaptation.estimating import (
    Device,
    Observed,
    device_of,
    estimate_rows,
    move_energy,
    note_given,
    observe,
    wear_rows,
)
from adaptation.firings import ReadingAt, reading_event
from adaptation.pending import Field, Rows
from adaptation.people import DAY_COLUMNS, Seen
from adaptation.physiology.stillness import Movement
from adaptation.sleep_ring import keep_nights
from adaptation.streams import ESTIMATES, STREAM_LAYOUT, WINDOWS
from adaptation.tracked import ReadingEvent, TrackedEvent
from adaptation.triggers import Onset, Triggers
from adaptation.window_values import WindowValues
from adaptation.zones import DAY_US, ZoneNames, stretch_at
from schemas.records import FeatureRow, HrvDay

LATE_AFTER: Final = timedelta(minutes=10)
"""A value that arrives later than this after its time is history: it sets nothing off."""

BODY_MEASURES: Final = ("heart_rate_bpm", "hrv_rmssd_ms", "hrv_sdnn_ms", "stress_level")
"""What a sensor that does not touch the skin cannot measure: such values go to the history only."""

_LATE_AFTER_US: Final = LATE_AFTER // MICROSECOND
_UINT64: Final = 2**64


class Tracker:
    """The people of one partition and their devices: two tables, and the row of each id in them."""

    def __init__(
        self, triggers: Triggers, zones: ZoneNames, people: Table, streams: Table, *, window: timedelta
    ) -> None:
        self.triggers = triggers
        self.zones = zones
        self.people = people
        self.streams = streams
        self.users: list[str] = []
        """User id of each row of ``people``."""
        self.devices: list[tuple[str, str]] = []
        """User and device id of each row of ``streams``."""
        self._person_rows: dict[str, int] = {}
        self._stream_rows: dict[tuple[str, str], int] = {}
        self.bodies = Bodies(window, people=people, streams=streams, devices=self.devices, zones=zones)
        columns = triggers.layout.columns
        zone = columns("zone")
        self._zone, self._offset, self._from, self._until = range(zone.start, zone.stop)
        self._movement, self._given = columns("movement_us"), columns("given_us")
        self._sleep_day, self._nights = columns("sleep_day"), columns("sleep_minutes")

    @classmethod
    def empty(cls, triggers: Triggers, zones: ZoneNames, *, window: timedelta) -> "Tracker":
        """Return a tracker that knows nobody; ``window`` is the length of a window of beats."""
        return cls(triggers, zones, Table(triggers.layout), Table(STREAM_LAYOUT), window=window)

    def name_rows(self, users: Sequence[str], devices: Sequence[tuple[str, str]]) -> None:
        """Name the rows of tables that were resumed, which are looked at with fresh eyes for their zones."""
        self.users[:], self.devices[:] = users, devices
        self._person_rows = {user: row for row, user in enumerate(users)}
        self._stream_rows = {device: row for row, device in enumerate(devices)}
        self.people.view().ints[:, [self._offset, self._from, self._until]] = 0
        weigh_streams(self.streams.view())

    def rows_of_people(self, users: Sequence[str]) -> list[int]:
        """Return the row of each person; those not seen before get one."""
        rows = list(map(self._person_rows.get, users))
        if None not in rows:
            return rows  # type: ignore[return-value]  # just checked
        for user in users:
            if user not in self._person_rows:
                self._person_rows[user] = self.people.add_row()
                self.users.append(user)
        return [self._person_rows[user] for user in users]

    def rows_of_devices(self, users: Sequence[str], devices: Sequence[str]) -> list[int]:
        """Return the row of each person's device; those not seen before get one."""
        rows = list(map(self._stream_rows.get, zip(users, devices, strict=True)))
        if None not in rows:
            return rows  # type: ignore[return-value]  # just checked
        for user, device in zip(users, devices, strict=True):
            if (user, device) not in self._stream_rows:
                # Many people call their device the same; one string serves them all.
                key = (self.users[self._person_rows[user]], intern(device))
                self._stream_rows[key] = self.streams.add_row()
                self.devices.append(key)
        return [self._stream_rows[key] for key in zip(users, devices, strict=True)]

    def zone_of(self, person: int) -> str:
        """Return the zone of the person in this row."""
        return self.zones[int(self.people.view().ints[person, self._zone])]

    def set_zone(self, person: int, zone: str) -> None:
        """Let the person in this row live in ``zone`` from now on."""
        row = self.people.view().ints[person]
        row[[self._zone, self._offset, self._from, self._until]] = (self.zones.number_of(zone), 0, 0, 0)

    def apply(self, rows: Rows) -> list[TrackedEvent]:
        """Apply one reading of each of n people, and return what they set off."""
        begun = self.bodies.begin_round(rows)
        people, streams = self.people.take(rows[Field.PERSON]), self.streams.take(rows[Field.STREAM])
        time_us = rows[Field.TIME_US]
        late = rows[Field.ARRIVAL_US] - time_us > _LATE_AFTER_US
        offset_us = self._offsets(people, time_us)
        day, slot = np.divmod((time_us + offset_us) // SLOT_US, len(SLOTS))
        device, movement = device_of(streams, ESTIMATES), Movement(people.ints[:, self._movement])
        observed = observe(device, movement, streams, rows, late)
        rows = rows.without(BODY_MEASURES, observed.lost)
        quiet = observed.stillness.quiet & observed.step.moved
        arrived = arrange_values(streams, rows.values, time_us, slot, quiet)
        fresh = self._fresh(rows, arrived, day, late, people)
        events: list[TrackedEvent] = [*begun.records]
        events += record_new_hours(streams, arrived, rows[Field.STREAM], self.devices)
        seen = Seen(
            self.triggers.layout,
            people,
            time_us=time_us,
            day=day,
            values=rows.values,
            usual=self.triggers.usual,
        )
        is_any_fresh = fresh.any()  # in a backlog of old readings none is
        if is_any_fresh:
            seen.take_current(fresh, streams)
        note_given(people.ints[:, self._given], rows)
        events += self._estimates(device, observed, streams, people, rows)
        move_streams(streams, arrived)
        seen.take_days()
        self._keep_nights(people, rows, day)
        self.bodies.take_given(rows, streams, arrived.in_order, observed.stillness)
        onsets = self.triggers.judge(seen, fresh, rows[Field.ARRIVAL_US]) if is_any_fresh else []
        self.people.put(rows[Field.PERSON], people)
        self.streams.put(rows[Field.STREAM], streams)
        return events + self._reading_events(rows, onsets, begun.changed)

    def finish(self) -> list[FeatureRow]:
        """Return the windows that still waited to be judged; to be called after the last of some rounds."""
        return self.bodies.judge_waiting()

    def _estimates(
        self, device: Device, observed: Observed, streams: Cells, people: Cells, rows: Rows
    ) -> Sequence[TrackedEvent]:
        """Let energy go on, and return the estimates that are due and what changed in wear."""
        if not observed.step.moved.any() and observed.changes is None:
            return []
        time_us = rows[Field.TIME_US]
        move_energy(device, observed, streams, time_us)
        devices = [self.devices[stream] for stream in rows[Field.STREAM].tolist()]
        changes = wear_rows(observed.changes, devices) if observed.changes is not None else []
        if not observed.due.any():
            return changes
        windows = WindowValues(streams, WINDOWS).resting()
        estimates = estimate_rows(
            device,
            observed,
            streams,
            windows=windows,
            given_us=people.ints[:, self._given],
            time_us=time_us,
            devices=devices,
        )
        return [*changes, *estimates]

    def _keep_nights(self, people: Cells, rows: Rows, day: NDArray[np.int64]) -> None:
        minutes = rows.values[:, TRACKED_INDEX["sleep_minutes"]]
        if (minutes == minutes).any():  # noqa: PLR0124  # false for NaN
            keep_nights(people, self._sleep_day, self._nights, day=day, minutes=minutes)

    def _offsets(self, people: Cells, time_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) offsets from UTC, µs; looked up anew only where the cached one does not hold."""
        ints = people.ints
        outside = (time_us < ints[:, self._from]) | (time_us >= ints[:, self._until])
        (rows,) = outside.nonzero()
        if len(rows):
            found = self.zones.stretches_at(ints[rows, self._zone], time_us[rows])
            ints[rows[:, np.newaxis], [self._offset, self._from, self._until]] = found
        offsets: NDArray[np.int64] = ints[:, self._offset]
        return offsets

    def _fresh(
        self,
        rows: Rows,
        arrived: Arrived,
        day: NDArray[np.int64],
        late: NDArray[np.bool_],
        people: Cells,
    ) -> NDArray[np.bool_]:
        """Return (n, 9) where a value is on time and in order."""
        if not late.any():
            return arrived.in_order
        fresh = arrived.in_order & ~late[:, np.newaxis]
        late_days = arrived.in_order[:, DAY_COLUMNS] & late[:, np.newaxis]
        for row in np.logical_or.reduce(late_days, axis=1).nonzero()[0].tolist():
            arrival_us = int(rows[Field.ARRIVAL_US][row])
            zone = self.zones[int(people.ints[row, self._zone])]
            if (arrival_us + stretch_at(zone, arrival_us).offset_us) // DAY_US == day[row]:
                fresh[row, DAY_COLUMNS] = late_days[row]
        return fresh

    def _reading_events(
        self, rows: Rows, onsets: Sequence[Onset], changed: Mapping[int, HrvDay]
    ) -> list[ReadingEvent]:
        by_row: dict[int, list[Onset]] = {row: [] for row in changed}
        for onset in onsets:
            by_row.setdefault(onset.row, []).append(onset)
        return [
            reading_event(
                self._reading(rows, row),
                together,
                changed.get(row),
                time_zone=self.zone_of(int(rows[Field.PERSON][row])),
            )
            for row, together in by_row.items()
        ]

    def _reading(self, rows: Rows, row: int) -> ReadingAt:
        user, device = self.devices[int(rows[Field.STREAM][row])]
        return ReadingAt(
            user_id=user,
            device_id=device,
            time_us=int(rows[Field.TIME_US][row]),
            arrival_us=int(rows[Field.ARRIVAL_US][row]),
            seq=int(rows[Field.SEQ][row]),
            digest=int(rows[Field.DIGEST][row]) % _UINT64,
            flags=int(rows[Field.FLAGS][row]),
            position=rows.position(row),
        )
