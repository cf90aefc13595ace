"""What must be true of the outcomes of firings: one each, within the caps, and nothing that is not wanted."""

import datetime as dt
from collections import Counter
from typing import Final

from adaptation.days import local_day
from adaptation.tracked import ReadingEvent
from bench.agency_copies import require
from schemas.people import PersonState
from schemas.records import DecisionRow, Outcome
from schemas.situations import Decided

ACTED: Final = frozenset({Outcome.APPLIED, Outcome.PROPOSED})
AT_FIRING: Final = frozenset({*ACTED, Outcome.FIRED, Outcome.WITHHELD, Outcome.SUPPRESSED})
CHANGES_A_DAY: Final = 3


class FiringChecks:
    """Counts the automatic changes of one person's days."""

    def __init__(self) -> None:
        self._automatic: Counter[tuple[str, dt.date]] = Counter()

    def check(self, event: ReadingEvent, person: PersonState, decided: Decided) -> None:
        """Check what became of the firings at one reading.

        Args:
            event: the firings.
            person: the state before it.
            decided: what was decided.
        """
        rows = [row for row in decided.records if isinstance(row, DecisionRow) and row.outcome in AT_FIRING]
        firings = [*(one.firing for one in event.firings), *(one for one, _ in event.suppressed)]
        require(
            sorted(row.firing_id for row in rows) == sorted(one.firing_id for one in firings),
            "a firing has not exactly one outcome",
        )
        require(sum(row.outcome in ACTED for row in rows) <= 1, "two rules acted at one position")
        for row in rows:
            if row.outcome in (*ACTED, Outcome.FIRED):
                _check_wanted(row, event, person)
            if row.outcome is Outcome.APPLIED:
                self._count(row, local_day(event.at, event.time_zone))

    def _count(self, row: DecisionRow, day: dt.date) -> None:
        self._automatic[row.rule, day] += 1
        require(self._automatic[row.rule, day] == 1, f"{row.rule} changed the day twice")
        of_day = sum(count for (_, one), count in self._automatic.items() if one == day)
        require(of_day <= CHANGES_A_DAY, "too many automatic changes on a day")


def _check_wanted(row: DecisionRow, event: ReadingEvent, person: PersonState) -> None:
    """Check that the person wants what a rule did."""
    rule = next(one.rule for one in event.firings if one.rule.name == row.rule)
    upgrades = rule.kind == "upgrading"
    dial = person.autonomy.get(row.rule, "propose" if upgrades else "apply")
    paused = person.paused_until is not None and event.at < person.paused_until
    require(not paused, f"{row.rule} did something in a pause")
    require(dial != "off", f"{row.rule} is off and did something")
    require((row.outcome is Outcome.FIRED) == (dial == "note"), f"{row.rule}: dial and outcome differ")
    applies = dial == "apply" and not upgrades
    require(row.outcome is not Outcome.APPLIED or applies, f"{row.rule} may not change anything")
    require(row.outcome is not Outcome.PROPOSED or not applies, f"{row.rule} asked though it may act")
    require(not (person.reduce_only and upgrades), f"{row.rule} made the day harder")
