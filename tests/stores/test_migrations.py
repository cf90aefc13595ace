"""Migrations: run once, in order, each as a whole; and the tier is told apart."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daybeat.servers import LocalServers
from stores.migrations import (
    Migration,
    MigrationError,
    Tier,
    check_migrated,
    detect_tier,
    load_migrations,
    migrate,
)

pytestmark = pytest.mark.servers

NOT_ON_APACHE = 'not supported under the current "apache" license'


@pytest.fixture
def empty_url(servers: LocalServers) -> Iterator[str]:
    """The address of a database of its own, without TimescaleDB and without tables."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrations_test TEMPLATE template0")
        yield make_conninfo(**conninfo_to_dict(servers.database_url) | {"dbname": "migrations_test"})
        connection.execute("DROP DATABASE migrations_test WITH (FORCE)")


@pytest.fixture
def empty(empty_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection


def _names() -> tuple[str, ...]:
    return tuple(one.name for one in load_migrations() if one.tier in {None, Tier.APACHE})


def _schema(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema LIKE 'daybeat%' ORDER BY 1, 2, 3"
    ).fetchall()


def test_an_empty_database_is_brought_to_the_schema_and_a_second_run_changes_nothing(
    empty: psycopg.Connection,
) -> None:
    first = migrate(empty)
    before = _schema(empty)
    second = migrate(empty)
    assert first.applied == _names()
    assert first.tier is Tier.APACHE
    assert (second.applied, second.already) == ((), len(_names()))
    assert _schema(empty) == before
    check_migrated(empty)


def test_rows_of_before_the_physiology_stay_valid_and_can_be_read(empty: psycopg.Connection) -> None:
    older = [one for one in load_migrations() if one.number < 5]
    migrate(empty, migrations=older)
    empty.execute(
        "INSERT INTO daybeat.readings"
        " (time, user_id, device_id, digest, arrival, time_stamped_on_arrival, steps)"
        " VALUES ('2026-11-20 08:00+00', 'ada', 'watch', 1, '2026-11-20 08:00+00', false, 12)"
    )
    empty.execute(
        "INSERT INTO daybeat.features VALUES"
        " ('2026-11-20 08:00+00', 'ada', 'watch', 120, 131, 0.9, 0, 'good', 42, 3.7, NULL, 10, 66, 'older')"
    )
    assert migrate(empty).applied[0] == "0005_physiology.sql"
    check_migrated(empty)
    assert empty.execute("SELECT steps, contact, time_of_receipt FROM daybeat.readings").fetchall() == [
        (12.0, None, False)
    ]
    for schema in ("daybeat", "daybeat_analysis"):
        found = empty.execute(
            sql.SQL("SELECT beats, method, quality_reason, stress_index FROM {}").format(
                sql.Identifier(schema, "features")
            )
        )
        assert found.fetchall() == [(131, "older", "", None)]


def test_rows_of_before_the_agency_stay_valid_and_count_in_the_views(empty: psycopg.Connection) -> None:
    older = [one for one in load_migrations() if one.number < 6]
    migrate(empty, migrations=older)
    empty.execute(
        "INSERT INTO daybeat.task_events VALUES"
        " ('2026-11-20 08:00+00', 'e-1', 'ada', '2026-11-20', 'run', 'completed', NULL, NULL)"
    )
    task = '{"title": "Run", "duration_minutes": 40}'
    evidence = '{"reading": {"device": "watch"}, "values": []}'
    empty.execute(
        "INSERT INTO daybeat.adaptations VALUES ('2026-11-20 07:00+00', 'a-1', 'ada', 'energy_drop',"
        " 'protective', 'reduce_intensity', 'applied', '2026-11-20', 'run', %s, %s, 'Because.', %s, 0.8, 1,"
        " '2026-11-20 11:00+00')",
        (task, task, evidence),
    )
    assert migrate(empty).applied == ("0006_agency.sql",)
    check_migrated(empty)
    assert empty.execute("SELECT changes FROM daybeat.task_events").fetchall() == [(None,)]
    assert empty.execute("SELECT edited_fields FROM daybeat_analysis.task_events").fetchall() == [(None,)]
    found = empty.execute("SELECT outcome, why, tasks FROM daybeat.adaptations_with_outcome").fetchall()
    assert found == [("applied", "", 1)]
    assert empty.execute("SELECT * FROM daybeat.randomised_effects").fetchall() == []


def test_a_new_window_must_say_why_it_is_as_good_as_it_is(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation, match="quality_reason"):
        database.execute(
            "INSERT INTO daybeat.features"
            " (time, user_id, device_id, window_seconds, beats, coverage, artefact_share, quality, method)"
            " VALUES (now(), 'ada', 'watch', 120, 131, 0.9, 0, 'good', 'new')"
        )


def test_two_at_the_same_time_wait_for_each_other(empty_url: str) -> None:
    reports, failures = [], []

    def run() -> None:
        try:
            with psycopg.connect(empty_url, autocommit=True) as connection:
                reports.append(migrate(connection))
        except BaseException as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert sorted(report.applied for report in reports) == [(), (), _names()]


def test_a_file_that_was_changed_after_it_was_run_is_refused(empty: psycopg.Connection) -> None:
    migrate(empty)
    first, *others = load_migrations()
    with pytest.raises(MigrationError, match=r"0001_tables\.sql was changed.*new migration"):
        migrate(empty, migrations=[replace(first, text=first.text + "-- one more line\n"), *others])


def test_a_database_of_a_newer_release_is_refused(empty: psycopg.Connection) -> None:
    later = Migration(9999, "9999_later.sql", None, "CREATE TABLE daybeat.later (id integer)")
    migrate(empty, migrations=[*load_migrations(), later])
    with pytest.raises(MigrationError, match=r"9999_later\.sql.*does not know"):
        migrate(empty)
    with pytest.raises(MigrationError, match="does not know"):
        check_migrated(empty)


def test_a_migration_that_fails_leaves_nothing_of_itself_and_can_be_run_after_a_fix(
    empty: psycopg.Connection,
) -> None:
    known = load_migrations()
    broken = Migration(9999, "9999_broken.sql", None, "CREATE TABLE daybeat.half (id integer); SELECT 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, migrations=[*known, broken])
    assert empty.execute("SELECT to_regclass('daybeat.half')").fetchone() == (None,)
    fixed = replace(broken, text="CREATE TABLE daybeat.half (id integer)")
    assert migrate(empty, migrations=[*known, fixed]).applied == ("9999_broken.sql",)


def test_a_database_that_was_never_migrated_says_so(empty: psycopg.Connection) -> None:
    with pytest.raises(MigrationError, match=r"6 migrations were not run; run daybeat migrate"):
        check_migrated(empty)


def test_a_database_without_timescaledb_has_no_tier(empty: psycopg.Connection) -> None:
    with pytest.raises(MigrationError, match="timescaledb is not installed in this database"):
        detect_tier(empty)


def test_a_role_that_may_not_install_timescaledb_is_told_what_to_ask_for(
    empty_url: str, empty: psycopg.Connection
) -> None:
    empty.execute("CREATE ROLE migrations_nobody LOGIN")
    try:
        url = make_conninfo(**conninfo_to_dict(empty_url) | {"user": "migrations_nobody"})
        with (
            psycopg.connect(url, autocommit=True) as connection,
            pytest.raises(MigrationError, match=r"superuser run CREATE EXTENSION timescaledb"),
        ):
            migrate(connection)
    finally:
        empty.execute("DROP ROLE migrations_nobody")


def test_a_connection_inside_a_transaction_is_refused(empty_url: str) -> None:
    with (
        psycopg.connect(empty_url) as connection,
        pytest.raises(MigrationError, match="autocommit"),
    ):
        migrate(connection)


def test_both_tiers_have_a_file_wherever_one_has() -> None:
    tiers: dict[int, set[Tier | None]] = {}
    for one in load_migrations():
        tiers.setdefault(one.number, set()).add(one.tier)
    assert all(found in ({None}, {Tier.APACHE, Tier.COMMUNITY}) for found in tiers.values())
    assert sorted(tiers) == list(range(1, len(tiers) + 1))


def _community() -> Migration:
    return next(one for one in load_migrations() if one.tier is Tier.COMMUNITY)


def _statements(text: str) -> list[str]:
    without_comments = re.sub(r"--.*", "", text)
    return [one.strip() for one in without_comments.split(";") if one.strip()]


def test_every_statement_for_community_is_understood_here_and_refused_only_by_its_licence(
    database: psycopg.Connection,
) -> None:
    statements = _statements(_community().text)
    assert len(statements) == 6
    for statement in statements:
        error = _error_of(database, statement)
        assert isinstance(error, psycopg.errors.FeatureNotSupported), statement
        assert NOT_ON_APACHE in str(error), statement


def _error_of(database: psycopg.Connection, statement: str) -> Exception | None:
    """Return the error of a statement; whatever it changes is undone."""
    try:
        with database.transaction(force_rollback=True):
            if statement.startswith("CREATE MATERIALIZED"):
                # Here the other tier's views have taken the names.
                database.execute("DROP VIEW daybeat.readings_1m, daybeat.readings_1h CASCADE")
            database.execute(statement.encode())
    except psycopg.Error as error:
        return error
    return None


def test_the_roll_ups_of_both_tiers_have_the_same_columns(database: psycopg.Connection) -> None:
    for view in ("readings_1m", "readings_1h"):
        statement = next(
            one
            for one in _statements(_community().text)
            if one.startswith(f"CREATE MATERIALIZED VIEW daybeat.{view}")
        )
        as_plain_view = re.sub(r"WITH \(timescaledb.*?\) AS", "AS", statement, flags=re.DOTALL)
        as_plain_view = as_plain_view.replace(f"MATERIALIZED VIEW daybeat.{view}", "TEMPORARY VIEW community")
        database.execute(as_plain_view.removesuffix("WITH NO DATA").encode())
        columns = [
            _columns(database, name)
            for name in (sql.Identifier("community"), sql.Identifier("daybeat", view))
        ]
        database.execute("DROP VIEW community")
        assert columns[0] == columns[1]


def _columns(database: psycopg.Connection, name: sql.Identifier) -> list[tuple[str, int]]:
    found = database.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name)).description
    return [(column.name, column.type_code) for column in found or ()]


