"""The stack from inside: status, restarts, given servers, and the commands that work beside it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from daybeat.readiness import wait_until_ready
from daybeat.running import running_settings
from daybeat.scrape import scrape
from daybeat.send_command import carry_out, new_command_id
from daybeat.servers import LocalServers
from daybeat.services import ServiceName
from daybeat.settings import Settings
from daybeat.stack import Stack
from schemas.commands import StartTask
from schemas.errors import InputError
from schemas.ids import partition_of
from stores.keys import plan_key
from support.processes import wait_for
from support.scenario import plan_for

pytestmark = pytest.mark.servers


def _daybeat(stack: Stack, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    return subprocess.run(
        [sys.executable, "-m", "daybeat", *arguments],
        env={**inherited, **stack.settings.environment()},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_process_tells_its_metrics(stack: Stack) -> None:
    status = stack.status()
    assert status.metrics.keys() == {name.value for name in ServiceName}
    assert status.value("daybeat_gateway_connected") == 1
    assert all(one.value("process_resident_memory_bytes") for one in status.metrics.values())


def test_a_killed_service_is_restarted_and_the_status_says_so(stack: Stack) -> None:
    assert stack.supervisor is not None
    before = stack.status().restarts
    pid = next(one.pid for one in stack.status().services if one.name == "history")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.status().restarts == before + 1)
    wait_until_ready(stack.supervisor, stack.urls, patience_s=30)
    history = next(one for one in stack.status().services if one.name == "history")
    assert "restarted" in str(history)
    assert scrape(stack.urls.metrics["history"]) is not None


def test_doctor_finds_everything_good(stack: Stack) -> None:
    done = _daybeat(stack, "doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["ok"]
    found = {one["subject"]: one["found"] for one in report["findings"]}
    assert found["redis appendfsync"] == "always"
    assert found["log partitions"] == "64"
    assert "Apache edition" in found["timescaledb"]
    assert any("docker compose" in one for one in report["never_run"])
    assert any("Community" in one for one in report["never_run"])


def test_doctor_says_how_to_mend_what_is_wrong(stack: Stack) -> None:
    assert stack.servers is not None
    with redis.Redis.from_url(stack.urls.redis) as client:
        client.config_set("appendfsync", "everysec")
        try:
            done = _daybeat(stack, "doctor", "--json")
        finally:
            client.config_set("appendfsync", "always")
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["verdict"] == "bad"]
    assert done.returncode == 1
    assert [one["subject"] for one in wrong] == ["redis appendfsync"]
    assert "appendfsync always" in wrong[0]["mend"]


def test_a_plan_is_put_and_got_by_the_command_line(stack: Stack, tmp_path: Path) -> None:
    plan = plan_for("cli-ada")
    file = tmp_path / "plan.json"
    file.write_text(plan.model_dump_json())
    put = _daybeat(stack, "plan", "put", "cli-ada", str(file), "--json")
    assert json.loads(put.stdout)["ok"], put.stderr
    got = _daybeat(stack, "plan", "get", "cli-ada", "--date", plan.date.isoformat())
    assert json.loads(got.stdout)["blocks"] == json.loads(plan.model_dump_json())["blocks"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("not json", "not a plan"), ('{"user_id":"x"}', "not a plan"), ("", "not a plan")],
)
def test_what_is_no_plan_is_refused_with_its_place(stack: Stack, text: str, told: str) -> None:
    done = _daybeat(stack, "plan", "put", "cli-ada", "-", text=text)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_refused_command_says_why(stack: Stack) -> None:
    done = _daybeat(stack, "plan", "put", "cli-bob", "-", text=plan_for("cli-ada").model_dump_json())
    assert done.returncode == 2
    assert "refused" in done.stderr


def test_a_plan_that_redis_lost_is_rebuilt_with_every_change(stack: Stack) -> None:
    user, plan = "cli-eve", plan_for("cli-eve")
    day = plan.date.isoformat()
    assert _daybeat(stack, "plan", "put", user, "-", text=plan.model_dump_json()).returncode == 0
    with redis.Redis.from_url(stack.urls.redis) as client:
        start = StartTask(command_id=new_command_id(), task_id="task-0", date=day)
        assert carry_out(client, stack.settings, user, start).ok
        key = plan_key(partition_of(user, stack.settings.partitions), user, plan.date)
        before = json.loads(client.get(key) or b"")
        assert before["version"] == 2
        assert _daybeat(stack, "plan", "rebuild", user, "--date", day).returncode == 2  # it is not lost
        client.delete(key)
        wait_for(lambda: _daybeat(stack, "plan", "rebuild", user, "--date", day).returncode == 0)
        assert json.loads(client.get(key) or b"") == before


def test_a_zone_is_set_by_the_command_line(stack: Stack) -> None:
    assert _daybeat(stack, "profile", "set", "cli-ada", "--zone", "Europe/Berlin").returncode == 0
    wrong = _daybeat(stack, "profile", "set", "cli-ada", "--zone", "Mars/Olympus")
    assert wrong.returncode == 2
    assert "IANA" in wrong.stderr


def test_commands_find_the_stack_that_runs(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daybeat.running import announce, withdraw

    announce(stack.settings, tmp_path)
    assert (tmp_path / "running.json").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("DAYBEAT_STATE_FOLDER", str(tmp_path))
    monkeypatch.setenv("DAYBEAT_PATIENCE_S", "7")
    found = running_settings()
    assert found.redis_url == stack.settings.redis_url
    assert found.patience_s == 7
    withdraw(tmp_path)
    assert running_settings().redis_url is None


def test_given_servers_are_used_and_no_others_are_started(
    servers: LocalServers, local_settings: Settings, redis_client: redis.Redis
) -> None:
    assert not redis_client.keys()
    given = local_settings.changed(
        mqtt_url=servers.mqtt_url, redis_url=servers.redis_url, database_url=servers.database_url
    )
    with Stack(given, report=print, services=[ServiceName.GATEWAY]) as stack:
        assert stack.servers is None
        assert stack.urls.redis == servers.redis_url
        assert stack.status().value("daybeat_gateway_connected") == 1


def test_a_service_that_refuses_its_settings_is_not_tried_again_and_again(
    servers: LocalServers, local_settings: Settings, redis_client: redis.Redis
) -> None:
    redis_client.hset("daybeat:meta", mapping={"partitions": 8, "schema": 1})
    given = local_settings.changed(
        mqtt_url=servers.mqtt_url, redis_url=servers.redis_url, database_url=servers.database_url
    )
    with (
        pytest.raises(InputError, match="DAYBEAT_PARTITIONS=8"),
        Stack(given, report=print, services=[ServiceName.LIVE]),
    ):
        pass
