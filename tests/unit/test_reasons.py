"""The sentences shown to people, filled from evidence."""

from datetime import UTC, datetime, timedelta

import pytest

from adaptation.rules import builtin_rules, load_rules, render_reason
from adaptation.rules.check import read_condition
from adaptation.rules.reasons import check_template, format_span, format_value
from schemas.errors import InputError
from schemas.records import Evidence, EvidenceValue, ReadingRef

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def value(measure: str, number: float, *, ago: timedelta = timedelta(0), **baseline: float) -> EvidenceValue:
    return EvidenceValue.model_validate(
        {"measure": measure, "unit": "", "value": number, "time": NOON - ago, **baseline}
    )


def sentence(rule: str, *values: EvidenceValue) -> str:
    found = builtin_rules().find(rule)
    assert found is not None
    evidence = Evidence(reading=ReadingRef(device="watch", seq=None, time=NOON), values=values)
    return render_reason(found, evidence)


def test_energy_drop_says_from_where_to_where_and_how_fast() -> None:
    now, before = value("energy_level", 0.27), value("energy_level", 0.64, ago=timedelta(minutes=80))
    wanted = "Your energy fell from 64% to 27% within 1 h 20 min. The next hours are lighter now."
    assert sentence("energy_drop", now, before) == wanted
    assert sentence("energy_drop", before, now) == wanted


def test_stress_spike_names_the_usual_where_it_is_known() -> None:
    stress, rmssd = value("stress_level", 0.86), value("hrv_rmssd_ms", 27.6, baseline=44.6, baseline_sd=8.0)
    assert sentence("stress_spike", stress, rmssd) == (
        "Stress is at 86% and your heart rate variability at 28 ms, 62% of your usual 45 ms. "
        "Here is some room to slow down."
    )


def test_stress_spike_leaves_the_usual_out_where_it_is_not_known() -> None:
    assert sentence("stress_spike", value("stress_level", 0.86), value("hrv_rmssd_ms", 27.6)) == (
        "Stress is at 86% and your heart rate variability at 28 ms. Here is some room to slow down."
    )


def test_sleep_debt_names_both_nights() -> None:
    nights = value("sleep_quality", 0.41, ago=timedelta(days=1)), value("sleep_quality", 0.52)
    assert sentence("sleep_debt", *nights) == (
        "Your sleep quality was 41% the night before and 52% last night. Today goes easier on you."
    )


def test_energy_surge_offers_and_does_not_push() -> None:
    assert sentence("energy_surge", value("energy_level", 0.91), value("readiness_score", 0.85)) == (
        "Your energy is at 91% and your readiness at 85%. If you like, there is room for a little more today."
    )


def test_hrv_below_normal_says_how_far_where_it_is_known() -> None:
    days = value("hrv_days", 21)
    assert sentence("hrv_below_normal", days, value("hrv_z", -1.22)) == (
        "Your heart rate variability of the last 7 days lies below your normal range, −1.2 SD from your "
        "usual. Today's harder tasks are easier now."
    )
    assert "range. Today's" in sentence("hrv_below_normal", days)


def test_resting_heart_rate_high_names_the_usual() -> None:
    rate = value("resting_heart_rate_bpm", 61.4, baseline=54.6, baseline_sd=3.4)
    assert sentence("resting_heart_rate_high", rate) == (
        "Your resting heart rate was 61 beats/min; your usual is 55 beats/min. "
        "Today's harder tasks are easier now."
    )


def test_strain_high_names_the_share_of_a_usual_day() -> None:
    assert sentence("strain_high", value("strain", 180, baseline=100, baseline_sd=30)) == (
        "Today's strain is 180 TRIMP, 180% of your usual day. The next hours are lighter now."
    )


def test_poor_night_names_what_is_known_of_the_night() -> None:
    slept, quality = value("sleep_minutes", 270), value("sleep_quality", 0.41)
    assert sentence("poor_night", slept) == (
        "Last night was a poor one. You slept 4 h 30 min. Today's hardest tasks are easier now."
    )
    assert sentence("poor_night", slept, quality) == (
        "Last night was a poor one. You slept 4 h 30 min. Your sleep quality was 41%. "
        "Today's hardest tasks are easier now."
    )


def test_recovered_offers_and_does_not_push() -> None:
    assert sentence("recovered", value("hrv_days", 21), value("hrv_z", -0.3)) == (
        "Your heart rate variability of the last 7 days is back in your normal range, −0.3 SD from your "
        "usual. If you like, there is room for a little more today."
    )


