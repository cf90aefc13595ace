"""The supervisor: keeps our services running as processes of their own, and ends all of them together.

One thread starts every process and lives as long as the supervisor: the kernel kills a service when the
thread that started it is gone, so none outlives us, not even when we are killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import structlog

from daybeat.backoff import Backoff
from schemas.errors import UnavailableError

STOP_PATIENCE_S: Final = 4.0
"""After this a service that was asked to stop is killed."""
_POLL_S: Final = 0.05
_LOG_BYTES_MAX: Final = 20_000_000
"""A longer log is put aside at the next start (one older one is kept)."""
_LAST_LINES_BYTES: Final = 8_000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """What to run, and with which environment."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # holds the token secret


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How a service is doing."""

    name: str
    pid: int | None
    """None while it waits for its next start."""
    restarts: int
    last_exit: int | None
    """Exit code of its last end; negative: the signal that ended it."""
    last_line: str = ""
    """What it wrote last before it ended by itself with an error."""

    def __str__(self) -> str:
        if self.pid is not None:
            return f"{self.name} up" if not self.restarts else f"{self.name} up, restarted {self.restarts}×"
        return f"{self.name} down (exit {self.last_exit}), restarted {self.restarts}×"


class Supervisor:
    """Starts services, restarts those that die, stops them together. A context manager.

    Args:
        services: what to run.
        log_folder: each service's output goes to ``NAME.log`` in it.
        on_restart: called with the status of a service that died, from the supervisor's own thread.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        log_folder: Path,
        on_restart: Callable[[ServiceStatus], None] = lambda _status: None,
    ) -> None:
        self._children = [_Child(service, log_folder / f"{service.name}.log") for service in services]
        self._log_folder = log_folder
        self._on_restart = on_restart
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start all services; returns at once.

        Raises:
            UnavailableError: their logs cannot be written, or ``setpriv`` is not installed.
        """
        if shutil.which("setpriv") is None:
            raise UnavailableError("setpriv is missing", where="PATH", mend="install util-linux")
        try:
            self._log_folder.mkdir(parents=True, exist_ok=True)
            for child in self._children:
                child.open_log()
        except OSError as error:
            raise UnavailableError(
                f"cannot write the services' logs ({error.strerror})",
                where=str(self._log_folder),
                mend="make room, or choose another folder with DAYBEAT_STATE_FOLDER",
            ) from error
        self._thread.start()

    def statuses(self) -> tuple[ServiceStatus, ...]:
        """Return how each service is doing."""
        return tuple(child.status() for child in self._children)

    def last_lines(self, name: str, count: int = 3) -> list[str]:
        """Return the last lines that a service has written."""
        child = next(child for child in self._children if child.service.name == name)
        return child.last_lines(count)

    def stop(self, *, patience_s: float = STOP_PATIENCE_S) -> None:
        """Send SIGTERM to all at once, and SIGKILL to those that still run after ``patience_s`` seconds."""
        self._stop.set()
        if self._thread.ident is not None:
            for child in self._children:
                child.send(signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            for child in self._children:
                child.end(max(0.0, deadline - time.monotonic()))
            self._thread.join()
        for child in self._children:
            child.close_log()

    def _run(self) -> None:
        while not self._stop.is_set():
            for child in self._children:
                if child.notice_end():
                    status = child.status()
                    _log.warning("service_died", service=status.name, exit=status.last_exit)
                    self._on_restart(status)
                child.start_if_due(self._stop)
            self._stop.wait(_POLL_S)
        # The thread must outlive its processes: the kernel would kill them at its end.
        for child in self._children:
            child.wait()


class _Child:
    """One service's process, through all its lives."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service = service
        self._log_path = log
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._backoff = Backoff()
        self._due_s = 0.0
        self._started_s = 0.0
        self._starts = 0
        self._last_exit: int | None = None
        self._last_line = ""

    def open_log(self) -> None:
        if self._log_path.exists() and self._log_path.stat().st_size > _LOG_BYTES_MAX:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        self._log = self._log_path.open("ab")

    def close_log(self) -> None:
        if self._log is not None:
            self._log.close()

    def start_if_due(self, stop: threading.Event) -> None:
        with self._lock:
            if self._process is not None or stop.is_set() or time.monotonic() < self._due_s:
                return
            self._process = subprocess.Popen(
                ("setpriv", "--pdeathsig", "KILL", *self.service.arguments),
                env=dict(self.service.environment),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
            self._started_s = time.monotonic()
            self._starts += 1

    def notice_end(self) -> bool:
        """Tell whether the process has ended since the last call; its next start is set then."""
        with self._lock:
            if self._process is None or self._process.poll() is None:
                return False
            self._last_exit = self._process.returncode
            self._last_line = "".join(self.last_lines(1)) if self._last_exit > 0 else ""
            self._process = None
            now_s = time.monotonic()
            self._due_s = now_s + self._backoff.pause_s(ran_for_s=now_s - self._started_s)
            return True

    def status(self) -> ServiceStatus:
        with self._lock:
            pid = self._process.pid if self._process is not None else None
            restarts = max(0, self._starts - 1)
            return ServiceStatus(self.service.name, pid, restarts, self._last_exit, self._last_line)

    def send(self, which: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # it ended this very moment
                    os.killpg(self._process.pid, which)

    def end(self, patience_s: float) -> None:
        """Wait for the end of a process that was asked to stop; kill its group after ``patience_s``."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            process.wait()

    def wait(self) -> None:
        process = self._process
        if process is not None:
            process.wait()

    def last_lines(self, count: int) -> list[str]:
        with self._log_path.open("rb") as log:
            log.seek(max(0, self._log_path.stat().st_size - _LAST_LINES_BYTES))
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-count:]
