"""``daybeat demo``: people, their devices and their plans on this machine, before your eyes."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from daybeat.clock import Clock
from daybeat.demo_cast import DemoCast, recorded_cast, simulated_cast
from daybeat.demo_run import Account, DemoRun
from daybeat.demo_status import StatusDisplay, status_line
from daybeat.placement import find_placement
from daybeat.settings import Settings, read_settings
from daybeat.stack import Stack
from daybeat.supervise import ServiceStatus
from daybeat.terminal import interruptible, print_json, say
from schemas.errors import InputError
from schemas.readings import moment_of

SPEED: Final = 60.0
"""An hour a minute: slow enough to read, fast enough that something happens."""
SPEED_ONCE: Final = 1440.0
"""A day a minute."""

LEAD: Final = timedelta(seconds=15)
LEAD_ONCE: Final = timedelta(seconds=25)
"""Real time for starting everything and publishing the history. The clock stands so far before the
beginning of the day; whatever takes longer moves the day."""

PEOPLE_MAX: Final = 100
"""A day made ready takes about 5 MB a person."""
_STATUS_EVERY_S: Final = 1.0


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="One day in about a minute; then a summary, exit 0 if all is well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: the summary as JSON.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Which simulated people and day.")] = 1,
    people: Annotated[int, typer.Option(min=4, max=PEOPLE_MAX, help="How many simulated people.")] = 12,
    speed: Annotated[float | None, typer.Option(min=1, help="Times real pace; 60, with --once 1440.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Of the page; 8765, with --once a free one (0).")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="Folder with recordings of real people, instead of simulated ones.")
    ] = None,
) -> None:
    """Start everything, put a plan for each person, publish their readings, and show what becomes of it.

    The 14 days before today pass first, quickly. Then today; without --once also the days after it, until
    Ctrl-C.
    """
    if as_json and not once:
        raise InputError("has a meaning only with --once", where="--json", mend="add --once")
    given: dict[str, object] = {}
    if port is not None or once:
        given["http_port"] = port or 0
    if recordings is not None:
        given["recordings"] = recordings
    settings = read_settings(**given)
    if settings.recordings is not None and not settings.recordings.is_dir():
        raise InputError(
            "is not a folder", where=str(settings.recordings), mend="give a folder of recordings"
        )
    pace = speed or (SPEED_ONCE if once else SPEED)
    account: Account | None = None
    with interruptible():
        try:
            account = _run(settings, once=once, seed=seed, people=people, speed=pace)
        except KeyboardInterrupt:
            say("stopped")
            if once:
                raise
    if account is not None:
        _report(account, as_json=as_json)


def _run(settings: Settings, *, once: bool, seed: int, people: int, speed: float) -> Account | None:
    """Return the account of a run; None if it was not to end by itself."""
    today = datetime.now(UTC).date()

    def make_cast() -> DemoCast:
        if settings.recordings is not None:
            return recorded_cast(settings.recordings, today=today, once=once)
        return simulated_cast(people, seed=seed, today=today, once=once)

    find_placement(say)  # what is missing is installed before the clock is set
    cast = make_cast()
    lead = LEAD_ONCE if once else LEAD
    anchor_s = time.time() + lead.total_seconds()
    clock = Clock.parse(f"{moment_of(cast.begins_us).isoformat()}@{speed!r}", anchor_s)
    timed = settings.changed(clock=clock.setting, clock_anchor=clock.anchor)
    with (
        Stack(timed, report=say, temporary=True, on_restart=_tell_restart) as stack,
        DemoRun(stack, cast, clock=clock) as run,
        StatusDisplay() as display,
    ):
        say(f"{len(cast.people)} people; the page: {stack.urls.page}#token={stack.page_token()}")
        while not (once and run.is_over):
            run.keep_going()
            display.show(status_line(run, stack.status(), clock), now_s=time.monotonic())
            time.sleep(_STATUS_EVERY_S)
        run.keep_going()
        return run.settle()


def _report(account: Account, *, as_json: bool) -> None:
    summary = account.summary
    if as_json:
        print_json(dataclasses.asdict(summary))
    else:
        latency = summary.publish_to_push_ms
        typer.echo(
            f"readings         {summary.readings_published:,} published, {summary.readings_stored:,} stored"
        )
        typer.echo(
            f"                 {summary.readings_dead_lettered:,} dead letters, "
            f"{summary.duplicates_stored:,} duplicates"
        )
        for rule, count in summary.rules_fired.items():
            typer.echo(f"{rule:<16} fired {count} times")
        typer.echo(f"plans rewritten  {summary.plans_rewritten:,}")
        typer.echo(f"events pushed    {summary.events_pushed:,}")
        typer.echo(f"publish to push  p50 {latency['p50']} ms, p99 {latency['p99']} ms")
        typer.echo(f"seconds          {summary.seconds:g}")
    for sentence in account.broken:
        say(sentence)
    if account.broken:
        raise typer.Exit(1)


def _tell_restart(status: ServiceStatus) -> None:
    why = f": {status.last_line}" if status.last_line else ""
    say(f"{status.name} ended (exit {status.last_exit}), it is started again{why}")
