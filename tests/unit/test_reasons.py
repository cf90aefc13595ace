"""The sentences shown to people, filled from evidence."""

from datetime import UTC, datetime, timedelta

import pytest

from adaptation.reasons import format_span, format_value
from adaptation.rules import builtin_rules, load_rules, render_reason
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
version = 1
[[rule]]
name = "few_steps"
kind = "protective"
action = "reduce_intensity"
priority = 1
cooldown = "4h"
horizon = "6h"
expires = "6h"
when = [{ measure = "steps", above = 9000 }]
reason = "{steps} steps."
"""
    (rule,) = load_rules(text, where="mine.toml").rules
    evidence = Evidence(reading=ReadingRef(device="w", seq=1, time=NOON), values=(value("steps", 9500.0),))
    assert render_reason(rule, evidence) == "9,500 steps."
