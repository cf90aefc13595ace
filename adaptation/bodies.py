"""From a shard's beats to windows, daily values and verdicts on them: one chain a device.

A reading's beats go to the device's buffers (``beat_buffers.py``). Windows that are over wait until many can
be judged at once, at the latest until a later reading of their device could see the difference: one that is
due for an estimate, or one at which a slot of the day may be over. So when they are judged changes no result.
An accepted window counts for the open slot of its day (``day_slots.py``); a slot that is over becomes a day
in its ring (``hrv_rings.py``), with which the day begins (``day_verdicts.py``).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.beat_buffers import BeatBuffers, BeatMessages, ClosedWindow, series_of
from adaptation.channels import TRACKED_INDEX
from adaptation.columns import NO_DAY, Cells, Table
from adaptation.day_slots import (
    ASLEEP,
    HRV_MEASURES,
    MORNING,
    SLOT_REST,
    ClosedDay,
    DayValue,
    OpenDays,
    SlotKey,
)
from adaptation.day_verdicts import begin_days, hrv_days
from adaptation.estimating import GIVEN_HOLDS, device_of, has_contact, is_estimate_due, readiness_rows
from adaptation.hrv_rings import HrvRings, JudgedDays
from adaptation.pending import Field, Rows
from adaptation.physiology.normal_range import PROVISIONAL_DAYS
from adaptation.physiology.stillness import Stillness, stillness_at
from adaptation.physiology.wear import WITHOUT_CONTACT
from adaptation.physiology.windows import COVERAGE_GOOD_MIN, Quality, Windows, judge_windows
from adaptation.sleep_ring import nights_before
from adaptation.streams import BEATS, CLOSES, ESTIMATES, HEART_RATE_US, WEAR, WINDOWS
from adaptation.window_rows import feature_rows
from adaptation.window_values import WindowValues
from adaptation.zones import DAY_US, ZoneNames
from schemas.frames import CONTACT_GIVEN
from schemas.readings import moment_of
from schemas.records import EstimateRow, FeatureRow, HrvDay, HrvDayRow

BodyRecord = FeatureRow | HrvDayRow | EstimateRow

_COMPUTED: Final = HRV_MEASURES.index("rmssd_ms")
_GIVEN: Final = {HRV_MEASURES.index(name): TRACKED_INDEX[name] for name in ("hrv_rmssd_ms", "hrv_sdnn_ms")}
"""Measures of days that devices give, and where they stand among the tracked ones."""
_DEVICE: Final = HRV_MEASURES.index("hrv_rmssd_ms")
_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]
_SLOT_REST_US: Final = SLOT_REST // MICROSECOND


class WaitingWindow(NamedTuple):
    """A window that is over and not judged yet, with what its person was doing at its end."""

    window: ClosedWindow
    person: int
    asleep: bool
    quiet: bool
    zone: str
    """Of the person."""


class DayOver(NamedTuple):
    """A day's slot that is over, and the reading that told so."""

    day: ClosedDay
    person: int
    time_us: int
    row: int
    """Of the reading in its round; -1 for the reading of a round before."""


class Begun(NamedTuple):
    """What the beginning of a round brought to light."""

    records: list[BodyRecord]
    changed: dict[int, HrvDay]
    """Row of the reading → the day whose status changed with it, if it is still going on. Of several the one
    that says most: RMSSD computed here before values of the device, nights before mornings."""


