"""How each local server is started: configuration from ``deploy/``, command, sign of readiness."""

import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from daybeat.deploy_files import deploy_file
from daybeat.placement import Placement
from daybeat.ports import LOOPBACK
from daybeat.rootfs import POSTGRES_PROGRAMS
from daybeat.server_processes import ServerCommand

BuildCommand = Callable[[Placement, Path, int], ServerCommand]
"""Takes the placement, the data's folder and the port."""


def mosquitto_command(placement: Placement, folder: Path, port: int) -> ServerCommand:
    """Return how mosquitto is started over ``folder/mosquitto``."""
    data = folder / "mosquitto"
    configuration = folder / "mosquitto.conf"
    shared = deploy_file("mosquitto.conf").read_text(encoding="utf-8")
    location = placement.inside(folder, data)
    own = f"listener {port} {LOOPBACK}\npersistence_location {location}/\nlog_dest stderr\n"
    configuration.write_text(shared + own, encoding="utf-8")
    log = folder / "mosquitto.log"
    began = log.stat().st_size if log.exists() else 0

    def is_ready(_pid: int) -> bool:
        with log.open("rb") as file:
            file.seek(began)
            return b" running" in file.read() and _answers(port)

    program = ("mosquitto", "-c", placement.inside(folder, configuration))
    launched = placement.launch("mosquitto", program, folder, signal.SIGKILL)
    return ServerCommand("mosquitto", launched, log, is_ready)


def redis_command(placement: Placement, folder: Path, port: int) -> ServerCommand:
    """Return how Redis is started over ``folder/redis``."""
    configuration = folder / "redis.conf"
    shutil.copyfile(deploy_file("redis.conf"), configuration)
    data = placement.inside(folder, folder / "redis")
    program = (
        *("redis-server", placement.inside(folder, configuration)),
        *("--port", str(port), "--bind", LOOPBACK, "--dir", data),
    )

    def is_ready(pid: int) -> bool:
        return f"process_id:{pid}\r\n".encode() in _redis_information(port)

    launched = placement.launch("redis", program, folder, signal.SIGKILL)
    return ServerCommand("redis", launched, folder / "redis.log", is_ready)


def postgres_command(placement: Placement, folder: Path, port: int) -> ServerCommand:
    """Return how PostgreSQL is started over ``folder/postgres``."""
    data = folder / "postgres"
    configuration = folder / "postgresql.conf"
    shutil.copyfile(deploy_file("postgresql.conf"), configuration)
    program = (
        *(f"{POSTGRES_PROGRAMS}/postgres", "-D", placement.inside(folder, data)),
        *("-c", f"config_file={placement.inside(folder, configuration)}"),
        *("-c", f"port={port}", "-c", "unix_socket_directories="),
    )

    def is_ready(pid: int) -> bool:
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0].strip() == str(pid) and lines[-1].strip() == "ready"

    launched = placement.launch("postgres", program, folder, signal.SIGQUIT)
    return ServerCommand("postgres", launched, folder / "postgres.log", is_ready, signal.SIGINT)


def _answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _redis_information(port: int) -> bytes:
    """Return what Redis says of itself, as far as the end of its process id; less if it is not ready."""
    answer = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            while b"\n" not in answer.partition(b"process_id")[2]:
                part = connection.recv(4096)
                if not part or answer.startswith(b"-"):
                    break
                answer += part
    except OSError:
        return b""
    return answer
