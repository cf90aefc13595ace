from datetime import timedelta
from pathlib import Path

import pytest

from daybeat.settings import ENV_PREFIX, Settings, read_settings, required, unknown_variables
from schemas.errors import InputError


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def test_settings_come_from_variables_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBEAT_PARTITIONS", "8")
    monkeypatch.setenv("DAYBEAT_LOG_KEEP", "PT5M")
    monkeypatch.setenv("DAYBEAT_RECORDINGS", "/recordings")
    settings = read_settings()
    assert settings.partitions == 8
    assert settings.log_keep == timedelta(minutes=5)
    assert settings.recordings == Path("/recordings")


def test_every_setting_is_documented_with_its_meaning() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "settings.md").read_text().splitlines()
    documented = {row.split("`")[1]: row.rsplit("|", 2)[1].strip() for row in rows if row.startswith("| `")}
    assert documented == {
        f"{ENV_PREFIX}{name.upper()}": " ".join((field.description or "").replace("``", "`").split())
        for name, field in Settings.model_fields.items()
    }
    assert all(documented.values())


def test_what_is_given_on_the_command_line_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBEAT_HTTP_PORT", "9000")
    assert read_settings(http_port=9001).http_port == 9001


def test_another_process_reads_the_same_settings_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read_settings(
        mqtt_url="mqtt://127.0.0.1:1",
        token_secret="s" * 32,
        clock="2026-11-20T00:00:00+00:00@1440",
        clock_anchor=1_763_600_000.123456,
        log_keep=timedelta(seconds=90.5),
        state_folder=Path("/somewhere"),
        recordings=Path("/recordings"),
        default_time_zone="Europe/Berlin",
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings


def test_every_setting_survives_the_way_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAYBEAT_PARTITIONS", "0"),
        ("DAYBEAT_PARTITIONS", "many"),
        ("DAYBEAT_HTTP_PORT", "70000"),
        ("DAYBEAT_DEFAULT_TIME_ZONE", "Mars/Olympus"),
        ("DAYBEAT_CLOCK", "noon"),
        ("DAYBEAT_PATIENCE_S", "-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name):
        read_settings()


def test_a_variable_that_is_no_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBEAT_PARTITION", "8")
    monkeypatch.setenv("DAYBEAT_PARTITIONS", "8")
    assert unknown_variables() == ["DAYBEAT_PARTITION"]


def test_a_missing_address_names_its_variable() -> None:
    with pytest.raises(InputError, match="DAYBEAT_REDIS_URL"):
        required(None, "redis_url")


def test_the_token_secret_never_shows_in_text() -> None:
    settings = read_settings(token_secret="very-secret-very-secret-very-secret")
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in str(settings)


def test_changed_settings_are_checked_again() -> None:
    settings = read_settings()
    assert settings.changed(partitions=4).partitions == 4
    with pytest.raises(ValueError, match="partitions"):
        settings.changed(partitions=0)
