"""Retention on the Apache tier: old chunks go, everything else stays."""

import datetime as dt

import psycopg
import pytest
from psycopg import sql

from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.history import EntryRows, HistoryStore
from stores.retention import apply_retention
from stores.stream_tail import StreamName
from support.records import a_record_of_every_table, records_of_the_body

pytestmark = pytest.mark.servers


def _read_days_ago(database: psycopg.Connection, days: list[int]) -> None:
    database.execute(
        "INSERT INTO daybeat.readings (time, user_id, device_id, digest, arrival, time_stamped_on_arrival)"
        " SELECT now() - day * INTERVAL '1 day', 'ada', 'watch', day, now(), false"
        " FROM unnest(%s::int[]) AS day",
        (days,),
    )
    database.execute(
        "INSERT INTO daybeat.untimed_readings SELECT 'ada', 'watch', day, now() - day * INTERVAL '1 day', 0"
        " FROM unnest(%s::int[]) AS day",
        (days,),
    )


def test_readings_older_than_the_age_go_and_younger_ones_stay(database: psycopg.Connection) -> None:
    _read_days_ago(database, [0, 1, 3, 7, 12, 400])
    dropped = apply_retention(database, dt.timedelta(days=5))
    assert dropped == 3
    kept = database.execute("SELECT digest FROM daybeat.readings ORDER BY digest").fetchall()
    assert kept == [(0,), (1,), (3,)]
    untimed = database.execute("SELECT seq FROM daybeat.untimed_readings ORDER BY seq").fetchall()
    assert untimed == [(0,), (1,), (3,)]
    assert apply_retention(database, dt.timedelta(days=5)) == 0


COMPUTED = {"features": 7, "hrv_days": 30, "estimates": 7, "wear": 30}
"""Tables that are computed of readings, and the days in a chunk of each."""


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
def test_what_is_computed_goes_with_the_readings_by_whole_chunks(
    database: psycopg.Connection, zone: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    ages = [dt.timedelta(days=days) for days in (0, 3, 45, 90, 150)]
    records = [
        record.model_copy(
            update={"time": now - age} | ({"day": (now - age).date()} if hasattr(record, "day") else {})
        )
        for record in records_of_the_body()
        for age in ages
    ]
    HistoryStore.open(database).write(
        [EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=records)], {}
    )
    keep = dt.timedelta(days=10)
    with psycopg.connect(database.info.dsn, autocommit=True) as elsewhere:
        elsewhere.execute(sql.SQL("SET TIME ZONE {}").format(zone))
        assert apply_retention(elsewhere, keep) > 0
        assert apply_retention(elsewhere, keep) == 0
    for table, days in COMPUTED.items():
        moment = "day::timestamptz" if table == "hrv_days" else "time"
        query = f"SELECT count(*), now() - min({moment}) FROM daybeat.{table}"  # noqa: S608
        row = database.execute(query).fetchone()
        assert row is not None
        assert row[0] == 2
        assert row[1] <= keep + dt.timedelta(days=days + 1)


def test_decisions_and_baselines_stay_whatever_their_age(database: psycopg.Connection) -> None:
    old = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    records = [
        record.model_copy(update={"time": old})
        for record in a_record_of_every_table()
        if hasattr(record, "time")
    ]
    HistoryStore.open(database).write(
        [EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=records)], {}
    )
    apply_retention(database, dt.timedelta(days=5))
    for table in ("decisions", "adaptations", "task_events", "baselines", "plan_versions"):
        assert database.execute(f"SELECT count(*) FROM daybeat.{table}").fetchone() == (1,)  # noqa: S608
