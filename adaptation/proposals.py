"""Open proposals and the day's changes of a person: what stands, and what may still be added."""

import datetime as dt
from typing import Final

from adaptation.decision_rows import later_row
from adaptation.effects import Effect
from adaptation.feed_chain import FeedChain
from schemas.events import AdaptationNoted
from schemas.people import PersonState
from schemas.records import Adaptation, Outcome

CHANGES_PER_DAY_MAX: Final = 3
"""Automatic changes per person and local day, all rules together; one per rule (ours)."""

OPEN_PROPOSALS_MAX: Final = 3
"""Proposals that wait for one person's answer at the same time, all rules together (ours)."""


def has_daily_cap(person: PersonState, rule: str, today: dt.date) -> bool:
    """Tell whether a rule may not change anything by itself any more on this local day."""
    changes = person.changes.get(today, ())
    return rule in changes or len(changes) >= CHANGES_PER_DAY_MAX


def with_change(person: PersonState, adaptation: Adaptation, today: dt.date) -> PersonState:
    """Return the state after a rule changed a plan by itself today."""
    changes = {**person.changes, today: (*person.changes.get(today, ()), adaptation.rule)}
    return with_adaptation(person.model_copy(update={"changes": changes}), adaptation)


def with_adaptation(person: PersonState, adaptation: Adaptation) -> PersonState:
    """Return the state with a change in force or accepted."""
    adaptations = {**person.adaptations, adaptation.adaptation_id: adaptation}
    return person.model_copy(update={"adaptations": adaptations})


def without_adaptation(person: PersonState, adaptation_id: str) -> PersonState:
    """Return the state once a change was undone or its time is over."""
    adaptations = {key: one for key, one in person.adaptations.items() if key != adaptation_id}
    return person.model_copy(update={"adaptations": adaptations})


def with_proposal(person: PersonState, adaptation: Adaptation) -> PersonState:
    """Return the state with one more proposal."""
    proposals = {**person.proposals, adaptation.adaptation_id: adaptation}
    return person.model_copy(update={"proposals": proposals})


def without_proposal(person: PersonState, adaptation_id: str) -> PersonState:
    """Return the state once a proposal was answered or has lapsed."""
    proposals = {key: one for key, one in person.proposals.items() if key != adaptation_id}
    return person.model_copy(update={"proposals": proposals})


def lapses_at(proposal: Adaptation) -> dt.datetime:
    """Return when a proposal lapses: its time is over, or the first of its tasks begins."""
    return min(proposal.expires_at, *(change.original.start for change in proposal.changes))


def may_not_propose(person: PersonState, rule: str, now: dt.datetime) -> bool:
    """Tell whether a proposal of this rule still waits for an answer, or as many of any as there may be."""
    waiting = [one.rule for one in person.proposals.values() if now < lapses_at(one)]
    return rule in waiting or len(waiting) >= OPEN_PROPOSALS_MAX


def has_protective_change(person: PersonState, now: dt.datetime) -> bool:
    """Tell whether a protective change, made or accepted, holds: until its end or that of its last task."""
    return any(
        one.kind == "protective"
        and now < max(one.expires_at, *(change.adapted.end for change in one.changes))
        for one in person.adaptations.values()
    )


def close_proposals(
    person: PersonState, closed: list[Adaptation], chain: FeedChain, *, now: dt.datetime, why: str = ""
) -> Effect:
    """Return what is left when proposals close without an answer: a row and a note for each.

    Args:
        person: the state with the proposals.
        closed: which of them.
        chain: heads for the notes.
        now: the moment of the decision.
        why: a reason code; empty: their time is over.
    """
    notes, rows = [], []
    for proposal in closed:
        person = without_proposal(person, proposal.adaptation_id)
        expired = proposal.model_copy(update={"status": "expired"})
        notes.append(AdaptationNoted(**chain.next_head(), adaptation=expired))
        rows.append(later_row(expired, Outcome.EXPIRED, at=now, position=chain.position, why=why))
    return Effect(person, events=tuple(notes), records=tuple(rows))
