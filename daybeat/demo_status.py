"""The line that tells how a demo is doing."""

from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from daybeat.clock import Clock
from daybeat.demo_run import DemoRun
from daybeat.stack import StackStatus


def status_line(run: DemoRun, status: StackStatus, clock: Clock) -> str:
    """Return the figures of this moment in one line."""
    counts = run.publisher.counts()
    stored = status.value("daybeat_history_rows_total", table="readings")
    fired = status.value("daybeat_live_firings_total")
    rewritten = status.value("daybeat_live_plans_rewritten_total")
    latency = run.feeds.latency()
    parts = [
        clock.now().strftime("%a %d %b %H:%M UTC") + ("" if run.is_live else ", the days before"),
        f"readings in {counts.readings - counts.unacked:,}",
        f"stored {stored:,.0f}",
        f"rules fired {fired:,.0f}",
        f"plans rewritten {rewritten:,.0f}",
        f"pushed {run.feeds.events:,}",
        f"latency p50 {latency.p50_ms:g} p99 {latency.p99_ms:g} ms" if latency else "latency -",
        f"restarts {status.restarts}",
    ]
    down = [str(service) for service in status.services if service.pid is None]
    return " · ".join([*parts, *down])


class StatusDisplay:
    """Shows the line on standard error: in place at a terminal, else now and then. A context manager."""

    def __init__(self, *, lines_every_s: float = 10.0) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(Text(""), console=self._console, auto_refresh=False)
        self._every_s = lines_every_s
        self._next_s = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, line: str, *, now_s: float) -> None:
        """Show the line; ``now_s`` is monotonic time."""
        if self._console.is_terminal:
            self._live.update(Text(line, overflow="fold"), refresh=True)
        elif now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            self._console.out(line)
