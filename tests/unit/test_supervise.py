"""The supervisor over small real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daybeat.backoff import Backoff
from daybeat.supervise import Service, Supervisor
from schemas.errors import UnavailableError

SLEEPS = "import time; print('here', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
DIES = "import sys; print('no such broker', flush=True); sys.exit(1)"


def _service(name: str, code: str) -> Service:
    return Service(name, (sys.executable, "-c", code), dict(os.environ))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.01)


def _says_it_is_here(supervisor: Supervisor, name: str) -> Callable[[], bool]:
    return lambda: "here" in supervisor.last_lines(name)


def test_pauses_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    pauses = [backoff.pause_s(ran_for_s=0) for _ in range(8)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("ran_for_s", "expected"), [(59.9, 2.0), (60.0, 0.5), (600, 0.5)])
def test_a_healthy_minute_starts_the_pauses_over(ran_for_s: float, expected: float) -> None:
    backoff = Backoff()
    backoff.pause_s(ran_for_s=0)
    backoff.pause_s(ran_for_s=0)
    assert backoff.pause_s(ran_for_s=ran_for_s) == expected


def test_a_killed_service_is_started_again_and_told_about(tmp_path: Path) -> None:
    told = []
    supervisor = Supervisor([_service("one", SLEEPS)], log_folder=tmp_path, on_restart=told.append)
    supervisor.start()
    try:
        _wait_for(_says_it_is_here(supervisor, "one"))
        first = supervisor.statuses()[0].pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _wait_for(lambda: supervisor.statuses()[0].pid not in {None, first})
        status = supervisor.statuses()[0]
        assert (status.restarts, status.last_exit) == (1, -signal.SIGKILL)
        assert [one.name for one in told] == ["one"]
        assert "restarted 1×" in str(status)
    finally:
        supervisor.stop()


def test_a_service_that_keeps_dying_leaves_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor([_service("one", DIES)], log_folder=tmp_path)
    supervisor.start()
    try:
        _wait_for(lambda: supervisor.statuses()[0].restarts >= 2)
        assert supervisor.last_lines("one")[-1] == "no such broker"
        assert supervisor.statuses()[0].last_line == "no such broker"
    finally:
        supervisor.stop()


def test_stopping_ends_all_and_kills_the_one_that_will_not(tmp_path: Path) -> None:
    supervisor = Supervisor([_service("good", SLEEPS), _service("deaf", DEAF)], log_folder=tmp_path)
    supervisor.start()
    _wait_for(_says_it_is_here(supervisor, "good"))
    _wait_for(_says_it_is_here(supervisor, "deaf"))
    pids = [status.pid for status in supervisor.statuses()]
    supervisor.stop(patience_s=0.3)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_logs_that_cannot_be_written_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    supervisor = Supervisor([_service("one", SLEEPS)], log_folder=tmp_path / "logs")
    with pytest.raises(UnavailableError, match="logs"):
        supervisor.start()
    supervisor.stop()
