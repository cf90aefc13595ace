"""The local servers are real, are isolated, and leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from daybeat.placement import Placement, find_placement
from daybeat.server_processes import ServerProcess
from daybeat.servers import LocalServers, Ports
from schemas.errors import UnavailableError

pytestmark = pytest.mark.servers


@pytest.fixture
def placement() -> Placement:
    return find_placement(print)


def test_a_reply_of_redis_means_durable(redis_client: redis.Redis) -> None:
    settings = redis_client.config_get("append*", "maxmemory-policy", "save")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""


def test_postgresql_checks_its_pages_and_offers_timescaledb(servers: LocalServers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        assert connection.execute("SHOW timescaledb.telemetry_level").fetchone() == ("off",)
        query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'"
        assert connection.execute(query).fetchone() == (1,)


def test_every_server_runs_without_root_rights(servers: LocalServers) -> None:
    for server in servers.processes:
        status = Path(f"/proc/{server.pid}/status").read_text()
        uids = status.partition("Uid:")[2].splitlines()[0].split()
        assert "0" not in uids, server.name


def test_nothing_is_left_after_a_stop(placement: Placement) -> None:
    with LocalServers(placement) as servers:
        pids = [server.pid for server in servers.processes]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not servers.folder.exists()


def test_what_redis_confirmed_survives_a_kill_and_keeps_its_port(placement: Placement) -> None:
    with LocalServers(placement) as servers:
        client = redis.Redis.from_url(servers.redis_url)
        client.set("kept", "yes")
        servers.redis.kill()
        servers.redis.start()
        assert client.get("kept") == b"yes"
        client.close()


def test_a_paused_database_answers_nobody_until_it_is_resumed(servers: LocalServers) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        servers.postgres.pause()
        try:
            states = {_state_of(pid) for pid in (servers.postgres.pid, connection.info.backend_pid)}
        finally:
            servers.postgres.resume()
        assert states == {"T"}
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_taken_port_is_named(placement: Placement, servers: LocalServers) -> None:
    taken = servers.ports.redis
    with pytest.raises(UnavailableError, match=f"port {taken} is taken"):
        LocalServers(placement, ports=Ports(redis=taken)).start()


def test_kept_data_are_found_again_and_belong_to_one_process_at_a_time(
    placement: Placement, tmp_path: Path
) -> None:
    folder = tmp_path / "servers"
    with LocalServers(placement, keep_in=folder) as first:
        client = redis.Redis.from_url(first.redis_url)
        client.set("kept", "yes")
        client.close()
        with pytest.raises(UnavailableError, match="run already"):
            LocalServers(placement, keep_in=folder).start()
    with LocalServers(placement, keep_in=folder) as second:
        client = redis.Redis.from_url(second.redis_url)
        assert client.get("kept") == b"yes"
        client.close()
        second.remove_data()


def _state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_server_that_cannot_start_says_why(placement: Placement, tmp_path: Path) -> None:
    with LocalServers(placement) as servers:
        command = servers.redis.command
        broken = ServerProcess(
            type(command)(
                "redis", (*command.arguments, "--no-such-option", "1"), tmp_path / "log", lambda _pid: False
            )
        )
        with pytest.raises(UnavailableError, match="no-such-option"):
            broken.start()


_WITHOUT_MOUNTS = """
import sys, redis
from daybeat.placement import Reach, find_placement
from daybeat.servers import LocalServers
placement = find_placement(lambda line: None)
assert placement.reach is Reach.ENCLOSED, placement
with LocalServers(placement) as servers:
    assert servers.folder.is_relative_to(placement.root)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.ping()
assert not servers.folder.exists()
"""


def test_where_mounts_are_not_allowed_the_data_lie_inside_the_root_folder(placement: Placement) -> None:
    del placement  # fetched before
    limited = ("setpriv", "--bounding-set", "-sys_admin", sys.executable, "-c", _WITHOUT_MOUNTS)
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
