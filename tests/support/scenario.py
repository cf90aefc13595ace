"""A small day of a few people as log entries: plans, readings that fire rules, commands, ticks.

Made from a seed, without any of the product's own generators, so that it can judge them.
"""

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import orjson

from schemas.commands import CommandEntry, PutPlan, SkipTask, StartTask
from schemas.frames import ReadingFrame, encode_frame
from schemas.ids import PartitionId, partition_of
from schemas.measures import MEASURE_INDEX, MEASURE_NAMES
from schemas.plan import Plan, Task, TimeBlock
from schemas.readings import micros
from stores.log import EntryKind, NewEntry

DAY = dt.date(2026, 3, 10)
START = dt.datetime(2026, 3, 10, 8, 0, tzinfo=dt.UTC)
MINUTE_US = 60_000_000

Row = tuple[str, str, int, int, dict[str, float]]
"""user, device, seq, time_us, measures"""


def plan_for(user: str, date: dt.date = DAY, *, tasks: int = 8) -> Plan:
    """Return a plan of ``tasks`` hourly tasks from 09:00 UTC on."""
    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    made = []
    for number in range(tasks):
        start = midnight + dt.timedelta(hours=9 + number)
        made.append(
            Task(
                task_id=f"task-{number}",
                title=f"Task {number}",
                category="movement" if number % 2 else "work",
                start=start,
                end=start + dt.timedelta(minutes=40),
                duration_minutes=40,
                intensity="high" if number % 2 else "moderate",
                energy_requirement="high" if number % 2 else "medium",
            )
        )
    block = TimeBlock(
        block_id="day",
        title="Day",
        start=midnight + dt.timedelta(hours=9),
        end=midnight + dt.timedelta(hours=9 + tasks),
        tasks=tuple(made),
    )
    return Plan(user_id=user, date=date, time_zone="UTC", blocks=(block,))


def frame_of(rows: list[Row], *, delay_us: int = 200_000) -> ReadingFrame:
    """Return a frame of rows, each arriving ``delay_us`` after its time."""
    n = len(rows)
    measures = np.full((n, len(MEASURE_NAMES)), np.nan)
    for index, (_, _, _, _, values) in enumerate(rows):
        for name, value in values.items():
            measures[index, MEASURE_INDEX[name]] = value
    times = np.array([row[3] for row in rows], np.int64)
    return ReadingFrame(
        users=[row[0] for row in rows],
        devices=[row[1] for row in rows],
        time_us=times,
        arrival_us=times + delay_us,
        seq=np.array([row[2] for row in rows], np.int64),
        digest=np.array([row[2] * 7919 + 1 for row in rows], np.uint64),
        flags=np.zeros(n, np.uint8),
        activity=np.zeros(n, np.uint8),
        source=np.zeros(n, np.uint8),
        measures=measures,
        rr_counts=np.zeros(n, np.uint16),
        rr_ms=np.zeros(0),
        extra=[b""] * n,
    )


def command(user: str, partitions: int, arrival_us: int, one: object) -> NewEntry:
    """Return a command as a log entry of the person's partition."""
    entry = CommandEntry.model_validate({"user_id": user, "arrival_us": arrival_us, "command": one})
    return NewEntry(partition_of(user, partitions), EntryKind.COMMAND, entry.model_dump_json().encode())


def ticks(partitions: int, arrival_us: int) -> list[NewEntry]:
    """Return one tick for every partition."""
    payload = orjson.dumps({"arrival_us": arrival_us})
    return [NewEntry(PartitionId(number), EntryKind.TICK, payload) for number in range(partitions)]


def day_of_readings(users: list[str], seed: int, *, minutes: int = 240) -> Iterator[list[Row]]:
    """Yield the rows of each minute: energy that wanders and crashes, stress, heart rate, two devices."""
    chance = random.Random(seed)
    energy = {user: chance.uniform(0.5, 0.9) for user in users}
    seq: defaultdict[str, int] = defaultdict(int)
    for minute in range(minutes):
        rows: list[Row] = []
        for user in users:
            if chance.random() < 0.4:
                continue
            energy[user] = min(0.95, max(0.05, energy[user] + chance.gauss(0, 0.06)))
            if chance.random() < 0.02:
                energy[user] = chance.choice([0.1, 0.2, 0.9])
            seq[user] += 1
            time_us = micros(START) + minute * MINUTE_US + chance.randrange(50_000_000)
            values = {"energy_level": round(energy[user], 3), "heart_rate_bpm": round(chance.gauss(70, 8), 1)}
            if chance.random() < 0.3:
                values["readiness_score"] = round(chance.uniform(0.5, 1.0), 3)
            rows.append((user, "watch", seq[user], time_us, values))
            if chance.random() < 0.2:
                seq[user] += 1
                rows.append(
                    (user, "ring", seq[user], time_us + 1, {"hrv_rmssd_ms": round(chance.uniform(20, 90), 1)})
                )
        yield rows


def day_of_entries(*, people: int, partitions: int, seed: int, minutes: int = 240) -> list[NewEntry]:
    """Return a day's log: plans first, then readings in frames, ticks and a few commands."""
    users = [f"person-{number}" for number in range(people)]
    chance = random.Random(seed + 1)
    began = micros(START)
    entries = [
        command(user, partitions, began, PutPlan(command_id=f"put-{user}", plan=plan_for(user)).model_dump())
        for user in users
    ]
    for minute, rows in enumerate(day_of_readings(users, seed, minutes=minutes)):
        shares: defaultdict[PartitionId, list[Row]] = defaultdict(list)
        for row in rows:
            shares[partition_of(row[0], partitions)].append(row)
        entries += [
            NewEntry(partition, EntryKind.READINGS, encode_frame(frame_of(share)))
            for partition, share in shares.items()
        ]
        now_us = began + minute * MINUTE_US
        if minute % 10 == 0:
            entries += ticks(partitions, now_us)
        if minute % 15 == 7:
            user = chance.choice(users)
            task = f"task-{chance.randrange(8)}"
            kind = chance.choice([StartTask, SkipTask])
            one = kind(command_id=f"{kind.__name__}-{minute}", task_id=task)
            entries.append(command(user, partitions, now_us, one.model_dump()))
    return entries
