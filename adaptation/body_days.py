"""The days of a shard's devices: slots that are open, rings of those that are over, and what begins with one.

A value counts for the open slot of its day (``day_slots.py``). A slot that is over becomes a day in its ring
(``hrv_rings.py``), is judged among the days before it, and begins the next day's energy and readiness
(``day_verdicts.py``).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from adaptation.body_values import KnownDay
from adaptation.columns import NO_DAY, Table
from adaptation.day_slots import ASLEEP, HRV_MEASURES, MORNING, ClosedDay, DayValue, OpenDays, SlotKey
from adaptation.day_verdicts import begin_days, hrv_days, known_days
from adaptation.estimate_rows import readiness_rows
from adaptation.estimating import device_of, is_given
from adaptation.hrv_rings import HrvRings, JudgedDays
from adaptation.pending import Field, Rows
from adaptation.physiology.normal_range import PROVISIONAL_DAYS
from adaptation.sleep_ring import nights_before
from adaptation.streams import CLOSES, ESTIMATES
from adaptation.zones import DAY_US, ZoneNames
from schemas.readings import moment_of
from schemas.records import EstimateRow, HrvDay, HrvDayRow

COMPUTED: Final = HRV_MEASURES.index("rmssd_ms")
"""RMSSD that is computed here, among the measures of days."""
_DEVICE: Final = HRV_MEASURES.index("hrv_rmssd_ms")


class DayOver(NamedTuple):
    """A day's slot that is over, and the reading that told so."""

    day: ClosedDay
    person: int
    time_us: int
    row: int
    """Of the reading in its round; -1 for the reading of a round before."""


class Readiness(NamedTuple):
    """Readiness that a day begins with, estimated at a reading of this round."""

    row: int
    """Of the reading."""
    level: float
    confidence: float


class Begun(NamedTuple):
    """What days that are over bring to light."""

    records: list[HrvDayRow | EstimateRow]
    changed: dict[int, HrvDay]
    """Row of the reading → the day whose status changed with it, if it is still going on. Of several the one
    that says most: RMSSD computed here before values of the device, nights before mornings."""
    known: list[KnownDay]
    """The days that are still going on."""
    readiness: list[Readiness]


