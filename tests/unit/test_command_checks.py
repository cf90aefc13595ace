"""Which dials may be set, and what a profile tells."""

import datetime as dt

import pytest

from push.command_checks import dial_refusal
from push.profiles import profile_of
from push.protocol import Refusal
from schemas.commands import SetAutonomy
from schemas.people import PersonState
from support.shown_rules import SHIPPED

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("rule", "level", "refusal"),
    [
        ("stress_spike", "apply", None),
        ("stress_spike", "off", None),
        ("energy_surge", "propose", None),
        ("energy_surge", "default", None),
        ("energy_surge", "apply", Refusal.UPGRADES_NEED_CONSENT),
        ("stress_spikes", "off", Refusal.UNKNOWN_RULE),
    ],
)
def test_a_dial_is_that_of_a_rule_in_force_and_an_upgrade_needs_consent(
    rule: str, level: str, refusal: Refusal | None
) -> None:
    command = SetAutonomy.model_validate({"command_id": "c1", "rule": rule, "level": level})
    assert dial_refusal(command, SHIPPED) is refusal


def test_a_wish_about_all_rules_needs_none() -> None:
    command = SetAutonomy(command_id="c1", reduce_only=True)
    assert dial_refusal(command, SHIPPED.model_copy(update={"rules": ()})) is None


def test_a_profile_of_nobody_known_is_the_default_one() -> None:
    profile = profile_of(PersonState(), SHIPPED, default_zone="Europe/Berlin", now=NOW)
    assert profile.model_dump() == {
        "time_zone": "Europe/Berlin",
        "autonomy": {},
        "reduce_only": False,
        "paused_until": None,
        "rules": tuple(rule.model_dump() for rule in SHIPPED.rules),
    }


@pytest.mark.parametrize(("until", "shown"), [(NOW, None), (NOW + SECOND, NOW + SECOND)])
def test_a_pause_is_told_until_it_ends(until: dt.datetime, shown: dt.datetime | None) -> None:
    person = PersonState(time_zone="Asia/Tokyo", autonomy={"stress_spike": "note"}, paused_until=until)
    profile = profile_of(person, SHIPPED, default_zone="UTC", now=NOW)
    assert (profile.time_zone, profile.autonomy) == ("Asia/Tokyo", {"stress_spike": "note"})
    assert profile.paused_until == shown
