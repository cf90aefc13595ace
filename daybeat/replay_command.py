"""``daybeat replay``: recordings of real people, published to a broker as their devices would have."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from daybeat.clock import Clock
from daybeat.publishing import publish_stream, report_counts
from daybeat.running import running_settings
from daybeat.terminal import say
from ingest.device_messages import DeviceMessage, in_order
from ingest.pacing import squeezed
from ingest.recordings.formats import RecordingFormat, read_recordings
from ingest.recordings.recording import Recording
from schemas.errors import InputError
from schemas.ids import check_id
from schemas.readings import micros


def replay(
    kind: Annotated[RecordingFormat, typer.Argument(metavar="FORMAT", help="garmin, e4, welltory or rr.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files; for e4 also folders.")],
    *,
    user: Annotated[str | None, typer.Option(help="Whose they are; by default the file's name.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.01, help="Times the original pace; by default that of the clock.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="When the first reading shall be: an RFC 3339 time, or 'now'.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone of files whose times name none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Publish recordings, a few seconds of samples a message, with their original timing.

    By default the last day of each file becomes today: what lies before now is published at once, the rest
    when its time has come. Readings are judged by their times, so what is old sets nothing off.
    """
    settings = running_settings()
    clock = settings.read_clock()
    if user is not None:
        check_id(user, where="--user")
    start_us = None if start is None else _moment_us(start, clock)
    recordings = read_recordings(
        kind,
        files,
        user_id=user,
        time_zone=zone or settings.default_time_zone,
        start_us=clock.now_us() if start_us is None else start_us,
    )
    if kind is not RecordingFormat.RR:
        recordings = _moved(recordings, clock, start_us)
    for one in recordings:
        _tell(one)
    live_from_us = clock.now_us()
    times = None if speed is None else speed / clock.speed
    counts = publish_stream(
        settings,
        _messages(recordings, from_us=live_from_us, times=times),
        users={one.user_id for one in recordings},
        live_from_us=live_from_us,
    )
    report_counts(counts, as_json=as_json)


def _moved(recordings: Sequence[Recording], clock: Clock, start_us: int | None) -> list[Recording]:
    if start_us is None:
        return [one.with_last_day_on(clock.now().astimezone(one.zone).date()) for one in recordings]
    # People recorded together stay together.
    first_us = min(one.readings[0].time_us for one in recordings)
    return [one.moved(start_us - first_us) for one in recordings]


def _messages(
    recordings: Sequence[Recording], *, from_us: int, times: float | None
) -> Iterator[DeviceMessage]:
    messages = in_order([one.messages() for one in recordings])
    return messages if times is None else squeezed(messages, from_us=from_us, times=times)


def _tell(recording: Recording) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(recording.left_out.items()))
    say(
        f"{recording.user_id}: {len(recording.readings):,} readings"
        + (f"; left out: {left_out}" if left_out else "")
    )


def _moment_us(text: str, clock: Clock) -> int:
    if text == "now":
        return clock.now_us()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"{text!r} is not a time with an offset from UTC",
            where="--start",
            mend="write it like 2026-11-20T08:00:00+00:00, or now",
        )
    return micros(moment)