def test_a_distance_from_the_usual_can_stand_in_a_sentence() -> None:
    text = builtin_rules().text.replace(
        "; your usual is {resting_heart_rate_bpm.usual}", ", {resting_heart_rate_bpm.z}"
    )
    (rule,) = [
        one for one in load_rules(text, where="mine.toml").rules if one.name == "resting_heart_rate_high"
    ]
    reading = ReadingRef(device="w", seq=1, time=NOON)
    for sd, part in ((4.0, "rate was 62 beats/min, +2.0 SD. "), (0.0, "rate was 62 beats/min. ")):
        values = (value("resting_heart_rate_bpm", 62, baseline=54, baseline_sd=sd),)
        assert part in render_reason(rule, Evidence(reading=reading, values=values))


TEMPLATES = [
    pytest.param("energy_level < 30 %", "{energy_level}", None, id="compared"),
    pytest.param("energy_level < 30 %", "{stress_level}", "not a field", id="not_compared"),
    pytest.param("energy_level < 30 %", "{energy_level.earlier}", "not a field", id="one_value_only"),
    pytest.param("energy_level < 30 %", "[{energy_level.usual}]", "not a field", id="no_usual"),
    pytest.param(
        "energy_level < 3 % and energy_level > 6 % within 2 h", "{energy_level.span}", None, id="within"
    ),
    pytest.param(
        "moving and not energy_level > 6 % within 2 h", "[{energy_level}]", "not a field", id="not_within"
    ),
    pytest.param("energy_level > 6 % within 2 h", "{energy_level}", None, id="only_within"),
    pytest.param("energy_level > 6 % for 2 h", "{energy_level}", None, id="held"),
    pytest.param("energy_level < previous(energy_level)", "{energy_level.earlier}", None, id="previous"),
    pytest.param("sleep_quality < 6 % for 2 days", "{sleep_quality.earlier}", None, id="two_days"),
    pytest.param("energy_level < 3 % or moving", "{energy_level}", "may be without a value", id="one_of_two"),
    pytest.param("energy_level < 3 % or moving", "[{energy_level}]", None, id="one_of_two_in_brackets"),
    pytest.param("energy_level < 3 % or energy_level > 6 %", "{energy_level}", None, id="in_both"),
    pytest.param("z(strain) > 1", "{strain}", None, id="z_shows_the_value"),
    pytest.param("z(strain) > 1", "{strain.z}", "may be without a value", id="z_unbracketed"),
    pytest.param("z(strain) > 1", "[{strain.z} {strain.usual} {strain.of_usual}]", None, id="z"),
    pytest.param("steps > 9", "{energy_level}", "may be without a value", id="shown"),
    pytest.param("steps > 9", "[{energy_level}]", None, id="shown_in_brackets"),
    pytest.param("moving", "{moving}", "not a field", id="flag"),
]


@pytest.mark.parametrize(("condition", "template", "complaint"), TEMPLATES)
def test_a_template_may_name_what_the_evidence_holds(
    condition: str, template: str, complaint: str | None
) -> None:
    shown = ("energy_level",) if condition == "steps > 9" else ()
    found = check_template(template, read_condition(condition), shown=shown)
    if complaint is None:
        assert found is None
    else:
        assert found is not None
        assert complaint in found.what
        assert found.mend


def test_a_sentence_without_its_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(InputError, match=r"no \{energy_level.earlier\}"):
        sentence("energy_drop", value("energy_level", 0.27))


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.0, "0-1", "0%"),
        (0.666, "0-1", "67%"),
        (1.0, "0-1", "100%"),
        (64.4, "beats/min", "64 beats/min"),
        (27.6, "ms", "28 ms"),
        (12_345.0, "count", "12,345"),
        (432.0, "min", "7 h 12 min"),
        (1.84, "SD", "+1.8 SD"),
        (-1.26, "SD", "−1.3 SD"),
        (142.4, "TRIMP", "142 TRIMP"),
    ],
)
def test_values_are_written_as_people_read_them(number: float, unit: str, text: str) -> None:
    assert format_value(number, unit) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=0), "1 min"),
        (timedelta(seconds=89), "1 min"),
        (timedelta(minutes=59, seconds=31), "1 h"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=25, minutes=5), "25 h 5 min"),
    ],
)
def test_spans_are_written_in_hours_and_minutes(span: timedelta, text: str) -> None:
    assert format_span(span) == text


def test_a_number_of_steps_can_stand_in_a_sentence() -> None:
    text = """
version = 2
[[rule]]
name = "few_steps"
kind = "protective"
action = "reduce_intensity"
priority = 1
cooldown = "4h"
horizon = "6h"
expires = "6h"
when = "steps > 9000"
reason = "{steps} steps."
"""
    (rule,) = load_rules(text, where="mine.toml").rules
    evidence = Evidence(reading=ReadingRef(device="w", seq=1, time=NOON), values=(value("steps", 9500.0),))
    assert render_reason(rule, evidence) == "9,500 steps."
