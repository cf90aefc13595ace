"""What an app is told of a person: their zone, what rules may do, and which rules there are."""

import datetime as dt

from pydantic import AwareDatetime

from schemas.people import Autonomy, PersonState
from schemas.plan import Model
from schemas.rule_entries import RuleShown, RulesShown


class Profile(Model):
    """The answer to ``profile.get``."""

    time_zone: str
    """An IANA name; the configured default where the person has set none."""
    autonomy: dict[str, Autonomy]
    """Rule → what it may do, where the person has said so; else the default of the rule holds."""
    reduce_only: bool
    """Whether nothing may be offered that makes the day harder."""
    paused_until: AwareDatetime | None
    """Until then no rule changes, proposes or tells anything; None: nothing is paused."""
    rules: tuple[RuleShown, ...]
    """The rules in force."""


def profile_of(person: PersonState, rules: RulesShown, *, default_zone: str, now: dt.datetime) -> Profile:
    """Return a person's profile as it holds at a moment.

    Args:
        person: what stands beside their plans.
        rules: the rules in force.
        default_zone: IANA zone of people who have set none.
        now: the moment on Daybeat's clock; a pause that has ended is none.
    """
    paused_until = person.paused_until
    return Profile(
        time_zone=person.time_zone or default_zone,
        autonomy=person.autonomy,
        reduce_only=person.reduce_only,
        paused_until=None if paused_until is None or paused_until <= now else paused_until,
        rules=rules.rules,
    )
