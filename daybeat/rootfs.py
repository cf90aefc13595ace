"""A Debian 13 root folder with the real servers, built once below the user's cache.

mosquitto, Redis and PostgreSQL with TimescaleDB come from Debian's own packages. The folder is built beside
its final name and renamed when it is complete, so a name that exists is whole; a lock keeps two builders
apart.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.errors import UnavailableError

Report = Callable[[str], None]
"""Takes one line of text that says what is being done."""

SUITE: Final = "trixie"
BASE_PACKAGES: Final = ("mosquitto", "mosquitto-clients", "redis-server")
DATABASE_PACKAGES: Final = ("postgresql-17", "postgresql-17-timescaledb")
POSTGRES_PROGRAMS: Final = "/usr/lib/postgresql/17/bin"
SERVER_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the servers' programs are found, inside the root folder or on Debian 13 itself."""
DATA_MOUNT: Final = "/srv/daybeat"
"""Where a server finds its data's folder mounted."""

_RECIPE_VERSION: Final = 1
_DISK_NEEDED_BYTES: Final = 1_500_000_000
"""The root folder takes 0.6 GB; unpacking needs about as much again."""

_INSTALL_DATABASE: Final = f"""set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
apt-get install -y --no-install-recommends {" ".join(DATABASE_PACKAGES)}
apt-get clean
rm -rf /var/lib/apt/lists/*
chmod 1777 /dev/shm
mkdir -p {DATA_MOUNT} /var/lib/daybeat
"""


def cache_folder() -> Path:
    """Return Daybeat's folder below the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "daybeat"


def ensure_root(report: Report, *, cache: Path) -> Path:
    """Return the root folder with the servers, after building it where it is not there yet.

    Args:
        report: takes lines of progress.
        cache: folder to keep it in, such as :func:`cache_folder`.

    Raises:
        UnavailableError: it cannot be built here: no root rights, no network, no disk space.
    """
    root = cache / f"debian13-{_recipe_digest()}"
    if _is_there(root):
        return root
    _check_host(cache)
    with builder_lock(cache, report):
        if not root.is_dir():
            partial = root.with_suffix(".partial")
            remove_tree(partial)
            try:
                _build(partial, cache / "build.log", report)
            except BaseException:
                remove_tree(partial)
                raise
            partial.rename(root)
    return root


def _is_there(root: Path) -> bool:
    try:
        return root.is_dir()
    except PermissionError:
        return False


def _recipe_digest() -> str:
    parts = (str(_RECIPE_VERSION), SUITE, *BASE_PACKAGES, _INSTALL_DATABASE, platform.machine())
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=5).hexdigest()


def _check_host(cache: Path) -> None:
    remedy = (
        "run as root once, use docker compose, or give DAYBEAT_MQTT_URL, DAYBEAT_REDIS_URL and "
        "DAYBEAT_DATABASE_URL of servers that run already"
    )
    if os.geteuid() != 0:
        raise UnavailableError("the local servers are not installed", where=str(cache), mend=remedy)
    if shutil.which("apt-get") is None:
        raise UnavailableError("this is not a Debian or Ubuntu system", where="apt-get", mend=remedy)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
    except OSError as error:
        raise UnavailableError(
            f"cannot keep the local servers here ({error.strerror})",
            where=str(cache),
            mend="set XDG_CACHE_HOME to a folder that can be written",
        ) from error
    if free < _DISK_NEEDED_BYTES:
        raise UnavailableError(
            f"{free / 1e9:.1f} GB free, the local servers need {_DISK_NEEDED_BYTES / 1e9:.1f} GB",
            where=str(cache),
            mend="make room, or set XDG_CACHE_HOME to a larger disk",
        )


@contextmanager
def builder_lock(cache: Path, report: Report) -> Iterator[None]:
    """Hold the cache's lock: one process builds, others wait and say so."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process is fetching the local servers: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(root: Path, log: Path, report: Report) -> None:
    log.write_text("", encoding="utf-8")
    if shutil.which("debootstrap") is None:
        report("installing debootstrap")
        _run(["apt-get", "update", "-q"], log, doing="apt-get update")
        wanted = ["debootstrap", "debian-archive-keyring"]
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted]
        _run(install, log, doing="installing debootstrap")
    report("fetching Debian 13 with mosquitto and Redis (once, about half a minute)")
    include = ",".join(BASE_PACKAGES)
    _run(
        ["debootstrap", "--variant=minbase", f"--include={include}", SUITE, str(root)],
        log,
        doing="fetching Debian 13",
    )
    report("fetching PostgreSQL with TimescaleDB")
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    _run(["chroot", str(root), "sh", "-c", _INSTALL_DATABASE], log, doing="installing PostgreSQL")
    report("local servers are ready in the cache")


def _run(command: list[str], log: Path, *, doing: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        **_apt_proxies(),
        "PATH": SERVER_PATH,
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # and with it whatever it has started
        process.wait()
        raise
    if process.returncode != 0:
        last = _last_line(log)
        raise UnavailableError(
            f"{doing} failed: {last}",
            where=str(log),
            mend="check the network and the free disk space, then start again",
        )


def _apt_proxies() -> dict[str, str]:
    """Return the proxies that the host's apt is configured with, as environment variables."""
    proxies = {}
    for scheme in ("http", "https"):
        command = ["apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if answer.startswith("proxy='") and len(answer) > len("proxy=''"):
            proxies[f"{scheme}_proxy"] = answer.removeprefix("proxy='").removesuffix("'")
    return proxies


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    told = [line.strip() for line in lines if line.strip()]
    errors = [line for line in told if line.startswith(("E:", "W: Failure"))]
    return (errors or told or ["no output"])[-1]


def remove_tree(folder: Path) -> None:
    """Remove a half-built root folder; what debootstrap left mounted in it is unmounted first."""
    if not folder.exists():
        return
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for mount in sorted((line.split()[1] for line in mounts), key=len, reverse=True):
        if Path(mount).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mount], check=False)
    shutil.rmtree(folder)
