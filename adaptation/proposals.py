"""Open proposals and the day's changes of a person: what stands, and what time closes."""

import datetime as dt

from adaptation.days import ONE_DAY
from adaptation.decision_rows import answer_row
from schemas.people import PersonState
from schemas.positions import Position
from schemas.records import DecisionRow, Outcome

CHANGES_PER_DAY_MAX = 3
"""Automatic changes per person and local day, all rules together; one per rule (ours)."""


def has_daily_cap(person: PersonState, rule: str, today: dt.date) -> bool:
    """Tell whether a rule may not change anything by itself any more on this local day."""
    changes = person.changes.get(today, ())
    return rule in changes or len(changes) >= CHANGES_PER_DAY_MAX


def with_change(person: PersonState, rule: str, today: dt.date) -> PersonState:
    """Return the state after a rule changed a plan by itself today."""
    changes = {**person.changes, today: (*person.changes.get(today, ()), rule)}
    return person.model_copy(update={"changes": changes})


def has_open_proposal(person: PersonState, rule: str, now: dt.datetime) -> bool:
    """Tell whether a proposal of this rule still waits for an answer that could have an effect."""
    return any(
        proposal.rule == rule
        and now < proposal.expires_at
        and all(now < change.original.start for change in proposal.changes)
        for proposal in person.proposals.values()
    )


def close_expired(
    person: PersonState, *, now: dt.datetime, today: dt.date, position: Position
) -> tuple[PersonState, tuple[DecisionRow, ...]]:
    """Return the state without what time has closed, and a row for each proposal that expired.

    An expired proposal is noticed at the person's next firing or command; its row carries the moment of
    expiry. Changes are counted until the end of the following day, so that a journey west does not forget
    them.
    """
    expired = [one for one in person.proposals.values() if one.expires_at <= now]
    proposals = {key: one for key, one in person.proposals.items() if one.expires_at > now}
    changes = {day: rules for day, rules in person.changes.items() if day >= today - ONE_DAY}
    rows = tuple(answer_row(one, Outcome.EXPIRED, at=one.expires_at, position=position) for one in expired)
    return person.model_copy(update={"proposals": proposals, "changes": changes}), rows
