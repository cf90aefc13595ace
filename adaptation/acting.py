"""What a firing that may act comes to: a change, a proposal, a note, or a row that says why not. Pure."""

import datetime as dt
from collections.abc import Sequence

from adaptation.autonomy import dial_of
from adaptation.days import local_day
from adaptation.decision_rows import adaptation_rows, firing_row
from adaptation.effects import Effect
from adaptation.feed_chain import FeedChain
from adaptation.proposals import (
    close_proposals,
    has_daily_cap,
    has_protective_change,
    lapses_at,
    may_not_propose,
    with_change,
    with_proposal,
)
from adaptation.randomisation import SURE, Draw, draw
from adaptation.reverting import changed_plans
from adaptation.rewrite import NoEffect, PlanRewritten, rewrite_plans
from adaptation.rules import render_reason
from adaptation.tracked import RuleFiring
from schemas.events import AdaptationApplied, AdaptationNoted, AdaptationProposed
from schemas.people import PersonState
from schemas.records import Adaptation, AdaptationStatus, DecisionRow, Outcome
from schemas.situations import Situation


def act(situation: Situation, one: RuleFiring, chain: FeedChain) -> Effect:
    """Return what the firing comes to that may act at its position.

    Args:
        situation: the person, who wants to hear of the rule, and the plans that may be rewritten.
        one: the firing and its rule.
        chain: heads for the events.
    """
    firing, rule = one
    dial = dial_of(situation.person, rule)
    rewritten = rewrite_plans(tuple(situation.plans.values()), firing, rule, now=firing.at)
    if dial == "note":
        return _note(situation, one, rewritten, chain)
    why = _why_not(situation, one, applies=dial == "apply")
    if why is None and isinstance(rewritten, NoEffect):
        why = rewritten.why
    if why is not None or isinstance(rewritten, NoEffect):
        return Effect(situation.person, records=(firing_row(firing, Outcome.WITHHELD, why=why or ""),))
    drawn = draw(rule, firing)
    if not drawn.acts:
        return _withhold_by_lot(situation, one, rewritten, drawn)
    if dial == "apply":
        return _apply(situation, one, rewritten, drawn, chain)
    return _propose(situation, one, rewritten, drawn, chain)


def close_upgrades(person: PersonState, chain: FeedChain, *, now: dt.datetime, reserved: int = 0) -> Effect:
    """Return what is left of open proposals to do more once a change to do less is made.

    Args:
        person: the state with the proposals.
        chain: heads for the notes.
        now: the moment of the decision.
        reserved: events that must still fit behind them.
    """
    upgrades = [one for one in person.proposals.values() if one.kind == "upgrading"]
    room = len(upgrades) if chain.room is None else max(chain.room - reserved, 0)
    return close_proposals(person, upgrades[:room], chain, now=now, why="outranked")


def _why_not(situation: Situation, one: RuleFiring, *, applies: bool) -> str | None:
    """Return why a firing is withheld whatever it would change, or None if it is not."""
    firing, rule = one
    person = situation.person
    if not situation.plans:
        return "no_plan"
    if applies and has_daily_cap(person, rule.name, local_day(firing.at, firing.time_zone)):
        return "daily_cap"
    if not applies and may_not_propose(person, rule.name, firing.at):
        return "already_proposed"
    if rule.kind == "upgrading" and has_protective_change(person, firing.at):
        return "protective_in_force"
    return None


def _apply(
    situation: Situation, one: RuleFiring, rewritten: Sequence[PlanRewritten], drawn: Draw, chain: FeedChain
) -> Effect:
    firing = one.firing
    adaptation = _adaptation(one, "applied", rewritten, drawn)
    changed = changed_plans(
        situation, [(plan, adaptation) for plan in rewritten], chain, cause=firing.firing_id, at=firing.at
    )
    applied = Effect(
        with_change(situation.person, adaptation, local_day(firing.at, firing.time_zone)),
        plans=changed.plans,
        events=(*changed.events, AdaptationApplied(**chain.next_head(), adaptation=adaptation)),
        records=(
            _row(one, Outcome.APPLIED, adaptation),
            *adaptation_rows(adaptation),
            *changed.records,
        ),
    )
    if one.rule.kind == "upgrading":
        return applied
    return applied.then(close_upgrades(applied.person, chain, now=firing.at))


def _propose(
    situation: Situation, one: RuleFiring, rewritten: Sequence[PlanRewritten], drawn: Draw, chain: FeedChain
) -> Effect:
    adaptation = _adaptation(one, "proposed", rewritten, drawn)
    # One end for everybody to see: once its first task begins there is nothing left to accept.
    adaptation = adaptation.model_copy(update={"expires_at": lapses_at(adaptation)})
    return Effect(
        with_proposal(situation.person, adaptation),
        events=(AdaptationProposed(**chain.next_head(), adaptation=adaptation),),
        records=(_row(one, Outcome.PROPOSED, adaptation), *adaptation_rows(adaptation)),
    )


def _note(
    situation: Situation, one: RuleFiring, rewritten: Sequence[PlanRewritten] | NoEffect, chain: FeedChain
) -> Effect:
    changed = () if isinstance(rewritten, NoEffect) else rewritten
    adaptation = _adaptation(one, "noted", changed, SURE)
    return Effect(
        situation.person,
        events=(AdaptationNoted(**chain.next_head(), adaptation=adaptation),),
        records=(_row(one, Outcome.FIRED, adaptation),),
    )


def _withhold_by_lot(
    situation: Situation, one: RuleFiring, rewritten: Sequence[PlanRewritten], drawn: Draw
) -> Effect:
    adaptation = _adaptation(one, "withheld", rewritten, drawn)
    row = firing_row(one.firing, Outcome.WITHHELD, why="by_lot", propensity=drawn.propensity)
    return Effect(situation.person, records=(row, *adaptation_rows(adaptation)))


def _row(one: RuleFiring, outcome: Outcome, adaptation: Adaptation) -> DecisionRow:
    return firing_row(one.firing, outcome, reason=adaptation.reason, propensity=adaptation.propensity)


def _adaptation(
    one: RuleFiring, status: AdaptationStatus, rewritten: Sequence[PlanRewritten], drawn: Draw
) -> Adaptation:
    firing, rule = one
    return Adaptation(
        adaptation_id=firing.firing_id,
        user_id=firing.user_id,
        rule=rule.name,
        kind=rule.kind,
        action=rule.action.name,
        status=status,
        created_at=firing.at,
        expires_at=firing.at + rule.expires,
        reason=render_reason(rule, firing.evidence),
        evidence=firing.evidence,
        confidence=firing.confidence,
        propensity=drawn.propensity,
        changes=tuple(change for plan in rewritten for change in plan.changes),
    )
