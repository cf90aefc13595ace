"""Stored readings come back as they arrived: every field, in order, of the people and time asked for."""

import dataclasses
import random

import numpy as np
import psycopg
import pytest

from adaptation.channels import TRACKED_MEASURES
from schemas.frames import FIXED_COLUMNS, ReadingFrame
from schemas.ids import PartitionId
from schemas.joined_frames import join_frames
from schemas.positions import EntryId
from schemas.records import ProfileRow
from stores import history_reading
from stores.history import EntryRows, HistoryStore
from stores.history_reading import HistoryReader
from stores.stream_tail import StreamName
from support.history_rows import BEGAN_US, Row, frame_of_rows, random_rows
from support.records import AT

pytestmark = pytest.mark.servers

END_US = BEGAN_US + 10 * 86_400_000_000
USERS = [f"user-{number}" for number in range(20)]


@pytest.fixture
def stored(database: psycopg.Connection) -> list[Row]:
    rows = random_rows(1500, seed=7)
    store = HistoryStore.open(database)
    frame = frame_of_rows(random.Random(1).sample(rows, len(rows)))
    store.write([EntryRows(StreamName.LOG, PartitionId(0), EntryId(1, 0), frame=frame)], {})
    return rows


def _order(row: Row) -> tuple[object, ...]:
    signed = row["digest"] - 2**64 if row["digest"] >= 2**63 else row["digest"]
    return (row["arrival_us"], row["user_id"], row["device_id"], row.get("seq", -1), row["time_us"], signed)


def _without_source(frame: ReadingFrame) -> ReadingFrame:
    n = len(frame)
    return dataclasses.replace(frame, source=np.zeros(n, np.uint8), extra=[b""] * n)


def _assert_same(found: ReadingFrame, expected: ReadingFrame) -> None:
    assert list(found.users) == list(expected.users)
    assert list(found.devices) == list(expected.devices)
    for name in (*(name for name, _ in FIXED_COLUMNS), "measures", "rr_ms"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("at_once", [1, 7, 50_000])
def test_every_field_that_rules_look_at_comes_back_in_order_of_arrival(
    database: psycopg.Connection, stored: list[Row], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(history_reading, "ROWS_AT_ONCE", at_once)
    frames = list(HistoryReader(database).readings(USERS, from_us=BEGAN_US, upto_us=END_US))
    assert max(map(len, frames)) == min(at_once, len(stored))
    _assert_same(join_frames(frames), _without_source(frame_of_rows(sorted(stored, key=_order))))
    assert len(TRACKED_MEASURES) == frames[0].measures.shape[1]


def test_only_the_people_and_the_time_asked_for_are_read(
    database: psycopg.Connection, stored: list[Row]
) -> None:
    upto_us = BEGAN_US + 86_400_000_000
    wanted = [one for one in stored if one["user_id"] in USERS[3:5] and one["time_us"] < upto_us]
    reader = HistoryReader(database)
    frames = list(reader.readings(USERS[3:5], from_us=BEGAN_US, upto_us=upto_us))
    _assert_same(join_frames(frames), _without_source(frame_of_rows(sorted(wanted, key=_order))))
    first_us = min(one["time_us"] for one in wanted)
    assert list(reader.readings(USERS[3:5], from_us=BEGAN_US, upto_us=first_us)) == []


def test_people_are_those_with_a_reading_in_that_time(
    database: psycopg.Connection, stored: list[Row]
) -> None:
    reader = HistoryReader(database)
    everybody = sorted({one["user_id"] for one in stored})
    assert reader.people(None, from_us=BEGAN_US, upto_us=END_US) == everybody
    assert reader.people(["user-3", "nobody"], from_us=BEGAN_US, upto_us=END_US) == ["user-3"]
    assert reader.people(None, from_us=0, upto_us=BEGAN_US) == []


def test_zones_are_those_of_profiles_that_name_one(database: psycopg.Connection) -> None:
    profiles = [
        ProfileRow(user_id="ada", time=AT, position="1-0-0", profile={"time_zone": "Asia/Tokyo"}),
        ProfileRow(user_id="bob", time=AT, position="1-0-0", profile={"time_zone": None}),
    ]
    entry = EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=profiles)
    HistoryStore.open(database).write([entry], {})
    assert HistoryReader(database).zones(["ada", "bob", "eve"]) == {"ada": "Asia/Tokyo"}
