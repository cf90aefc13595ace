"""Rules at work on readings of the past: what would have fired, when and why, and what would not have.

The same code as in the live flow, over readings in the order in which they arrived. Nothing is decided: there
are no plans here, so outcomes that depend on a plan or on a person's wishes (nothing to change, the cap of a
day, the dial) are left to the live flow. At one reading the first firing by kind and priority acts and the
others are outranked, as there.

People whose readings fit in memory together are taken round by round (``backtest_history.py``), and those for
whom it makes no difference by a tracker that leaves out what no rule looks at (``backtest_narrow.py``).
Longer histories go through a :class:`adaptation.shard.Shard`, a part at a time.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from adaptation.backtest_history import History
from adaptation.backtest_narrow import NarrowTracker, narrow_people
from adaptation.backtest_ways import ShardRun, track_history, whole_tracker
from adaptation.rules import RuleSet
from adaptation.tracked import ReadingEvent
from adaptation.triggers import Triggers
from schemas.frames import ReadingFrame
from schemas.readings import micros
from schemas.records import Firing

HELD_MAX: Final = 500_000
"""Readings that are held in memory before they are applied: about 600 bytes each while they are arranged."""

OUTRANKED: Final = "outranked"
"""Why a firing is suppressed at whose reading another rule acts."""


class Outcome(NamedTuple):
    """The conditions of a rule became true for a person."""

    firing: Firing
    why: str
    """Why it was suppressed; empty: it fired."""

    @property
    def time_us(self) -> int:
        """Moment of the reading, not of its arrival."""
        return micros(self.firing.evidence.reading.time)


class Backtest:
    """One rule set over the readings of people who come in groups: no person is in two of them.

    Args:
        rules: what is tried.
        default_zone: IANA zone of people whose zone is not told.
    """

    def __init__(self, rules: RuleSet, *, default_zone: str) -> None:
        self.rules = rules
        self.outcomes: list[Outcome] = []
        """Of the people so far, each person's in order."""
        self._triggers = Triggers(rules)
        self._default_zone = default_zone
        self._from_us = 0
        self._zones: Mapping[str, str] = {}
        self._held: list[ReadingFrame] = []
        self._held_rows = 0
        self._stream: ShardRun | None = None

    def begin(self, zones: Mapping[str, str], *, from_us: int = 0) -> None:
        """Go on with other people, after :meth:`finish`.

        Args:
            zones: user → IANA zone, of those whose zone is known.
            from_us: what lies before only teaches baselines, by the readings' times.
        """
        self._zones, self._from_us = zones, from_us

    def take(self, frame: ReadingFrame) -> None:
        """Take readings, those of each person in order of their arrival."""
        if self._stream is not None:
            self._keep(self._stream.take([frame]))
            return
        self._held.append(frame)
        self._held_rows += len(frame)
        if self._held_rows > HELD_MAX:
            self._stream = ShardRun(self.rules, self._zones, default_zone=self._default_zone)
            self._keep(self._stream.take(self._let_go()))

    def finish(self) -> None:
        """Apply all that was taken of these people."""
        if self._stream is not None:
            self._keep(self._stream.finish())
            self._stream = None
        elif self._held_rows:
            self.run(History.of(self._let_go(), self._zones))

    def run(self, history: History) -> None:
        """Take and apply all readings of some people at once."""
        narrow = narrow_people(history, self._triggers.needs)
        if narrow.any():
            some = history.of_people(narrow)
            self._keep(track_history(NarrowTracker(self._triggers, self._default_zone, some), some))
        if not narrow.all():
            some = history.of_people(~narrow)
            self._keep(track_history(whole_tracker(self._triggers, self._default_zone, some), some))

    def _let_go(self) -> list[ReadingFrame]:
        held, self._held, self._held_rows = self._held, [], 0
        return held

    def _keep(self, events: Iterable[ReadingEvent]) -> None:
        for event in events:
            found = outcomes_of(event)
            if self._from_us:
                found = [one for one in found if one.time_us >= self._from_us]
            self.outcomes += found


def outcomes_of(event: ReadingEvent) -> list[Outcome]:
    """Return what became true at one reading: first what fires, then what is suppressed."""
    ranked = sorted(event.firings, key=lambda one: (one.rule.kind == "upgrading", one.rule.priority))
    found = [Outcome(one.firing, OUTRANKED if behind else "") for behind, one in enumerate(ranked)]
    return found + [Outcome(firing, why) for firing, why in event.suppressed]
