"""Lock files, Makefile and the scripts that install: what they promise."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def _pins(name: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / name).read_text()))


def _normal(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_and_hashes_everything_and_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = [line for line in lines if not line.startswith("    --hash=sha256:")]
    assert all(_PIN.fullmatch(line) for line in pins), pins
    assert not re.search(r"://|--index|--find-links|--trusted|file:/", text)
    for before, after in zip(lines, [*lines[1:], ""], strict=True):
        if _PIN.fullmatch(before):
            assert after.startswith("    --hash=sha256:"), before


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    main, dev = _pins(LOCKS[0]), _pins(LOCKS[1])
    assert {_normal(one) for one in project["project"]["dependencies"]} <= main.keys()
    assert {_normal(one) for one in project["dependency-groups"]["dev"]} <= dev.keys()
    assert {_normal(one) for one in project["build-system"]["requires"]} <= main.keys()
    assert {name: main[name] for name in main.keys() & dev.keys()} == {
        name: dev[name] for name in main.keys() & dev.keys()
    }


def _planned(*arguments: str) -> str:
    """Return what make would run, were everything installed."""
    command = [
        "make",
        "--dry-run",
        "--assume-old=.venv/installed",
        "--assume-old=.venv/installed-dev",
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ((), []),
        (("ONCE=1",), ["--once"]),
        (("ONCE=1", "JSON=1", "SEED=3"), ["--once", "--json", "--seed", "3"]),
        (("RECORDINGS=/a folder",), ["--recordings", '"/a', 'folder"']),
    ],
)
def test_variables_of_make_demo_become_options(variables: tuple[str, ...], options: list[str]) -> None:
    last = _planned("demo", *variables).splitlines()[-1]
    assert last.split() == ["exec", ".venv/bin/daybeat", "demo", *options]


def test_make_test_runs_every_check() -> None:
    planned = _planned("test")
    for check in ("ruff check .", "ruff format --check .", "mypy", "pytest"):
        assert check in planned


@pytest.mark.parametrize("name", [".ci/run", "deploy/make-venv", "deploy/install-test-tools"])
def test_scripts_can_be_run_and_are_written_in_good_bash(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert "set -euo pipefail" in (ROOT / name).read_text()
    subprocess.run(["bash", "-n", ROOT / name], check=True)


def _make_venv(folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", str(ROOT / "deploy" / "make-venv"), str(folder)]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_without_a_fitting_python_the_script_says_which_one_to_install(tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/bash\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    done = _make_venv(tmp_path / "venv", tmp_path)
    assert done.returncode == 1
    assert "python3.11" in done.stderr
    assert not (tmp_path / "venv").exists()
