"""What a person lets rules do: the dial of each rule, reduce only, the pause. Pure."""

import datetime as dt
from typing import Final, Literal

from adaptation.effects import CommandContext, Effect, Refusal
from adaptation.proposals import close_proposals
from adaptation.rules import Rule
from schemas.commands import PauseAdaptations, SetAutonomy, SetProfile
from schemas.people import PersonState
from schemas.records import Adaptation, ProfileRow

PAUSE_MAX: Final = dt.timedelta(days=366)

Unwanted = Literal["paused", "off", "reduce_only"]


def dial_of(person: PersonState, rule: Rule) -> Literal["off", "note", "propose", "apply"]:
    """Return what a rule may do for a person; one that makes the day harder proposes at most."""
    dial = person.autonomy.get(rule.name, rule.default_autonomy)
    return "propose" if dial == "apply" and rule.kind == "upgrading" else dial


def why_unwanted(person: PersonState, rule: Rule, now: dt.datetime) -> Unwanted | None:
    """Return why a person does not want to hear of a rule at all now, or None if they do."""
    if person.paused_until is not None and now < person.paused_until:
        return "paused"
    if dial_of(person, rule) == "off":
        return "off"
    return "reduce_only" if person.reduce_only and rule.kind == "upgrading" else None


def set_profile(command: SetProfile, context: CommandContext) -> Effect:
    """Return the effect of another time zone."""
    person = context.situation.person.model_copy(update={"time_zone": command.time_zone})
    return Effect(person, records=(_profile_row(person, context),))


def set_autonomy(command: SetAutonomy, context: CommandContext) -> Effect:
    """Return the effect of a dial or of reduce only: proposals that are no longer wanted close."""
    person = context.situation.person
    autonomy = dict(person.autonomy)
    if command.rule is not None and command.level is not None:
        if command.level == "default":
            autonomy.pop(command.rule, None)
        else:
            autonomy[command.rule] = command.level
    reduce_only = person.reduce_only if command.reduce_only is None else command.reduce_only
    person = person.model_copy(update={"autonomy": autonomy, "reduce_only": reduce_only})
    effect = Effect(person, records=(_profile_row(person, context),))
    for why in ("off", "reduce_only"):
        closed = [one for one in effect.person.proposals.values() if _is_closed_by(why, one, effect.person)]
        closing = close_proposals(effect.person, closed, context.chain, now=context.now, why=why)
        effect = effect.then(closing)
    return effect


def pause(command: PauseAdaptations, context: CommandContext) -> Effect | Refusal:
    """Return the effect of a pause, or of its end."""
    until = command.until
    if until is not None and not context.now < until <= context.now + PAUSE_MAX:
        return Refusal.BAD_PAUSE
    person = context.situation.person.model_copy(update={"paused_until": until})
    return Effect(person, records=(_profile_row(person, context),))


def _is_closed_by(why: str, proposal: Adaptation, person: PersonState) -> bool:
    if why == "off":
        return person.autonomy.get(proposal.rule) == "off"
    return person.reduce_only and proposal.kind == "upgrading"


def _profile_row(person: PersonState, context: CommandContext) -> ProfileRow:
    """Return the person's profile as it is now: what differs from the defaults."""
    profile = person.model_dump(
        mode="json",
        include={"time_zone", "autonomy", "reduce_only", "paused_until"},
        exclude_defaults=True,
    )
    return ProfileRow(
        user_id=context.situation.user_id,
        time=context.now,
        position=str(context.position),
        profile=profile,
    )
