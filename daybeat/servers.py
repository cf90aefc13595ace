"""The local servers: mosquitto, Redis and PostgreSQL with TimescaleDB on free ports of 127.0.0.1.

They run without Docker, each under its own unprivileged user, from the Debian 13 packages that
:mod:`daybeat.placement` finds or fetches. Their configuration files are those that docker compose uses.
All of them end with the thread that started them, also when its process is killed: start them from a thread
that lives as long as they shall.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from daybeat.data_folders import prepare_data, take_folder, temporary_folder
from daybeat.placement import DATABASE_NAME, Placement
from daybeat.ports import LOOPBACK, check_free, free_port, is_free
from daybeat.server_commands import BuildCommand, mosquitto_command, postgres_command, redis_command
from daybeat.server_processes import STOP_PATIENCE_S, ServerProcess, stop_together
from schemas.errors import UnavailableError

_ATTEMPTS: Final = 5
"""A free port may be taken by somebody else before the server opens it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1; 0 stands for a free one."""

    mqtt: int = 0
    redis: int = 0
    database: int = 0


class ServerName(StrEnum):
    """The servers."""

    MOSQUITTO = "mosquitto"
    REDIS = "redis"
    POSTGRES = "postgres"


class LocalServers:
    """The three servers, as a context manager.

    Args:
        placement: where their programs lie.
        keep_in: folder for their data, found again by the next start; by default the data are temporary and
            removed at the end.
        ports: ports to listen on; by default free ones.
        names: which of them to start; the addresses of the others mean nothing.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        keep_in: Path | None = None,
        ports: Ports | None = None,
        names: Collection[ServerName] = tuple(ServerName),
    ) -> None:
        self._placement = placement
        self._keep = keep_in is not None
        self.folder = placement.data_folder(keep_in or temporary_folder(placement))
        self._lock: IO[str] | None = None
        self._names = names
        self._wanted_ports = ports or Ports()
        self.ports = Ports()
        self.mosquitto: ServerProcess
        self.redis: ServerProcess
        self.postgres: ServerProcess

    @property
    def mqtt_url(self) -> str:
        """Address of the broker."""
        return f"mqtt://{LOOPBACK}:{self.ports.mqtt}"

    @property
    def redis_url(self) -> str:
        """Address of Redis."""
        return f"redis://{LOOPBACK}:{self.ports.redis}/0"

    @property
    def database_url(self) -> str:
        """Address of the database, as its owner, who is a superuser of this server."""
        return f"postgresql://daybeat@{LOOPBACK}:{self.ports.database}/{DATABASE_NAME}"

    @property
    def processes(self) -> tuple[ServerProcess, ...]:
        """The servers that were started."""
        return tuple(server for name in ServerName if (server := getattr(self, name, None)) is not None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all three and return when they take connections.

        Raises:
            UnavailableError: one did not start, its port is taken, there is no room, or the data are in use.
        """
        self._lock = take_folder(self.folder)
        try:
            prepare_data(self._placement, self.folder)
            wanted, ports = self._wanted_ports, {}
            if ServerName.MOSQUITTO in self._names:
                self.mosquitto, ports["mqtt"] = self._start_one(mosquitto_command, wanted.mqtt)
            if ServerName.REDIS in self._names:
                self.redis, ports["redis"] = self._start_one(redis_command, wanted.redis)
            if ServerName.POSTGRES in self._names:
                self.postgres, ports["database"] = self._start_one(postgres_command, wanted.database)
            self.ports = Ports(**ports)
        except BaseException:
            self.stop()
            raise

    def stop(self, *, patience_s: float = STOP_PATIENCE_S) -> None:
        """Stop all three; what still runs after ``patience_s`` is killed. Temporary data are removed."""
        stop_together([server for server in self.processes if server.is_running], patience_s=patience_s)
        if not self._keep:
            self.remove_data()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove_data(self) -> None:
        """Remove the data of stopped servers, kept ones too."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_one(self, build: BuildCommand, wanted_port: int) -> tuple[ServerProcess, int]:
        for attempt in range(1, _ATTEMPTS + 1):
            port = wanted_port or free_port()
            server = ServerProcess(build(self._placement, self.folder, port))
            if wanted_port:
                setting = f"DAYBEAT_{_PORT_SETTINGS[ServerName(server.name)]}"
                check_free(LOOPBACK, port, user=server.name, setting=setting)
            try:
                server.start()
            except BaseException as error:
                server.kill()
                lost_race = isinstance(error, UnavailableError) and not is_free(LOOPBACK, port)
                if wanted_port or attempt == _ATTEMPTS or not lost_race:
                    raise
            else:
                return server, port
        raise AssertionError


_PORT_SETTINGS: Final = {
    ServerName.MOSQUITTO: "MQTT_PORT",
    ServerName.REDIS: "REDIS_PORT",
    ServerName.POSTGRES: "DATABASE_PORT",
}
