"""Migrations: the numbered SQL files of ``schemas/sql``, each run once, in order, in its own transaction.

A file is named ``0001_tables.sql``, or ``0002_rollups.apache.sql`` where the two editions of TimescaleDB
need different statements. What was run is recorded with its checksum; a file changed later is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import psycopg
import structlog

from schemas.errors import InputError

Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_KEY: Final = 0x6461_7962_6561_74
"""Key of the advisory lock under which migrations run: ``daybeat`` in ASCII."""

_FILE_NAME: Final = re.compile(r"(?P<number>\d{4})_[a-z_]+(\.(?P<tier>apache|community))?\.sql")

_OLDEST_TIMESCALE: Final = (2, 13)
"""The first release with ``by_range``."""

_RECORDS: Final = b"""
CREATE SCHEMA IF NOT EXISTS daybeat;
CREATE TABLE IF NOT EXISTS daybeat.migrations (
    number     integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON SCHEMA daybeat IS 'The history: readings, baselines, decisions; daybeat_analysis is for analysts.';
COMMENT ON TABLE daybeat.migrations IS 'Which migrations were run.';
COMMENT ON COLUMN daybeat.migrations.number IS 'Number of the migration [number from 1]';
COMMENT ON COLUMN daybeat.migrations.name IS 'Name of its file [text]';
COMMENT ON COLUMN daybeat.migrations.checksum IS 'SHA-256 of its text [hexadecimal]';
COMMENT ON COLUMN daybeat.migrations.applied_at IS 'Moment it was run, by the database''s clock [time]';
"""


class Tier(StrEnum):
    """The edition of TimescaleDB that the server offers."""

    APACHE = "apache"
    """Hypertables; roll-ups are computed when asked."""
    COMMUNITY = "community"
    """Continuous aggregates, compression and policies as well."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file."""

    number: int
    name: str
    tier: Tier | None
    """The edition it is for; None: both."""
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What :func:`migrate` found and did."""

    tier: Tier
    timescale: str
    """Version of TimescaleDB."""
    applied: tuple[str, ...]
    """Names of the files that were run now."""
    already: int
    """How many had been run before."""


class MigrationError(InputError):
    """The database cannot be brought to the schema of this release as it is."""


def load_migrations() -> tuple[Migration, ...]:
    """Return all migrations of this release, of both editions, in order."""
    found = []
    for file in files("schemas").joinpath("sql").iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is not None:
            tier = Tier(match["tier"]) if match["tier"] else None
            found.append(Migration(int(match["number"]), file.name, tier, file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda one: (one.number, one.name)))


def detect_tier(connection: Connection) -> tuple[Tier, str]:
    """Return the edition of TimescaleDB that the database uses, and its version.

    Raises:
        MigrationError: TimescaleDB is not there, not loaded or too old.
    """
    row = connection.execute(
        "SELECT extversion, current_setting('timescaledb.license', true) FROM pg_extension"
        " WHERE extname = 'timescaledb'"
    ).fetchone()
    if row is None:
        raise _no_timescale("timescaledb is not installed in this database", "run daybeat migrate")
    version, licence = row
    if licence is None:
        raise _no_timescale("timescaledb is installed but not loaded", _PRELOAD)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < _OLDEST_TIMESCALE:
        oldest = ".".join(map(str, _OLDEST_TIMESCALE))
        raise _no_timescale(f"timescaledb {version} is too old", f"update it to {oldest} or newer")
    return (Tier.APACHE if licence == "apache" else Tier.COMMUNITY), version


def migrate(connection: Connection, *, migrations: Sequence[Migration] | None = None) -> MigrationReport:
    """Bring the database to the schema of this release and say what was done; again is harmless.

    ``connection`` must be in autocommit mode. Two at the same time wait for each other.

    Raises:
        MigrationError: TimescaleDB is missing, a recorded file was changed, or the schema is newer.
    """
    if not connection.autocommit:
        raise MigrationError("the connection is not in autocommit mode", where="migrate")
    wanted = load_migrations() if migrations is None else tuple(migrations)
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
    try:
        _install_timescale(connection)
        tier, version = detect_tier(connection)
        with connection.transaction():
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute(_RECORDS)
        recorded = _recorded(connection)
        _check_recorded(recorded, wanted)
        missing = [one for one in wanted if one.number not in recorded and one.tier in (None, tier)]
        for migration in missing:
            _run(connection, migration)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK_KEY,))
    return MigrationReport(tier, version, tuple(one.name for one in missing), len(recorded))


def check_migrated(connection: Connection) -> None:
    """Return if the database has the schema of this release.

    Raises:
        MigrationError: it was never migrated, or by another release.
    """
    wanted = load_migrations()
    if connection.execute("SELECT to_regclass('daybeat.migrations')").fetchone() == (None,):
        recorded: dict[int, tuple[str, str]] = {}
    else:
        recorded = _recorded(connection)
        _check_recorded(recorded, wanted)
    missing = {one.number for one in wanted} - recorded.keys()
    if missing:
        raise MigrationError(
            f"{len(missing)} migrations were not run", where=_place(connection), mend="run daybeat migrate"
        )


_PRELOAD: Final = "add shared_preload_libraries = 'timescaledb' to postgresql.conf and restart PostgreSQL"


def _install_timescale(connection: Connection) -> None:
    installed = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if installed is not None:
        return
    try:
        connection.execute("SET client_min_messages = warning")
        connection.execute("CREATE EXTENSION timescaledb")
    except psycopg.errors.InsufficientPrivilege as error:
        raise _no_timescale(
            "this role may not create the extension timescaledb",
            "as a superuser run CREATE EXTENSION timescaledb in this database",
        ) from error
    except psycopg.Error as error:
        if "preload" in str(error):
            raise _no_timescale("timescaledb is not loaded", _PRELOAD) from error
        raise _no_timescale(
            "PostgreSQL here has no TimescaleDB",
            "install postgresql-17-timescaledb (or the timescaledb image)",
        ) from error
    finally:
        if not connection.closed:
            connection.execute("RESET client_min_messages")


def _recorded(connection: Connection) -> dict[int, tuple[str, str]]:
    rows = connection.execute("SELECT number, name, checksum FROM daybeat.migrations").fetchall()
    return {number: (name, checksum) for number, name, checksum in rows}


def _check_recorded(recorded: dict[int, tuple[str, str]], wanted: Sequence[Migration]) -> None:
    checksums = {one.name: one.checksum for one in wanted}
    for number, (name, checksum) in sorted(recorded.items()):
        if name not in checksums:
            raise MigrationError(
                f"the database holds migration {number} ({name}), which this release does not know",
                where="daybeat.migrations",
                mend="use the release that made it, or a newer one",
            )
        if checksums[name] != checksum:
            raise MigrationError(
                f"{name} was changed after it was run",
                where="daybeat.migrations",
                mend="restore the file and write a new migration for the change",
            )


def _run(connection: Connection, migration: Migration) -> None:
    with connection.transaction():
        # Notices of TimescaleDB about types of columns are no news to whoever runs this.
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(migration.text.encode())
        connection.execute(
            "INSERT INTO daybeat.migrations (number, name, checksum) VALUES (%s, %s, %s)",
            (migration.number, migration.name, migration.checksum),
        )
    structlog.get_logger().info("migration_run", name=migration.name)


def _no_timescale(what: str, mend: str) -> MigrationError:
    return MigrationError(what, where="PostgreSQL", mend=mend)


def _place(connection: Connection) -> str:
    return f"database {connection.info.dbname}"
