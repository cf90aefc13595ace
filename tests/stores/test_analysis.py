"""The analyst's role sees the history over pseudonyms, and nothing else."""

import datetime as dt
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daybeat.servers import LocalServers
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.records import BaselineRow
from stores.history import EntryRows, HistoryStore
from stores.stream_tail import StreamName
from support.history_rows import frame_of_rows, random_rows
from support.records import AT, a_record_of_every_table

pytestmark = pytest.mark.servers

PEOPLE = ("ada", "ben-the-runner")
WORDS = ("ada", "ben", "Run with", "my knee", "got shorter", "slowly", "run-1", "event-1", "11111111-0000")
OF_NOBODY = {"randomised_effects"}
"""Views whose rows are of no person: a row a rule."""


@pytest.fixture
def analyst(servers: LocalServers, database: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A connection of a person who is a member of the role, over a history of two people."""
    store = HistoryStore.open(database)
    rows = [
        row | {"user_id": user, "device_id": f"{user}-watch", "extra": {"name": user}}
        for number, user in enumerate(PEOPLE)
        for row in random_rows(50, seed=number)
    ]
    entry_id = EntryId(1, 0)
    store.write([EntryRows(StreamName.LOG, PartitionId(0), entry_id, frame=frame_of_rows(rows))], {})
    for user in PEOPLE:
        records = [
            record.model_copy(
                update={
                    name: f"{user}-{getattr(record, name)}"
                    for name in ("decision_id", "adaptation_id", "event_id")
                    if hasattr(record, name)
                }
            )
            for record in a_record_of_every_table(user)
        ]
        store.write([EntryRows(StreamName.DECISIONS, PartitionId(0), entry_id, records=records)], {})
    database.execute("DROP ROLE IF EXISTS an_analyst")
    database.execute("CREATE ROLE an_analyst LOGIN IN ROLE daybeat_analyst")
    url = make_conninfo(**conninfo_to_dict(servers.database_url) | {"user": "an_analyst"})
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
    database.execute("DROP ROLE an_analyst")


def _views(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'daybeat_analysis'::regnamespace AND relkind = 'v'"
    )
    return sorted(name for (name,) in rows)


def test_the_role_reads_every_view_and_finds_both_people_in_it(analyst: psycopg.Connection) -> None:
    views = _views(analyst)
    assert "readings" in views
    assert "decisions" in views
    assert {"features", "hrv_days", "estimates", "wear", "adaptations_with_outcome"} <= set(views)
    assert set(views) >= OF_NOBODY
    for view in views:
        if view in OF_NOBODY:
            query = sql.SQL("SELECT count(*) FROM daybeat_analysis.{}")
            assert analyst.execute(query.format(sql.Identifier(view))).fetchone() == (1,), view
            continue
        query = sql.SQL("SELECT count(DISTINCT person_id) FROM daybeat_analysis.{}")
        assert analyst.execute(query.format(sql.Identifier(view))).fetchone() == (2,), view


def test_no_id_name_title_or_word_of_a_person_is_in_any_view(analyst: psycopg.Connection) -> None:
    for view in _views(analyst):
        rows = analyst.execute(sql.SQL("SELECT * FROM daybeat_analysis.{}").format(sql.Identifier(view)))
        text = str(rows.fetchall())
        for word in WORDS:
            assert not re.search(rf"\b{re.escape(word)}", text), f"{word} in {view}"


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM daybeat.readings",
        "SELECT user_id FROM daybeat.profiles",
        "SELECT * FROM daybeat.readings_1m",
        "SELECT * FROM daybeat.dead_letters",
        "SELECT * FROM daybeat.plan_versions",
        "SELECT secret FROM daybeat_private.pseudonym_key",
        "SELECT daybeat.keyed_hash('\\x00', 'ada')",
        "COPY daybeat.readings TO STDOUT",
        "INSERT INTO daybeat_analysis.people VALUES ('a', 'UTC')",
        "DELETE FROM daybeat_analysis.readings",
        "UPDATE daybeat_analysis.readings SET steps = 1",
        "CREATE TABLE daybeat_analysis.mine (id integer)",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_the_role_is_refused_everything_else(analyst: psycopg.Connection, question: str) -> None:
    with pytest.raises(
        (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.ObjectNotInPrerequisiteState,
            psycopg.errors.FeatureNotSupported,
        )
    ):
        analyst.execute(question.encode())


def test_the_role_cannot_read_the_chunks_behind_the_tables(
    analyst: psycopg.Connection, database: psycopg.Connection
) -> None:
    chunks = database.execute(
        "SELECT chunk_schema, chunk_name FROM timescaledb_information.chunks"
        " WHERE hypertable_schema = 'daybeat'"
    ).fetchall()
    assert chunks
    for schema, name in chunks:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name)))


def test_every_view_is_a_security_barrier(analyst: psycopg.Connection) -> None:
    rows = analyst.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'daybeat_analysis'::regnamespace"
        " AND NOT coalesce(reloptions, '{}') @> '{security_barrier=true}'"
    )
    assert rows.fetchall() == []


def test_pseudonyms_join_the_views_and_depend_on_the_secret_key(
    analyst: psycopg.Connection, database: psycopg.Connection
) -> None:
    joined = "SELECT count(*) FROM daybeat_analysis.decisions AS d JOIN daybeat_analysis.adaptations AS a"
    joined += " ON a.person_id = d.person_id JOIN daybeat_analysis.readings AS r ON r.person_id = d.person_id"
    assert analyst.execute(joined.encode()).fetchone() == (100,)
    before = set(analyst.execute("SELECT person_id FROM daybeat_analysis.people").fetchall())
    with database.transaction(force_rollback=True):
        database.execute("UPDATE daybeat_private.pseudonym_key SET secret = sha256('another')")
        after = set(database.execute("SELECT person_id FROM daybeat_analysis.people").fetchall())
    assert not before & after
    plain = database.execute("SELECT encode(sha256('ada'), 'hex')").fetchone()
    assert plain is not None
    assert not any(plain[0].startswith(person) for (person,) in before)


def test_a_device_has_another_pseudonym_with_each_person(database: psycopg.Connection) -> None:
    store = HistoryStore.open(database)
    rows = [
        row | {"user_id": user, "device_id": "watch"} for user in PEOPLE for row in random_rows(1, seed=3)
    ]
    store.write([EntryRows(StreamName.LOG, PartitionId(0), EntryId(1, 0), frame=frame_of_rows(rows))], {})
    devices = database.execute("SELECT DISTINCT device_id FROM daybeat_analysis.readings").fetchall()
    assert len(devices) == 2


def test_days_of_baselines_and_decisions_are_local_to_the_person(database: psycopg.Connection) -> None:
    store = HistoryStore.open(database)
    records = a_record_of_every_table()
    late = dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)
    baseline = next(one for one in records if isinstance(one, BaselineRow))
    records.append(baseline.model_copy(update={"time": late, "mean": 50.0}))
    store.write([EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=records)], {})
    days = database.execute("SELECT day, mean, count FROM daybeat.baselines_daily ORDER BY day").fetchall()
    assert days == [(dt.date(2026, 11, 20), 42.125, 1400), (dt.date(2026, 11, 21), 50.0, 1400)]
    assert database.execute("SELECT time, mean FROM daybeat.latest_baseline").fetchall() == [(late, 50.0)]
    decided = database.execute("SELECT day, rule, firings, applied, proposed FROM daybeat.adaptations_daily")
    assert decided.fetchall() == [(AT.date(), "stress_spike", 1, 1, 0)]


def test_roll_ups_agree_with_the_readings(database: psycopg.Connection) -> None:
    store = HistoryStore.open(database)
    rows = random_rows(300, seed=4, users=2, span_us=600_000_000)
    store.write([EntryRows(StreamName.LOG, PartitionId(0), EntryId(1, 0), frame=frame_of_rows(rows))], {})
    rolled = database.execute(
        "SELECT extract(epoch FROM bucket)::bigint, user_id, device_id, readings, steps_sum, beats,"
        " heart_rate_bpm_mean FROM daybeat.readings_1m"
    ).fetchall()
    assert sum(row[3] for row in rolled) == 300
    for bucket, user, device, readings, steps, beats, heart_rate in rolled:
        mine = [
            row
            for row in rows
            if (row["time_us"] // 60_000_000 * 60, row["user_id"], row["device_id"]) == (bucket, user, device)
        ]
        assert readings == len(mine)
        assert steps == pytest.approx(sum(row["steps"] for row in mine if "steps" in row) or None)
        assert beats == (sum(len(row["rr_ms"]) for row in mine if "rr_ms" in row) or None)
        rates = [row["heart_rate_bpm"] for row in mine if "heart_rate_bpm" in row]
        assert heart_rate == (pytest.approx(sum(rates) / len(rates)) if rates else None)
