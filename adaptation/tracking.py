"""The people of one log partition and their devices, and how readings are applied to them.

Rows of two tables are copied, moved by one reading each (``rounds.py``) and put back; what the readings set
off becomes events (``firings.py``).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from sys import intern
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.bodies import Bodies
from adaptation.channels import weigh_streams
from adaptation.columns import Table
from adaptation.firings import ReadingAt, reading_event
from adaptation.gates import FUTURE_AFTER_US, LATE_AFTER_US
from adaptation.local_time import LocalTime
from adaptation.pending import Field, Rows
from adaptation.rounds import Rounds
from adaptation.streams import STREAM_LAYOUT
from adaptation.tracked import ReadingEvent, TrackedEvent
from adaptation.triggers import Onset, Triggers
from adaptation.zones import ZoneNames
from schemas.records import FeatureRow, HrvDay

_UINT64: Final = 2**64


class Tracker:
    """The people of one partition and their devices: two tables, and the row of each id in them."""

    def __init__(
        self,
        triggers: Triggers,
        zones: ZoneNames,
        people: Table,
        streams: Table,
        *,
        window: timedelta,
        records: bool = True,
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
        self._local_time = LocalTime(triggers.layout, zones)
        self._rounds = Rounds(triggers, self._local_time, self.bodies, self.devices, records=records)

    @classmethod
    def empty(cls, triggers: Triggers, zones: ZoneNames, *, window: timedelta) -> "Tracker":
        """Return a tracker that knows nobody; ``window`` is the length of a window of beats."""
        return cls(triggers, zones, Table(triggers.layout), Table(STREAM_LAYOUT), window=window)

    def name_rows(self, users: Sequence[str], devices: Sequence[tuple[str, str]]) -> None:
        """Name the rows of tables that were resumed, which are looked at with fresh eyes for their zones."""
        self.users[:], self.devices[:] = users, devices
        self._person_rows = {user: row for row, user in enumerate(users)}
        self._stream_rows = {device: row for row, device in enumerate(devices)}
        self._local_time.forget_offsets(self.people.view().ints)
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
        return self._local_time.zone_of(self.people.view().ints[person])

    def set_zone(self, person: int, zone: str) -> None:
        """Let the person in this row live in ``zone`` from now on."""
        self._local_time.set_zone(self.people.view().ints[person], zone)

    def apply(self, rows: Rows) -> list[TrackedEvent]:
        """Apply one reading of each of n people, and return what they set off."""
        delay_us = rows[Field.ARRIVAL_US] - rows[Field.TIME_US]
        ahead = delay_us < -FUTURE_AFTER_US
        late = delay_us > LATE_AFTER_US
        if not np.logical_or.reduce(ahead):
            return self._apply(rows, late)
        (others,) = (~ahead).nonzero()
        events = self._tell_ahead(rows.pick(ahead.nonzero()[0]))
        return events + (self._apply(rows.pick(others), late[others]) if len(others) else [])

    def finish(self) -> list[FeatureRow]:
        """Return the windows that still waited to be judged; to be called after the last of some rounds."""
        return self.bodies.judge_waiting()

    def _apply(self, rows: Rows, late: NDArray[np.bool_]) -> list[TrackedEvent]:
        begun = self.bodies.begin_round(rows)
        people, streams = self.people.take(rows[Field.PERSON]), self.streams.take(rows[Field.STREAM])
        events, onsets = self._rounds.apply(rows, late, begun, people, streams)
        self.people.put(rows[Field.PERSON], people)
        self.streams.put(rows[Field.STREAM], streams)
        if onsets or begun.days.changed:
            events += self._reading_events(rows, onsets, begun.days.changed)
        return events

    def _tell_ahead(self, rows: Rows) -> list[TrackedEvent]:
        """Return what readings from the future would have set off; nothing is kept but that it was told."""
        people, streams = self.people.take(rows[Field.PERSON]), self.streams.take(rows[Field.STREAM])
        onsets = self._rounds.tell_ahead(rows, people, streams)
        self.people.put(rows[Field.PERSON], people)
        return list(self._reading_events(rows, onsets, {}))

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