class BodyDays:
    """The open slots and the rings of one shard.

    Args:
        people: the people's table; read, never written.
        streams: the devices' table.
        devices: user and device id of each row of ``streams``; grows with it.
        zones: of the people.
    """

    def __init__(
        self, *, people: Table, streams: Table, devices: Sequence[tuple[str, str]], zones: ZoneNames
    ) -> None:
        self.open_days = OpenDays()
        self.rings = HrvRings()
        self._people = people
        self._streams = streams
        self._devices = devices
        self._zones = zones
        self._over: list[DayOver] = []
        self._over_days: dict[SlotKey, int] = {}
        """The last day of each series in ``_over``."""
        columns = people.layout.columns
        self._zone = columns("zone").start
        self._sleep_day, self._nights = columns("sleep_day"), columns("sleep_minutes")
        self._readiness_us = people.layout.names.index("given_us.readiness_score")

    def add(self, stream: int, measure: int, value: DayValue) -> int:
        """Let a value count for its slot; return when the first of the device's slots is over, µs."""
        key = SlotKey(stream, measure, ASLEEP if value.asleep else MORNING)
        last_day = max(self.rings.last_day(key), self._over_days.get(key, NO_DAY))
        self.open_days.add(key, value, last_day=last_day)
        return self.open_days.closes_us(stream)

    def end(self, stream: int, upto_us: int, *, person: int, time_us: int, row: int) -> None:
        """Close the device's slots that are over by ``upto_us``; the rest is kept with them."""
        for day in self._closed(stream, upto_us):
            self._over.append(DayOver(day, person, time_us, row))
            self._over_days[day.key] = day.day

    def close(self, rows: Rows) -> None:
        """Close the slots that are over by the readings of a round."""
        cells = self._streams.view().ints
        streams, times_us = rows[Field.STREAM], rows[Field.TIME_US]
        for row in (times_us >= cells[streams, CLOSES]).nonzero()[0].tolist():
            stream, time_us = int(streams[row]), int(times_us[row])
            self.end(stream, time_us, person=int(rows[Field.PERSON][row]), time_us=time_us, row=row)
            cells[stream, CLOSES] = self.open_days.closes_us(stream)

    def judge(self, rows: Rows) -> Begun:
        """Judge the days that are over, and begin the next; ``rows`` are the readings of the round."""
        begun = Begun([], {}, [], [])
        over, self._over = self._over, []
        self._over_days.clear()
        # A series that went silent for long may bring two days at once: each is judged after the one before.
        while over:
            first: dict[SlotKey, DayOver] = {}
            later = [one for one in over if first.setdefault(one.day.key, one) is not one]
            together, over = list(first.values()), later
            self._judge_together(rows, together, begun)
        return begun

    def _judge_together(self, rows: Rows, together: Sequence[DayOver], begun: Begun) -> None:
        """Judge days of different series; add to ``begun`` what they bring to light."""
        closed = [one.day for one in together]
        judged = self.rings.judge(closed)
        days = hrv_days(closed, judged.verdicts, [self._devices[one.key.stream][1] for one in closed])
        readings = [one.row if one.row >= 0 and self._is_today(rows, one) else -1 for one in together]
        for number, (one, day) in enumerate(zip(together, days, strict=True)):
            user_id = self._devices[one.day.key.stream][0]
            begun.records.append(HrvDayRow(time=moment_of(one.time_us), user_id=user_id, **dict(day)))
            if judged.changed[number] and readings[number] >= 0:
                begun.changed.setdefault(one.row, day)
        ranks = [self._rank(one) for one in closed]
        begun.known.extend(known_days(closed, judged, ranks, readings, [one.time_us for one in together]))
        self._start_days(together, judged, begun)

    def _rank(self, day: ClosedDay) -> int:
        """Return how much a day says of its person: 0 most."""
        of_measure = 0 if self._counts(day) else 2 if day.key.measure in (COMPUTED, _DEVICE) else 4
        return of_measure + (day.key.slot != ASLEEP)

    def _closed(self, stream: int, time_us: int) -> list[ClosedDay]:
        """Return the days of a device that are over by a time; no mornings of days whose night is known."""
        days = list(self.open_days.close(stream, time_us))
        nights = {(day.key.measure, day.day) for day in days if day.key.slot == ASLEEP}
        return [
            day
            for day in days
            if day.key.slot == ASLEEP
            or not ((day.key.measure, day.day) in nights or self._has_night(day.key, day.day))
        ]

    def _has_night(self, morning: SlotKey, day: int) -> bool:
        night = morning._replace(slot=ASLEEP)
        known = (self._over_days.get(night), self.rings.last_day(night))
        return day in known or self.open_days.is_open(night, day)

    def _is_today(self, rows: Rows, over: DayOver) -> bool:
        """Tell whether the day that was closed is still going on when the reading arrives."""
        arrival_us = rows[Field.ARRIVAL_US][over.row : over.row + 1]
        zone = self._people.view().ints[over.person : over.person + 1, self._zone]
        ((offset_us, _, _),) = self._zones.stretches_at(zone, arrival_us).tolist()
        return bool((int(arrival_us[0]) + offset_us) // DAY_US == over.day.day)

    def _start_days(self, over: Sequence[DayOver], judged: JudgedDays, begun: Begun) -> None:
        """Begin the day's energy of devices with RMSSD; add readiness where no device gives it."""
        counts = [row for row, one in enumerate(over) if self._counts(one.day)]
        if not counts:
            return
        chosen = [over[row] for row in counts]
        days = np.array([one.day.day for one in chosen])
        time_us = np.array([one.time_us for one in chosen])
        people = self._people.view().floats[[one.person for one in chosen]]
        nights = nights_before(people, self._sleep_day, self._nights, days)
        morning = begin_days([one.day for one in chosen], judged.pick(counts), nights)
        given = is_given(people.view(np.int64)[:, [self._readiness_us]], time_us)[:, 0]
        level, confidence = morning.readiness
        level[given] = np.nan
        streams = np.array([one.day.key.stream for one in chosen])
        cells = self._streams.take(streams)
        device_of(cells, ESTIMATES).energy.start(morning.energy, time_us, days)
        self._streams.put(streams, cells)
        begun.records.extend(
            readiness_rows(morning.readiness, time_us, [self._devices[stream] for stream in streams])
        )
        begun.readiness.extend(
            Readiness(chosen[row].row, float(level[row]), float(confidence[row]))
            for row in (~np.isnan(level)).nonzero()[0].tolist()
            if chosen[row].row >= 0
        )

    def _counts(self, day: ClosedDay) -> bool:
        """Tell whether a day of RMSSD is the one to go by: computed here, once that has a normal range."""
        if day.key.measure not in (COMPUTED, _DEVICE):
            return False
        is_computed_known = self._days_known(day.key.stream, COMPUTED) >= PROVISIONAL_DAYS
        if day.key.measure == _DEVICE:
            return not is_computed_known
        return is_computed_known or not self._days_known(day.key.stream, _DEVICE)

    def _days_known(self, stream: int, measure: int) -> int:
        return max(self.rings.days_known(SlotKey(stream, measure, slot)) for slot in (ASLEEP, MORNING))