def test_every_column_has_a_comment_that_ends_with_its_unit(database: psycopg.Connection) -> None:
    rows = database.execute(
        "SELECT c.oid::regclass::text, a.attname, col_description(c.oid, a.attnum) FROM pg_class AS c"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace::regnamespace::text LIKE 'daybeat%' AND c.relkind IN ('r', 'v', 'm', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped"
    ).fetchall()
    assert len(rows) > 200
    without = [
        f"{table}.{column}"
        for table, column, comment in rows
        if not re.search(r" \[[^\]]+\]$", comment or "")
    ]
    assert without == []


def test_every_table_and_view_has_a_comment(database: psycopg.Connection) -> None:
    rows = database.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'daybeat%'"
        " AND relkind IN ('r', 'v', 'm', 'p') AND obj_description(oid) IS NULL"
    ).fetchall()
    assert rows == []


def test_the_tables_of_the_contract_are_hypertables_where_they_grow_with_time(
    database: psycopg.Connection,
) -> None:
    rows = database.execute(
        "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'daybeat'"
    )
    assert {name for (name,) in rows} == {
        "readings",
        "features",
        "hrv_days",
        "estimates",
        "wear",
        "baselines",
        "decisions",
        "adaptations",
        "task_events",
    }


def test_a_question_for_the_last_hour_of_roll_ups_leaves_out_older_chunks(
    database: psycopg.Connection,
) -> None:
    database.execute(
        "INSERT INTO daybeat.readings (time, user_id, device_id, digest, arrival, time_stamped_on_arrival)"
        " SELECT now() - day * INTERVAL '1 day', 'ada', 'watch', day, now(), false"
        " FROM generate_series(0, 9) AS day"
    )
    plan = database.execute(
        "EXPLAIN SELECT * FROM daybeat.readings_1m"
        " WHERE user_id = 'ada' AND bucket > now() - INTERVAL '1 hour'"
    ).fetchall()
    text = "\n".join(line for (line,) in plan)
    chunks = set(re.findall(r"_hyper_\d+_\d+_chunk", text))
    assert len(chunks) <= 2, text
