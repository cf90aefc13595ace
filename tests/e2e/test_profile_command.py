"""``daybeat profile get``: what stands in Redis, and what each rule in force may do."""

import datetime as dt
import json
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from daybeat.plan_commands import profile_app
from daybeat.servers import LocalServers
from daybeat.settings import ENV_PREFIX
from push.profiles import Profile
from schemas.ids import partition_of
from schemas.people import PersonState
from stores.keys import person_key
from stores.rules import write_shown_rules
from support.shown_rules import SHIPPED

pytestmark = pytest.mark.servers

PARTITIONS = 4
FAR = dt.datetime.now(dt.UTC).replace(microsecond=0, second=0) + dt.timedelta(days=3)


@pytest.fixture(autouse=True)
def environment(
    servers: LocalServers, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_client.ping()  # it stands for a flushed database
    monkeypatch.setenv(f"{ENV_PREFIX}REDIS_URL", servers.redis_url)
    monkeypatch.setenv(f"{ENV_PREFIX}PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv(f"{ENV_PREFIX}STATE_FOLDER", str(tmp_path))


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(profile_app, ["get", "ada", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_somebody_new_has_the_defaults_of_the_shipped_rules() -> None:
    profile = Profile.model_validate_json(printed("--json"))
    assert (profile.time_zone, profile.autonomy, profile.paused_until) == ("UTC", {}, None)
    assert {"energy_drop", "energy_surge"} <= {rule.name for rule in profile.rules}
    assert "energy_drop: apply (default)" in printed().splitlines()


def test_what_a_person_set_is_told_with_the_rules_that_were_loaded(redis_client: redis.Redis) -> None:
    write_shown_rules(redis_client, SHIPPED)
    person = PersonState(
        time_zone="Asia/Tokyo", autonomy={"stress_spike": "note"}, reduce_only=True, paused_until=FAR
    )
    redis_client.hset(person_key(partition_of("ada", PARTITIONS), "ada"), "state", person.model_dump_json())
    told = json.loads(printed("--json"))
    assert told["autonomy"] == {"stress_spike": "note"}
    assert [rule["name"] for rule in told["rules"]] == ["stress_spike", "energy_surge"]
    local = FAR.astimezone(dt.timezone(dt.timedelta(hours=9)))
    assert printed().splitlines() == [
        "zone Asia/Tokyo",
        f"everything paused until {local:%Y-%m-%d %H:%M}",
        "nothing may make the day harder",
        "stress_spike: note",
        "energy_surge: propose (default)",
    ]
