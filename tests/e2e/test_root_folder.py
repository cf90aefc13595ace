"""Fetching the local servers: refused clearly where it cannot work, and never half done."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daybeat.placement import Reach, find_placement
from daybeat.rootfs import ensure_root
from support.processes import wait_for

pytestmark = pytest.mark.servers

_FETCH = """
import sys
from pathlib import Path
from daybeat.placement import find_placement
from schemas.errors import UnavailableError
try:
    find_placement(print, cache=Path(sys.argv[1]))
except UnavailableError as error:
    sys.exit(str(error))
"""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root rights to give some of them up")


def _fetch(cache: Path, *launcher: str) -> str:
    """Return the error that fetching into ``cache`` ends with."""
    done = subprocess.run(
        [*launcher, sys.executable, "-c", _FETCH, str(cache)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@only_root
def test_without_root_rights_the_other_ways_are_named(tmp_path: Path) -> None:
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    if subprocess.run([*nobody, sys.executable, "-c", "import daybeat"], check=False).returncode != 0:
        pytest.skip("this checkout cannot be read by others")
    error = _fetch(tmp_path / "cache", *nobody)
    for way in ("root", "docker compose", "DAYBEAT_REDIS_URL"):
        assert way in error


@only_root
def test_without_a_network_the_error_says_so_and_nothing_is_left(tmp_path: Path) -> None:
    if find_placement(print).reach is not Reach.MOUNTED:
        pytest.skip("needs a network of its own, which is not allowed here")
    error = _fetch(tmp_path / "cache", "unshare", "--net")
    assert "network" in error
    assert "build.log" in error
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left == {"build.log", "build.lock"}


@only_root
def test_without_room_nothing_is_fetched(tmp_path: Path) -> None:
    if find_placement(print).reach is not Reach.MOUNTED:
        pytest.skip("needs a mount of its own, which is not allowed here")
    small = 'mount -t tmpfs -o size=10m none "$0" && exec "$@"'
    error = _fetch(
        tmp_path, "unshare", "--mount", "--propagation", "private", "sh", "-c", small, str(tmp_path)
    )
    assert "0.0 GB free" in error
    assert "XDG_CACHE_HOME" in error


def test_of_two_builders_one_waits_and_takes_what_the_other_made(tmp_path: Path) -> None:
    name = find_placement(print).root.name
    told: list[str] = []
    found: list[Path] = []
    with (tmp_path / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: found.append(ensure_root(told.append, cache=tmp_path)))
        waiting.start()
        wait_for(lambda: told)
        (tmp_path / name).mkdir()
    waiting.join()
    assert found == [tmp_path / name]
    assert len(told) == 1
    assert "waiting" in told[0]
