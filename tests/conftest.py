"""Fixtures over the real servers: mosquitto, Redis, PostgreSQL with TimescaleDB."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, settings
from psycopg import sql

from daybeat.placement import find_placement
from daybeat.servers import LocalServers
from daybeat.settings import ENV_PREFIX, Settings, read_settings
from daybeat.stack import Stack

# How long an example takes says nothing on a machine that other tests share.
settings.register_profile("shared_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared_machine")


def _report(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[LocalServers]:
    with LocalServers(find_placement(_report)) as running:
        yield running


@pytest.fixture
def mqtt_port(servers: LocalServers) -> int:
    return servers.ports.mqtt


@pytest.fixture
def redis_client(servers: LocalServers) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(servers.redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="session")
def _migrated_database(servers: LocalServers) -> str:
    from stores.migrations import migrate

    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        migrate(connection)
    return servers.database_url


@pytest.fixture
def database(_migrated_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_migrated_database, autocommit=True) as connection:
        _empty_tables(connection)
        yield connection


@pytest.fixture
def local_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a stack of one's own, whatever the environment says."""
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)
    return read_settings(state_folder=tmp_path / "state", http_port=0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything, as ``daybeat up`` starts it, shared by the tests of a module."""
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith(ENV_PREFIX):
                environment.delenv(name)
        settings = read_settings(state_folder=tmp_path_factory.mktemp("state"), http_port=0)
        with Stack(settings, report=_report, temporary=True) as running:
            yield running


def _empty_tables(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'daybeat' AND tablename NOT LIKE '%migration%'"
    ).fetchall()
    if rows:
        names = sql.SQL(", ").join(sql.Identifier("daybeat", name) for (name,) in rows)
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
