"""Rules over the stored history: what would have fired, as the live flow would have seen it."""

import json
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from adaptation.rules import builtin_rules
from adaptation.shard import Shard
from adaptation.tracked import ReadingEvent
from daybeat.rules_command import rules_app
from daybeat.servers import LocalServers
from schemas.errors import InputError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.records import ProfileRow
from stores.history import EntryRows, HistoryStore
from stores.stream_tail import StreamName
from support.readings import DAY_US, HOUR_US, MINUTE_US, NOON, Sent, frame_of
from support.records import AT

pytestmark = pytest.mark.servers

RULE = """
version = 2

[[rule]]
name = "low"
kind = "protective"
priority = 1
when = "{when}"
cooldown = "1h"
horizon = "6h"
expires = "4h"
action = "reduce_intensity"
reason = "Your energy is at {{energy_level}}."
"""
DAY = ("--from", "2026-11-20", "--to", "2026-11-21")


@pytest.fixture(autouse=True)
def _settings(servers: LocalServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAYBEAT_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("DAYBEAT_STATE_FOLDER", str(tmp_path))


def store(database: psycopg.Connection, sent: Sequence[Sent]) -> None:
    entry = EntryRows(StreamName.LOG, PartitionId(0), EntryId(1, 0), frame=frame_of(sent))
    HistoryStore.open(database).write([entry], {})


def backtest(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(rules_app, ["backtest", *arguments, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    found: dict[str, object] = json.loads(done.stdout)
    return found


def firings(report: dict[str, object], file: int = 0) -> list[dict[str, object]]:
    return report["files"][file]["firings"]  # type: ignore[index,no-any-return]  # plain JSON


def suppressed(report: dict[str, object]) -> list[tuple[str, str]]:
    return [(one["rule"], one["why"]) for one in report["files"][0]["suppressed"]]  # type: ignore[index]


def rule_file(tmp_path: Path, when: str) -> str:
    file = tmp_path / f"rules-{len(list(tmp_path.iterdir()))}.toml"
    file.write_text(RULE.format(when=when))
    return str(file)


def energies(user: str, *levels: float, start_us: int = NOON, delay_us: int = 1_000_000) -> list[Sent]:
    """Return readings of energy every ten minutes."""
    return [
        Sent(start_us + number * 10 * MINUTE_US, {"energy_level": level}, user, delay_us=delay_us)
        for number, level in enumerate(levels)
    ]


def test_stored_readings_fire_as_they_did_in_the_shard(database: psycopg.Connection) -> None:
    sent = [*energies("ada", 0.7, 0.5, 0.2), *energies("bob", 0.9, 0.9, 0.1), *energies("eve", 0.5, 0.4)]
    store(database, sent)
    shard = Shard(builtin_rules(), default_zone="UTC")
    shard.take_frame(EntryId(1, 0), frame_of(sent))
    events = [one for one in shard.advance() if isinstance(one, ReadingEvent)]
    expected = {one.firing.firing_id for event in events for one in event.firings}
    report = backtest("builtin", "--history", *DAY)
    assert {one["firing_id"] for one in firings(report)} == expected
    assert {one["user_id"] for one in firings(report)} == {"ada", "bob"}
    assert (report["people"], report["readings"], report["person_days"]) == (3, 8, 3)
    (drop,) = (one for one in report["files"][0]["rules"] if one["rule"] == "energy_drop")  # type: ignore[index]
    assert (drop["fired"], drop["per_person_day"]) == (2, pytest.approx(2 / 3))


def test_what_came_late_stays_late(database: psycopg.Connection) -> None:
    store(
        database, [*energies("ada", 0.7), *energies("ada", 0.2, start_us=NOON + 1, delay_us=30 * MINUTE_US)]
    )
    report = backtest("builtin", "--history", "--user", "ada", *DAY)
    assert firings(report) == []
    assert suppressed(report) == [("energy_drop", "late")]


def test_days_before_teach_baselines_and_count_nowhere(database: psycopg.Connection) -> None:
    before = [
        Sent(
            NOON - 9 * DAY_US + number * 6 * HOUR_US,
            {"hrv_rmssd_ms": 45.0, "energy_level": 0.7 - number % 2 * 0.5},
        )
        for number in range(34)
    ]
    store(database, [*before, Sent(NOON, {"stress_level": 0.9, "hrv_rmssd_ms": 20.0})])
    taught = backtest("builtin", "--history", *DAY)
    assert [one["rule"] for one in firings(taught)] == ["stress_spike"]
    assert taught["readings"] == 1
    untaught = backtest("builtin", "--history", *DAY, "--warm-up", "0")
    assert firings(untaught) == []


def test_people_live_in_the_zone_of_their_profile(database: psycopg.Connection, tmp_path: Path) -> None:
    profile = ProfileRow(user_id="ada", time=AT, position="1-0-0", profile={"time_zone": "Asia/Tokyo"})
    entry = EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=[profile])
    HistoryStore.open(database).write([entry], {})
    store(database, [*energies("ada", 0.2), *energies("bob", 0.2)])
    rules = rule_file(tmp_path, "energy_level < 30 % and time_of_day between 20:00 and 22:00")
    report = backtest(rules, "--history", *DAY)
    assert [(one["user_id"], one["reason"]) for one in firings(report)] == [("ada", "Your energy is at 20%.")]


def test_two_rule_files_are_compared_on_the_same_people(database: psycopg.Connection, tmp_path: Path) -> None:
    store(database, [*energies("ada", 0.35), *energies("bob", 0.25)])
    files = [rule_file(tmp_path, f"energy_level < {limit} %") for limit in (30, 40)]
    report = backtest(*files, "--history", *DAY)
    assert [one["file"] for one in report["files"]] == files  # type: ignore[attr-defined]  # plain JSON
    assert [[one["user_id"] for one in firings(report, file)] for file in (0, 1)] == [["bob"], ["ada", "bob"]]
    ada = next(one["firing_id"] for one in firings(report, 1) if one["user_id"] == "ada")
    assert [one["only_here"] for one in report["files"]] == [[], [ada]]  # type: ignore[attr-defined]
    table = CliRunner().invoke(rules_app, ["backtest", *files, "--history", *DAY]).stdout
    assert "stored readings of 2 people: 2 people, 2 readings, 2 person-days" in table
    assert "only A would have fired: 0" in table
    assert "only B would have fired: 1" in table


def test_firings_are_judged_by_labels(database: psycopg.Connection, tmp_path: Path) -> None:
    store(database, [*energies("ada", 0.2, 0.5, 0.5), *energies("ada", 0.2, start_us=NOON + 5 * HOUR_US)])
    lines = [
        {"kind": "person", "user_id": "ada", "time_zone": "UTC", "age_years": 40, "rmssd_ms": 40.0}
        | {"resting_heart_rate_bpm": 60.0, "chronotype_hours": 0.0},
        {"kind": "day", "user_id": "ada", "date": "2026-11-20", "stories": [], "sleep_quality": 0.8}
        | {"sleep_minutes": 450.0, "readiness_on_waking": 0.8},
        *(
            {"kind": "episode", "user_id": "ada", "date": "2026-11-20", "episode": "hard_workout"}
            | {"start": f"2026-11-20T{start}Z", "end": f"2026-11-20T{end}Z"}
            for start, end in (("11:00:00", "11:45:00"), ("14:00:00", "15:00:00"))
        ),
    ]
    labels = tmp_path / "truth.jsonl"
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rules = rule_file(tmp_path, "energy_level < 30 %")
    report = backtest(rules, "--history", *DAY, "--labels", str(labels), "--label", "hard_workout=low")
    (figures,) = report["files"][0]["rules"]  # type: ignore[index]
    assert (figures["judged"], figures["hits"], figures["precision"]) == (2, 1, 0.5)
    assert (figures["episodes"], figures["found"], figures["recall"]) == (2, 1, 0.5)
    assert report["labels"]["episodes"] == {"hard_workout": 2}  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--history", "--user", "nobody", *DAY), "no reading of nobody in that time"),
        (("--history", "--from", "2020-01-01", "--to", "2020-01-02"), "no reading of anybody"),
        (("--history",), "--from: --history needs a beginning"),
        (("--history", "--from", "yesterday"), "'yesterday' is no time"),
        (("--history", "--from", "2026-11-20", "--to", "2026-11-20"), "--to: ends before it begins"),
        ((), "give one of --recordings, --history and --simulated"),
        (("--history", "--simulated", "3"), "give one of --recordings, --history and --simulated"),
        (("--history", *DAY, "--label", "stress=low"), "--label: there are no labels"),
    ],
)
def test_a_history_that_cannot_be_told_is_refused(
    database: psycopg.Connection, arguments: tuple[str, ...], told: str
) -> None:
    store(database, energies("ada", 0.5))
    with pytest.raises(InputError) as refused:
        backtest("builtin", *arguments)
    assert told in str(refused.value)
