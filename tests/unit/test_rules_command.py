"""``daybeat rules``: a file is checked, shown, and loaded into every partition, or changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
import redis
from typer.testing import CliRunner

from adaptation.rules import builtin_rules
from daybeat.cli import build_app
from daybeat.servers import LocalServers
from schemas.errors import DaybeatError, InputError, UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.rule_entries import RulesEntry, RulesShown
from stores.keys import RULES
from stores.log import Entry, EntryKind, LogFullError, NewEntry, RedisLog
from stores.log_streams import START
from stores.rules import append_rules

PARTITIONS = 4
FILE = """version = 2
[[rule]]
name = "worked_up"
kind = "protective"
priority = 2
when = "stress_level > 70 % for 10 min"
cooldown = "4h"
horizon = "6h"
expires = "4h"
action = "reduce_intensity"
reason = "Stress has been above 70 %."

[[rule]]
name = "fresh"
title = "Full of energy"
kind = "upgrading"
priority = 1
when = "energy_level > 80 %"
cooldown = "4h"
horizon = "6h"
expires = "4h"
action = "upgrade"
reason = "Energy is {energy_level}."
"""
BROKEN = FILE.replace("energy_level > 80 %", "enrgy_level > 80 %")


class Called(NamedTuple):
    code: int
    out: str
    error: DaybeatError | None


def rules(*arguments: str, text: str | None = None) -> Called:
    """Run ``daybeat rules`` with these arguments, and with ``text`` on standard input."""
    done = CliRunner().invoke(build_app(["rules"]), ["rules", *arguments], prog_name="daybeat", input=text)
    error = done.exception if isinstance(done.exception, DaybeatError) else None
    assert error is not None or done.exception is None, done.exception
    return Called(done.exit_code, done.stdout, error)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return path


# -- check


def test_a_good_file_is_told_rule_by_rule(file: Path) -> None:
    assert rules("check", str(file)).out.splitlines() == [
        "2 rules in mine.toml",
        "",
        "fresh: Full of energy (upgrading, default propose)",
        "    when energy_level > 80 %",
        "",
        "worked_up: Worked up (protective, default apply)",
        "    when stress_level > 70 % for 10 min",
    ]


def test_a_good_file_is_told_as_one_json_object(file: Path) -> None:
    told = RulesShown.model_validate_json(rules("check", str(file), "--json").out)
    assert [one.name for one in told.rules] == ["fresh", "worked_up"]
    assert (told.name, told.loaded_at, told.text) == ("mine.toml", None, FILE)


def test_a_file_may_come_from_standard_input() -> None:
    assert rules("check", "-", text=FILE).out.startswith("2 rules in standard input\n")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_broken_file_is_an_input_error_with_line_column_and_mend(
    file: Path, options: tuple[str, ...]
) -> None:
    file.write_text(BROKEN)
    called = rules("check", str(file), *options)
    assert called.out == ""
    assert isinstance(called.error, InputError)
    assert called.error.where.startswith(f"{file}, line 18, column 9")
    assert "energy_level" in called.error.mend


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param("version = 2\n#" + "x" * 200_000, "is longer than 200000 characters", id="too_long"),
    ],
)
def test_what_is_no_rule_file_is_an_input_error(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    error = rules("check", str(path)).error
    assert isinstance(error, InputError)
    assert told in error.what


def test_the_shipped_rules_are_shown_and_can_be_checked_again() -> None:
    shown = rules("show", "--builtin", "--toml").out
    assert shown == builtin_rules().text
    count = len(builtin_rules().rules)
    assert rules("check", "-", text=shown).out.startswith(f"{count} rules in standard input\n")
    assert rules("show", "--builtin").out.startswith(f"{count} rules, built in\n")


# -- load


@pytest.fixture
def log(servers: LocalServers, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> RedisLog:
    monkeypatch.setenv("DAYBEAT_REDIS_URL", servers.redis_url)
    monkeypatch.setenv("DAYBEAT_PARTITIONS", str(PARTITIONS))
    return RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)


def entries(log: RedisLog) -> list[Entry]:
    return [entry for partition, end in log.ends().items() for entry in log.read_range(partition, START, end)]


@pytest.mark.servers
def test_a_loaded_file_is_in_every_partition_and_is_shown(log: RedisLog, file: Path) -> None:
    told = orjson.loads(rules("load", str(file), "--json").out)
    found = entries(log)
    assert {entry.partition for entry in found} == set(range(PARTITIONS))
    assert {entry.kind for entry in found} == {EntryKind.RULES}
    assert told["positions"] == {str(entry.partition): str(entry.entry_id) for entry in found}
    (loaded,) = {RulesEntry.model_validate_json(entry.payload) for entry in found}
    assert (loaded.name, loaded.text) == ("mine.toml", FILE)
    assert (told["name"], told["rules"]) == ("mine.toml", 2)
    shown = RulesShown.model_validate_json(rules("show", "--json").out)
    assert [one.name for one in shown.rules] == ["fresh", "worked_up"]
    assert shown.loaded_at is not None
    assert rules("show", "--toml").out == FILE


@pytest.mark.servers
def test_loading_says_from_where_on_the_rules_apply(log: RedisLog, file: Path) -> None:
    told = rules("load", str(file)).out
    places = [entry.entry_id for entry in entries(log)]
    assert told.startswith("2 rules of mine.toml apply to what comes behind position")
    assert str(min(places)) in told
    assert str(max(places)) in told


@pytest.mark.servers
def test_the_shipped_rules_can_be_brought_back(log: RedisLog, redis_client: redis.Redis, file: Path) -> None:
    rules("load", str(file))
    assert rules("load", "--builtin").error is None
    texts = [RulesEntry.model_validate_json(entry.payload).text for entry in entries(log)]
    assert texts.count("") == texts.count(FILE) == PARTITIONS
    assert redis_client.get(RULES) is None
    assert rules("show").out.startswith(f"{len(builtin_rules().rules)} rules, built in\n")


@pytest.mark.servers
def test_a_broken_file_changes_nothing(log: RedisLog, redis_client: redis.Redis, file: Path) -> None:
    file.write_text(BROKEN)
    assert isinstance(rules("load", str(file)).error, InputError)
    assert entries(log) == []
    assert redis_client.get(RULES) is None


@pytest.mark.parametrize("arguments", [(), ("mine.toml", "--builtin")])
def test_loading_needs_a_file_or_the_shipped_rules(arguments: tuple[str, ...]) -> None:
    error = rules("load", *arguments).error
    assert isinstance(error, InputError)
    assert "needs a rule file or --builtin, not both" in error.what


class _FailingLog:
    """A log that takes some entries and then fails."""

    partitions = PARTITIONS

    def __init__(self, error: DaybeatError) -> None:
        self.error = error

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        assert len(entries) == PARTITIONS
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("Redis cannot be reached", where="Redis", mend="start it"),
        LogFullError("it takes 5 bytes", where="log"),
    ],
)
def test_where_the_log_fails_midway_loading_again_is_said_to_be_safe(error: DaybeatError) -> None:
    log = _FailingLog(error)
    with pytest.raises(type(error)) as caught:
        append_rules(log, RulesEntry(name="mine.toml", text=FILE, arrival_us=0))  # type: ignore[arg-type]
    assert (caught.value.what, caught.value.where) == (error.what, error.where)
    assert caught.value.mend.startswith(error.mend)
    assert "load them again, twice changes nothing" in caught.value.mend


def test_partitions_are_numbered_as_the_log_numbers_them() -> None:
    class Log(_FailingLog):
        def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
            return [EntryId(10 + entry.partition, 0) for entry in entries]

    places = append_rules(Log(UnavailableError("")), RulesEntry(name="a", text=FILE, arrival_us=0))  # type: ignore[arg-type]
    assert places == {PartitionId(number): EntryId(10 + number, 0) for number in range(PARTITIONS)}
