"""What becomes of a reading's firings: a changed plan, a proposal, a note, or a row that says why not. Pure.

What the person does not want at all is withheld first. Of the other firings at one position the first acts
that is not withheld, those behind it are suppressed as ``outranked``: protective rules come before upgrading
ones, of the same kind those that may change something before those that only tell, then the priority decides.
Reason codes of outcomes without effect:

=======================  ===============================================================================
``cooldown``             suppressed: the rule fired less than its cooldown ago
``daily_limit``          suppressed: the rule fired as often today as it may
``outranked``            suppressed: another rule came first at the same moment
``late``                 suppressed: the data are more than 10 minutes old
``future``               suppressed: the data are from the future
``not_worn``             suppressed: the device was not worn
``exercise``             suppressed: exercise within the 10 minutes before says more than the value does
``low_quality``          suppressed: the beats are of low quality
``estimated``            suppressed: the value is estimated, and the rule allows measured ones only
``paused``               withheld: the person has paused all rules
``off``                  withheld: the person has turned this rule off
``reduce_only``          withheld: the person wants nothing that makes the day harder
``no_plan``              withheld: there is no plan for yesterday, today or tomorrow
``daily_cap``            withheld: this rule changed something today, or three rules did
``already_proposed``     withheld: a proposal of this rule waits for an answer, or three of any rules do
``protective_in_force``  withheld: a change that makes the day easier holds
``nothing_to_change``    withheld: no eligible task would really change
``plan_full``            withheld: the changed plan would be too large to store
``by_lot``               withheld: drawn by lot, as the rule wants it
=======================  ===============================================================================
"""

from collections.abc import Sequence

from adaptation.acting import act
from adaptation.autonomy import dial_of, why_unwanted
from adaptation.days import local_day, plan_dates
from adaptation.decision_rows import firing_row
from adaptation.effects import Effect
from adaptation.feed_chain import FeedChain
from adaptation.proposals import lapses_at
from adaptation.timed import end_over
from adaptation.tracked import ReadingEvent, RuleFiring
from schemas.events import BaselineChanged
from schemas.people import PersonState
from schemas.records import DecisionRow, Outcome
from schemas.situations import Decided, Situation

__all__ = ["Decided", "Situation", "decide_reading", "plan_dates"]


def decide_reading(situation: Situation, at: ReadingEvent) -> Decided:
    """Return what became true of one person at one reading comes to.

    A baseline whose status changed is told first, then what is over, then what a firing led to.

    Args:
        situation: the person and the plans of :func:`plan_dates`.
        at: firings that may act, in the order of the rules' file, and firings that may not; a baseline whose
            status changed.
    """
    chain = FeedChain(at.position, feed_last=situation.feed_last, at=at.at)
    told: tuple[BaselineChanged, ...] = ()
    if at.baseline is not None:
        told = (BaselineChanged(**chain.next_head(), baseline=at.baseline),)
    acting, rows = _ranked(situation.person, at)
    over = end_over(
        situation,
        chain,
        now=at.at,
        dates=plan_dates(at.at, at.time_zone),
        today=local_day(at.at, at.time_zone),
        reserved=_events_of_one_firing(situation, at) if acting else 0,
    )
    effect = Effect(situation.person, events=told, records=rows).then(over)
    if acting:
        effect = effect.then(_act_in_turn(over.on(situation), acting, chain))
    return effect.decided(at.at)


def _act_in_turn(situation: Situation, ranked: Sequence[RuleFiring], chain: FeedChain) -> Effect:
    """Return what the firings come to: the first that is not withheld acts, those behind it are outranked.

    One that is withheld by lot acts in this sense: else what is drawn for one rule would let another act.
    """
    effect = Effect(situation.person)
    for number, one in enumerate(ranked):
        acted = act(situation, one, chain)
        effect = effect.then(acted)
        if not _is_withheld(acted):
            rest = ranked[number + 1 :]
            rows = [firing_row(other.firing, Outcome.SUPPRESSED, why="outranked") for other in rest]
            return effect.then(Effect(effect.person, records=tuple(rows)))
    return effect


def _is_withheld(acted: Effect) -> bool:
    row = acted.records[0]
    return isinstance(row, DecisionRow) and row.outcome is Outcome.WITHHELD and row.why != "by_lot"


def _ranked(person: PersonState, at: ReadingEvent) -> tuple[Sequence[RuleFiring], tuple[DecisionRow, ...]]:
    """Return the firings that may act, most urgent first, and rows for all that may not."""
    rows = [firing_row(firing, Outcome.SUPPRESSED, why=why) for firing, why in at.suppressed]
    wanted = []
    for one in at.firings:
        why = why_unwanted(person, one.rule, at.at)
        if why is None:
            wanted.append(one)
        else:
            rows.append(firing_row(one.firing, Outcome.WITHHELD, why=why))
    ranked = sorted(
        wanted,
        key=lambda one: (
            one.rule.kind == "upgrading",
            dial_of(person, one.rule) == "note",
            one.rule.priority,
        ),
    )
    return ranked, tuple(rows)


def _events_of_one_firing(situation: Situation, at: ReadingEvent) -> int:
    """Return how many events a firing may cause: one for each plan, one of its own, one for each proposal."""
    waiting = sum(at.at < lapses_at(one) for one in situation.person.proposals.values())
    return len(situation.plans) + 1 + waiting
