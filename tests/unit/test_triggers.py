"""When a rule speaks up at all, and what its firing says."""

from uuid import uuid5

import pytest

from adaptation.firings import FIRING_NAMESPACE
from adaptation.rules import load_rules
from adaptation.tracked import ReadingEvent
from schemas.frames import TIME_STAMPED_ON_ARRIVAL
from schemas.readings import moment_of
from support.readings import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NOON,
    SECOND_US,
    USUAL_MS,
    Run,
    Sent,
    above,
    below,
    energies,
    firings_of,
    frame_of,
    stressed,
    suppressed_of,
    with_usual_rmssd,
)
from support.rule_texts import rules_of

# -- late and out of order


@pytest.mark.parametrize(
    ("delay_us", "fires"),
    [
        pytest.param(10 * MINUTE_US, True, id="at_ten_minutes"),
        pytest.param(10 * MINUTE_US + 1, False, id="just_later"),
        pytest.param(-5 * MINUTE_US, True, id="from_a_clock_ahead"),
    ],
)
def test_a_reading_fires_only_within_ten_minutes(delay_us: int, *, fires: bool) -> None:
    sent = Sent(NOON, {"energy_level": 0.9, "readiness_score": 0.9}, delay_us=delay_us)
    assert Run().fired(sent) == ["energy_surge"] * fires


def test_a_late_value_is_neither_current_nor_remembered() -> None:
    late = Sent(NOON, {"energy_level": 0.9, "readiness_score": 0.9}, delay_us=HOUR_US)
    assert Run().fired(late, Sent(NOON + HOUR_US, {"energy_level": 0.2})) == []
    assert Run().fired(late, Sent(NOON + HOUR_US, {"readiness_score": 0.9})) == []


def test_a_late_value_leaves_a_rule_that_holds_as_it_is() -> None:
    run = Run()
    surge = {"energy_level": 0.9, "readiness_score": 0.9}
    assert run.fired(Sent(NOON, surge)) == ["energy_surge"]
    late = Sent(NOON + HOUR_US, {"energy_level": 0.5}, delay_us=HOUR_US)
    assert run.fired(late, Sent(NOON + 5 * HOUR_US, surge)) == []


def test_a_value_older_than_the_last_of_its_device_neither_fires_nor_replaces_it() -> None:
    run = Run()
    run.send(Sent(NOON, {"energy_level": 0.5}), Sent(NOON, {"readiness_score": 0.9}))
    assert run.fired(Sent(NOON - 1, {"energy_level": 0.9})) == []
    assert run.fired(Sent(NOON + 1, {"readiness_score": 0.91})) == []
    assert run.fired(Sent(NOON, {"energy_level": 0.9})) == ["energy_surge"]


def test_order_is_judged_by_device() -> None:
    run = Run()
    run.send(Sent(NOON, {"energy_level": 0.5, "readiness_score": 0.9}))
    assert run.fired(Sent(NOON - MINUTE_US, {"energy_level": 0.9}, device="ring")) == ["energy_surge"]


def test_a_value_of_a_clock_ahead_is_not_earlier_until_its_time_has_come() -> None:
    run = Run()
    ahead = Sent(NOON + 4 * MINUTE_US, {"energy_level": 0.9}, device="ring", delay_us=-4 * MINUTE_US)
    assert run.fired(ahead, Sent(NOON, {"energy_level": 0.2})) == []
    assert run.fired(Sent(NOON + 4 * MINUTE_US, {"energy_level": 0.2})) == ["energy_drop"]


# -- onset and cooldown


def test_a_rule_fires_when_it_becomes_true_and_not_while_it_stays_true() -> None:
    run = Run()
    surge = [Sent(NOON + hour * HOUR_US, {"energy_level": 0.9, "readiness_score": 0.9}) for hour in range(12)]
    assert run.fired(*surge) == ["energy_surge"]
    assert suppressed_of(run.events) == []


