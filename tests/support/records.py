"""One record of every table, with every field given."""

import datetime as dt

from schemas.plan import Task
from schemas.records import (
    AdaptationRow,
    BaselineRow,
    DecisionRow,
    Evidence,
    EvidenceValue,
    Outcome,
    PlanVersionRow,
    ProfileRow,
    ReadingRef,
    Record,
    TaskEventRow,
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
        ProfileRow(
            user_id=user, time=AT, position="1700000000000-2-5", profile={"time_zone": "Europe/Berlin"}
        ),
    ]
