"""The folders that hold the local servers' data: taken by one process at a time, swept when it was killed."""

import contextlib
import fcntl
import shutil
import uuid
from pathlib import Path
from typing import IO, Final

from daybeat.placement import Placement
from schemas.errors import UnavailableError

_TEMPORARY: Final = "temporary-"


def temporary_folder(placement: Placement) -> Path:
    """Return the path of a new folder for data that end with their servers; remove those of killed owners."""
    for folder in placement.scratch.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    return placement.scratch / f"{_TEMPORARY}{uuid.uuid4().hex[:12]}"


def take_folder(folder: Path) -> IO[str]:
    """Return the held lock of a data folder; it is free again when this process ends, however it ends.

    Raises:
        UnavailableError: the folder cannot be written, or another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the servers' own users pass through; each one's data are closed to the others
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise UnavailableError(
            f"cannot keep the servers' data here ({error.strerror})",
            where=str(folder),
            mend="make room, or choose another folder with DAYBEAT_STATE_FOLDER",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise UnavailableError(
            "these servers run already, started by another process",
            where=str(folder),
            mend="stop it, or choose another folder with DAYBEAT_STATE_FOLDER",
        ) from error
    return lock


def prepare_data(placement: Placement, folder: Path) -> None:
    """Make the data folder of each server where it is not there yet.

    Raises:
        UnavailableError: there is no room for it.
    """
    try:
        for user in ("mosquitto", "redis"):
            if not (folder / user).exists():
                (folder / user).mkdir()
                placement.give_to(user, folder / user)
        if not (folder / "postgres").exists():
            partial = folder / "postgres.partial"
            shutil.rmtree(partial, ignore_errors=True)
            placement.copy_template(partial)
            partial.rename(folder / "postgres")
    except OSError as error:
        raise UnavailableError(
            f"cannot prepare the servers' data ({error.strerror})", where=str(folder), mend="make room"
        ) from error