@pytest.mark.parametrize(
    ("gap_us", "acts"),
    [
        pytest.param(4 * HOUR_US - 1, False, id="just_within"),
        pytest.param(4 * HOUR_US, True, id="at_four_hours"),
        pytest.param(4 * HOUR_US + 1, True, id="just_after"),
    ],
)
def test_an_onset_within_the_cooldown_is_suppressed(gap_us: int, *, acts: bool) -> None:
    run = Run()
    up, down = {"energy_level": 0.9, "readiness_score": 0.9}, {"energy_level": 0.5}
    run.send(Sent(NOON, up), Sent(NOON + HOUR_US, down))
    events = run.send(Sent(NOON + gap_us, up))
    assert [firing.rule for firing in firings_of(events)] == ["energy_surge"] * acts
    assert suppressed_of(events) == [("energy_surge", "cooldown")] * (not acts)


def test_a_suppressed_onset_does_not_prolong_the_cooldown() -> None:
    run = Run()
    up, down = {"energy_level": 0.9, "readiness_score": 0.9}, {"energy_level": 0.5}
    run.send(Sent(NOON, up), Sent(NOON + HOUR_US, down), Sent(NOON + 3 * HOUR_US, up))
    assert suppressed_of(run.events) == [("energy_surge", "cooldown")]
    assert run.fired(Sent(NOON + 3 * HOUR_US + 1, down), Sent(NOON + 4 * HOUR_US, up)) == ["energy_surge"]


def test_a_reading_without_a_measure_of_a_rule_does_not_judge_it() -> None:
    run = Run()
    up = {"energy_level": 0.9, "readiness_score": 0.9}
    assert run.fired(Sent(NOON, up)) == ["energy_surge"]
    # By now both values are too old; had this judged the rule, it would have become false.
    run.put(Sent(NOON + 3 * HOUR_US, {"heart_rate_bpm": 60.0}), Sent(NOON, up, user="bob"))
    run.advance()
    assert run.fired(Sent(NOON + 5 * HOUR_US, up)) == []


def test_several_rules_at_one_reading_come_together_most_urgent_first() -> None:
    run = with_usual_rmssd()
    run.send(Sent(NOON - DAY_US, {"sleep_quality": 0.4}))
    sent = stressed(energy_level=0.9, readiness_score=0.9, sleep_quality=0.4)
    events = [event for event in run.send(sent) if isinstance(event, ReadingEvent)]
    assert len(events) == 1
    assert [fired.firing.rule for fired in events[0].firings] == [
        "stress_spike",
        "sleep_debt",
        "energy_surge",
        "poor_night",
    ]
    assert all(fired.rule.name == fired.firing.rule for fired in events[0].firings)


def test_people_do_not_share_memory() -> None:
    run = Run()
    run.send(Sent(NOON, {"energy_level": 0.9}))
    assert run.fired(Sent(NOON + HOUR_US, {"energy_level": 0.2}, user="bob")) == []


# -- what a firing says


def test_a_firing_names_its_reading_and_its_place() -> None:
    run = Run()
    run.send(Sent(NOON - HOUR_US, {"energy_level": 0.7}))
    entry = run.next_entry()
    others = [Sent(NOON, {"heart_rate_bpm": 60.0}, user=user) for user in ("bob", "eve")]
    drop = Sent(NOON, {"energy_level": 0.2}, seq=812)
    run.shard.take_frame(entry, frame_of([*others, drop]))
    (event,) = (event for event in run.advance() if isinstance(event, ReadingEvent))
    ((firing, _),) = event.firings
    assert (event.user_id, firing.user_id, firing.rule) == ("ada", "ada", "energy_drop")
    assert (event.position.entry, event.position.index) == (entry, 2)
    assert firing.position == str(event.position)
    assert (firing.at, firing.time_zone) == (moment_of(NOON + SECOND_US), "UTC")
    assert firing.evidence.reading.model_dump() == {"device": "watch", "seq": 812, "time": moment_of(NOON)}


def test_the_id_of_a_firing_follows_from_person_rule_and_reading() -> None:
    drop = Sent(NOON, {"energy_level": 0.2}, seq=812)
    digest = int(frame_of([drop]).digest[0])
    (firing,) = firings_of(Run().send(*energies((-HOUR_US, 0.7)), drop))
    name = f"ada/energy_drop/ada/watch/{NOON}/{digest:016x}"
    assert digest >= 2**63
    assert firing.firing_id == str(uuid5(FIRING_NAMESPACE, name))


