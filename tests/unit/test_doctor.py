from collections.abc import Mapping

import pytest

from daybeat.doctor_checks import Verdict, redis_findings

INFO = {"redis_version": "8.0.2", "aof_last_write_status": "ok"}
CONFIGURATION = {b"appendonly": b"yes", b"appendfsync": b"always", b"maxmemory-policy": b"noeviction"}


def _bad(info: Mapping[str, object], configuration: Mapping[bytes, bytes]) -> dict[str, str]:
    findings = redis_findings(info, configuration)
    return {finding.subject: finding.mend for finding in findings if finding.verdict is Verdict.BAD}


def test_redis_as_deploy_configures_it_is_good() -> None:
    assert _bad(INFO, CONFIGURATION) == {}


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        (b"appendonly", b"no", "appendonly yes"),
        (b"appendfsync", b"everysec", "appendfsync always"),
        (b"maxmemory-policy", b"allkeys-lru", "maxmemory-policy noeviction"),
    ],
)
def test_a_setting_that_could_lose_readings_is_bad_and_says_how_to_mend_it(
    name: bytes, value: bytes, mend: str
) -> None:
    bad = _bad(INFO, {**CONFIGURATION, name: value})
    assert list(bad) == [f"redis {name.decode()}"]
    assert mend in next(iter(bad.values()))


@pytest.mark.parametrize(
    ("version", "good"), [("7.2.9", False), ("7.4.0", True), ("8.0.2", True), ("10.0.0", True)]
)
def test_redis_must_know_how_to_let_a_field_expire(version: str, good: bool) -> None:  # noqa: FBT001
    assert ("redis version" not in _bad({**INFO, "redis_version": version}, CONFIGURATION)) is good


def test_a_disk_that_redis_could_not_write_to_is_bad() -> None:
    assert list(_bad({**INFO, "aof_last_write_status": "err"}, CONFIGURATION)) == ["redis last write to disk"]
