"""Where the local servers' programs and data lie, and how a server is started there without root rights."""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from signal import Signals
from typing import Final

from daybeat.rootfs import (
    DATA_MOUNT,
    POSTGRES_PROGRAMS,
    SERVER_PATH,
    SUITE,
    Report,
    builder_lock,
    cache_folder,
    ensure_root,
    remove_tree,
)
from schemas.errors import UnavailableError

DATABASE_NAME: Final = "daybeat"
_ROOM: Final = "make room, or choose another folder with DAYBEAT_STATE_FOLDER"
_MOUNT_AND_RUN: Final = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
_CREATE_CLUSTER: Final = (
    'cd /tmp && "$1"/initdb -D "$2" -U daybeat -E UTF8 --locale-provider=builtin --locale=C.UTF-8 '
    "--data-checksums --auth=trust --no-instructions >&2 && "
    f'echo "CREATE DATABASE {DATABASE_NAME};" | "$1"/postgres --single -D "$2" postgres'
)


class Reach(Enum):
    """How a server in the root folder reaches its data."""

    MOUNTED = "mounted"
    """The data's folder is mounted inside, in a name space of the server's own: it ends with the server."""
    ENCLOSED = "enclosed"
    """Where mounts are not allowed (some containers), the data lie inside the root folder."""
    HOST = "host"
    """No root folder: the programs are this system's own."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The programs' root folder, the way to the data, and a place for temporary data."""

    root: Path
    reach: Reach
    scratch: Path
    """Temporary data and the template go here."""

    @property
    def template(self) -> Path:
        """An initialised PostgreSQL data folder; copying it takes a tenth of initialising one."""
        return self.scratch / "template"

    def data_folder(self, wanted: Path) -> Path:
        """Return where data that are wanted in ``wanted`` really lie."""
        if self.reach is Reach.ENCLOSED and not wanted.is_relative_to(self.root):
            digest = hashlib.blake2b(str(wanted.absolute()).encode(), digest_size=6).hexdigest()
            return self.scratch / f"{wanted.name}-{digest}"
        return wanted.absolute()

    def inside(self, folder: Path, path: Path) -> str:
        """Return a path below the data's ``folder`` as the server sees it."""
        if self.reach is Reach.MOUNTED:
            return f"{DATA_MOUNT}/{path.relative_to(folder)}"
        return f"/{path.relative_to(self.root)}"

    def launch(
        self, user: str, program: Sequence[str], folder: Path, at_parents_end: Signals
    ) -> tuple[str, ...]:
        """Return the command that runs ``program`` as ``user`` with its data in ``folder``.

        Each link of the command replaces itself by the next, so the process that is started is the server.
        ``at_parents_end`` is set last: the kernel forgets it when a process changes its user.
        """
        end = ("setpriv", "--pdeathsig", at_parents_end.name.removeprefix("SIG"), *program)
        if self.reach is Reach.HOST:
            return end
        enclosed = ("chroot", f"--userspec={user}:{user}", str(self.root), *end)
        if self.reach is Reach.ENCLOSED:
            return enclosed
        own_mounts = ("unshare", "--mount", "--propagation", "private")
        mount_point = str(self.root) + DATA_MOUNT
        return (*own_mounts, "sh", "-c", _MOUNT_AND_RUN, "sh", str(folder), mount_point, *enclosed)

    def give_to(self, user: str, folder: Path) -> None:
        """Make ``user`` the owner of an empty folder, closed to others."""
        folder.chmod(0o700)
        if self.reach is not Reach.HOST:
            os.chown(folder, *self._ids(user))

    def copy_template(self, folder: Path) -> None:
        """Fill a new folder with an initialised PostgreSQL data folder, owners included.

        Raises:
            UnavailableError: there is no room for it.
        """
        copy = ["cp", "-a", "--reflink=auto", str(self.template / "data"), str(folder)]
        done = subprocess.run(copy, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.splitlines() or ["cp failed"])[-1]
            raise UnavailableError(f"cannot prepare PostgreSQL's data ({why})", where=str(folder), mend=_ROOM)

    def _ids(self, user: str) -> tuple[int, int]:
        accounts = (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines()
        fields = next(line.split(":") for line in accounts if line.startswith(f"{user}:"))
        return int(fields[2]), int(fields[3])


def find_placement(report: Report, *, cache: Path | None = None) -> Placement:
    """Return where the local servers lie, after fetching them where they are not there yet.

    Args:
        report: takes lines of progress.
        cache: Daybeat's cache folder; by default the user's.

    Raises:
        UnavailableError: they cannot be fetched; the error says what to do.
    """
    cache = cache or cache_folder()
    if os.geteuid() != 0 and _host_has_servers():
        placement = Placement(Path("/"), Reach.HOST, cache / "host")
    else:
        root = ensure_root(report, cache=cache)
        if _may_mount(root):
            placement = Placement(root, Reach.MOUNTED, cache / f"{root.name}-data")
        else:
            placement = Placement(root, Reach.ENCLOSED, root / "var/lib/daybeat")
    _ensure_template(placement, cache, report)
    return placement


def _host_has_servers() -> bool:
    """Tell whether this is Debian 13 with the packages installed."""
    with contextlib.suppress(OSError):
        release = Path("/etc/os-release").read_text(encoding="utf-8")
        programs = ("mosquitto", "redis-server", f"{POSTGRES_PROGRAMS}/postgres")
        return f"VERSION_CODENAME={SUITE}" in release and all(
            shutil.which(program, path=SERVER_PATH) for program in programs
        )
    return False


def _may_mount(root: Path) -> bool:
    mount = ["mount", "--bind", str(root / "tmp"), str(root) + DATA_MOUNT]
    command = ["unshare", "--mount", "--propagation", "private", *mount]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ensure_template(placement: Placement, cache: Path, report: Report) -> None:
    if placement.template.is_dir():
        return
    with builder_lock(cache, report):
        if placement.template.is_dir():
            return
        report("initialising PostgreSQL")
        partial = placement.scratch / "template.partial"
        remove_tree(partial)
        data = partial / "data"
        data.mkdir(parents=True)
        placement.give_to("postgres", data)
        script = ("sh", "-c", _CREATE_CLUSTER, "sh", POSTGRES_PROGRAMS, placement.inside(partial, data))
        command = placement.launch("postgres", script, partial, Signals.SIGKILL)
        environment = {"PATH": SERVER_PATH, "LC_ALL": "C", "HOME": "/tmp"}  # noqa: S108  # inside its own root
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UnavailableError(
                f"PostgreSQL could not be initialised ({why})", where=str(partial), mend="make room"
            )
        partial.rename(placement.template)
