"""The whole of Daybeat on one machine: servers, schema, services; started together, stopped together.

``up``, ``demo``, the bench and the end-to-end tests stand on it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from daybeat.local_state import ensure_state_folder, with_token_secret
from daybeat.placement import find_placement
from daybeat.ports import check_free, free_port
from daybeat.readiness import wait_for_broker, wait_until_ready
from daybeat.rootfs import Report
from daybeat.running import announce, withdraw
from daybeat.scrape import Scrape, scrape
from daybeat.servers import LocalServers, Ports, ServerName
from daybeat.services import ServiceName, service_process
from daybeat.settings import ENV_PREFIX, Settings, required
from daybeat.supervise import ServiceStatus, Supervisor
from push.tokens import EVERYONE, Scope, make_token
from stores.connections import connect_database, connect_redis
from stores.migrations import migrate

STOP_PATIENCE_S: Final = 4.8
"""All is gone within five seconds."""
_SERVERS_PATIENCE_LEAST_S: Final = 0.5
_PAGE_TOKEN_TTL: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Urls:
    """Where everything is, once it is ready."""

    mqtt: str
    redis: str
    database: str
    websocket: str
    page: str
    """The live page, without a token."""
    metrics: Mapping[str, str]
    """By service."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    """How everything is doing at one moment."""

    services: tuple[ServiceStatus, ...]
    metrics: Mapping[str, Scrape]
    """By service; those that answered."""

    def value(self, name: str, **labels: str) -> float:
        """Return a metric of whichever process has it, 0.0 while none does; summed over other labels."""
        found = [one.value(name, **labels) for one in self.metrics.values()]
        return sum(value for value in found if value is not None)

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """Return a metric of whichever process has it, by one label."""
        merged: dict[str, float] = {}
        for one in self.metrics.values():
            merged |= one.by_label(name, label)
        return merged

    @property
    def restarts(self) -> int:
        """How often a service had to be started again."""
        return sum(service.restarts for service in self.services)


class Stack:
    """Servers, schema and services as a context manager. Use it from the main thread.

    Args:
        settings: addresses given there are used; each server whose address is missing is started locally.
        report: takes lines of progress.
        temporary: keep nothing of the servers started here: data and state folder end with the stack.
        services: which services to run.
        on_restart: called with the status of a service that died.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        report: Report,
        temporary: bool = False,
        services: Collection[ServiceName] = tuple(ServiceName),
        on_restart: Callable[[ServiceStatus], None] = lambda _status: None,
    ) -> None:
        self._given = settings
        self._report = report
        self._temporary = temporary
        self._names = tuple(name for name in ServiceName if name in services)
        self._on_restart = on_restart
        self.servers: LocalServers | None = None
        self.supervisor: Supervisor | None = None
        self.settings = settings

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and return when a reading would find its way.

        Raises:
            UnavailableError: a server or service did not come up, a port is taken, or the disk is full.
            InputError: a setting or the servers' present content does not fit.
        """
        ensure_state_folder(self._given.state_folder)
        self._start_servers()
        self.settings = with_token_secret(self._with_ports(self.settings))
        self._prepare_stores()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        processes = [service_process(name, self.settings, environment) for name in self._names]
        logs = self.settings.state_folder / "logs"
        self.supervisor = Supervisor(processes, log_folder=logs, on_restart=self._on_restart)
        self._report("starting " + ", ".join(self._names))
        self.supervisor.start()
        wait_until_ready(self.supervisor, self.urls)
        announce(self.settings, self._given.state_folder)

    def stop(self) -> None:
        """Stop everything within five seconds; a Ctrl-C meanwhile changes nothing."""
        deadline = time.monotonic() + STOP_PATIENCE_S
        with _undisturbed():
            withdraw(self._given.state_folder)
            if self.supervisor is not None:
                self.supervisor.stop()
                self.supervisor = None
            if self.servers is not None:
                left_s = max(_SERVERS_PATIENCE_LEAST_S, deadline - time.monotonic())
                self.servers.stop(patience_s=left_s)
                self.servers = None

    @property
    def urls(self) -> Urls:
        """Addresses of everything that runs."""
        settings = self.settings
        http = f"{settings.http_host}:{settings.http_port}"
        ports = {
            ServiceName.GATEWAY: settings.metrics_port_gateway,
            ServiceName.LIVE: settings.metrics_port_live,
            ServiceName.HISTORY: settings.metrics_port_history,
        }
        metrics = {
            name.value: f"http://{settings.metrics_host}:{port}/metrics"
            for name, port in ports.items()
            if name in self._names
        }
        if ServiceName.PUSH in self._names:
            metrics[ServiceName.PUSH.value] = f"http://{http}/metrics"
        return Urls(
            mqtt=required(settings.mqtt_url, "mqtt_url"),
            redis=required(settings.redis_url, "redis_url"),
            database=required(settings.database_url, "database_url"),
            websocket=f"ws://{http}/v1/stream",
            page=f"http://{http}/",
            metrics=metrics,
        )

    def status(self) -> StackStatus:
        """Return how everything is doing, from the supervisor and every process's metrics."""
        if self.supervisor is None:
            return StackStatus((), {})
        found = {name: scrape(url) for name, url in self.urls.metrics.items()}
        answered = {name: one for name, one in found.items() if one is not None}
        return StackStatus(self.supervisor.statuses(), answered)

    def page_token(self) -> str:
        """Return a coach's token for everyone, for the page of this machine's owner."""
        return make_token(
            "page",
            secret=self.secret,
            audience=self.settings.token_audience,
            expires_at=datetime.now(UTC) + _PAGE_TOKEN_TTL,
            scope=Scope.COACH,
            people=EVERYONE,
        )

    @property
    def secret(self) -> str:
        """What tokens are signed with here."""
        secret = self.settings.token_secret
        return required(secret.get_secret_value() if secret else None, "token_secret")

    def _start_servers(self) -> None:
        given = self._given
        missing = [
            name
            for name, url in (
                (ServerName.MOSQUITTO, given.mqtt_url),
                (ServerName.REDIS, given.redis_url),
                (ServerName.POSTGRES, given.database_url),
            )
            if url is None
        ]
        if not missing:
            return
        keep_in = None if self._temporary else given.state_folder.absolute() / "servers"
        ports = Ports(mqtt=given.mqtt_port, redis=given.redis_port, database=given.database_port)
        placement = find_placement(self._report)
        self._report("starting " + ", ".join(missing))
        self.servers = servers = LocalServers(placement, keep_in=keep_in, ports=ports, names=missing)
        servers.start()
        self.settings = given.changed(
            mqtt_url=given.mqtt_url or servers.mqtt_url,
            redis_url=given.redis_url or servers.redis_url,
            database_url=given.database_url or servers.database_url,
            state_folder=self._state_folder(servers.folder),
        )

    def _state_folder(self, servers_folder: Path) -> Path:
        # A state that outlived its log would be refused by the flows; a log from outside keeps its state.
        if self._temporary and self._given.redis_url is None:
            return servers_folder / "state"
        return self._given.state_folder.absolute()

    def _with_ports(self, settings: Settings) -> Settings:
        host, port = settings.http_host, settings.http_port
        if ServiceName.PUSH in self._names and port:
            check_free(host, port, user="the push server", setting="DAYBEAT_HTTP_PORT")
        return settings.changed(
            http_port=port or free_port(),
            metrics_port_gateway=settings.metrics_port_gateway or free_port(),
            metrics_port_live=settings.metrics_port_live or free_port(),
            metrics_port_history=settings.metrics_port_history or free_port(),
        )

    def _prepare_stores(self) -> None:
        """Wait for servers that were given, and bring the database to our schema."""
        patience = timedelta(seconds=self.settings.patience_s)
        wait_for_broker(required(self.settings.mqtt_url, "mqtt_url"), patience=patience)
        connect_redis(required(self.settings.redis_url, "redis_url"), patience=patience).close()
        url = required(self.settings.database_url, "database_url")
        with connect_database(url, patience=patience) as connection:
            migrate(connection)


class _undisturbed:  # noqa: N801  # reads as a phrase: with _undisturbed()
    """Ignore SIGINT and SIGTERM inside; only the main thread can, elsewhere nothing changes."""

    def __enter__(self) -> None:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGINT, signal.SIGTERM):
                self._before[which] = signal.signal(which, signal.SIG_IGN)

    def __exit__(self, *_error: object) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)
