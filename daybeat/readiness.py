"""When a stack is ready: every process answers, and the gateway listens to the broker."""

import socket
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

from daybeat.scrape import scrape
from daybeat.supervise import ServiceStatus, Supervisor
from ingest.broker import BrokerAddress
from schemas.errors import InputError, UnavailableError
from stores.connections import Patience

START_PATIENCE_S: Final = 60.0
"""How long services may take to start; the servers that they need are there by then."""
_POLL_S: Final = 0.1
_CONNECT_TIMEOUT_S: Final = 5.0
_DEATHS_MAX: Final = 3
"""A service that died so often while starting will not come up by itself."""
_BAD_INPUT: Final = 2
"""Exit code of a service that was given something it cannot use."""


class _HasMetrics(Protocol):
    @property
    def metrics(self) -> Mapping[str, str]: ...


def wait_for_broker(url: str, *, patience: timedelta) -> None:
    """Return when something listens at the broker's address; logs that it waits.

    Raises:
        InputError: ``url`` is not an address of a broker.
        UnavailableError: nothing listened within ``patience``.
    """
    address = BrokerAddress.parse(url)
    waiting = Patience("the MQTT broker", str(address), patience, mend="start it, or set DAYBEAT_MQTT_URL")
    while True:
        try:
            socket.create_connection((address.host, address.port), timeout=_CONNECT_TIMEOUT_S).close()
        except OSError as error:
            time.sleep(waiting.pause_s(error))
        else:
            return


def wait_until_ready(
    supervisor: Supervisor, urls: _HasMetrics, *, patience_s: float = START_PATIENCE_S
) -> None:
    """Return when every service answers at its metrics and the gateway is connected to the broker.

    Raises:
        InputError: a service refuses its settings.
        UnavailableError: one keeps dying, or is not ready in time; the text ends with its own last line.
    """
    deadline = time.monotonic() + patience_s
    waiting = dict(urls.metrics)
    while True:
        waiting = {name: url for name, url in waiting.items() if not _is_ready(name, url)}
        statuses = {status.name: status for status in supervisor.statuses()}
        if not waiting and all(status.pid is not None for status in statuses.values()):
            return
        for status in statuses.values():
            _check_not_hopeless(supervisor, status)
        if time.monotonic() > deadline:
            name = min(waiting, default=min(statuses))
            raise UnavailableError(
                f"{name} was not ready within {patience_s:g} s: {_last_line(supervisor, name)}",
                where=name,
                mend="look into its log",
            )
        time.sleep(_POLL_S)


def _is_ready(name: str, url: str) -> bool:
    found = scrape(url)
    return found is not None and (name != "gateway" or found.value("daybeat_gateway_connected") == 1)


def _check_not_hopeless(supervisor: Supervisor, status: ServiceStatus) -> None:
    if status.last_exit == _BAD_INPUT:
        raise InputError(_last_line(supervisor, status.name), where=status.name)
    if status.restarts >= _DEATHS_MAX:
        raise UnavailableError(
            f"{status.name} keeps dying (exit {status.last_exit}): {_last_line(supervisor, status.name)}",
            where=status.name,
            mend="look into its log",
        )


def _last_line(supervisor: Supervisor, name: str) -> str:
    lines = supervisor.last_lines(name)
    return lines[-1].removeprefix("daybeat: ") if lines else "it said nothing"
