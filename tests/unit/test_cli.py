"""The command line from outside: help, usage, input, one line for every error."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from daybeat.cli import build_app

COMMANDS = [command.name for command in build_app().registered_commands]
GROUPS = [group.name for group in build_app().registered_groups]


def _daybeat(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    return subprocess.run(
        [sys.executable, "-m", "daybeat", *arguments],
        env={**inherited, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_commands_are_those_that_are_documented() -> None:
    assert set(COMMANDS) | set(GROUPS) == {
        *("up", "demo", "replay", "simulate", "serve", "migrate", "doctor", "token", "watch"),
        *("plan", "profile", "rules", "hrv", "baseline", "dead-letters", "bench"),
    }


def test_the_version_is_that_of_the_installation() -> None:
    done = _daybeat("--version")
    assert (done.returncode, done.stdout) == (0, f"daybeat {version('daybeat')}\n")


@pytest.mark.parametrize("name", ["", *COMMANDS, *GROUPS])
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(build_app(), [*name.split(), "--help"], prog_name="daybeat")
    assert done.exit_code == 0
    assert f"Usage: {' '.join(['daybeat', *name.split()])}" in done.stdout
    assert "--help" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve", "everything"), "'everything' is not one of"),
        (("serve",), "Missing argument"),
        (("up", "--fast"), "--fast"),
        (("nothing",), "nothing"),
        (("token", "a/b"), "is not an id"),
        (("token", "ada", "--ttl", "soon"), "--ttl"),
        (("token", "ada", "--ttl", "0d"), "--ttl"),
        (("plan", "get", "ada"), "DAYBEAT_REDIS_URL"),
        (("migrate",), "DAYBEAT_DATABASE_URL"),
        (("serve", "live"), "DAYBEAT_REDIS_URL"),
        (("serve", "gateway"), "DAYBEAT_MQTT_URL"),
    ],
)
def test_bad_usage_and_input_end_with_2_and_one_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    done = _daybeat(*arguments, DAYBEAT_STATE_FOLDER=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.startswith("daybeat: ")
    assert done.stderr.count("\n") == 1


def test_a_setting_that_cannot_be_used_ends_with_2_and_is_named() -> None:
    done = _daybeat("serve", "live", DAYBEAT_PARTITIONS="none")
    assert done.returncode == 2
    assert "DAYBEAT_PARTITIONS" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    done = _daybeat(
        "serve",
        "live",
        DAYBEAT_REDIS_URL="redis://:secret@127.0.0.1:1/0",
        DAYBEAT_PATIENCE_S="0.2",
        DAYBEAT_STATE_FOLDER=str(tmp_path),
    )
    assert done.returncode == 1
    assert "Redis did not answer" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_without_servers_says_what_to_set(tmp_path: Path) -> None:
    done = _daybeat("doctor", "--json", DAYBEAT_STATE_FOLDER=str(tmp_path), DAYBEAT_REDIS_ULR="typo")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["ok"]
    bad = {one["subject"] for one in report["findings"] if one["verdict"] == "bad"}
    assert bad == {"broker", "redis", "database"}
    assert any(one["subject"] == "DAYBEAT_REDIS_ULR" for one in report["findings"])


def test_a_token_is_made_with_a_secret_that_only_its_owner_may_read(tmp_path: Path) -> None:
    done = _daybeat("token", "ada", "--ttl", "2h", "--json", DAYBEAT_STATE_FOLDER=str(tmp_path))
    made = json.loads(done.stdout)
    file = tmp_path / "token_secret"
    assert file.stat().st_mode & 0o777 == 0o600
    claims = jwt.decode(made["token"], file.read_text().strip(), algorithms=["HS256"], audience="daybeat")
    assert (claims["sub"], claims["scope"]) == ("ada", "person")
    left = datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=58) < left <= timedelta(hours=2)
    again = _daybeat("token", "ada", DAYBEAT_STATE_FOLDER=str(tmp_path)).stdout.strip()
    assert jwt.decode(again, file.read_text().strip(), algorithms=["HS256"], audience="daybeat")


@pytest.mark.parametrize(("given", "people"), [("*", "*"), ("ada, bob", ["ada", "bob"])])
def test_a_coach_token_lists_its_people(tmp_path: Path, given: str, people: object) -> None:
    secret = "a-secret-of-at-least-thirty-two-bytes"
    done = _daybeat(
        *("token", "coach", "--coach", given), DAYBEAT_TOKEN_SECRET=secret, DAYBEAT_STATE_FOLDER=str(tmp_path)
    )
    claims = jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"], audience="daybeat")
    assert (claims["scope"], claims["people"]) == ("coach", people)
    assert not (tmp_path / "token_secret").exists()
