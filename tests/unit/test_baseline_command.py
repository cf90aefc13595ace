"""``daybeat baseline``: days of a file, each judged among those before it; errors, pictures."""

import datetime as dt
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daybeat.cli import build_app

APP = build_app(["hrv", "baseline"])
KEYS = [
    *("date", "rmssd_ms", "ln_rmssd", "mean7", "cv7", "normal_low", "normal_high", "swc_low", "swc_high"),
    *("have", "need", "maturity", "status", "onset"),
]
START = dt.date(2026, 9, 1)


def daybeat_baseline(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "daybeat", "baseline", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def parsed(output: str) -> list[dict[str, Any]]:
    assert output.count("\n") == 1
    found = json.loads(output, parse_constant=no_constant)
    assert list(found) == ["days"]
    assert all(list(day) == KEYS for day in found["days"])
    days: list[dict[str, Any]] = found["days"]
    return days


def baseline(stdin: str) -> list[dict[str, Any]]:
    """Return what the command prints as JSON, without a process of its own."""
    done = CliRunner().invoke(APP, ["baseline", "-", "--json"], input=stdin)
    assert done.exit_code == 0, done.output
    return parsed(done.stdout)


def csv(values: list[float | str], *, left_out: tuple[int, ...] = ()) -> str:
    rows = [
        f"{START + dt.timedelta(days=index)},{value}\n"
        for index, value in enumerate(values)
        if index not in left_out
    ]
    return "date,rmssd_ms\n" + "".join(rows)


VALUES: list[float | str] = [50 + 6 * math.sin(index) for index in range(40)]


def test_a_day_is_judged_by_the_plain_formulas_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_bytes(("\ufeff" + csv(VALUES).replace("\n", "\r\n")).encode())
    days = baseline(csv(VALUES))
    assert parsed(daybeat_baseline(path, "--json").stdout) == days
    assert parsed(daybeat_baseline("-", "--json", stdin=csv(VALUES)).stdout) == days
    logs = [math.log(float(value)) for value in VALUES]
    centre, sd, mean7 = statistics.mean(logs[:-1]), statistics.stdev(logs[:-1]), statistics.mean(logs[-7:])
    last = days[-1]
    assert last["date"] == "2026-10-10"
    assert last["rmssd_ms"] == pytest.approx(VALUES[-1])
    assert last["ln_rmssd"] == pytest.approx(logs[-1])
    assert last["mean7"] == pytest.approx(mean7)
    assert last["cv7"] == pytest.approx(100 * statistics.stdev(logs[-7:]) / mean7)
    assert (last["normal_low"], last["normal_high"]) == pytest.approx((centre - sd, centre + sd))
    assert (last["swc_low"], last["swc_high"]) == pytest.approx((centre - sd / 2, centre + sd / 2))
    assert (last["have"], last["need"], last["maturity"]) == (40, 40, "stable")
    assert (last["status"], last["onset"]) == ("within", False)


def test_the_stages_of_a_cold_start_are_told_with_what_they_need() -> None:
    stages = [(day["have"], day["need"], day["maturity"], day["status"]) for day in baseline(csv(VALUES))]
    assert stages[0] == (1, 7, "learning", None)
    assert stages[5] == (6, 7, "learning", None)
    assert stages[6] == (7, 14, "provisional", "within")
    assert stages[13] == (14, 28, "full", "within")
    assert stages[27] == (28, 28, "stable", "within")


def test_a_fall_and_a_rise_are_told_once_each() -> None:
    days = baseline(csv([*VALUES, *[30.0] * 6, *[50.0] * 12, *[85.0] * 6]))
    assert [day["status"] for day in days if day["onset"]] == ["below", "above"]


def test_an_empty_value_keeps_its_line_and_a_missing_date_has_none() -> None:
    emptied: list[float | str] = [
        "" if index in {20, 21, 30} else value for index, value in enumerate(VALUES)
    ]
    empty, left_out = baseline(csv(emptied)), baseline(csv(VALUES, left_out=(20, 21, 30)))
    assert len(empty) == 40
    assert (empty[20]["rmssd_ms"], empty[20]["ln_rmssd"], empty[20]["status"]) == (None, None, None)
    assert [day for day in empty if day["rmssd_ms"] is not None] == left_out


def test_the_table_says_the_same_as_the_json() -> None:
    content = csv([*VALUES, "", *[25.0] * 4])
    days, table = baseline(content), daybeat_baseline("-", stdin=content).stdout.splitlines()
    assert table[0] == "# mean7 and limits in ln ms, cv7 in percent"
    assert table[1].split() == KEYS
    assert len(table) == len(days) + 2
    for line, day in zip(table[2:], days, strict=True):
        cells = dict(zip(KEYS, line.split(), strict=True))
        assert cells["date"] == day["date"]
        assert cells["mean7"] == ("–" if day["mean7"] is None else f"{day['mean7']:.4f}")
        assert cells["status"] == (day["status"] or "–")
        assert cells["onset"] == ("onset" if day["onset"] else "–")
        assert (int(cells["have"]), int(cells["need"])) == (day["have"], day["need"])
    assert "onset" in {line.split()[-1] for line in table[2:]}


def test_values_that_may_be_logarithms_are_wondered_at() -> None:
    done = daybeat_baseline("-", "--json", stdin=csv([4.1, 4.2, 3.9]))
    assert done.returncode == 0
    assert done.stderr.startswith("hint: no value is above 6: if these are ln RMSSD already")
    assert len(parsed(done.stdout)) == 3


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("-",), "", "daybeat: standard input: is empty; the first line names the columns"),
        (("-",), "date,rmssd_ms\n", "daybeat: standard input: holds no day"),
        (("-",), "day,hrv\n2026-11-01,42\n", "daybeat: standard input:1: no column is named date"),
        (("-", "--json"), csv([42, "x"]), "daybeat: standard input:3: 'x' is not a number"),
        (("-",), csv([42, -1]), "daybeat: standard input:3: an RMSSD of -1 ms; it is above 0 and up to 400"),
        (("-",), csv([0.04]), "daybeat: standard input:2: an RMSSD of 0.04 ms looks like seconds"),
        (("/nowhere/days.csv",), "", "daybeat: /nowhere/days.csv: cannot be read (No such file"),
        (("-", "--plot", "days.svg"), csv([42]), "daybeat: --plot: 'days.svg' does not end in .png"),
        ((), "", "Missing argument"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(arguments: tuple[str, ...], stdin: str, told: str) -> None:
    done = daybeat_baseline(*arguments, stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.startswith("daybeat: ")
    assert done.stderr.count("\n") == 1


def test_a_picture_is_a_png_of_1000_by_500_pixels_and_the_output_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "days.png"
    done = daybeat_baseline("-", "--json", "--plot", path, stdin=csv(VALUES))
    assert parsed(done.stdout) == baseline(csv(VALUES))
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (1000, 500)
