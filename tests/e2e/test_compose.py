"""docker-compose.yml: all that it names exists, and every command runs as it stands, if without an engine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daybeat.placement import Reach, find_placement
from daybeat.services import ServiceName
from daybeat.settings import ENV_PREFIX, Settings
from support.compose_file import ROOT, load_compose

VARIABLES = {"DAYBEAT_TOKEN_SECRET": "s" * 32}
SETTINGS = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_every_file_that_is_mounted_exists() -> None:
    for service in load_compose(VARIABLES).values():
        for mount in service.mounts:
            assert mount.is_volume or (ROOT / mount.source).is_file(), mount


def test_every_variable_of_ours_is_a_setting() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"DAYBEAT_[A-Z_]+", text + dockerfile)) <= SETTINGS


def test_all_four_services_are_there_and_read_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    services = load_compose(VARIABLES)
    served = {service.command[1] for service in services.values() if service.command[0] == "serve"}
    assert served == {name.value for name in ServiceName}
    for service in services.values():
        with monkeypatch.context() as environment:
            for name, value in service.environment.items():
                environment.setenv(name, value)
            if service.is_ours:
                assert Settings().database_url == "postgresql://daybeat:daybeat@timescaledb:5432/daybeat"


def test_ports_are_published_on_this_machine_only() -> None:
    published = re.findall(r'ports: \["([^"]+)"\]', (ROOT / "docker-compose.yml").read_text())
    assert len(published) == 7
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_missing_token_secret_is_asked_for() -> None:
    with pytest.raises(AssertionError, match="openssl rand -hex 32"):
        load_compose({})


def test_everything_that_the_dockerfile_copies_exists_and_is_not_ignored() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    names = {name for line in copied for name in line.split()}
    assert names == sent
    for name in names:
        assert (ROOT / name).exists(), name


@pytest.mark.servers
def test_every_service_starts_and_passes_its_health_check_and_a_reading_gets_through(tmp_path: Path) -> None:
    placement = find_placement(print)
    if placement.reach is not Reach.MOUNTED:
        pytest.skip("needs name spaces of its own, which are not allowed here")
    apart = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private")
    stage = Path(__file__).parents[1] / "support" / "compose_stage.py"
    arguments = (str(placement.root), str(placement.template), str(tmp_path))
    done = subprocess.run(
        (*apart, sys.executable, str(stage), *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == {**dict.fromkeys(load_compose(VARIABLES), "healthy"), "readings": 1.0}
