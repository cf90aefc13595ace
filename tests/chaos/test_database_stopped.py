"""FAILURES row 11, seen by a person: PostgreSQL stands still, and plans go on changing."""

import datetime as dt
from collections.abc import Callable
from time import monotonic, sleep

import orjson
import psycopg
import pytest
from websockets.sync.client import connect

from bench.plan_puts import put_plans
from daybeat.stack import Stack
from ingest.broker import BrokerAddress
from ingest.device_messages import TimedReading, message_of
from ingest.publish import Publisher
from push.tokens import Scope, make_token
from schemas.readings import micros

pytestmark = [pytest.mark.servers, pytest.mark.chaos]
WITHIN_S = 30.0


def test_while_postgres_is_stopped_plans_change_and_are_pushed_and_later_every_row_is_there(
    stack: Stack,
) -> None:
    now = dt.datetime.now(dt.UTC)
    put_plans(stack, ["ada"])
    assert stack.servers is not None
    with (
        connect(stack.urls.websocket) as stream,
        Publisher(BrokerAddress.parse(stack.urls.mqtt), users=["ada"], first_seq=1).open(
            patience=dt.timedelta(seconds=WITHIN_S)
        ) as publisher,
    ):
        token = make_token(
            "ada",
            secret=stack.secret,
            audience=stack.settings.token_audience,
            expires_at=now + dt.timedelta(hours=1),
            scope=Scope.PERSON,
        )
        stream.send(orjson.dumps({"type": "hello", "token": token, "last_event_id": None}).decode())
        assert orjson.loads(stream.recv(WITHIN_S))["plan"] is not None
        stack.servers.postgres.pause()
        try:
            for energy in (0.75, 0.2):
                reading = TimedReading(micros(dt.datetime.now(dt.UTC)), {"energy_level": energy})
                publisher.publish(message_of("ada", "watch", [reading]))
            changed = orjson.loads(stream.recv(WITHIN_S))
            assert publisher.wait_for_backlog(0, timeout=dt.timedelta(seconds=WITHIN_S))
        finally:
            stack.servers.postgres.resume()
    assert changed["type"] == "plan.changed"
    assert changed["adaptation"]["evidence"]["reading"]["seq"] == 2

    with psycopg.connect(stack.urls.database, autocommit=True) as connection:
        _until(lambda: _rows(connection, "SELECT seq FROM daybeat.readings ORDER BY seq"), [(1,), (2,)])
        _until(
            lambda: _rows(connection, "SELECT DISTINCT reason FROM daybeat.adaptations"),
            [(changed["adaptation"]["reason"],)],
        )


def _rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query).fetchall()


def _until(look: Callable[[], object], expected: object) -> None:
    deadline = monotonic() + WITHIN_S
    while (found := look()) != expected and monotonic() < deadline:
        sleep(0.1)
    assert found == expected
