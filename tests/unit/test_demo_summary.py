"""What must hold of a demo, and the sentence for each thing that does not."""

from dataclasses import replace

import orjson
import pytest
import typer

from daybeat.demo import _report
from daybeat.demo_run import Account
from daybeat.demo_summary import DemoSummary, Percentiles, broken_conditions

GOOD = DemoSummary(
    readings_published=20_000,
    readings_stored=19_999,
    readings_dead_lettered=1,
    duplicates_stored=0,
    rules_fired={"energy_drop": 1, "stress_spike": 2},
    plans_rewritten=2,
    events_pushed=9,
    publish_to_push_ms=Percentiles(p50=20.0, p99=40.0),
    seconds=60.0,
)
REWRITTEN = frozenset({("ada", "2026-11-20", 2), ("bo", "2026-11-20", 3)})


def _broken(
    summary: DemoSummary = GOOD,
    *,
    pushed: frozenset[tuple[str, str, int]] = REWRITTEN,
    shown_rules: frozenset[str] = frozenset({"energy_drop", "stress_spike"}),
) -> list[str]:
    return broken_conditions(summary, rewritten=REWRITTEN, pushed=pushed, shown_rules=shown_rules)


def test_nothing_is_said_of_a_good_run() -> None:
    assert _broken() == []
    assert _broken(pushed=REWRITTEN | {("ada", "2026-11-20", 9)}) == []


@pytest.mark.parametrize("stored", [19_998, 20_000])
def test_readings_that_are_missing_or_too_many_are_told(stored: int) -> None:
    (sentence,) = _broken(replace(GOOD, readings_stored=stored))
    assert sentence.startswith("20000 readings were published, but ")


def test_duplicates_are_told() -> None:
    assert _broken(replace(GOOD, duplicates_stored=3)) == ["3 readings are stored twice."]


def test_a_plan_that_was_not_pushed_is_named() -> None:
    (sentence,) = _broken(pushed=frozenset({("bo", "2026-11-20", 3)}))
    assert "1 of 2 rewritten plans" in sentence
    assert "version 2 of ada's plan for 2026-11-20" in sentence


def test_silent_rules_are_named_unless_nothing_was_made_for_them() -> None:
    silent = replace(GOOD, rules_fired={"energy_drop": 0, "strain_high": 0})
    assert _broken(silent) == ["These rules did not fire: energy_drop, stress_spike."]
    assert _broken(silent, shown_rules=frozenset()) == []


def test_every_broken_condition_has_a_sentence_of_its_own() -> None:
    worst = replace(GOOD, readings_stored=1, duplicates_stored=1, rules_fired={"energy_drop": 0})
    assert len(_broken(worst, pushed=frozenset())) == 4


def test_the_account_is_told_in_words_and_what_is_broken_ends_with_an_exit_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _report(Account(GOOD, []), as_json=False)
    told = capsys.readouterr()
    assert "20,000 published, 19,999 stored" in told.out
    assert "p50 20.0 ms, p99 40.0 ms" in told.out
    assert told.err == ""
    with pytest.raises(typer.Exit) as ended:
        _report(Account(GOOD, ["One thing is wrong.", "Another is."]), as_json=True)
    told = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert orjson.loads(told.out)["plans_rewritten"] == 2
    assert told.err.splitlines() == ["One thing is wrong.", "Another is."]
