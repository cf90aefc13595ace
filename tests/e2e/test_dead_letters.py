"""Dead letters are listed with their reasons, and sent again byte by byte after a fix."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import redis
from structlog.testing import capture_logs
from typer.testing import CliRunner

from daybeat.dead_letters import app
from daybeat.servers import LocalServers
from schemas.dead_letters import Refusal
from schemas.errors import InputError
from stores.dead_letters import DeadLetterStore
from stores.log import RedisLog
from support.gateway_run import (
    forget_session,
    letters_in,
    reading,
    running_gateway,
    seqs_in,
    wait_until,
)

pytestmark = pytest.mark.servers
TOPIC = "v1/ada/watch/readings"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def _settings(servers: LocalServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBEAT_MQTT_URL", servers.mqtt_url)
    monkeypatch.setenv("DAYBEAT_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("DAYBEAT_PATIENCE_S", "5")
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def client_id(mqtt_port: int) -> Iterator[str]:
    name = f"gateway-{uuid.uuid4().hex[:12]}"
    yield name
    forget_session(mqtt_port, name)


def _insert(
    database: psycopg.Connection, payload: bytes, *, reason: str = "out_of_bounds", hours: int = 0
) -> uuid.UUID:
    letter_id = uuid.uuid4()
    database.execute(
        "INSERT INTO daybeat.dead_letters (letter_id, time, topic, reason, detail, payload)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (letter_id, NOON + timedelta(hours=hours), TOPIC, reason, "reading 0: steps [red]", payload),
    )
    return letter_id


def _run(*arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.mark.usefixtures("_settings")
def test_letters_are_listed_with_place_and_reason_the_newest_last(database: psycopg.Connection) -> None:
    newer = _insert(database, b"{", reason="malformed_json", hours=1)
    older = _insert(database, b'{"steps":-1}')
    letters = _run("list", "--json")["dead_letters"]
    assert [letter["letter_id"] for letter in letters] == [str(older), str(newer)]
    assert letters[1]["reason"] == "malformed_json"
    assert letters[1]["topic"] == TOPIC
    assert [letter["letter_id"] for letter in _run("list", "--limit", 1, "--json")["dead_letters"]] == [
        str(newer)
    ]
    assert _run("list", "--reason", "future_time", "--json") == {"dead_letters": []}


@pytest.mark.usefixtures("_settings")
def test_the_table_for_people_shows_ids_and_explains_reasons_and_no_payload(
    database: psycopg.Connection,
) -> None:
    letter_id = _insert(database, b'{"steps":-4711}')
    shown = CliRunner().invoke(app, ["list"], catch_exceptions=False).stdout
    assert str(letter_id) in shown
    assert "A number is outside its bounds" in shown
    assert "reading 0: steps [red]" in shown
    assert "4711" not in shown


@pytest.mark.usefixtures("_settings")
def test_a_letter_is_sent_again_once_and_what_is_still_bad_becomes_a_new_letter(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, client_id: str
) -> None:
    log = RedisLog.open(redis_client, partitions=4, bytes_max=2**30)
    still_bad = b'{"steps":-1}'
    _insert(database, reading(7))
    _insert(database, still_bad, hours=1)
    _insert(database, b"{", reason="message_too_long", hours=2)
    _insert(database, b"\x00", reason="corrupt_entry", hours=3)
    with capture_logs(), running_gateway(servers.mqtt_url, log, client_id=client_id):
        done = _run("replay", "--all", "--json")
        wait_until(lambda: seqs_in(log) and letters_in(log), "the reading and the new letter")
    assert done["replayed"] == 2
    assert len(done["skipped"]) == 2
    assert seqs_in(log) == Counter([7])
    assert [(letter.payload, letter.reason) for letter in letters_in(log)] == [
        (still_bad, Refusal.OUT_OF_BOUNDS)
    ]
    left = DeadLetterStore(database).find()
    assert [letter.reason for letter in left] == ["message_too_long", "corrupt_entry"]
    assert _run("replay", "--reason", "out_of_bounds", "--json")["replayed"] == 0
    assert len(_run("list", "--all", "--json")["dead_letters"]) == 4


@pytest.mark.usefixtures("_settings")
def test_one_letter_can_be_chosen_by_its_id(database: psycopg.Connection) -> None:
    chosen = _insert(database, reading(1))
    other = _insert(database, reading(2))
    assert _run("replay", chosen, "--json")["replayed"] == 1
    assert [letter.letter_id for letter in DeadLetterStore(database).find()] == [other]


@pytest.mark.usefixtures("_settings", "database")
def test_an_unknown_letter_and_an_empty_choice_are_refused() -> None:
    with pytest.raises(InputError, match="there is no letter"):
        _run("replay", uuid.uuid4())
    with pytest.raises(InputError, match="nothing is chosen"):
        _run("replay")
