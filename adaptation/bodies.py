"""From a shard's beats to windows, daily values and verdicts on them: one chain a device.

A reading's beats go to the device's buffers (``beat_buffers.py``). Windows that are over wait until many can
be judged at once, at the latest until a later reading of their device could see the difference: one that is
due for an estimate, or one at which a slot of the day may be over. So when they are judged changes no result.
An accepted window counts for its day (``body_days.py``).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.beat_buffers import BeatBuffers, BeatMessages, ClosedWindow, series_of
from adaptation.body_days import COMPUTED, Begun, BodyDays
from adaptation.channels import TRACKED_INDEX
from adaptation.columns import Cells, Table
from adaptation.current_values import WINDOW_VALUE
from adaptation.day_slots import HRV_MEASURES, SLOT_REST, DayValue
from adaptation.estimating import ESTIMATE_EVERY, has_contact, is_estimate_due
from adaptation.gates import LATE_AFTER_US
from adaptation.pending import Field, Rows
from adaptation.physiology.stillness import Stillness, stillness_at
from adaptation.physiology.wear import WITHOUT_CONTACT
from adaptation.physiology.windows import COVERAGE_GOOD_MIN, Quality, Windows, judge_windows
from adaptation.streams import BEATS, CLOSES, HEART_RATE_US, WEAR, WINDOWS
from adaptation.window_rows import feature_rows
from adaptation.window_values import WindowValues
from adaptation.zones import ZoneNames
from schemas.frames import CONTACT_GIVEN
from schemas.records import FeatureRow

_GIVEN: Final = {HRV_MEASURES.index(name): TRACKED_INDEX[name] for name in ("hrv_rmssd_ms", "hrv_sdnn_ms")}
"""Measures of days that devices give, and where they stand among the tracked ones."""
HRV_COLUMNS: Final = tuple(_GIVEN.values())
_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]
_SLOT_REST_US: Final = SLOT_REST // MICROSECOND
_NEWS_EVERY_US: Final = ESTIMATE_EVERY // MICROSECOND
_NOBODY: Final = -1


class WaitingWindow(NamedTuple):
    """A window that is over and not judged yet, with what its person was doing at its end."""

    window: ClosedWindow
    person: int
    asleep: bool
    quiet: bool
    zone: str
    """Of the person."""
    row: int
    """Of the reading in this round to which the window is news; -1: to none."""


class KnownWindow(NamedTuple):
    """An accepted window that ended while the person was awake and still, and is news at a reading."""

    row: int
    """Of the reading in its round."""
    end_us: int
    rmssd_ms: float
    is_low: bool
    """It is of low quality."""


class BegunRound(NamedTuple):
    """What is brought to light before anything else of a round."""

    days: Begun
    windows: list[KnownWindow]
    """At most one a reading."""
    features: list[FeatureRow]


class Bodies:
    """The beats, windows and days of one shard.

    Args:
        window: length of a window.
        people: the people's table; read, never written.
        streams: the devices' table.
        devices: user and device id of each row of ``streams``; grows with it.
        zones: of the people.

    Where a rule names ``rmssd_ms``, a window becomes a current value at the reading by which it is over, if
    that comes on time and the one before is five minutes older. Then the windows that wait are judged at
    once, so that it is the same reading however many are judged together.
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
        self.days = BodyDays(people=people, streams=streams, devices=devices, zones=zones)
        self._people = people
        self._streams = streams
        self._devices = devices
        self._zones = zones
        self._waiting: list[WaitingWindow] = []
        self._waits_since_us: dict[int, int] = {}
        """Row of a device → end of the first of its windows that wait."""
        columns = people.layout.columns
        self._movement, self._zone = columns("movement_us"), columns("zone").start
        name = f"value_us.{WINDOW_VALUE}"
        self._news_us = people.layout.names.index(name) if name in people.layout.names else _NOBODY
        self._news: list[KnownWindow] = []

    @property
    def has_waiting(self) -> bool:
        """Whether windows wait to be judged."""
        return bool(self._waiting)

    def begin_round(self, rows: Rows) -> BegunRound:
        """Take the beats of a round, one reading of each of n people, and close the days that are over by it.

        To be called before anything else of the round changes the tables.
        """
        must_judge = self._take_beats(rows)
        features = self.judge_waiting(rows) if must_judge or self._must_judge(rows) else []
        windows, self._news = self._news, []
        self.days.close(rows)
        return BegunRound(self.days.judge(rows), windows, features)

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
                closes_us[row] = self.days.add(stream, measure, value)

    def _take_beats(self, rows: Rows) -> bool:
        """Keep the beats of the readings; windows that are over by them wait. Tell whether one is news."""
        counts, flags = rows[Field.RR_COUNT], rows[Field.FLAGS]
        gives = counts > 0
        gives_any = np.logical_or.reduce(gives)
        if not (gives_any or self.beats.has_any):
            return False
        cells, streams, is_news = self._streams.view().ints, rows[Field.STREAM], False
        if gives_any:
            told = (cells[streams, WEAR] != WITHOUT_CONTACT) | (flags & CONTACT_GIVEN > 0)
            gives &= has_contact(flags) & told
            (places,) = gives.nonzero()
            given = rows.pick(places)
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
            is_news |= self._wait(closed, rows, places)
        if self.beats.has_any:
            (places,) = (~gives).nonzero()
            others = rows.pick(places)
            known = cells[others[Field.STREAM], BEATS]
            closed = self.beats.close_silent(known, others[Field.STREAM], others[Field.TIME_US])
            cells[others[Field.STREAM], BEATS] = known
            is_news |= self._wait(closed, rows, places)
        return is_news

    def _wait(self, closed: Sequence[ClosedWindow], rows: Rows, places: NDArray[np.intp]) -> bool:
        """Let windows wait that are over by the readings at ``places``; tell whether one is news to them."""
        if not closed:
            return False
        places_of = dict(zip(rows[Field.STREAM][places].tolist(), places.tolist(), strict=True))
        readings = np.array([places_of[window.stream] for window in closed])
        people = rows[Field.PERSON][readings]
        end_us = np.array([window.end_us for window in closed])
        cells = self._people.view().ints
        stillness = stillness_at(cells[people, self._movement], end_us)
        zones = cells[people, self._zone].tolist()
        is_news = np.zeros(len(closed), np.bool_)
        if self._news_us != _NOBODY:
            is_news |= stillness.quiet & (rows[Field.ARRIVAL_US][readings] - end_us <= LATE_AFTER_US)
            is_news &= end_us - cells[people, self._news_us] >= _NEWS_EVERY_US
        told_to = np.where(is_news, readings, _NOBODY).tolist()
        told = zip(closed, people.tolist(), stillness.asleep, stillness.quiet, zones, told_to, strict=True)
        for window, person, asleep, quiet, zone, row in told:
            waiting = WaitingWindow(window, person, bool(asleep), bool(quiet), self._zones[zone], row)
            self._waiting.append(waiting)
            self._waits_since_us.setdefault(window.stream, window.end_us)
        return bool(is_news.any())

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
            if one.row != _NOBODY:
                self._know(one, windows, row)
            stream, end_us = one.window.stream, one.window.end_us
            told_by = readings.get(stream, -1)
            time_us = end_us if rows is None or told_by < 0 else int(rows[Field.TIME_US][told_by])
            self.days.end(stream, end_us, person=one.person, time_us=time_us, row=told_by)
            value = DayValue(
                time_us=end_us,
                zone=one.zone,
                asleep=one.asleep,
                quiet=one.quiet,
                ln_value=float(ln_rmssd[row]),
                heart_rate_bpm=float(windows.measures.mean_heart_rate_bpm[row]),
            )
            closes_us = self.days.add(stream, COMPUTED, value)
            cells = self._streams.take(np.array([stream]))
            kept = WindowValues(cells, WINDOWS)
            kept.closes_us[0] = closes_us
            if good[row] and one.quiet:
                kept.move(ln_rmssd[row : row + 1], np.array([end_us]))
            self._streams.put(np.array([stream]), cells)

    def _know(self, one: WaitingWindow, windows: Windows, number: int) -> None:
        """Let an accepted window be news to its reading; of several the last one."""
        self._news = [known for known in self._news if known.row != one.row]
        self._news.append(
            KnownWindow(
                row=one.row,
                end_us=one.window.end_us,
                rmssd_ms=float(windows.measures.rmssd_ms[number]),
                is_low=bool(windows.quality[number] == Quality.LOW),
            )
        )
