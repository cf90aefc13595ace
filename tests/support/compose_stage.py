"""Runs docker-compose.yml without an engine: its commands, files, ports and health checks, unchanged.

Run inside namespaces of its own (``unshare --mount --net --pid --fork --kill-child``), where the ports of the
file are free, mounts harm nobody, and every process ends with this one. Prints what became of each service.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from daybeat.placement import Placement, Reach
from daybeat.rootfs import POSTGRES_PROGRAMS, SERVER_PATH
from daybeat.scrape import scrape

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.compose_file import ROOT, ComposeService, load_compose

PATIENCE_S = 40
USERS = {"mosquitto": "mosquitto", "redis": "redis", "timescaledb": "postgres"}
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def main(root: Path, template: Path, stage: Path) -> None:
    """Start every service in the order of its dependencies and report on each."""
    _bring_loopback_up()
    _name_hosts(stage)
    placement = Placement(root, Reach.MOUNTED, template.parent)
    services = load_compose({"DAYBEAT_TOKEN_SECRET": "s" * 32})
    report: dict[str, object] = {}
    for service in services.values():
        if service.is_ours:
            command, environment = _our_command(service, stage)
        else:
            command, environment = _server_command(service, placement, stage)
        with (stage / f"{service.name}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        report[service.name] = _outcome(service, process, stage)
    report["readings"] = _send_reading(placement)
    sys.stdout.write(json.dumps(report))


def _outcome(service: ComposeService, process: subprocess.Popen[bytes], stage: Path) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if process.returncode == 0 and not service.health:
                return "healthy"
            break
        if service.health and _passes(service, stage):
            listening = [port for port in service.published if _listens(port)]
            return "healthy" if len(listening) == len(service.published) else f"listens on {listening} only"
        time.sleep(0.1)
    return (stage / f"{service.name}.log").read_text(errors="replace")[-2000:]


def _passes(service: ComposeService, stage: Path) -> bool:
    if service.is_ours:
        assert service.health[0] == "python"
        command, environment = (sys.executable, *service.health[1:]), dict(os.environ)
    else:
        command, environment = _inside(service, service.health, stage)
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def _our_command(service: ComposeService, stage: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAYBEAT_")}
    state = {"DAYBEAT_STATE_FOLDER": str(stage / f"{service.name}-state")}
    return (sys.executable, "-m", "daybeat", *service.command), {
        **environment,
        **state,
        **service.environment,
    }


def _server_command(
    service: ComposeService, placement: Placement, stage: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Lay out a root folder as the container has it, and return the command inside."""
    root = stage / service.name
    for name in ("usr", "dev"):
        (root / name).mkdir(parents=True)
        _run("mount", "--rbind", str(placement.root / name), str(root / name))
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc").mkdir()
    for name in ("passwd", "group"):
        shutil.copyfile(placement.root / "etc" / name, root / "etc" / name)
    for name in ("tmp", "var/run/postgresql"):
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o777)
    for mount in service.mounts:
        target = root / mount.target.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not mount.is_volume:
            shutil.copyfile(ROOT / mount.source, target)
        elif service.name == "timescaledb":
            placement.copy_template(target)
        else:
            target.mkdir()
            placement.give_to(USERS[service.name], target)
    command, environment = _inside(service, service.command, stage)
    return command, {**environment, "PGDATA": "/var/lib/postgresql/data"}


def _inside(
    service: ComposeService, command: tuple[str, ...], stage: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    user = USERS[service.name]
    chroot = ("chroot", f"--userspec={user}:{user}", str(stage / service.name))
    return (*chroot, *command), {"PATH": f"{POSTGRES_PROGRAMS}:{SERVER_PATH}", "LC_ALL": "C.UTF-8"}


def _send_reading(placement: Placement) -> float | None:
    """Publish one reading with mosquitto's own client; return how many the gateway made durable."""
    topic, reading = "v1/ada/watch/readings", '{"heart_rate_bpm":64}'
    inside = ("chroot", str(placement.root))
    _run(*inside, "mosquitto_pub", "-h", "127.0.0.1", "-q", "1", "-t", topic, "-m", reading)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = scrape("http://127.0.0.1:9101/metrics")
        stored = found.value("daybeat_gateway_readings_total") if found else None
        if stored:
            return stored
        time.sleep(0.1)
    return None


def _bring_loopback_up() -> None:
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def _name_hosts(stage: Path) -> None:
    hosts = stage / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(USERS)}\n")
    _run("mount", "--bind", str(hosts), "/etc/hosts")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
