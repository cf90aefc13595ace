"""Publishing a stream by the clock of the system that runs, for ``replay`` and ``simulate --publish``."""

import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

import typer

from daybeat.settings import Settings, required
from daybeat.stopping import stop_on_signals
from daybeat.terminal import print_json
from ingest.broker import BrokerAddress
from ingest.device_messages import DeviceMessage
from ingest.paced_publishing import publish_by_clock
from ingest.pacing import Schedule
from ingest.publish import PublishCounts, Publisher
from schemas.errors import UnavailableError

ACKS_PATIENCE: Final = timedelta(seconds=60)
STOPPED_PATIENCE: Final = timedelta(seconds=2)
"""How long the last acks are waited for, after the last message and after Ctrl-C."""


def publish_stream(
    settings: Settings, messages: Iterable[DeviceMessage], *, users: Collection[str], live_from_us: int
) -> PublishCounts:
    """Publish messages, each when it is due, until the last or Ctrl-C; return how far that came.

    Args:
        settings: where the broker is, and the clock.
        messages: in order of sending.
        users: whose messages they are.
        live_from_us: what is sent before is history; see :class:`ingest.pacing.Schedule`.

    Raises:
        UnavailableError: the broker does not answer.
    """
    address = BrokerAddress.parse(required(settings.mqtt_url, "mqtt_url"))
    publisher = Publisher(address, users=users, first_seq=time.time_ns() // 1_000_000)
    schedule = Schedule(live_from_us)
    with stop_on_signals() as stop, publisher:
        publisher.open(patience=timedelta(seconds=settings.patience_s))
        publish_by_clock(publisher, messages, schedule, clock=settings.read_clock(), stop=stop)
        publisher.wait_for_backlog(0, timeout=STOPPED_PATIENCE if stop.is_set() else ACKS_PATIENCE)
        return publisher.counts()


def report_counts(counts: PublishCounts, *, as_json: bool) -> None:
    """Print what was published.

    Raises:
        UnavailableError: the gateway did not acknowledge all of it.
    """
    if as_json:
        figures = {"messages": counts.messages, "readings": counts.readings, "refused": counts.refused}
        print_json({**figures, "unacknowledged": counts.unacked})
    else:
        typer.echo(
            f"{counts.readings:,} readings in {counts.messages:,} messages, {counts.refused:,} refused"
        )
    if counts.unacked:
        raise UnavailableError(
            f"{counts.unacked} readings were not acknowledged",
            where="gateway",
            mend="see whether it runs, and whether the log is full (daybeat doctor)",
        )
