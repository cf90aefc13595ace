"""How other commands find the stack that runs: ``daybeat watch`` beside ``daybeat up``, with nothing to set.

A stack leaves the settings of its services in its state folder, readable by its owner only, while it runs.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from daybeat.local_state import write_private
from daybeat.settings import ENV_PREFIX, Settings, read_settings
from schemas.errors import InputError, UnavailableError

_FILE: Final = "running.json"


@dataclass(frozen=True, slots=True)
class Announced:
    """A stack that said it runs."""

    pid: int
    environment: dict[str, str] = field(repr=False)  # holds the token secret


def announce(settings: Settings, folder: Path) -> None:
    """Leave the settings of a running stack in ``folder``.

    Raises:
        UnavailableError: they cannot be written there.
    """
    document = {"pid": os.getpid(), "environment": settings.environment()}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(folder / _FILE, orjson.dumps(document).decode())
    except OSError as error:
        raise UnavailableError(
            f"the state folder cannot be written ({error.strerror})",
            where=str(folder),
            mend="make room, or choose another folder with DAYBEAT_STATE_FOLDER",
        ) from error


def withdraw(folder: Path) -> None:
    """Remove what :func:`announce` of this process has left; another stack's stays."""
    announced = _read(folder)
    if announced is not None and announced.pid == os.getpid():
        (folder / _FILE).unlink(missing_ok=True)


def running_settings() -> Settings:
    """Return the settings of the environment; what is not set there is taken from the stack that runs.

    Raises:
        InputError: a setting cannot be used.
    """
    settings = read_settings()
    announced = announced_stack(settings.state_folder)
    if announced is None:
        return settings
    given = {f"{ENV_PREFIX}{name.upper()}" for name in settings.model_fields_set}
    found = {name: value for name, value in announced.environment.items() if name not in given}
    names = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in found.items()}
    return read_settings(**names)


def announced_stack(folder: Path) -> Announced | None:
    """Return the stack that left its settings in ``folder`` and still runs.

    Raises:
        InputError: what is there cannot be read.
    """
    announced = _read(folder)
    return announced if announced is not None and Path(f"/proc/{announced.pid}").exists() else None


def _read(folder: Path) -> Announced | None:
    file = folder / _FILE
    try:
        document = orjson.loads(file.read_bytes())
        return Announced(int(document["pid"]), dict(document["environment"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("cannot be read", where=str(file), mend="remove it") from error
