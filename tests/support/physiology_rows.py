"""Rows of what is computed of a person: HRV windows and days, estimated levels."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import psycopg

from schemas.records import EstimateRow, FeatureRow, HrvDayRow, Record
from stores.record_rows import RECORD_INSERTS

DAY = dt.date(2026, 11, 20)
CLOSED = dt.time(6, 30)
"""When the slot of a night is over, UTC."""


def hrv_day(day: dt.date = DAY, **fields: Any) -> HrvDayRow:
    """Return one night's HRV, well known and within the normal range."""
    known: dict[str, Any] = {
        "time": dt.datetime.combine(day, CLOSED, dt.UTC),
        "user_id": "ada",
        "day": day,
        "device_id": "strap",
        "measure": "rmssd_ms",
        "slot": "asleep",
        "values": 80,
        "ln_value": 4.0,
        "heart_rate_bpm": 52.0,
        "mean7": 3.98,
        "cv7": 3.2,
        "normal_low": 3.75,
        "normal_high": 4.2,
        "have": 40,
        "need": 40,
        "maturity": "stable",
        "status": "within",
        "onset": False,
    }
    return HrvDayRow(**known | fields)


def learning_day(have: int, day: dt.date = DAY, **fields: Any) -> HrvDayRow:
    """Return a night of which there is no verdict yet."""
    unknown: dict[str, Any] = dict.fromkeys(("mean7", "cv7", "normal_low", "normal_high", "status"))
    return hrv_day(day, **unknown | {"have": have, "need": 7, "maturity": "learning"} | fields)


def window(time: dt.datetime, ln_rmssd: float | None, **fields: Any) -> FeatureRow:
    """Return a window of two minutes that ends at ``time``."""
    known: dict[str, Any] = {
        "time": time,
        "user_id": "ada",
        "device_id": "strap",
        "window_seconds": 120,
        "beats": 130,
        "coverage": 0.99,
        "artefact_share": 0.0,
        "quality": "good",
        "quality_reason": "",
        "rmssd_ms": None,
        "ln_rmssd": ln_rmssd,
        "sdnn_ms": None,
        "pnn50_percent": None,
        "mean_heart_rate_bpm": 62.0,
        "stress_index": None,
        "method": "daybeat-windows-1",
    }
    return FeatureRow(**known | fields)


def estimate(time: dt.datetime, stress: float | None, energy: float | None, **fields: Any) -> EstimateRow:
    """Return estimated levels; where one is given its confidence is 0.6."""
    known: dict[str, Any] = {
        "time": time,
        "user_id": "ada",
        "device_id": "strap",
        "stress_level": stress,
        "stress_confidence": None if stress is None else 0.6,
        "energy_level": energy,
        "energy_confidence": None if energy is None else 0.6,
        "readiness_score": None,
        "readiness_confidence": None,
        "method": "daybeat-estimates-1",
    }
    return EstimateRow(**known | fields)


def put_records(database: psycopg.Connection, records: Sequence[Record]) -> None:
    """Store records as the history flow does."""
    for table in {record.table for record in records}:
        insert = RECORD_INSERTS[table]
        rows = [record for record in records if record.table == table]
        database.execute(insert.statement.encode(), insert.arguments(rows))
