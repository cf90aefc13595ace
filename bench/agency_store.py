"""One person's plans as the plan store keeps them: written once per position, read back from their text."""

import datetime as dt
from collections.abc import Sequence

from schemas.commands import CommandOutcome
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.positions import Position
from schemas.situations import NO_EVENT, Decided, Situation
from stores.plans import PLAN_KEPT


class PersonStore:
    """Keeps one person's situation; a model of ``stores/plans.py`` without Redis.

    Args:
        user_id: the person.
    """

    def __init__(self, user_id: str) -> None:
        self.whole = Situation(user_id, PersonState(), {}, NO_EVENT)
        """The situation with all plans."""
        self.applied: Position | None = None
        self.outcomes: dict[str, CommandOutcome] = {}

    def load(self, dates: Sequence[dt.date]) -> Situation:
        """Return the situation with the plans of some dates only."""
        whole = self.whole
        plans = {date: whole.plans[date] for date in dates if date in whole.plans}
        return Situation(whole.user_id, whole.person, plans, whole.feed_last)

    def write(self, position: Position, decided: Decided, *, command_id: str | None = None) -> bool:
        """Store a decision; return False, and store nothing, if this position or a later one is stored."""
        if self.applied is not None and position <= self.applied:
            return False
        self.applied = position
        after = self.whole.after(decided)
        read = {plan.date: Plan.model_validate_json(plan.model_dump_json()) for plan in decided.plans}
        person = PersonState.model_validate_json(after.person.model_dump_json())
        oldest = decided.at.date() - PLAN_KEPT
        plans = {
            date: plan for date, plan in {**after.plans, **read}.items() if date >= oldest or date in read
        }
        self.whole = Situation(after.user_id, person, plans, after.feed_last)
        if command_id is not None and decided.outcome is not None:
            self.outcomes.setdefault(command_id, decided.outcome)
        return True
