"""docs/rules.md: its tables are those of the code, its commands print what stands there, its rules fire.

A table that differs is shown by its test as it should stand in the document.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
import typer.main
from typer.core import TyperGroup

from adaptation import evidence
from adaptation.action_uses import ActionUse
from adaptation.actions import Action, builtin_actions
from adaptation.candidates import Candidate
from adaptation.proposals import CHANGES_PER_DAY_MAX, OPEN_PROPOSALS_MAX
from adaptation.randomisation import draw
from adaptation.rules import Rule, builtin_rules, load_rules, render_reason
from adaptation.rules.check import read_condition
from adaptation.rules.durations import LONGEST
from adaptation.rules.model import LASTING_MAX, RULES_MAX
from adaptation.rules.parse import DEPTH_MAX, TEXT_MAX, ConditionError
from adaptation.rules.vocabulary import FLAGS, FUNCTIONS, STATUSES, UNIT_WORDS, VALUES, Kind, Value
from daybeat.cli import build_app
from schemas.people import Autonomy
from support.readings import HOUR_US, MINUTE_US, NOON, Run, Sent, at, firings_of, suppressed_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BODY, SOURCES = TEXT.split("\n## Sources\n")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
COMMAND_PATIENCE_S = 60


def check(part: str) -> None:
    assert part in TEXT, f"docs/rules.md should say:\n{part}"


def table(head: str, rows: Sequence[Sequence[object]]) -> str:
    columns = head.count("|") + 1
    assert {len(row) for row in rows} == {columns}
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *lines]).replace("|  |", "| |") + "\n"


def rows_below(head: str, text: str = TEXT) -> list[list[str]]:
    """Return the cells of the table with this head."""
    lines = text[text.index(f"\n| {head} |\n") + 1 :].splitlines()[2:]
    end = next(number for number, line in enumerate([*lines, ""]) if not line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[:end]]


# -- the words of conditions


def _range(value: Value) -> str:
    return f"{value.low:,g} to {value.high:,g}"


def _own_mean(value: Value) -> str:
    if not value.has_usual:
        return ""
    return "yes, and by hour" if value.has_hour else "yes"


def values_table() -> str:
    rows = [
        (
            f"`{one.name}`",
            one.unit,
            _range(one),
            one.kind.value.replace("_", " "),
            _own_mean(one),
            one.meaning,
        )
        for one in VALUES
    ]
    return table("value | unit | range | kind | own mean | meaning", rows)


def statuses_table() -> str:
    rows = [
        (f"`{one.name}`", ", ".join(f"`{word}`" for word in one.members), one.meaning) for one in STATUSES
    ]
    return table("status | words | meaning", rows)


def flags_table() -> str:
    return table("flag | holds", [(f"`{one.name}`", one.meaning) for one in FLAGS])


def functions_table() -> str:
    rows = [(f"`{one.name}(…)`", one.takes, one.unit or "its own", one.meaning) for one in FUNCTIONS]
    return table("function | takes | unit | gives", rows)


def units_table() -> str:
    by_unit: dict[tuple[str, float], list[str]] = {}
    for one in UNIT_WORDS:
        by_unit.setdefault((one.unit, one.factor), []).append(f"`{one.word}`")
    rows = [
        (
            ", ".join(words),
            unit,
            "" if factor == 1 else f"1 {words[0]} is {factor:g} {unit.strip('0-1')}".strip(),
        )
        for (unit, factor), words in by_unit.items()
    ]
    return table("written | fits |", [*rows, ("nothing", "count", "")]).replace("| fits |  |", "| fits | |")


REFUSED = (
    "energy_level < 30",
    "energy_level < 45 ms",
    "energy_level > 120 %",
    "heart_rate_bpm > 10",
    "stress_level == 80 %",
    "0.2 < stress_level < 0.8",
    "energy_levl < 30 %",
    "previous(sleep_quality) < 60 %",
    "usual(steps) > 100",
    "heart_rate_bpm + energy_level > 90",
    "hrv_status > 1",
    "energy_level < 30 % within 2 days",
    "not (stress_level > 80 % for 10 min)",
)


def refused_table() -> str:
    rows = []
    for text in REFUSED:
        with pytest.raises(ConditionError) as refused:
            read_condition(text)
        error = refused.value
        rows.append((f"`{text}`", f"{error.what}; {error.mend}"))
    return table("refused | because", rows)


# -- actions and rules


def actions_table() -> str:
    rows = [
        (f"`{name}`", one.direction, f"`{one.variant}`", one.tasks, _intensities(one), _done(one))
        for name, one in builtin_actions().actions.items()
    ]
    head = "action | makes the day | takes the planner's variant | tasks | of intensity | otherwise"
    return table(head, rows)


def _intensities(action: Action) -> str:
    order = ("easy", "moderate", "high")
    given = [one for one in order if one in action.only_intensities]
    return "any" if len(given) == len(order) else ", ".join(given)


def _done(action: Action) -> str:
    told = []
    if action.duration_factor != 1:
        told.append(f"minutes × {action.duration_factor:g}")
    fields = Action.model_fields
    if action.duration_min_minutes != fields["duration_min_minutes"].default:
        told.append(f"{action.duration_min_minutes} min at least")
    if action.duration_max_minutes != fields["duration_max_minutes"].default:
        told.append(f"{action.duration_max_minutes} min at most")
    if action.intensity is not None:
        told.append(action.intensity)
    if action.intensity_steps:
        told.append(f"{action.intensity_steps} step of intensity up")
    if action.wording is not None:
        told.append(f"words of {action.wording}")
    return ", ".join(told)


def shipped_table() -> str:
    rows = [
        (
            f"`{rule.name}`",
            rule.kind,
            rule.priority,
            f"`{_one_line(rule.when.text)}`",
            f"`{_one_line(rule.leave.text)}`" if rule.leave else "",
            f"{_hours(rule, 'cooldown')} h",
            rule.at_most_per_day,
            f"{_hours(rule, 'expires')} h",
            f"`{rule.action.name}`",
        )
        for rule in builtin_rules().rules
    ]
    head = "rule | kind | priority | fires when | ends when | cooldown | a day | expires | action"
    return table(head, rows)


def _hours(rule: Rule, field: str) -> str:
    return f"{getattr(rule, field).total_seconds() / 3600:g}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


TABLES = {
    "values": values_table,
    "statuses": statuses_table,
    "flags": flags_table,
    "functions": functions_table,
    "units": units_table,
    "refused conditions": refused_table,
    "actions": actions_table,
    "shipped rules": shipped_table,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_the_code(name: str) -> None:
    check(TABLES[name]())


def test_the_values_that_exercise_confounds_are_named() -> None:
    names = [f"`{one.name}`" for one in VALUES if one.exercise_confounds]
    sentence = f"Exercise confounds {', '.join(names[:-1])} and {names[-1]}."
    assert sentence in " ".join(TEXT.split()), sentence


def test_every_condition_shown_can_be_read() -> None:
    rows = rows_below("condition | holds")
    assert len(rows) >= 10
    for condition, _ in rows:
        read_condition(condition.strip("`"))


def test_every_way_to_look_at_a_value_is_shown() -> None:
    shown = " ".join(condition for condition, _ in rows_below("condition | holds"))
    for word in ("within", " for ", "days", " is ", " is not ", " in (", "between", "and", " or ", "not "):
        assert word in shown, word
    for one in FUNCTIONS:
        if one.name != "z_at_hour":  # as z, as usual_at_hour
            assert f"{one.name}(" in shown, one.name


def test_the_table_of_fields_names_those_of_a_rule() -> None:
    rows = rows_below("field | default | meaning")
    assert [row[0].strip("`") for row in rows] == list(Rule.model_fields)
    needed = {row[0].strip("`") for row in rows if row[1] == "needed"}
    assert needed == {name for name, field in Rule.model_fields.items() if field.is_required()}
    assert rows[7][1] == str(Rule.model_fields["at_most_per_day"].default)


def test_the_limits_of_a_file_are_those_of_the_code() -> None:
    check(f"at most {RULES_MAX} rules, and in all of them together at most {LASTING_MAX} `within` and `for`.")
    meanings = {row[0].strip("`"): row[2] for row in rows_below("field | default | meaning")}
    for name, longest in LONGEST.items():
        assert meanings[name].endswith(f", {longest.days} d at most"), name


def test_the_table_of_parameters_names_those_of_an_action() -> None:
    rows = rows_below("parameter | values | meaning")
    assert [row[0].strip("`") for row in rows] == [name for name in ActionUse.model_fields if name != "name"]


def test_the_thresholds_of_every_shipped_rule_have_a_source_or_are_ours() -> None:
    rows = rows_below("rule | thresholds")
    assert [row[0].strip("`") for row in rows] == [rule.name for rule in builtin_rules().rules]
    for rule, threshold in rows:
        assert "ours" in threshold or re.search(r"\w \d{4}", threshold), rule


# -- what becomes of a firing


def _reasons_of(outcome: str) -> list[str]:
    return [row[0] for row in rows_below("why | outcome | meaning", PROTOCOL) if row[1] == outcome]


def test_the_gates_are_the_reasons_of_suppressed_firings() -> None:
    rows = rows_below("why | what it rests on | a rule may allow it")
    assert sorted(row[0] for row in rows) == sorted(_reasons_of("suppressed"))
    allowed = {row[0].strip("`") for row in rows if row[2] == "yes"}
    assert allowed == {"estimated", "low_quality", "exercise"}


def test_every_reason_of_a_withheld_firing_is_named() -> None:
    section = TEXT[TEXT.index("## What becomes of a firing") : TEXT.index("## By lot")]
    assert [why for why in _reasons_of("withheld") if why not in section] == []


def test_the_caps_are_those_of_the_code() -> None:
    assert (CHANGES_PER_DAY_MAX, OPEN_PROPOSALS_MAX) == (3, 3)
    check("all rules together three times. A rule has at most\none open proposal, and three wait at most.")


def test_the_dial_has_the_levels_of_the_code() -> None:
    levels = [row[0].strip("`") for row in rows_below("dial | what the rule does")]
    assert levels == list(get_args(Autonomy))


def test_the_formulas_are_those_of_the_code() -> None:
    confidence, drawn = (
        _plain(block)
        for block in re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
        if block.startswith(("d   how", "u = "))
    )
    assert confidence in _plain(evidence.__doc__ or "")
    assert "(½ + ½·d)·m·q" in TEXT
    assert "(½ + ½·d)·m·q" in (evidence.__doc__ or "")
    for part in drawn.split(" it "):
        assert part in _plain(draw.__doc__ or "").replace("It ", "")
    check("40 minutes at high intensity that become 20 easy ones change by 40 × 3 − 20 × 1 = 100.")
    assert "40 × 3 - 20 × 1 = 100" in (Candidate.effect.__doc__ or "")


def test_the_view_of_the_contrast_has_the_columns_asked_for() -> None:
    asked = re.search(r"SELECT ([\w, ]+)\n  FROM daybeat\.randomised_effects", TEXT)
    assert asked is not None
    schema = (ROOT / "schemas" / "sql" / "0006_agency.sql").read_text(encoding="utf-8")
    columns = re.findall(r"COMMENT ON COLUMN daybeat\.randomised_effects\.(\w+)", schema)
    assert set(asked[1].split(", ")) <= set(columns)


def test_the_limits_of_a_condition_are_those_of_the_code() -> None:
    check(f"it has {TEXT_MAX:,} characters and {DEPTH_MAX} levels of brackets at most")


def _plain(text: str) -> str:
    return " ".join(text.split())


# -- examples that run


FILES = dict(re.findall(r"^```(?:python|toml) (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
RULES = {name: load_rules(text, where=name) for name, text in FILES.items() if name.endswith(".toml")}
BLOCKS = re.findall(r"^```sh run\n(.*?)^```$\n\n```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PYTHON = shlex.quote(sys.executable)
SHELL = f'daybeat() {{ {PYTHON} -m daybeat "$@"; }}\npython3() {{ {PYTHON} "$@"; }}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    for name, content in FILES.items():
        (made / name).write_text(content, encoding="utf-8")
    return made


def run(commands: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", SHELL + commands],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_PATIENCE_S,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
    )
    return done.stdout


def test_commands_print_what_stands_below_them(folder: Path) -> None:
    assert len(BLOCKS) >= 4
    for commands, output in BLOCKS:
        assert run(commands, folder) == output


def test_every_command_named_exists_with_its_options() -> None:
    app = typer.main.get_command(build_app(["rules"]))
    shell = "".join(re.findall(r"^```sh.*?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    called = re.findall(r"daybeat (rules .*)", shell + "".join(re.findall(r"`(daybeat rules [^`]*)`", TEXT)))
    assert {line.split()[1] for line in called} == {"check", "show", "load", "backtest"}
    for line in called:
        group, name, *arguments = shlex.split(line.split(">")[0].split("|")[0])
        assert isinstance(app, TyperGroup)
        commands = app.commands[group]
        assert isinstance(commands, TyperGroup)
        options = {option for one in commands.commands[name].params for option in one.opts}
        assert {word for word in arguments if word.startswith("--")} <= options, line


def test_the_keys_of_a_backtests_json_are_those_of_the_table(folder: Path) -> None:
    run("python3 afternoon.py > afternoon.jsonl", folder)
    report = json.loads(
        run("daybeat rules backtest first.toml calm.toml --recordings afternoon.jsonl --json", folder)
    )
    file = report["files"][0]
    found = [
        *report,
        *(f"files[].{key}" for key in file),
        *(f"files[].rules[].{key}" for key in file["rules"][0]),
        *(f"files[].firings[].{key}" for key in file["firings"][0]),
    ]
    assert [row[0].strip("`") for row in rows_below("key | meaning")] == found


# -- example rules that fire

SENTENCES = re.findall(r"^> (.+)$", TEXT, re.MULTILINE)


def _every_ten_minutes(*levels: float, measure: str) -> list[Sent]:
    return [Sent(NOON + number * 10 * MINUTE_US, {measure: level}) for number, level in enumerate(levels)]


EVENING = at("2026-11-20T19:00:00+00:00")


def _heart(at_us: int, rate_bpm: float) -> Sent:
    return Sent(at_us, {"heart_rate_bpm": rate_bpm}, activity="rest")


def _usual_heart() -> list[Sent]:
    """Return hourly heart rates at rest of the eight days before the evening, around 60."""
    hours = 8 * 24
    return [_heart(EVENING - (hours - number) * HOUR_US, 58.0 + number % 5) for number in range(hours)]


def _beating_fast() -> list[Sent]:
    return [*_usual_heart(), _heart(EVENING, 96.0)]


def _tense_at_rest() -> list[Sent]:
    """Return the same heart and then 45 minutes of 75, a reading a minute; no device gives a level."""
    return [*_usual_heart(), *(_heart(EVENING + number * MINUTE_US, 75.0) for number in range(45))]


def _afternoon() -> list[Sent]:
    levels = (0.42, 0.75, 0.66, 0.73, 0.78, 0.81, 0.84)
    return _every_ten_minutes(*levels, measure="stress_level")


READINGS = {
    "long_stress": _afternoon,
    "calm_evening": _beating_fast,
    "tense": _tense_at_rest,
    "low_energy_trial": lambda: _every_ten_minutes(0.5, 0.31, measure="energy_level"),
}


def test_every_example_rule_fires_once_with_the_sentence_shown() -> None:
    names = [rule.name for rules in RULES.values() for rule in rules.rules]
    assert sorted(names) == sorted(READINGS)
    shown = [*SENTENCES, *(line.strip() for _, output in BLOCKS for line in output.splitlines())]
    for rules in RULES.values():
        (rule,) = rules.rules
        (firing,) = firings_of(Run(rules).send(*READINGS[rule.name]()))
        sentence = render_reason(rule, firing.evidence)
        assert any(line.endswith(sentence) for line in shown), f"{rule.name}: {sentence}"


def test_a_rule_that_does_not_allow_estimates_says_so() -> None:
    text = FILES["tense.toml"]
    strict = load_rules(text.replace('allow = ["estimated"]\n', ""), where="strict.toml")
    events = Run(strict).send(*_tense_at_rest())
    assert firings_of(events) == []
    assert suppressed_of(events) == [("tense", "estimated")]


def test_the_first_rule_has_ten_lines_at_most() -> None:
    lines = FILES["first.toml"].partition("[[rule]]")[2].strip().splitlines()
    assert len(lines) <= 10


def test_the_readme_shows_the_first_rule() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```toml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL) == [FILES["first.toml"]]


# -- sources


def test_every_source_has_one_entry_that_the_text_names() -> None:
    entries = [line for line in SOURCES.splitlines() if line.startswith("- ")]
    for entry in entries:
        named = re.match(r"- (.+? \d{4})\. ", entry)
        assert named is not None, entry
        assert named[1] in " ".join(BODY.split()), entry
    assert "https://doi.org" not in BODY


def test_every_kind_of_value_is_explained() -> None:
    section = TEXT[TEXT.index("## Values") : TEXT.index("## When a rule fires")].casefold()
    for kind in Kind:
        assert kind.value.replace("_", " ") in section
