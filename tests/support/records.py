"""One record of every table, with every field given."""

import datetime as dt
from typing import get_args

from schemas.plan import Task
from schemas.records import (
    AdaptationRow,
    BaselineRow,
    DecisionRow,
    EstimateRow,
    Evidence,
    EvidenceValue,
    FeatureRow,
    HrvDayRow,
    Outcome,
    PlanVersionRow,
    ProfileRow,
    ReadingRef,
    Record,
    TaskEventRow,
    WearRow,
)

AT = dt.datetime(2026, 11, 20, 8, 0, 0, 123456, dt.UTC)
DATE = dt.date(2026, 11, 20)


def an_evidence(device: str = "ada-watch") -> Evidence:
    """Return what a rule may have looked at."""
    return Evidence(
        reading=ReadingRef(device=device, seq=812, time=AT),
        values=(
            EvidenceValue(
                measure="stress_level",
                unit="0-1",
                value=0.9,
                time=AT,
                threshold=0.8,
                baseline=0.31,
                baseline_sd=0.05,
                baseline_count=40,
                window_minutes=10.0,
                quality="estimated",
            ),
        ),
    )


def a_task(minutes: int = 60) -> Task:
    """Return a task at nine."""
    start = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
    return Task(
        task_id="run-1",
        title="Run with Ben",
        category="movement",
        start=start,
        end=start + dt.timedelta(minutes=minutes),
        duration_minutes=minutes,
    )


def a_record_of_every_table(user: str = "ada") -> list[Record]:
    """Return one record for each table that the live flow writes to."""
    evidence = an_evidence(f"{user}-watch")
    return [
        DecisionRow(
            decision_id="11111111-0000-5000-8000-000000000001",
            time=AT,
            user_id=user,
            rule="stress_spike",
            outcome=Outcome.APPLIED,
            why="cooldown",
            firing_id="11111111-0000-5000-8000-000000000002",
            position="1700000000000-2-5",
            reason="Stress is 0.9, the threshold is 0.8: „Run with Ben“ got shorter.",
            evidence=evidence,
            confidence=0.75,
            propensity=0.5,
        ),
        AdaptationRow(
            adaptation_id="11111111-0000-5000-8000-000000000002",
            time=AT,
            user_id=user,
            rule="stress_spike",
            kind="protective",
            action="switch_to_recovery",
            status="applied",
            plan_date=DATE,
            task_id="run-1",
            original_task=a_task(60),
            adapted_task=a_task(30),
            reason="Stress is 0.9.",
            evidence=evidence,
            confidence=0.75,
            propensity=0.5,
            expires_at=AT + dt.timedelta(hours=6),
        ),
        PlanVersionRow(
            user_id=user,
            plan_date=DATE,
            version=2,
            time=AT,
            position="1700000000000-2-5",
            cause="11111111-0000-5000-8000-000000000002",
            patch=[
                {"op": "test", "path": "/version", "value": 1},
                {"op": "replace", "path": "/version", "value": 2},
            ],
            plan=None,
        ),
        TaskEventRow(
            event_id="event-1",
            time=AT,
            user_id=user,
            plan_date=DATE,
            task_id="run-1",
            event="rated",
            rating=4,
            reason="my knee",
            changes={"title": "Run with Ben, slowly", "duration_minutes": 45},
        ),
        BaselineRow(
            time=AT,
            user_id=user,
            device_id=f"{user}-watch",
            measure="hrv_rmssd_ms",
            slot="all_day",
            mean=42.125,
            sd=6.5,
            count=1400,
            since=AT - dt.timedelta(days=14),
        ),
        *records_of_the_body(user),
        ProfileRow(
            user_id=user, time=AT, position="1700000000000-2-5", profile={"time_zone": "Europe/Berlin"}
        ),
    ]


def records_of_the_body(user: str = "ada") -> list[Record]:
    """Return one record for each table that is computed of a person's beats and heart rate."""
    device = f"{user}-watch"
    return [
        FeatureRow(
            time=AT,
            user_id=user,
            device_id=device,
            window_seconds=120,
            beats=131,
            coverage=0.975,
            artefact_share=0.03,
            quality="low",
            quality_reason="artefacts",
            rmssd_ms=42.5,
            ln_rmssd=3.7495,
            sdnn_ms=55.25,
            pnn50_percent=18.5,
            mean_heart_rate_bpm=66.25,
            stress_index=91.5,
            method="daybeat-windows-1",
        ),
        HrvDayRow(
            time=AT,
            user_id=user,
            day=DATE,
            device_id=device,
            measure="rmssd_ms",
            slot="asleep",
            values=84,
            ln_value=3.05,
            heart_rate_bpm=57.5,
            mean7=3.21,
            cv7=4.6,
            normal_low=3.35,
            normal_high=3.78,
            have=41,
            need=41,
            maturity="stable",
            status="below",
            onset=True,
        ),
        EstimateRow(
            time=AT,
            user_id=user,
            device_id=device,
            stress_level=0.4,
            stress_confidence=0.8,
            energy_level=0.65,
            energy_confidence=0.5,
            readiness_score=0.7,
            readiness_confidence=0.6,
            method="daybeat-estimates-1",
        ),
        WearRow(time=AT, user_id=user, device_id=device, worn=True, reason="contact"),
    ]


def bare_records_of_the_body(user: str = "ada") -> list[Record]:
    """Return the same records with every field left out that may be."""
    left_out = {
        name: None
        for record in records_of_the_body()
        for name, field in type(record).model_fields.items()
        if type(None) in get_args(field.annotation)
    }
    return [
        record.model_copy(update={name: None for name in left_out if name in type(record).model_fields})
        for record in records_of_the_body(user)
    ]
