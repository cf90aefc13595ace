"""``daybeat simulate``: days of people who do not exist, to a file or a broker, and the truth beside them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from daybeat.publishing import publish_stream, report_counts
from daybeat.running import running_settings
from daybeat.terminal import say
from ingest.device_messages import DeviceMessage, encode_line, in_order
from ingest.simulate import Cadence, live_cadence, simulate_between
from ingest.wearers.stories import EverydayLife
from ingest.wearers.truth import TrueLine, encode_truth, truth_of_person
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.errors import InputError
from schemas.readings import micros

RATE_MAX_PER_MINUTE: Final = 60.0
_DAY_US: Final = 86_400_000_000
_STANDARD_OUTPUT: Final = "-"


def simulate(
    *,
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 12,
    days: Annotated[int, typer.Option(min=1, help="How many days of 24 hours.")] = 1,
    seed: Annotated[
        int, typer.Option(min=0, help="Which people and lives; the same seed, the same days.")
    ] = 1,
    rate: Annotated[
        float,
        typer.Option(min=0.01, max=RATE_MAX_PER_MINUTE, help="Messages of each watch a simulated minute."),
    ] = 1.2,
    start: Annotated[
        str, typer.Option(help="With --out: the first day, YYYY-MM-DD in UTC; by default today.")
    ] = "",
    out: Annotated[
        str, typer.Option(metavar="FILE", help="Write messages as JSON lines; - is standard output.")
    ] = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish from now on, at the clock's pace.")
    ] = False,
    truth: Annotated[
        str, typer.Option(metavar="FILE", help="Write what was really going on, as JSON lines.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="With --publish: the figures as JSON.")] = False,
) -> None:
    """Simulate people with a watch and a ring: good and bad days, workouts, stress, gaps and artefacts."""
    if bool(out) == publish:
        raise InputError("give one of --out FILE and --publish", where="daybeat simulate")
    wearers = draw_wearers(people, seed=seed)
    cadence = live_cadence(rate)
    with ExitStack() as resources:
        tell = _truth_writer(resources, truth, wearers)
        if publish:
            settings = running_settings()
            now_us = settings.read_clock().now_us()
            messages = _messages(wearers, cadence, now_us, now_us + days * _DAY_US, tell)
            users = [one.user_id for one in wearers]
            counts = publish_stream(settings, messages, users=users, live_from_us=now_us)
            report_counts(counts, as_json=as_json)
            return
        first_us = micros(datetime.combine(_day(start), clock_time(), UTC))
        file = resources.enter_context(_opened(out))
        count = 0
        for message in _messages(wearers, cadence, first_us, first_us + days * _DAY_US, tell):
            file.write(encode_line(message))
            count += len(message.readings)
    say(f"{count:,} readings of {people} people over {days} days")


def _messages(
    wearers: list[Wearer],
    cadence: Cadence,
    from_us: int,
    upto_us: int,
    tell: Callable[[TrueLine], None] | None,
) -> Iterator[DeviceMessage]:
    life = EverydayLife()
    return in_order(
        [simulate_between(one, from_us, upto_us, life=life, cadence=cadence, tell=tell) for one in wearers]
    )


def _truth_writer(
    resources: ExitStack, path: str, wearers: list[Wearer]
) -> Callable[[TrueLine], None] | None:
    if not path:
        return None
    file = resources.enter_context(_opened(path))

    def tell(line: TrueLine) -> None:
        file.write(encode_truth(line))

    for one in wearers:
        tell(truth_of_person(one))
    return tell


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == _STANDARD_OUTPUT:
        yield sys.stdout.buffer
        return
    try:
        file = Path(path).open("wb")  # noqa: SIM115  # closed below; only opening is guarded
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", where=path, mend="choose another file"
        ) from error
    with file:
        yield file


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a day", where="--start", mend="write it like 2026-11-20"
        ) from error
