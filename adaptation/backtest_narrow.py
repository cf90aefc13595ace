"""A tracker that leaves out what no rule of its set looks at: the way of a backtest over many people.

Every step that it takes is the live tracker's own; only which steps, and of which channels, is decided here.
Left out are beats with their windows and days, estimates, wear, records for the history, and baselines that
nothing is compared with. So it is for rules that name none of that, and for people to whom none of it
happens: no sensor of theirs tells of its contact with the skin, and a level that a rule names is never
estimated, because their devices give it (:func:`narrow_people`).
"""

from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.backtest_history import History
from adaptation.baselines import Baselines
from adaptation.bodies import Bodies
from adaptation.channels import (
    ALL_DAY,
    CHANNELS,
    MEASURES,
    REST_CHANNEL,
    SLOTS,
    TRACKED_INDEX,
    TRACKED_MEASURES,
    Arrived,
    statistics_of,
)
from adaptation.columns import Cells, ColumnTable
from adaptation.compiling import CARRIES_ANYTHING
from adaptation.current_values import Measured
from adaptation.estimating import device_of, observe
from adaptation.gates import LATE, MEASURE_BITS
from adaptation.local_time import LocalTime
from adaptation.needs import Needs
from adaptation.pending import Field, Rows
from adaptation.people import note_activity
from adaptation.physiology.stillness import Movement
from adaptation.physiology.windows import WINDOW_S
from adaptation.rounds import Rounds
from adaptation.streams import ESTIMATES, STREAM_LAYOUT
from adaptation.tracked import TrackedEvent
from adaptation.tracking import Tracker
from adaptation.triggers import Onset, Triggers
from adaptation.zones import ZoneNames

_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]
_LAST: Final = STREAM_LAYOUT.columns("last_us").start
_FEW: Final = 0.4
"""Share of readings up to which those that give a value are picked out: more are cheaper taken all."""
_SMOOTH: Final = STREAM_LAYOUT.columns("smooth").start
_WEAR_STOP: Final = STREAM_LAYOUT.columns("wear_us").stop


def narrow_people(history: History, needs: Needs) -> NDArray[np.bool_]:
    """Return (people,) for whom rules see the same without what is left out here.

    Args:
        history: their readings.
        needs: what the rules look at.
    """
    if needs.body_days or needs.resting or needs.windows or needs.strain:
        return np.zeros(len(history.users), np.bool_)
    facts = history.facts
    apart = facts.tells_contact.copy()
    for name in needs.current:
        if name in facts.may_be_estimated:
            apart |= facts.may_be_estimated[name]
    return ~apart


class NeededChannels:
    """The channels of devices that rules look at, in the columns of the whole table.

    Args:
        needs: what the rules look at.
    """

    def __init__(self, needs: Needs) -> None:
        names = dict.fromkeys((*needs.current, *needs.days))
        self.measures = [TRACKED_INDEX[name] for name in names if name in TRACKED_INDEX]
        """Of the readings, those that are looked at."""
        self._measure_of = {MEASURES.start + measure: measure for measure in self.measures}
        """Column → measure: first columns of ``measures``, then those of rest and of quarters of the day."""
        self._baselines = {CHANNELS.index((name, ALL_DAY)) for name in needs.usual if name in TRACKED_INDEX}
        self._slots: dict[int, int] = {}
        """Column → quarter."""
        self._rests = needs.movement
        if self._rests:
            self._measure_of[REST_CHANNEL] = _HEART_RATE
        for name in needs.usual_at_hour:
            for number, slot in enumerate(SLOTS):
                column = CHANNELS.index((name, slot))
                self._measure_of[column], self._slots[column] = TRACKED_INDEX[name], number
        self._columns = list(self._measure_of)
        self._baselines.update(self._columns[len(self.measures) :])
        self._taken = np.array(list(self._measure_of.values()), np.intp)
        self._last = np.array([_LAST + column for column in self._columns], np.intp)

    def used(self) -> list[int]:
        """Return the columns of the devices' table that are looked at."""
        used = [_LAST + column for column in self._columns]
        statistics = STREAM_LAYOUT.columns("mean", "since_us")
        for first in range(statistics.start, statistics.stop, len(CHANNELS)):
            used += [first + column for column in self._baselines]
        return [*used, *(range(_SMOOTH, _WEAR_STOP) if self._rests else ())]

    def arrange(
        self,
        streams: Cells,
        measures: NDArray[np.float64],
        time_us: NDArray[np.int64],
        slot: NDArray[np.int64],
        quiet: NDArray[np.bool_],
    ) -> Arrived:
        """Return the values of n readings in the needed columns; see ``channels.arrange_values``."""
        values = measures.T.take(self._taken, axis=0)
        for place, column in enumerate(self._columns[len(self.measures) :], len(self.measures)):
            counts = quiet if column == REST_CHANNEL else slot == self._slots[column]
            values[place][~counts] = np.nan
        given = values == values  # noqa: PLR0124  # false for NaN
        elapsed_us = time_us - streams.ints.T.take(self._last, axis=0)
        in_order = np.zeros((len(TRACKED_MEASURES), len(time_us)), np.bool_)
        for place, measure in enumerate(self.measures):
            np.logical_and(given[place], elapsed_us[place] >= 0, out=in_order[measure])
        return Arrived(time_us, values.T, given.T, elapsed_us.T, in_order.T)

    def move(self, streams: Cells, arrived: Arrived) -> None:
        """Move baselines and last times by what arrived, in place; see ``channels.move_streams``."""
        moved = (arrived.given & (arrived.elapsed_us > 0)).T
        for place, column in enumerate(self._columns):
            (rows,) = moved[place].nonzero()
            if not len(rows):
                continue
            few = len(rows) < _FEW * len(arrived.time_us)
            if column in self._baselines:
                self._move_baselines(streams, column, arrived, place, rows if few else slice(None))
            last_us = streams.ints[:, _LAST + column]
            if few:
                last_us[rows] = arrived.time_us[rows]
            else:
                np.copyto(last_us, arrived.time_us, where=moved[place])

    def _move_baselines(
        self, streams: Cells, column: int, arrived: Arrived, place: int, some: slice | NDArray[np.intp]
    ) -> None:
        """Move one baseline of some devices: of all of them in place, of few as copies."""
        floats = statistics_of(streams.floats)[:, :, column].T
        ints = floats.view(np.int64)
        kept = (floats[0], floats[1], ints[2], ints[3])
        baselines = Baselines(*(one[some] for one in kept))
        baselines.move(arrived.values[some, place], arrived.time_us[some], arrived.elapsed_us[some, place])
        if not isinstance(some, slice):
            moved = (baselines.mean, baselines.variance, baselines.tally, baselines.since_us)
            for one, values in zip(kept, moved, strict=True):
                one[some] = values


