"""``daybeat up`` as the process that people start: ready, stopped, killed, refused."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daybeat.placement import Reach, find_placement
from daybeat.servers import LocalServers
from support.processes import descendants, living, wait_for

pytestmark = pytest.mark.servers

PROCESSES = {"mosquitto", "redis-server", "postgres", "python"}
STOPS_WITHIN_S = 5.0


def _environment(state: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    ours = {"DAYBEAT_STATE_FOLDER": str(state), "DAYBEAT_HTTP_PORT": "0", **settings}
    return {**inherited, **ours}


@contextmanager
def _up(state: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    process = subprocess.Popen(
        # A shell lets its background programs ignore Ctrl-C; this one has to listen all the same.
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "daybeat", "up", "--json"],
        env=_environment(state),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _refused(state: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*command, sys.executable, "-m", "daybeat", "up"],
        env=_environment(state, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done


def test_up_prints_one_line_of_json_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    find_placement(print)
    with _up(tmp_path / "state") as (process, addresses):
        keys = {"mqtt", "redis", "database", "websocket", "page", "metrics", "token"}
        assert addresses.keys() == keys
        assert addresses["metrics"].keys() == {"gateway", "live", "history", "push"}  # type: ignore[attr-defined]
        pids = descendants(process.pid)
        names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
        assert {name for name in PROCESSES if any(one.startswith(name) for one in names)} == PROCESSES
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=STOPS_WITHIN_S) == 0
        assert time.monotonic() - began < STOPS_WITHIN_S
        assert not living(pids)
        assert not (tmp_path / "state" / "running.json").exists()


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    with _up(tmp_path / "state") as (process, _addresses):
        pids = descendants(process.pid)
        assert len(pids) >= 7
        process.kill()
        wait_for(lambda: not living(pids), within_s=STOPS_WITHIN_S)


def test_data_of_one_start_are_there_at_the_next(tmp_path: Path) -> None:
    import redis

    for found in (None, b"yes"):
        with _up(tmp_path / "state") as (process, addresses):
            with redis.Redis.from_url(str(addresses["redis"])) as client:
                assert client.set("kept", "yes", get=True) == found
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=STOPS_WITHIN_S) == 0


def test_a_taken_port_is_named_before_anything_else_happens(tmp_path: Path, servers: LocalServers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _refused(
            tmp_path,
            DAYBEAT_HTTP_PORT=str(port),
            DAYBEAT_MQTT_URL=servers.mqtt_url,
            DAYBEAT_REDIS_URL=servers.redis_url,
            DAYBEAT_DATABASE_URL=servers.database_url,
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "DAYBEAT_HTTP_PORT" in done.stderr


@pytest.mark.parametrize(
    ("variable", "url", "server"),
    [
        ("DAYBEAT_REDIS_URL", "redis://127.0.0.1:1/0", "Redis"),
        ("DAYBEAT_DATABASE_URL", "postgresql://daybeat@127.0.0.1:1/daybeat", "PostgreSQL"),
        ("DAYBEAT_MQTT_URL", "mqtt://127.0.0.1:1", "broker"),
    ],
)
def test_a_server_that_is_down_is_waited_for_and_then_given_up(
    tmp_path: Path, servers: LocalServers, variable: str, url: str, server: str
) -> None:
    given = {
        "DAYBEAT_MQTT_URL": servers.mqtt_url,
        "DAYBEAT_REDIS_URL": servers.redis_url,
        "DAYBEAT_DATABASE_URL": servers.database_url,
        "DAYBEAT_PATIENCE_S": "2",
        variable: url,
    }
    done = _refused(tmp_path / "state", **given)
    assert done.returncode == 1
    assert "waiting_for_server" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert server in last
    assert "127.0.0.1:1" in last


def test_a_full_disk_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    if find_placement(print).reach is not Reach.MOUNTED:
        pytest.skip("needs a mount of its own, which is not allowed here")
    state = tmp_path / "state"
    state.mkdir()
    small = 'mount -t tmpfs -o size=16k none "$0" && exec "$@"'
    done = _refused(state, "unshare", "--mount", "--propagation", "private", "sh", "-c", small, str(state))
    assert done.returncode == 1
    assert str(state) in done.stderr.splitlines()[-1]
    assert "make room" in done.stderr.splitlines()[-1]


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = _refused(tmp_path / "file" / "state")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr.splitlines()[-1]


def test_two_stacks_do_not_share_one_state_folder(tmp_path: Path) -> None:
    with _up(tmp_path / "state"):
        done = _refused(tmp_path / "state")
    assert done.returncode == 1
    assert "run already" in done.stderr