class Bodies:
    """The beats, open days and rings of one shard.

    Args:
        window: length of a window.
        people: the people's table; read, never written.
        streams: the devices' table.
        devices: user and device id of each row of ``streams``; grows with it.
        zones: of the people.
    """

    def __init__(
        self,
        window: timedelta,
        *,
        people: Table,
        streams: Table,
        devices: Sequence[tuple[str, str]],
        zones: ZoneNames,
    ) -> None:
        self.beats = BeatBuffers(window)
        self.open_days = OpenDays()
        self.rings = HrvRings()
        self._people = people
        self._streams = streams
        self._devices = devices
        self._zones = zones
        self._waiting: list[WaitingWindow] = []
        self._waits_since_us: dict[int, int] = {}
        """Row of a device → end of the first of its windows that wait."""
        self._over: list[DayOver] = []
        self._over_days: dict[SlotKey, int] = {}
        """The last day of each series in ``_over``."""
        columns = people.layout.columns
        self._movement, self._zone = columns("movement_us"), columns("zone").start
        self._sleep_day, self._nights = columns("sleep_day"), columns("sleep_minutes")
        self._readiness_us = columns("value_us").start + TRACKED_INDEX["readiness_score"]

    @property
    def has_waiting(self) -> bool:
        """Whether windows wait to be judged."""
        return bool(self._waiting)

    def begin_round(self, rows: Rows) -> Begun:
        """Take the beats of a round, one reading of each of n people, and close the days that are over by it.

        To be called before anything else of the round changes the tables.
        """
        self._take_beats(rows)
        records: list[BodyRecord] = list(self.judge_waiting(rows)) if self._must_judge(rows) else []
        self._close_days(rows)
        if not self._over:
            return Begun(records, {})
        over, self._over = self._over, []
        self._over_days.clear()
        return self._begin_days(rows, over, records)

    def judge_waiting(self, rows: Rows | None = None) -> list[FeatureRow]:
        """Judge the windows that wait, and return them; ``rows`` are the readings of a round that begins."""
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        self._waits_since_us.clear()
        beats = series_of([one.window for one in waiting])
        windows = judge_windows(beats, length_s=self.beats.window_s)
        self._count_windows(windows, waiting, rows)
        devices = [self._devices[one.window.stream] for one in waiting]
        end_us = [one.window.end_us for one in waiting]
        return feature_rows(windows, devices, end_us, beats.counts.tolist(), window_s=self.beats.window_s)

    def take_given(
        self,
        rows: Rows,
        streams: Cells,
        in_order: NDArray[np.bool_],
        stillness: Stillness,
    ) -> None:
        """Let the HRV that devices give count for the slots of its day.

        Args:
            rows: the readings.
            streams: the devices' rows, changed in place.
            in_order: (n, 9) values that are not older than the device's last of that measure.
            stillness: of the people.
        """
        closes_us = WindowValues(streams, WINDOWS).closes_us
        zones = self._people.view().ints[rows[Field.PERSON], self._zone]
        for measure, column in _GIVEN.items():
            for row in in_order[:, column].nonzero()[0].tolist():
                value = DayValue(
                    time_us=int(rows[Field.TIME_US][row]),
                    zone=self._zones[int(zones[row])],
                    asleep=bool(stillness.asleep[row]),
                    quiet=bool(stillness.quiet[row]),
                    ln_value=float(np.log(rows.values[row, column])),
                    heart_rate_bpm=float(rows.values[row, _HEART_RATE]),
                )
                stream = int(rows[Field.STREAM][row])
                self._add(stream, measure, value)
                closes_us[row] = self.open_days.closes_us(stream)

    def _take_beats(self, rows: Rows) -> None:
        """Keep the beats of the readings; windows that are over by them wait."""
        cells = self._streams.view().ints
        counts, flags, streams = rows[Field.RR_COUNT], rows[Field.FLAGS], rows[Field.STREAM]
        gives = counts > 0
        if gives.any():
            told = (cells[streams, WEAR] != WITHOUT_CONTACT) | (flags & CONTACT_GIVEN > 0)
            gives &= has_contact(flags) & told
            given = rows.pick(gives.nonzero()[0])
            messages = BeatMessages(
                streams=given[Field.STREAM],
                end_us=given[Field.TIME_US],
                length_us=given[Field.RR_US],
                starts=given[Field.RR_START],
                counts=given[Field.RR_COUNT],
                flags=given[Field.FLAGS],
                beats=given.beats,
            )
            known = cells[messages.streams, BEATS]
            closed = self.beats.take(known, messages)
            cells[messages.streams, BEATS] = known
            self._wait(closed, given)
        if self.beats.has_any:
            others = rows.pick((~gives).nonzero()[0])
            known = cells[others[Field.STREAM], BEATS]
            closed = self.beats.close_silent(known, others[Field.STREAM], others[Field.TIME_US])
            cells[others[Field.STREAM], BEATS] = known
            self._wait(closed, others)

    def _wait(self, closed: Sequence[ClosedWindow], rows: Rows) -> None:
        """Let windows wait that are over by the readings ``rows``."""
        if not closed:
            return
        persons = dict(zip(rows[Field.STREAM].tolist(), rows[Field.PERSON].tolist(), strict=True))
        people = np.array([persons[window.stream] for window in closed])
        end_us = np.array([window.end_us for window in closed])
        cells = self._people.view().ints
        stillness = stillness_at(cells[people, self._movement], end_us)
        zones = cells[people, self._zone].tolist()
        told = zip(closed, people.tolist(), stillness.asleep, stillness.quiet, zones, strict=True)
        for window, person, asleep, quiet, zone in told:
            waiting = WaitingWindow(window, person, bool(asleep), bool(quiet), self._zones[zone])
            self._waiting.append(waiting)
            self._waits_since_us.setdefault(window.stream, window.end_us)

    def _must_judge(self, rows: Rows) -> bool:
        """Tell whether a reading of a device whose windows wait could see what they change."""
        if not self._waiting:
            return False
        streams = rows[Field.STREAM]
        (waits,) = np.isin(streams, list(self._waits_since_us)).nonzero()
        if not len(waits):
            return False
        streams, time_us = streams[waits], rows[Field.TIME_US][waits]
        cells = self._streams.view().ints[streams]
        since_us = np.array([self._waits_since_us[stream] for stream in streams.tolist()])
        must = (time_us >= cells[:, CLOSES]) | (time_us - since_us >= _SLOT_REST_US)
        must |= is_estimate_due(rows.values[waits, _HEART_RATE], time_us, cells[:, HEART_RATE_US])
        return bool(must.any())

    def _count_windows(self, windows: Windows, waiting: Sequence[WaitingWindow], rows: Rows | None) -> None:
        """Let accepted windows count for their day, and good ones at rest for stress, in their order."""
        readings = (
            {} if rows is None else {stream: row for row, stream in enumerate(rows[Field.STREAM].tolist())}
        )
        ln_rmssd = windows.measures.ln_rmssd
        accepted = (windows.quality != Quality.REJECTED) & ~np.isnan(ln_rmssd)
        good = (windows.quality == Quality.GOOD) & (windows.coverage >= COVERAGE_GOOD_MIN)
        for row in accepted.nonzero()[0].tolist():
            one = waiting[row]
            if not (one.asleep or one.quiet):
                continue
            stream, end_us = one.window.stream, one.window.end_us
            for day in self._closed_days(stream, end_us):
                row_over = readings.get(stream, -1)
                time_us = end_us if rows is None or row_over < 0 else int(rows[Field.TIME_US][row_over])
                self._end(DayOver(day, one.person, time_us, row_over))
            value = DayValue(
                time_us=end_us,
                zone=one.zone,
                asleep=one.asleep,
                quiet=one.quiet,
                ln_value=float(ln_rmssd[row]),
                heart_rate_bpm=float(windows.measures.mean_heart_rate_bpm[row]),
            )
            self._add(stream, _COMPUTED, value)
            cells = self._streams.take(np.array([stream]))
            kept = WindowValues(cells, WINDOWS)
            kept.closes_us[0] = self.open_days.closes_us(stream)
            if good[row] and one.quiet:
                kept.move(ln_rmssd[row : row + 1], np.array([end_us]))
            self._streams.put(np.array([stream]), cells)

    def _add(self, stream: int, measure: int, value: DayValue) -> None:
        key = SlotKey(stream, measure, ASLEEP if value.asleep else MORNING)
        last_day = max(self.rings.last_day(key), self._over_days.get(key, NO_DAY))
        self.open_days.add(key, value, last_day=last_day)

    def _end(self, over: DayOver) -> None:
        self._over.append(over)
        self._over_days[over.day.key] = over.day.day

    def _close_days(self, rows: Rows) -> None:
        """Close the slots that are over by the readings."""
        cells = self._streams.view().ints
        streams, time_us = rows[Field.STREAM], rows[Field.TIME_US]
        for row in (time_us >= cells[streams, CLOSES]).nonzero()[0].tolist():
            stream = int(streams[row])
            for day in self._closed_days(stream, int(time_us[row])):
                self._end(DayOver(day, int(rows[Field.PERSON][row]), int(time_us[row]), row))
            cells[stream, CLOSES] = self.open_days.closes_us(stream)

    def _closed_days(self, stream: int, time_us: int) -> list[ClosedDay]:
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

    def _begin_days(self, rows: Rows, over: Sequence[DayOver], records: list[BodyRecord]) -> Begun:
        """Judge days that are over: records of them and of the readiness with which the next begins."""
        changed: dict[int, HrvDay] = {}
        # A series that went silent for long may bring two days at once: each is judged after the one before.
        while over:
            first: dict[SlotKey, DayOver] = {}
            later = [one for one in over if first.setdefault(one.day.key, one) is not one]
            together, over = list(first.values()), later
            closed = [one.day for one in together]
            judged = self.rings.judge(closed)
            days = hrv_days(closed, judged.verdicts, [self._devices[one.key.stream][1] for one in closed])
            for number, (one, day) in enumerate(zip(together, days, strict=True)):
                user_id = self._devices[one.day.key.stream][0]
                records.append(HrvDayRow(time=moment_of(one.time_us), user_id=user_id, **dict(day)))
                if judged.changed[number] and one.row >= 0 and self._is_today(rows, one):
                    changed.setdefault(one.row, day)
            records += self._start_days(together, judged)
        return Begun(records, changed)

    def _is_today(self, rows: Rows, over: DayOver) -> bool:
        """Tell whether the day that was closed is still going on when the reading arrives."""
        arrival_us = rows[Field.ARRIVAL_US][over.row : over.row + 1]
        zone = self._people.view().ints[over.person : over.person + 1, self._zone]
        (stretch,) = self._zones.stretches_at(zone, arrival_us)
        return bool((int(arrival_us[0]) + stretch.offset_us) // DAY_US == over.day.day)

    def _start_days(self, over: Sequence[DayOver], judged: JudgedDays) -> list[EstimateRow]:
        """Begin the day's energy of devices with RMSSD; return readiness where no device gives it."""
        counts = [row for row, one in enumerate(over) if self._counts(one.day)]
        if not counts:
            return []
        chosen = [over[row] for row in counts]
        days = np.array([one.day.day for one in chosen])
        time_us = np.array([one.time_us for one in chosen])
        people = self._people.view().floats[[one.person for one in chosen]]
        nights = nights_before(people, self._sleep_day, self._nights, days)
        morning = begin_days([one.day for one in chosen], judged.pick(counts), nights)
        given = time_us - people.view(np.int64)[:, self._readiness_us] < GIVEN_HOLDS // MICROSECOND
        morning.readiness.level[given] = np.nan
        streams = np.array([one.day.key.stream for one in chosen])
        cells = self._streams.take(streams)
        device_of(cells, ESTIMATES).energy.start(morning.energy, time_us, days)
        self._streams.put(streams, cells)
        return readiness_rows(morning.readiness, time_us, [self._devices[stream] for stream in streams])

    def _counts(self, day: ClosedDay) -> bool:
        """Tell whether a day of RMSSD is the one to go by: computed here, once that has a normal range."""
        if day.key.measure not in (_COMPUTED, _DEVICE):
            return False
        is_computed_known = self._days_known(day.key.stream, _COMPUTED) >= PROVISIONAL_DAYS
        if day.key.measure == _DEVICE:
            return not is_computed_known
        return is_computed_known or not self._days_known(day.key.stream, _DEVICE)

    def _days_known(self, stream: int, measure: int) -> int:
        return max(self.rings.days_known(SlotKey(stream, measure, slot)) for slot in (ASLEEP, MORNING))