class NarrowRounds(Rounds):
    """The way of a round without what the rules do not look at."""

    def __init__(
        self, triggers: Triggers, local_time: LocalTime, bodies: Bodies, channels: NeededChannels
    ) -> None:
        super().__init__(triggers, local_time, bodies, ())
        self._channels = channels

    def apply_narrow(self, rows: Rows, late: NDArray[np.bool_], people: Cells, streams: Cells) -> list[Onset]:
        """Apply one reading of each of n people, and return the onsets of rules; see :meth:`Rounds.apply`."""
        time_us = rows[Field.TIME_US]
        seen, slot = self._see(rows, people)
        quiet = exercised = np.zeros(len(rows), np.bool_)
        if self._triggers.needs.movement:
            movement = Movement(people.ints[:, self._movement])
            observed = observe(device_of(streams, ESTIMATES), movement, streams, rows, late)
            quiet = observed.stillness.quiet & observed.step.moved
            exercised = observed.stillness.exercised
        arrived = self._channels.arrange(streams, rows.values, time_us, slot, quiet)
        fresh = self._fresh(rows, late, seen, arrived)
        measured = Measured(rows.values, fresh, time_us, slot, exercised)
        self._places.current.take(people, streams, measured)
        carried = CARRIES_ANYTHING * ~late
        for measure in self._channels.measures:
            carried += fresh[:, measure] * MEASURE_BITS[measure]
        barred = None
        if np.logical_or.reduce(late):
            values = arrived.in_order & ~fresh & late[:, np.newaxis]
            barred = self._gates.bar(LATE, values, seen=seen, streams=streams, measured=measured)
        if self._activity is not None:
            note_activity(people.ints[:, self._activity], rows[Field.ACTIVITY], time_us)
        self._channels.move(streams, arrived)
        opens = self._days.take(people, rows.values, day=seen.day, time_us=time_us)
        self._triggers.begin_days(people, opens)
        arrival_us = rows[Field.ARRIVAL_US]
        onsets = self._triggers.judge(seen, carried, arrival_us, self._local_time.days_of(people, arrival_us))
        return onsets + self._gates.judge([] if barred is None else [barred], seen)


class NarrowTracker(Tracker):
    """A tracker for rules that can be narrow, and people who are.

    Args:
        triggers: the rules.
        default_zone: IANA zone of people whose zone is not told.
        history: what will be applied.
    """

    def __init__(self, triggers: Triggers, default_zone: str, history: History) -> None:
        channels = NeededChannels(triggers.needs)
        super().__init__(
            triggers,
            ZoneNames(default_zone),
            ColumnTable(triggers.layout, len(history.users)),
            ColumnTable(STREAM_LAYOUT, len(history.devices), used=channels.used()),
            window=timedelta(seconds=WINDOW_S),
        )
        self._narrow = NarrowRounds(triggers, self._local_time, self.bodies, channels)

    def _apply(self, rows: Rows, late: NDArray[np.bool_]) -> list[TrackedEvent]:
        people, streams = self.people.take(rows[Field.PERSON]), self.streams.take(rows[Field.STREAM])
        onsets = self._narrow.apply_narrow(rows, late, people, streams)
        self.people.put(rows[Field.PERSON], people)
        self.streams.put(rows[Field.STREAM], streams)
        return list(self._reading_events(rows, onsets, {})) if onsets else []
