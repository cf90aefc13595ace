"""Conditions that remember, with several devices a person and readings at which they hold no more."""

import pytest

from adaptation.rules import RuleSet, load_rules, render_reason
from schemas.errors import InputError
from support.beating import midnight, nights
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, Run, Sent, firings_of, suppressed_of
from support.rule_texts import rules_of


def stress(minute: float, level: float, *, device: str = "watch", delay: float = 0) -> Sent:
    """Return a reading; times in minutes."""
    time_us, delay_us = NOON + int(minute * MINUTE_US), int(delay * MINUTE_US)
    return Sent(time_us, {"stress_level": level}, device=device, delay_us=delay_us)


def saying(rules: RuleSet, reason: str) -> RuleSet:
    return load_rules(rules.text.replace("It is time.", reason), where="mine.toml")


def sentences(run: Run, *sent: Sent) -> list[str]:
    return [render_reason(run.rules.rules[0], one.evidence) for one in firings_of(run.send(*sent))]


def test_a_lone_reading_before_the_last_of_another_device_makes_no_for() -> None:
    run = Run(rules_of("stress_level > 70 % for 5 min"))
    assert run.fired(stress(10, 0.5, device="ring"), stress(2, 0.8, delay=9)) == []
    assert run.fired(stress(12, 0.8)) == []
    # It counts from 10 minutes past, the last moment that is known at which it did not hold.
    assert run.fired(stress(15, 0.8)) == ["mine"]


def test_a_lone_late_reading_would_have_made_no_for_either() -> None:
    run = Run(rules_of("stress_level > 70 % for 20 min"))
    events = run.send(stress(60, 0.5, device="ring"), stress(2, 0.8, delay=59))
    assert suppressed_of(events) == []


def test_not_within_sees_what_another_device_told_of_a_moment_ahead() -> None:
    run = Run(rules_of("not (stress_level > 70 % within 1 h)"))
    run.send(stress(0, 0.8), stress(5, 0.8))
    assert run.fired(stress(4.5, 0.2, device="ring", delay=1)) == []
    assert run.fired(stress(66, 0.2, device="ring")) == ["mine"]


def test_what_held_for_a_while_is_shown_though_the_person_moves_at_the_reading_that_fires() -> None:
    when = "(stress_level > 70 % or stress_level > 60 % and resting) for 10 min and energy_level < 30 %"
    run = Run(saying(rules_of(when), "Stress {stress_level}, energy {energy_level}."))
    run.send(*[stress(minute, 0.65) for minute in (0, 5, 10)])
    run.send(Sent(NOON + 11 * MINUTE_US, {"steps": 90}, activity="walk"))
    tired = Sent(NOON + 12 * MINUTE_US, {"energy_level": 0.2})
    (firing,) = firings_of(run.send(tired))
    assert [(one.measure, one.threshold) for one in firing.evidence.values] == [
        ("stress_level", 0.6),
        ("energy_level", 0.3),
    ]
    assert render_reason(run.rules.rules[0], firing.evidence) == "Stress 65%, energy 20%."


def test_what_is_not_known_of_such_a_condition_is_not_shown() -> None:
    when = "(strain > 100 TRIMP or stress_level > 60 % and resting) for 10 min and energy_level < 30 %"
    run = Run(rules_of(when))
    run.send(*[stress(minute, 0.65) for minute in (0, 5, 10)])
    run.send(Sent(NOON + 11 * MINUTE_US, {"steps": 90}, activity="walk"))
    (firing,) = firings_of(run.send(Sent(NOON + 12 * MINUTE_US, {"energy_level": 0.2})))
    assert [one.measure for one in firing.evidence.values] == ["stress_level", "energy_level"]


def test_a_late_reading_of_yesterday_beside_what_lasts_of_todays_body_is_told() -> None:
    first = midnight("2026-09-01")
    run = Run(rules_of("(hrv_days >= 3) for 10 min and steps > 100"))
    run.send(*nights(first, [44.0, 46.0, 45.0]))
    morning = first + 2 * DAY_US + 9 * HOUR_US
    run.send(*[Sent(morning + minute * MINUTE_US, {"energy_level": 0.5}) for minute in (0, 8, 16)])
    late = Sent(morning - 20 * HOUR_US, {"steps": 500}, device="phone", delay_us=20 * HOUR_US)
    assert [why for _, why in suppressed_of(run.send(late))] == ["late"]


def test_two_equal_values_of_one_comparison_are_both_shown() -> None:
    rules = rules_of("heart_rate_bpm - previous(heart_rate_bpm) < 5 bpm")
    run = Run(saying(rules, "From {heart_rate_bpm.earlier} to {heart_rate_bpm}."))
    run.send(Sent(NOON, {"heart_rate_bpm": 70.0}), Sent(NOON + MINUTE_US, {"heart_rate_bpm": 90.0}))
    same = Sent(NOON, {"heart_rate_bpm": 70.0}, device="ring", delay_us=2 * MINUTE_US)
    assert sentences(run, same) == ["From 70 beats/min to 70 beats/min."]


def test_a_sentence_cannot_rely_on_two_values_where_two_looks_back_may_find_the_same() -> None:
    rules = rules_of("energy_level > 60 % within 2 h and energy_level < 90 % within 2 h")
    with pytest.raises(InputError, match="may be without a value"):
        saying(rules, "From {energy_level.earlier} to {energy_level}.")
    run = Run(saying(rules, "It is {energy_level}[ after {energy_level.earlier}]."))
    assert sentences(run, Sent(NOON, {"energy_level": 0.7})) == ["It is 70%."]
