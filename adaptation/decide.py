"""What becomes of a reading's firings: a changed plan, a proposal, or a row that says why not. Pure.

At one position the first firing by priority acts; the others are suppressed as ``outranked``. A protective
rule applies its change, an upgrading one proposes it. Reason codes of outcomes without effect:

=====================  =================================================================
``cooldown``           suppressed: the rule fired less than its cooldown ago
``outranked``          suppressed: another rule of higher priority fired at the same time
``no_plan``            withheld: neither today nor tomorrow has a plan
``daily_cap``          withheld: this rule changed something today, or three rules did
``already_proposed``   withheld: an earlier proposal of this rule waits for an answer
``nothing_to_change``  withheld: no eligible task would really change
``plan_full``          withheld: the changed plan would be too large to store
=====================  =================================================================
"""

from collections.abc import Sequence
from dataclasses import replace

from adaptation.days import local_day, plan_dates
from adaptation.decision_rows import adaptation_rows, firing_row, version_row
from adaptation.feed_chain import FeedChain
from adaptation.proposals import close_expired, has_daily_cap, has_open_proposal, with_change
from adaptation.rewrite import NoEffect, PlanRewritten, rewrite_plans
from adaptation.rules import Rule, RuleSet, render_reason
from adaptation.tracked import ReadingEvent
from schemas.errors import InputError
from schemas.events import AdaptationApplied, AdaptationProposed, BaselineChanged, Event, PlanChanged
from schemas.people import PersonState
from schemas.records import Adaptation, AdaptationStatus, Firing, Outcome, Record
from schemas.situations import Decided, Situation

__all__ = ["Decided", "Situation", "decide_reading", "plan_dates"]


def decide_reading(situation: Situation, at: ReadingEvent, rules: RuleSet) -> Decided:
    """Return what became true of one person at one reading comes to.

    A baseline whose status changed is told before what a firing led to.

    Args:
        situation: the person and the plans of :func:`plan_dates`.
        at: firings that may act and firings that may not, and a baseline whose status changed.
        rules: the rules that fired; their order breaks ties of priority.

    Raises:
        InputError: a firing names a rule that is not among ``rules``.
    """
    order = rules.by_priority()
    ranked = sorted(at.firings, key=lambda firing: order.index(_rule_of(firing, rules)))
    today = local_day(at.at, at.time_zone)
    person, closed = close_expired(situation.person, now=at.at, today=today, position=at.position)
    chain = FeedChain(at.position, feed_last=situation.feed_last, at=at.at)
    told: tuple[Event, ...] = ()
    if at.baseline is not None:
        told = (BaselineChanged(**chain.next_head(), baseline=at.baseline),)
    rows: list[Record] = [*closed]
    rows += [firing_row(firing, Outcome.SUPPRESSED, why=why) for firing, why in at.suppressed]
    rows += [firing_row(firing, Outcome.SUPPRESSED, why="outranked") for firing in ranked[1:]]
    if not ranked:
        return Decided(at=at.at, person=person, events=told, records=tuple(rows))
    first = ranked[0]
    acted = _act(replace(situation, person=person), first, _rule_of(first, rules), chain)
    return replace(acted, events=(*told, *acted.events), records=(*rows, *acted.records))


def _rule_of(firing: Firing, rules: RuleSet) -> Rule:
    rule = rules.find(firing.rule)
    if rule is None:
        raise InputError(
            f"firing {firing.firing_id} names the unknown rule {firing.rule!r}",
            where=f"position {firing.position}",
            mend="let the flow track and decide with the same rules",
        )
    return rule


def _act(situation: Situation, firing: Firing, rule: Rule, chain: FeedChain) -> Decided:
    rewritten = _rewritten_or_why(situation, firing, rule)
    if isinstance(rewritten, str):
        row = firing_row(firing, Outcome.WITHHELD, why=rewritten)
        return Decided(at=firing.at, person=situation.person, records=(row,))
    if rule.kind == "protective":
        return _apply(situation, firing, rule, rewritten, chain)
    return _propose(situation, firing, rule, rewritten, chain)


def _rewritten_or_why(situation: Situation, firing: Firing, rule: Rule) -> tuple[PlanRewritten, ...] | str:
    """Return the rewritten plans, or why the firing is withheld."""
    dates = plan_dates(firing.at, firing.time_zone)
    plans = [situation.plans[date] for date in dates if date in situation.plans]
    if not plans:
        return "no_plan"
    if rule.kind == "protective" and has_daily_cap(situation.person, rule.name, dates[0]):
        return "daily_cap"
    if rule.kind == "upgrading" and has_open_proposal(situation.person, rule.name, firing.at):
        return "already_proposed"
    rewritten = rewrite_plans(plans, firing, rule, now=firing.at)
    return rewritten.why if isinstance(rewritten, NoEffect) else rewritten


def _apply(
    situation: Situation,
    firing: Firing,
    rule: Rule,
    rewritten: Sequence[PlanRewritten],
    chain: FeedChain,
) -> Decided:
    adaptation = _adaptation(firing, rule, "applied", rewritten)
    events: list[Event] = [
        PlanChanged(
            **chain.next_head(),
            date=one.plan.date.isoformat(),
            version=one.plan.version,
            patch=one.patch,
            adaptation=adaptation,
        )
        for one in rewritten
    ]
    events.append(AdaptationApplied(**chain.next_head(), adaptation=adaptation))
    records: list[Record] = [
        firing_row(firing, Outcome.APPLIED, reason=adaptation.reason),
        *adaptation_rows(adaptation),
    ]
    records += [
        version_row(one, cause=firing.firing_id, at=firing.at, position=chain.position) for one in rewritten
    ]
    return Decided(
        at=firing.at,
        person=with_change(situation.person, rule.name, local_day(firing.at, firing.time_zone)),
        plans=tuple(one.plan for one in rewritten),
        events=tuple(events),
        records=tuple(records),
    )


def _propose(
    situation: Situation,
    firing: Firing,
    rule: Rule,
    rewritten: Sequence[PlanRewritten],
    chain: FeedChain,
) -> Decided:
    adaptation = _adaptation(firing, rule, "proposed", rewritten)
    return Decided(
        at=firing.at,
        person=_with_proposal(situation.person, adaptation),
        events=(AdaptationProposed(**chain.next_head(), adaptation=adaptation),),
        records=(
            firing_row(firing, Outcome.PROPOSED, reason=adaptation.reason),
            *adaptation_rows(adaptation),
        ),
    )


def _with_proposal(person: PersonState, adaptation: Adaptation) -> PersonState:
    proposals = {**person.proposals, adaptation.adaptation_id: adaptation}
    return person.model_copy(update={"proposals": proposals})


def _adaptation(
    firing: Firing, rule: Rule, status: AdaptationStatus, rewritten: Sequence[PlanRewritten]
) -> Adaptation:
    return Adaptation(
        adaptation_id=firing.firing_id,
        user_id=firing.user_id,
        rule=rule.name,
        kind=rule.kind,
        action=rule.action,
        status=status,
        created_at=firing.at,
        expires_at=firing.at + rule.expires,
        reason=render_reason(rule, firing.evidence),
        evidence=firing.evidence,
        confidence=firing.confidence,
        changes=tuple(change for one in rewritten for change in one.changes),
    )
