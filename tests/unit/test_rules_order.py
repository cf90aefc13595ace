"""Rules on everything that there is give the same, however the log is read: frames, rounds, restarts."""

import random
from datetime import timedelta

import pytest

from adaptation.rules import RuleSet, load_rules
from adaptation.tracked import ReadingEvent
from support.lives import cut_anyhow, interleaved, lives, one_by_one, results
from support.rule_texts import rules_of

ALL = ("estimated", "low_quality", "exercise")


def _rules() -> RuleSet:
    """Return rules that together look at every kind of value, status, flag and memory."""
    one_by_one = [
        rules_of("rmssd_ms > 20 ms", name="window", allow=ALL),
        rules_of("rmssd_ms < 45 ms and rmssd_ms - previous(rmssd_ms) < 5 ms", name="window_clear"),
        rules_of("stress_level > 20 %", name="stress", allow=ALL),
        rules_of("stress_level > 20 %", name="stress_clear"),
        rules_of(
            "energy_level < 95 % within 30 min and resting", name="energy", allow=ALL, evidence=("strain",)
        ),
        rules_of("heart_rate_bpm > 50 bpm for 5 min", name="held"),
        rules_of("readiness_score > 1 %", name="readiness", allow=ALL),
        rules_of("hrv_status is not within or hrv_z < 0.5 SD", name="hrv"),
        rules_of("hrv_status_before is not below and hrv_days > 3", name="hrv_before"),
        rules_of("z(resting_heart_rate_bpm) > 0.01 SD", name="resting", leave="hrv_days < 2"),
        rules_of("strain > 0.5 TRIMP or strain > usual(strain)", name="strain", allow=ALL),
        rules_of("activity is run or exercising", name="activity"),
        rules_of("z(rmssd_ms) < 9 SD or z_at_hour(stress_level) > -5 SD", name="scores"),
    ]
    texts = [rules.text.replace("version = 2", "") for rules in one_by_one]
    return load_rules("version = 2\n" + "\n".join(texts), where="all.toml")


RULES = _rules()


@pytest.mark.parametrize(("seed", "window_s"), [(1, 120), (5, 60), (7, 120)], ids=str)
def test_frames_rounds_restarts_and_other_people_change_no_firing_and_nothing_kept(
    seed: int, window_s: int
) -> None:
    window = timedelta(seconds=window_s)
    lived, chance = lives(seed), random.Random(1000 + seed)
    run = one_by_one(lived, window, RULES)
    expected = results(run)
    found = results(cut_anyhow(interleaved(lived, chance), chance, window, RULES))
    assert found.records == expected.records
    assert found.kept == expected.kept
    events = [event for event in run.events if isinstance(event, ReadingEvent)]
    fired = {one.rule.name for event in events for one in event.firings}
    assert fired >= {"window", "stress", "energy", "held", "hrv", "hrv_before", "scores"}
    assert {why for event in events for _, why in event.suppressed} >= {"estimated", "not_worn"}
