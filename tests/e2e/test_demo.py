"""``daybeat demo`` as the process that people start."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adaptation.rules import builtin_rules
from daybeat.demo_cast import STORY_RULES
from daybeat.placement import find_placement
from support.processes import descendants, living, wait_for

pytestmark = pytest.mark.servers

KEYS = {
    "readings_published",
    "readings_stored",
    "readings_dead_lettered",
    "duplicates_stored",
    "rules_fired",
    "plans_rewritten",
    "events_pushed",
    "publish_to_push_ms",
    "seconds",
}
STOPS_WITHIN_S = 5.0
ONCE_WITHIN_S = 300


def _environment(state: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    return {**inherited, "DAYBEAT_STATE_FOLDER": str(state)}


def _once(state: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    find_placement(print)
    done = subprocess.run(
        [sys.executable, "-m", "daybeat", "demo", "--once", "--json", *arguments],
        env=_environment(state),
        capture_output=True,
        text=True,
        check=False,
        timeout=ONCE_WITHIN_S,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_day_in_a_minute_stores_every_reading_fires_every_rule_and_pushes_every_change(
    tmp_path: Path,
) -> None:
    code, summary, progress = _once(tmp_path, "--seed", "2")
    assert summary.keys() == KEYS
    assert summary["readings_published"] == summary["readings_stored"]
    assert int(str(summary["readings_published"])) >= 20_000
    assert summary["readings_dead_lettered"] == summary["duplicates_stored"] == 0
    fired = summary["rules_fired"]
    assert isinstance(fired, dict)
    assert fired.keys() == {rule.name for rule in builtin_rules().rules}
    assert all(fired[rule] >= 3 for rule in STORY_RULES)
    assert int(str(summary["plans_rewritten"])) >= 9
    assert int(str(summary["events_pushed"])) >= int(str(summary["plans_rewritten"]))
    latency = summary["publish_to_push_ms"]
    assert isinstance(latency, dict)
    assert 0 < latency["p50"] <= latency["p99"]
    assert "/#token=" in progress
    assert code == 0


def test_recordings_take_the_place_of_simulated_people_and_need_fire_no_rule(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    for part in ("garmin", "S01"):
        (folder / part).mkdir(parents=True)
    garmin = [
        f"2026-03-0{day}T10:{minute:02d}:00+00:00;HEART_RATE;6{day}" for day in (1, 2) for minute in range(30)
    ]
    (folder / "garmin/log.csv").write_text("\n".join(garmin), encoding="utf-8")
    (folder / "S01/HR.csv").write_text("1772359200.0\n1.0\n" + "70\n" * 300, encoding="utf-8")
    (folder / "S01/IBI.csv").write_text("1772359200.0, IBI\n1.0,0.8\n1.8,0.8\n", encoding="utf-8")
    rows = [f'a1,2026-03-{day:02d} 07:00:00,"800,810,790"' for day in range(1, 6)]
    (folder / "hrv_measurements.csv").write_text(
        "\n".join(["user_code,measurement_datetime,rr_data", *rows]), encoding="utf-8"
    )
    code, summary, progress = _once(tmp_path / "state", "--recordings", str(folder), "--speed", "8640")
    assert "3 people" in progress
    assert summary["readings_published"] == summary["readings_stored"] == 30 + 301 + 1
    assert code == 0


@contextmanager
def _demo(state: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Yield a running demo and the file of its progress."""
    find_placement(print)
    progress = state / "progress"
    with progress.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "daybeat", "demo", "--port", "0", *arguments],
            env=_environment(state),
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield process, progress
        finally:
            process.kill()
            process.wait()


def _figure(progress: Path, name: str) -> int:
    """Return the last figure of the status line, 0 while there is none."""
    found = re.findall(rf"{name} ([\d,]+)", progress.read_text("utf-8"))
    return int(found[-1].replace(",", "")) if found else 0


def test_a_demo_rewrites_a_plan_soon_restarts_what_dies_and_ends_within_five_seconds(tmp_path: Path) -> None:
    with _demo(tmp_path, "--seed", "3") as (process, progress):
        wait_for(lambda: _figure(progress, "plans rewritten") > 0, within_s=120)
        pids = descendants(process.pid)
        (gateway,) = (pid for pid in pids if _serves(pid, "gateway"))
        os.kill(gateway, signal.SIGKILL)
        before = _figure(progress, "stored")
        wait_for(lambda: _figure(progress, "restarts") == 1, within_s=60)
        wait_for(lambda: _figure(progress, "stored") > before, within_s=60)
        pids = descendants(process.pid)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=STOPS_WITHIN_S) == 0
        assert time.monotonic() - began < STOPS_WITHIN_S
        assert not living(pids)
        assert "Traceback" not in progress.read_text("utf-8")


def test_ctrl_c_in_the_middle_of_a_day_in_a_minute_leaves_nothing_behind(tmp_path: Path) -> None:
    with _demo(tmp_path, "--once", "--people", "4") as (process, progress):
        wait_for(lambda: _figure(progress, "stored") > 1_000, within_s=120)
        pids = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOPS_WITHIN_S) == 130
        assert not living(pids)


def _serves(pid: int, name: str) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"serve" in words and name.encode() in words


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--json"], "--json: has a meaning only with --once"),
        (["--recordings", "/nowhere"], "/nowhere: is not a folder"),
        (["--people", "3"], "Invalid value for '--people'"),
        (["--speed", "0"], "--speed"),
    ],
)
def test_wrong_usage_is_told_in_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daybeat", "demo", *arguments],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
