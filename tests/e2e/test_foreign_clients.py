"""The way of a reading with other people's programs only: mosquitto_pub, psql, a bare websocket client."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from daybeat.placement import find_placement

pytestmark = pytest.mark.servers
WITHIN_S = 30.0


class Installation:
    """A ``daybeat up`` as an operator starts it, and the foreign programs beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
        self.environment = inherited | {
            "DAYBEAT_STATE_FOLDER": str(folder / "state"),
            "DAYBEAT_HTTP_PORT": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daybeat", "up", "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.addresses = json.loads(self.process.stdout.readline())

    def daybeat(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "daybeat", *arguments]
        return subprocess.check_output(command, env=self.environment, text=True).strip()

    def publish(self, topic: str, message: dict[str, object]) -> None:
        port = self.addresses["mqtt"].rpartition(":")[2]
        address = ("-h", "127.0.0.1", "-p", port)
        self._foreign(
            "mosquitto", "mosquitto_pub", *address, "-q", "1", "-t", topic, "-m", json.dumps(message)
        )

    def query(self, sql: str) -> str:
        return self._foreign("postgres", "psql", self.addresses["database"], "-At", "-c", sql)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _foreign(self, user: str, *program: str) -> str:
        command = find_placement(print).launch(user, program, self.folder, signal.SIGKILL)
        return subprocess.check_output(command, text=True, cwd="/").strip()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("up"))
    yield running
    running.stop()


def _plan(user: str, now: dt.datetime) -> dict[str, object]:
    """Return a plan written by hand, with one hard task in an hour."""
    start = now + dt.timedelta(hours=1)
    end = start + dt.timedelta(minutes=40)
    task = {
        "task_id": "intervals",
        "title": "Six hard intervals",
        "category": "movement",
        "start": start.isoformat(),
        "end": end.isoformat(),
        "duration_minutes": 40,
        "intensity": "high",
        "energy_requirement": "high",
    }
    block = {
        "block_id": "training",
        "title": "Training",
        "start": start.isoformat(),
        "end": end.isoformat(),
        "tasks": [task],
    }
    return {"user_id": user, "date": now.date().isoformat(), "time_zone": "UTC", "blocks": [block]}


def test_a_message_of_mosquitto_pub_changes_the_plan_that_a_bare_websocket_client_sees(
    installation: Installation, tmp_path: Path
) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(_plan("ada", now)))
    installation.daybeat("plan", "put", "ada", str(file))
    with connect(installation.addresses["websocket"]) as stream:
        token = installation.daybeat("token", "ada")
        stream.send(json.dumps({"type": "hello", "token": token, "last_event_id": None}))
        welcome = json.loads(stream.recv(WITHIN_S))
        assert welcome["type"] == "welcome"
        assert welcome["plan"]["blocks"][0]["tasks"][0]["title"] == "Six hard intervals"

        installation.publish("v1/ada/watch/readings", {"seq": 1, "energy_level": 0.75})
        installation.publish("v1/ada/watch/readings", {"seq": 2, "energy_level": 0.2})
        changed = json.loads(stream.recv(WITHIN_S))

    assert changed["type"] == "plan.changed"
    assert changed["adaptation"]["evidence"]["reading"]["seq"] == 2
    adapted = changed["adaptation"]["changes"][0]["adapted"]
    assert (adapted["duration_minutes"], adapted["intensity"]) == (20, "easy")
    assert changed["patch"][0] == {"op": "test", "path": "/version", "value": welcome["plan"]["version"]}

    sql = "SELECT rule, outcome, reason FROM daybeat.decisions WHERE user_id = 'ada'"
    assert _until(lambda: installation.query(sql)) == f"energy_drop|applied|{changed['adaptation']['reason']}"
    stored = "SELECT seq, energy_level FROM daybeat.readings WHERE user_id = 'ada' ORDER BY seq"
    assert _until(lambda: installation.query(stored)) == "1|0.75\n2|0.2"


def test_a_refused_message_of_mosquitto_pub_is_kept_with_its_reason(installation: Installation) -> None:
    installation.publish("v1/bruno/watch/readings", {"seq": 1, "heart_rate_bpm": 900})
    sql = "SELECT reason, topic FROM daybeat.dead_letters"
    assert _until(lambda: installation.query(sql)) == "out_of_bounds|v1/bruno/watch/readings"


def _until(look: Callable[[], str]) -> str:
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
