"""Readings as plain dictionaries, as frames, and as they come back from SQL."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import psycopg

from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    ReadingFrame,
)
from schemas.measures import ACTIVITIES, MEASURE_NAMES, MEASURES, SOURCES

Row = dict[str, Any]
"""user_id, device_id, time_us, arrival_us, digest, and what else the reading has: seq, measures, contact…

``stamped`` and ``received`` are there, and true, where the time is that of the arrival or of a receipt.
"""

BEGAN_US = 1_790_000_000_000_000
"""2026-09-21T14:13:20Z."""


def random_rows(
    count: int, seed: int, *, users: int = 20, span_us: int = 3 * 86_400_000_000, first: int = 0
) -> list[Row]:
    """Return distinct readings with every combination of given and missing fields."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(first, first + count):
        time_us = BEGAN_US + chance.randrange(span_us)
        row: Row = {
            "user_id": f"user-{chance.randrange(users)}",
            "device_id": chance.choice(["watch", "ring", "d" * 64]),
            "time_us": time_us,
            "arrival_us": time_us + chance.randrange(2_000_000),
            "digest": chance.getrandbits(64),
        }
        if chance.random() < 0.7:
            row["seq"] = number
        for measure in MEASURES:
            if chance.random() < 0.3:
                row[measure.name] = round(chance.uniform(measure.low + 0.01, measure.high), 3)
        for name, choices in (("activity", ACTIVITIES), ("source", SOURCES), ("contact", (True, False))):
            if chance.random() < 0.3:
                row[name] = chance.choice(choices)
        if chance.random() < 0.3:
            row["rr_ms"] = [round(chance.uniform(300, 1500), 2) for _ in range(chance.randrange(1, 6))]
        if chance.random() < 0.2:
            row["received"] = True
        if chance.random() < 0.2:
            row["extra"] = {"note": "ä€𝄞" * chance.randrange(4), "n": chance.randrange(1000)}
        rows.append(row)
    return rows


def frame_of_rows(rows: Sequence[Row]) -> ReadingFrame:
    """Return the readings as a frame."""
    measures = np.full((len(rows), len(MEASURE_NAMES)), np.nan)
    for index, row in enumerate(rows):
        for place, name in enumerate(MEASURE_NAMES):
            if name in row:
                measures[index, place] = row[name]
    beats = [beat for row in rows for beat in row.get("rr_ms", [])]
    return ReadingFrame(
        users=[row["user_id"] for row in rows],
        devices=[row["device_id"] for row in rows],
        time_us=np.array([row["time_us"] for row in rows], np.int64),
        arrival_us=np.array([row["arrival_us"] for row in rows], np.int64),
        seq=np.array([row.get("seq", -1) for row in rows], np.int64),
        digest=np.array([row["digest"] for row in rows], np.uint64),
        flags=np.array([_flags(row) for row in rows], np.uint8),
        activity=np.array([_code(ACTIVITIES, row.get("activity")) for row in rows], np.uint8),
        source=np.array([_code(SOURCES, row.get("source")) for row in rows], np.uint8),
        measures=measures,
        rr_counts=np.array([len(row.get("rr_ms", [])) for row in rows], np.uint16),
        rr_ms=np.array(beats, np.float64),
        extra=[orjson.dumps(row["extra"]) if "extra" in row else b"" for row in rows],
    )


def stored_rows(database: psycopg.Connection) -> list[Row]:
    """Return what table ``readings`` holds, in the same form; NULLs are left out."""
    columns = ["seq", *MEASURE_NAMES, "activity", "source", "rr_ms", "extra", "contact"]
    query = (
        "SELECT user_id, device_id, (extract(epoch FROM time) * 1000000)::bigint,"  # noqa: S608
        " (extract(epoch FROM arrival) * 1000000)::bigint, digest, time_stamped_on_arrival, time_of_receipt, "
        f"{', '.join(columns)} FROM daybeat.readings"
    )
    rows = []
    for user_id, device_id, time_us, arrival_us, digest, stamped, received, *values in database.execute(
        query
    ):
        row: Row = {
            "user_id": user_id,
            "device_id": device_id,
            "time_us": time_us,
            "arrival_us": arrival_us,
            "digest": digest % 2**64,
        }
        if stamped:
            row["stamped"] = True
        if received:
            row["received"] = True
        row |= {name: value for name, value in zip(columns, values, strict=True) if value is not None}
        rows.append(row)
    return rows


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in an order that depends on nothing but themselves."""
    return sorted(rows, key=lambda row: (row["user_id"], row["time_us"], row["device_id"], row["digest"]))


def moment(time_us: int) -> dt.datetime:
    """Return µs since 1970 as an aware moment."""
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=time_us)


def _code(names: Sequence[str], name: str | None) -> int:
    return 0 if name is None else 1 + names.index(name)


def _flags(row: Row) -> int:
    flags = TIME_STAMPED_ON_ARRIVAL if row.get("stamped") else 0
    flags |= TIME_OF_RECEIPT if row.get("received") else 0
    if "contact" in row:
        flags |= CONTACT_GIVEN | (CONTACT if row["contact"] else 0)
    return flags
