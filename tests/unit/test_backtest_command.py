"""``daybeat rules backtest`` from outside, over recordings and simulated people."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daybeat.rules_command import rules_app
from daybeat.simulate_command import simulate
from schemas.errors import InputError

TENSE = """
version = 2

[[rule]]
name = "tense"
kind = "protective"
priority = 1
when = "stress_level > {limit} %"
leave = "stress_level < 50 %"
allow = ["estimated"]
cooldown = "5min"
at_most_per_day = 20
horizon = "6h"
expires = "4h"
action = "switch_to_recovery"
reason = "Stress is at {{stress_level}}."
"""


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAYBEAT_STATE_FOLDER", str(tmp_path / "state"))


@pytest.fixture
def tense(tmp_path: Path) -> str:
    file = tmp_path / "tense.toml"
    file.write_text(TENSE.format(limit=70))
    return str(file)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(rules_app, ["backtest", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_simulated_people_are_judged_by_what_really_happened() -> None:
    report = json.loads(run("builtin", "--simulated", "4", "--days", "1", "--seed", "4", "--json"))
    assert report["history"] == "4 simulated people over 1 days, seed 4"
    assert report["people"] == 4
    assert report["labels"]["meant"]["stress_spike"] == ["stressful_meeting"]
    (file,) = report["files"]
    figures = {one["rule"]: one for one in file["rules"]}
    assert len(figures) == 9
    for one in figures.values():
        assert one["fired"] == sum(firing["rule"] == one["rule"] for firing in file["firings"])
        assert sum(one["suppressed"].values()) == sum(
            outcome["rule"] == one["rule"] for outcome in file["suppressed"]
        )
        assert (one["precision"] is None) == (not one["judged"])
        assert (one["recall"] is None) == (not one["episodes"])
    assert file["firings"]
    assert all(one["reason"] and one["evidence"]["values"] and not one["why"] for one in file["firings"])


def test_messages_that_simulate_wrote_are_judged_by_the_truth_beside_them(tmp_path: Path, tense: str) -> None:
    out, truth = tmp_path / "sent.jsonl", tmp_path / "truth.jsonl"
    simulate(people=3, days=1, seed=3, rate=0.2, start="2026-11-19", out=str(out), truth=str(truth))
    told = run(tense, "--recordings", str(out), "--labels", str(truth), "--label", "stress=tense")
    assert told.startswith(f"{out}: 3 people, ")
    assert "judged, with 30 min after an episode's end: tense (stress)" in told
    assert "\nwould have fired: " in told


def test_stressful_seconds_of_real_people_are_labels(tense: str) -> None:
    folder = Path(os.environ.get("DAYBEAT_RECORDINGS", "")) / "stress_predict"
    if not folder.is_dir():
        pytest.skip("DAYBEAT_RECORDINGS names no folder with the recordings of Stress-Predict")
    people = [str(folder / name) for name in ("S02", "S19")]
    labels = ("--labels", str(folder / "labels_S02_S20.csv"), "--label", "stressor=tense")
    report = json.loads(run(tense, "builtin", "--recordings", *people, *labels, "--json"))
    ours, shipped = report["files"]
    assert report["people"] == 2
    (figures,) = ours["rules"]
    assert figures["fired"] == figures["judged"] == figures["hits"] == 2
    assert (figures["precision"], figures["episodes"]) == (1.0, 6)
    assert figures["recall"] == figures["found"] / 6
    assert {one["user_id"] for one in ours["firings"]} == {"S02", "S19"}
    assert all(
        value["quality"] == "estimated" for one in ours["firings"] for value in one["evidence"]["values"]
    )
    assert shipped["firings"] == []
    assert [one["precision"] for one in shipped["rules"]] == [None] * 9
    assert len(ours["only_here"]) == 2


def test_one_person_alone_is_told_from_two_files_by_the_ending(tmp_path: Path, tense: str) -> None:
    beats = [tmp_path / name for name in ("ada.txt", "bob.txt")]
    for file in beats:
        file.write_text("800\n" * 400)
    stricter = tmp_path / "stricter.toml"
    stricter.write_text(TENSE.format(limit=90))
    report = json.loads(run(tense, str(stricter), "--recordings", *map(str, beats), "--json"))
    assert [one["file"] for one in report["files"]] == [tense, str(stricter)]
    assert report["people"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--simulated", "1", "x.txt"), "'x.txt' is no rule file; its name must end in .toml"),
        (("b.toml", "c.toml", "--simulated", "1"), "3 rule files; compare two at a time"),
        (("--recordings", "nowhere"), "nowhere: cannot be read"),
        (("--simulated", "1", "--labels", "nowhere"), "nowhere: cannot be read"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(
    tense: str, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(InputError) as refused:
        run(tense, *arguments)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("stres=tense", "--label: there is no episode 'stres'; did you mean stress?"),
        ("stress=tens", "--label: there is no rule 'tens'; did you mean tense?"),
        ("stress", "--label: there is no rule ''; there are tense"),
    ],
)
def test_a_label_that_names_nothing_is_refused_with_what_is_close(
    tense: str, label: str, told: str, tmp_path: Path
) -> None:
    out, truth = tmp_path / "sent.jsonl", tmp_path / "truth.jsonl"
    simulate(people=1, days=1, seed=3, rate=0.02, start="2026-11-19", out=str(out), truth=str(truth))
    with pytest.raises(InputError) as refused:
        run(tense, "--recordings", str(out), "--labels", str(truth), "--label", label)
    assert told in str(refused.value)
