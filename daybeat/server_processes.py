"""One server as a child process: started, stopped, killed, paused; never left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daybeat.rootfs import SERVER_PATH
from schemas.errors import UnavailableError

START_PATIENCE_S: Final = 20.0
_POLL_S: Final = 0.02
STOP_PATIENCE_S: Final = 3.0
"""After this a server that was asked to stop is killed."""
_LAST_LINES: Final = 3
_AT_REST: Final = "TtXZ"
"""States of a process that is stopped, traced, dead or a zombie (proc(5))."""


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What to run, and how to tell that it is ready and how to end it."""

    name: str
    arguments: tuple[str, ...]
    """The whole command, beginning with the launcher that gives up root rights."""
    log: Path
    is_ready: Callable[[int], bool]
    """Takes the process id; true once the server takes connections."""
    stop_signal: signal.Signals = signal.SIGTERM


class ServerProcess:
    """A server that can be stopped and started again at the same port and with the same data."""

    def __init__(self, command: ServerCommand) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The server's name, such as ``redis``."""
        return self.command.name

    @property
    def pid(self) -> int:
        """The id of the running process.

        Raises:
            UnavailableError: it does not run.
        """
        if self._process is None:
            raise UnavailableError("does not run", where=self.name)
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives (also while paused)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises:
            UnavailableError: it ended by itself or was not ready in time; the text ends with its last lines.
        """
        with self.command.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command.arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                env={"PATH": SERVER_PATH, "LC_ALL": "C.UTF-8"},
            )
        deadline = time.monotonic() + START_PATIENCE_S
        while not self.command.is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise UnavailableError(
                    f"{self.name} did not start: {self.last_words()}", where=str(self.command.log)
                )
            time.sleep(_POLL_S)

    def ask_to_stop(self) -> None:
        """Send the signal of an orderly stop, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self._process.send_signal(self.command.stop_signal)

    def stop(self) -> None:
        """Stop the server in an orderly way; kill it if that takes too long."""
        self.ask_to_stop()
        self.wait(STOP_PATIENCE_S)

    def wait(self, patience_s: float) -> None:
        """Wait for the end of the process, and kill it after ``patience_s``."""
        if self._process is None:
            return
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; its own children are gone when this returns."""
        if self._process is None:
            return
        children = _descendants(self._process.pid)
        _signal_all([self._process.pid, *children], signal.SIGKILL)
        self._process.wait()
        self._process = None
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            time.sleep(_POLL_S)

    def pause(self) -> None:
        """Stop the server and its children where they stand (SIGSTOP); they do when this returns."""
        _freeze([self.pid])  # the parent first: then it makes no new children
        _freeze(_descendants(self.pid))

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        _signal_all([*_descendants(self.pid), self.pid], signal.SIGCONT)

    def last_words(self) -> str:
        """Return the last lines of the server's log, joined."""
        lines = self.command.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(line.strip() for line in lines[-_LAST_LINES:]) or "it said nothing"


def stop_together(servers: Sequence[ServerProcess], *, patience_s: float = STOP_PATIENCE_S) -> None:
    """Stop several servers at the same time; kill those that still run after ``patience_s``."""
    for server in servers:
        server.ask_to_stop()
    deadline = time.monotonic() + patience_s
    for server in servers:
        server.wait(max(0.0, deadline - time.monotonic()))


def _descendants(pid: int) -> list[int]:
    """Return the ids of all living descendants of a process, nearest first."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        parent = int(text.rpartition(")")[2].split()[1])  # the name before may hold spaces and brackets
        children.setdefault(parent, []).append(int(status.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        nearest = children.get(waiting.pop(0), [])
        found += nearest
        waiting += nearest
    return found


def _freeze(pids: Sequence[int]) -> None:
    _signal_all(pids, signal.SIGSTOP)
    while any(_state_of(pid) not in _AT_REST for pid in pids):
        time.sleep(_POLL_S)


def _state_of(pid: int) -> str:
    """Return the state of a process, one letter of proc(5); ``X`` if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return text.rpartition(")")[2].split()[0]


def _signal_all(pids: Sequence[int], which: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, which)
        except ProcessLookupError:
            continue
