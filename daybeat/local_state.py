"""The state folder: whether it can be written, and the token secret that is made in it for local use."""

import contextlib
import os
import secrets
import uuid
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from daybeat.settings import Settings
from schemas.errors import UnavailableError

_SECRET_BYTES: Final = 32
_MEND: Final = "make room, or choose another folder with DAYBEAT_STATE_FOLDER"


def ensure_state_folder(folder: Path) -> None:
    """Make the state folder, closed to others, and try to write to it.

    Raises:
        UnavailableError: it cannot be made or written, or its disk is full.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with probe.open("wb") as file:
            file.write(b"\0" * 65536)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnavailableError(
            f"the state folder cannot be written ({error.strerror})", where=str(folder), mend=_MEND
        ) from error
    finally:
        _remove(probe)


def with_token_secret(settings: Settings) -> Settings:
    """Return the settings with a token secret: the configured one, else one kept in the state folder.

    Raises:
        UnavailableError: the secret cannot be read or written there.
    """
    if settings.token_secret is not None:
        return settings
    file = settings.state_folder / "token_secret"
    ensure_state_folder(settings.state_folder)
    try:
        if not file.exists():
            write_private(file, secrets.token_hex(_SECRET_BYTES), replace=False)
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(
            "the token secret cannot be read or made here", where=str(file), mend=_MEND
        ) from error
    return settings.changed(token_secret=SecretStr(text))


def write_private(file: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only its owner may read; whoever reads it finds it whole."""
    partial = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as output:
            output.write(f"{text}\n")
        if replace:
            partial.rename(file)
        else:
            with contextlib.suppress(FileExistsError):  # another process was first: its text stands
                os.link(partial, file)
    finally:
        _remove(partial)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return  # its folder is no folder, or was never there: the caller's own error says so
