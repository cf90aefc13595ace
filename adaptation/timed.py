"""What time ends: changes return to the original, proposals lapse, and old things are forgotten. Pure.

Deadlines fall due by timers, so also for a person who sends nothing. What a firing or a command finds over is
ended there already, as far as its plans are at hand and its events have room; the timer, which stands behind
them in the same log entry, ends the rest.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from adaptation.days import ONE_DAY, STANDING_DAYS, local_day, standing_dates
from adaptation.decision_rows import later_row
from adaptation.effects import Effect
from adaptation.feed_chain import FeedChain
from adaptation.marks import can_return, is_over, mark_of
from adaptation.proposals import close_proposals, lapses_at, without_adaptation
from adaptation.reverting import changed_plans, only_one, return_tasks
from adaptation.tracked import TimerAt
from schemas.events import AdaptationReverted
from schemas.people import PersonState
from schemas.plan import Plan, Task
from schemas.records import Adaptation, Outcome
from schemas.situations import Decided, Situation

EXPIRY: Final = "expiry"
"""Cause of a plan's version in which changes ended."""


def dates_of_timer(at: TimerAt) -> tuple[dt.date, ...]:
    """Return the dates whose plans must be loaded to decide a timer."""
    return standing_dates(at.at, at.time_zone)


def decide_timer(situation: Situation, at: TimerAt) -> Decided | None:
    """Return what a timer comes to, or None if nothing is over: then nothing is written.

    Args:
        situation: the person and the plans of :func:`dates_of_timer`.
        at: the place, and the partition's clock there.
    """
    chain = FeedChain(at.position, feed_last=situation.feed_last, at=at.at, is_last_of_entry=True)
    effect = end_over(
        situation, chain, now=at.at, dates=dates_of_timer(at), today=local_day(at.at, at.time_zone)
    )
    return effect.decided(at.at) if effect.events else None


def end_over(
    situation: Situation,
    chain: FeedChain,
    *,
    now: dt.datetime,
    dates: Collection[dt.date],
    today: dt.date,
    reserved: int = 0,
) -> Effect:
    """Return what is left when all that is over has ended.

    A change that is over gives back its tasks that have not begun and are not locked. Proposals lapse once
    their time is over or the first of their tasks begins.

    Args:
        situation: the person and their plans.
        chain: heads for the events; what finds no room there waits for the next position.
        now: the moment of the decision.
        dates: those whose plans were loaded, as far as there are any.
        today: the person's local day.
        reserved: events that must still fit behind these.
    """
    room = None if chain.room is None else max(chain.room - reserved, 0)
    lapsed = sorted(
        (one for one in situation.person.proposals.values() if lapses_at(one) <= now), key=lapses_at
    )[:room]
    closed = close_proposals(situation.person, lapsed, chain, now=now)
    room = None if room is None else room - len(lapsed)
    at_hand = set(dates) if chain.room is None else _with_neighbours(dates)
    over = _over(situation, now=now, dates=at_hand | _long_past(situation.person, today), room=room)
    effect = closed.then(_give_back(closed.on(situation), over, chain, now=now))
    return effect.then(Effect(_without_old(effect.person, now=now, today=today)))


def _over(
    situation: Situation, *, now: dt.datetime, dates: AbstractSet[dt.date], room: int | None
) -> list[Adaptation]:
    """Return the changes whose time is over, the earliest first, as far as they can be ended here.

    Args:
        situation: the person and their plans.
        now: the moment of the decision.
        dates: those whose plans are at hand, or are not needed.
        room: how many events may be told; None: any number.
    """
    over = sorted(
        (one for one in situation.person.adaptations.values() if _is_over(one, now)),
        key=lambda one: (one.expires_at, one.created_at),
    )
    found: list[Adaptation] = []
    touched: set[dt.date] = set()
    for one in over:
        concerned = {change.date for change in one.changes}
        if not concerned <= dates:
            continue
        plans = touched | (concerned & situation.plans.keys())
        if room is not None and len(plans) + len(found) + 1 > room:
            break
        found.append(one)
        touched = plans
    return found


def _is_over(one: Adaptation, now: dt.datetime) -> bool:
    return one.status == "applied" and one.expires_at <= now


def _with_neighbours(dates: Collection[dt.date]) -> set[dt.date]:
    """Return the dates between two others: a task that grows back must not run into one of the next plan."""
    # As numbers: the first and the last day of the calendar have no neighbour.
    days = {date.toordinal() for date in dates}
    return {date for date in dates if {date.toordinal() - 1, date.toordinal() + 1} <= days}


def _long_past(person: PersonState, today: dt.date) -> set[dt.date]:
    """Return the dates that changes concern and that lie too far back for a task to be still ahead."""
    concerned = {change.date for one in person.adaptations.values() for change in one.changes}
    return {date for date in concerned if date < today - STANDING_DAYS * ONE_DAY}


def _give_back(
    situation: Situation, over: Sequence[Adaptation], chain: FeedChain, *, now: dt.datetime
) -> Effect:
    ended = {one.adaptation_id: one.model_copy(update={"status": "expired"}) for one in over}

    def is_wanted(plan: Plan, task: Task) -> bool:
        has_ended = mark_of(plan, task, ended) is not None
        is_left = chain.room is None and _is_left_over(plan, task, situation.person, now)
        return (has_ended or is_left) and can_return(task, now)

    versions = [
        (version, only_one(ids, ended)) for version, ids in return_tasks(situation.plans, is_wanted).values()
    ]
    changed = changed_plans(situation, versions, chain, cause=EXPIRY, at=now)
    person = situation.person
    for adaptation_id in ended:
        person = without_adaptation(person, adaptation_id)
    return Effect(
        person,
        plans=changed.plans,
        events=(
            *changed.events,
            *(AdaptationReverted(**chain.next_head(), adaptation=one) for one in ended.values()),
        ),
        records=(
            *(later_row(one, Outcome.EXPIRED, at=now, position=chain.position) for one in ended.values()),
            *changed.records,
        ),
    )


def _is_left_over(plan: Plan, task: Task, person: PersonState, now: dt.datetime) -> bool:
    """Tell whether a task's mark is over and nothing stands beside the plans that would end it.

    So it is with a plan that was rebuilt, or that a release before this one changed. Only timers end such
    marks: how many plans have some is not known.
    """
    return is_over(task, now) and mark_of(plan, task, person.adaptations) is None


def _without_old(person: PersonState, *, now: dt.datetime, today: dt.date) -> PersonState:
    """Return the state without changes of days before yesterday, counted or standing.

    They are kept until the end of the following day, so that a journey west does not forget them.
    """
    changes = {day: rules for day, rules in person.changes.items() if day >= today - ONE_DAY}
    adaptations = {
        key: one
        for key, one in person.adaptations.items()
        if one.expires_at > now
        or one.status == "applied"
        or max(change.date for change in one.changes) >= today - ONE_DAY
    }
    return person.model_copy(update={"changes": changes, "adaptations": adaptations})
