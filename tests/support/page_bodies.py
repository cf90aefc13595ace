"""A push server over hand-made rows: people whose bodies are known to the point, for their curves."""

import datetime as dt
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np
import psycopg
import redis

from daybeat.demo_plans import demo_plan
from daybeat.servers import LocalServers
from schemas.records import EstimateRow, FeatureRow, HrvDayRow, Record
from support.physiology_rows import DAY, estimate, hrv_day, learning_day, put_records, window
from support.push_run import PlanWriter, PushRun, coach_token, push_running

NOW: Final = dt.datetime.combine(DAY, dt.time(13, 20), dt.UTC)
"""14:20 in Berlin, where everybody lives."""

BEGINS: Final = dt.datetime.combine(DAY, dt.time(4, 30), dt.UTC)
NOT_WORN: Final = (dt.time(9, 50), dt.time(10, 40))
MINUTE: Final = dt.timedelta(minutes=1)

COMPUTED: Final = "ada"
"""Her strap gives heart rate and beats only: HRV is computed from them, stress and energy are estimated."""
GIVEN: Final = "bruno"
"""His ring gives RMSSD and both levels; last night the mean of his week fell below his normal range."""
LEARNING: Final = "carmen"
"""She has had her strap for four nights."""
BARE: Final = "dimitri"
"""His watch gives heart rate only."""
PEOPLE: Final = (COMPUTED, GIVEN, LEARNING, BARE)


@asynccontextmanager
async def bodies_on_a_page(
    servers: LocalServers, client: redis.Redis, database: psycopg.Connection
) -> AsyncIterator[PushRun]:
    """Run a push server whose clock stands at ``NOW``, over all these people, for the length of the block."""
    writer = PlanWriter(client)
    for number, user_id in enumerate(PEOPLE):
        plan = demo_plan(user_id, DAY, time_zone="Europe/Berlin", person=number)
        writer.put_plan(user_id, plan.model_dump(mode="json"), now=BEGINS)
        _put_readings(database, user_id, number)
    put_records(database, [*_computed_records(), *_given_days(), *_learning_records()])
    async with push_running(servers.redis_url, database_url=servers.database_url, now=lambda: NOW) as push:
        yield push


def page_url(push: PushRun, user_id: str) -> str:
    """The page with one person chosen."""
    return f"http://127.0.0.1:{push.port}/#token={coach_token(*PEOPLE)}&person={user_id}"


def _minutes() -> Iterator[dt.datetime]:
    """Yield the minutes at which devices were worn."""
    time = BEGINS
    while time < NOW:
        if not NOT_WORN[0] <= time.time() < NOT_WORN[1]:
            yield time
        time += MINUTE


def _put_readings(database: psycopg.Connection, user_id: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for number, time in enumerate(_minutes()):
        hour = (time - BEGINS) / dt.timedelta(hours=1)
        bpm = 58 + 8 * math.tanh(hour - 1) + 24 * math.exp(-(((hour - 3) / 0.25) ** 2)) + rng.normal(0, 2)
        given: tuple[float | None, ...] = (None, None, None)
        if user_id == GIVEN and number % 5 == 0:
            rmssd_ms = math.exp(3.55 - 0.05 * math.tanh(hour - 2) + rng.normal(0, 0.12))
            given = (rmssd_ms, 0.7 - 0.03 * hour, 0.3 + 0.02 * hour + rng.normal(0, 0.02))
        rows.append((time, user_id, number, time, bpm, *given))
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO daybeat.readings (time, user_id, device_id, digest, arrival,"
            " time_stamped_on_arrival, heart_rate_bpm, hrv_rmssd_ms, energy_level, stress_level)"
            " VALUES (%s, %s, 'ring', %s, %s, false, %s, %s, %s, %s)",
            rows,
        )


def _computed_records() -> list[Record]:
    days = [hrv_day(DAY - dt.timedelta(days=number), mean7=3.92 + number / 100) for number in range(7)]
    return [*days, *computed_windows(COMPUTED), *_estimates()]


def computed_windows(user_id: str) -> Iterator[FeatureRow]:
    """Yield the windows of a strap, one a minute while it was worn; those of one hour are of low quality."""
    rng = np.random.default_rng(7)
    for number, time in enumerate(_minutes()):
        hour = (time - BEGINS) / dt.timedelta(hours=1)
        value = 4.02 - 0.2 * math.tanh(hour - 1.5) + 0.1 * math.sin(hour * 2.2) + rng.normal(0, 0.15)
        low: dict[str, Any] = {"quality": "low", "quality_reason": "artefacts", "artefact_share": 0.04}
        yield window(time, round(value, 4), user_id=user_id, **(low if 280 <= number < 340 else {}))


def _estimates() -> Iterator[EstimateRow]:
    for time in _minutes():
        hour = (time - BEGINS) / dt.timedelta(hours=1)
        exercises = 2.6 < hour < 3.6
        stress = None if exercises else 0.3 + 0.12 * math.sin(hour * 1.3)
        yield estimate(time, stress, 0.78 - 0.035 * hour)


def _given_days() -> list[HrvDayRow]:
    ring: dict[str, Any] = {
        "user_id": GIVEN, "device_id": "ring", "measure": "hrv_rmssd_ms", "heart_rate_bpm": None,
        "normal_low": 3.62, "normal_high": 4.07, "maturity": "provisional", "need": 14,
    }  # fmt: skip
    before = [
        hrv_day(DAY - dt.timedelta(days=number), have=11 - number, mean7=3.66 + number / 50, **ring)
        for number in range(1, 7)
    ]
    fell = hrv_day(have=11, ln_value=3.41, mean7=3.58, status="below", onset=True, **ring)
    return [*before, fell]


def _learning_records() -> list[Record]:
    nights = [
        learning_day(4 - number, DAY - dt.timedelta(days=number), user_id=LEARNING) for number in range(4)
    ]
    return [*nights, *computed_windows(LEARNING)]