def test_the_id_of_a_reading_without_time_follows_from_its_sequence_number() -> None:
    options = {"seq": 812, "flags": TIME_STAMPED_ON_ARRIVAL}
    once = firings_of(Run().send(*energies((-HOUR_US, 0.7)), *energies((0, 0.2), **options)))
    again = firings_of(Run().send(*energies((-HOUR_US, 0.7)), *energies((7, 0.2), **options)))
    assert once[0].firing_id == again[0].firing_id
    assert once[0].firing_id == str(uuid5(FIRING_NAMESPACE, "ada/energy_drop/ada/watch/812"))
    other = firings_of(Run().send(*energies((-HOUR_US, 0.7)), *energies((0, 0.2), seq=812)))
    assert other[0].firing_id != once[0].firing_id


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(above(0.6), below(0.3), 0.5, id="just_met"),
        pytest.param(1.0, 0.0, 1.0, id="all_the_way"),
        pytest.param(0.8, 0.15, 0.75, id="halfway"),
    ],
)
def test_confidence_grows_with_the_distance_beyond_the_limits(
    before: float, now: float, expected: float
) -> None:
    (firing,) = firings_of(Run().send(*energies((0, before), (HOUR_US, now))))
    assert firing.confidence == pytest.approx(expected)


@pytest.mark.parametrize(("days", "maturity"), [(7, 0.5), (10.5, 0.75), (14, 1.0), (28, 1.0)])
def test_confidence_grows_with_the_age_of_the_baseline(days: float, maturity: float) -> None:
    (firing,) = firings_of(with_usual_rmssd(days=days).send(stressed(0.35 * USUAL_MS, 0.9)))
    # Halfway beyond both limits: ¾ each, the baseline's share times its maturity.
    assert firing.confidence == pytest.approx((0.75 + 0.75 * maturity) / 2)


# -- other rules than the shipped ones


@pytest.mark.parametrize(
    ("when", "sent", "fires"),
    [
        pytest.param(
            "hrv_rmssd_ms > 1.5 * usual(hrv_rmssd_ms)",
            [Sent(NOON, {"hrv_rmssd_ms": above(1.5 * USUAL_MS)})],
            True,
            id="above_baseline",
        ),
        pytest.param(
            "hrv_rmssd_ms > 1.5 * usual(hrv_rmssd_ms)",
            [Sent(NOON, {"hrv_rmssd_ms": 1.5 * USUAL_MS})],
            False,
            id="at_baseline_limit",
        ),
        pytest.param(
            "stress_level < 20 % within 30 min",
            [Sent(NOON, {"stress_level": 0.1})],
            True,
            id="below_within_counts_the_value_itself",
        ),
        pytest.param("sleep_minutes < 300 min", [Sent(NOON, {"sleep_minutes": 299.0})], True, id="one_day"),
        pytest.param(
            "steps > 5000 and sleep_minutes < 300 min",
            [Sent(NOON - DAY_US, {"sleep_minutes": 200.0}), Sent(NOON, {"steps": 6000.0})],
            False,
            id="yesterdays_night_is_not_todays",
        ),
        pytest.param(
            "steps > 5000 and sleep_minutes < 300 min",
            [Sent(NOON - 5 * HOUR_US, {"sleep_minutes": 200.0}), Sent(NOON, {"steps": 6000.0})],
            True,
            id="a_night_counts_all_day",
        ),
    ],
)
def test_other_conditions_hold_as_the_file_says(when: str, sent: list[Sent], *, fires: bool) -> None:
    run = with_usual_rmssd()
    run.resume(rules_of(when))
    assert run.fired(*sent) == ["mine"] * fires


def test_the_lowest_value_of_a_window_is_shown_where_low_is_watched() -> None:
    rules = rules_of("stress_level > 80 % and stress_level < 20 % within 2 h")
    levels = [(0, 0.15), (1, 0.05), (2, 0.1), (3, 0.9)]
    sent = [Sent(NOON + minute * MINUTE_US, {"stress_level": level}) for minute, level in levels]
    (firing,) = firings_of(Run(rules).send(*sent))
    assert firing.evidence.values[1].value == 0.05


def test_without_rules_nothing_fires() -> None:
    run = Run(load_rules("version = 2", where="none.toml"))
    assert run.fired(*energies((0, 0.9), (HOUR_US, 0.1))) == []
