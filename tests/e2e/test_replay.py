"""``daybeat replay`` and ``simulate --publish`` through a real broker and a real gateway."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from daybeat.cli import build_app
from daybeat.servers import LocalServers
from schemas.errors import InputError
from stores.log import Log, RedisLog
from support.gateway_run import forget_session, identities_in, running_gateway

pytestmark = pytest.mark.servers

CLIENT_ID = "gateway-of-the-replay-test"
GARMIN = """\
2026-03-01T23:59:58+00:00;HEART_RATE;60
2026-03-02T00:00:00+00:00;HEART_RATE;61
2026-03-02T00:00:02+00:00;HEART_RATE;62
2026-03-02T00:00:02+00:00;HEART_RATE_VARIABILITY;900
"""
Run = Callable[..., Result]


@pytest.fixture
def log(servers: LocalServers, mqtt_port: int, redis_client: redis.Redis) -> Iterator[Log]:
    forget_session(mqtt_port, CLIENT_ID)
    log = RedisLog.open(redis_client, partitions=4, bytes_max=2**28)
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        yield log


@pytest.fixture
def run(servers: LocalServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DAYBEAT_MQTT_URL", servers.mqtt_url)
    monkeypatch.setenv("DAYBEAT_STATE_FOLDER", str(tmp_path / "state"))

    def run_command(*arguments: str) -> Result:
        return CliRunner().invoke(build_app(["replay", "simulate"]), arguments, catch_exceptions=False)

    return run_command


@pytest.fixture
def garmin(tmp_path: Path) -> Path:
    path = tmp_path / "ada.csv"
    path.write_text(GARMIN, encoding="utf-8")
    return path


def test_the_last_day_of_a_recording_becomes_today(log: Log, run: Run, garmin: Path) -> None:
    result = run("replay", "garmin", str(garmin), "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures == {"messages": 1, "readings": 4, "refused": 0, "unacknowledged": 0}
    today = dt.datetime.now(dt.UTC).date()
    midnight_us = round(dt.datetime.combine(today, dt.time(), dt.UTC).timestamp() * 1e6)
    assert {(user, device, time_us - midnight_us) for user, device, time_us, _ in identities_in(log)} == {
        ("ada", "garmin", -2_000_000),
        ("ada", "garmin", 0),
        ("ada", "garmin", 2_000_000),
    }


def test_a_recording_can_start_at_another_moment_and_belong_to_another_person(
    log: Log, run: Run, garmin: Path
) -> None:
    start = "2026-05-01T12:00:00+02:00"
    assert run("replay", "garmin", str(garmin), "--user", "bo", "--start", start).exit_code == 0
    start_us = round(dt.datetime.fromisoformat(start).timestamp() * 1e6)
    assert {(user, time_us - start_us) for user, _, time_us, _ in identities_in(log)} == {
        ("bo", 0),
        ("bo", 2_000_000),
        ("bo", 4_000_000),
    }


def test_a_recording_from_now_on_keeps_its_pace_or_takes_another(log: Log, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "beats.txt"
    path.write_text("1000\n" * 60, encoding="utf-8")
    assert run("replay", "rr", str(path), "--speed", "60").exit_code == 0
    times_us = sorted(time_us for _, _, time_us, _ in identities_in(log))
    assert len(times_us) == 12
    assert times_us[-1] - times_us[0] == pytest.approx(55_000_000 / 60, abs=100_000)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--start", "tomorrow"], "is not a time with an offset"),
        (["--user", "a b"], "is not an id"),
    ],
)
def test_wrong_options_are_refused(run: Run, garmin: Path, arguments: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        run("replay", "garmin", str(garmin), *arguments)


def test_simulated_people_are_published_from_now_on(
    log: Log, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock so fast that the day is over as soon as it is published.
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=20)
    monkeypatch.setenv("DAYBEAT_CLOCK", f"{start.isoformat()}@40000")
    monkeypatch.setenv("DAYBEAT_CLOCK_ANCHOR", repr(dt.datetime.now(dt.UTC).timestamp()))
    truth = tmp_path / "truth.jsonl"
    result = run("simulate", "--publish", "--people", "2", "--rate", "0.1", "--truth", str(truth), "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["unacknowledged"] == 0
    kinds = {json.loads(line)["kind"] for line in truth.read_text("utf-8").splitlines()}
    assert kinds == {"person", "day", "episode", "curve", "artefacts"}
    assert figures["readings"] - figures["refused"] == len(identities_in(log)) > 500
