"""Ports on this machine: free ones, and the clear error for a taken one."""

import secrets
import socket
from typing import Final

from schemas.errors import UnavailableError

LOOPBACK: Final = "127.0.0.1"
_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
"""Below what Linux hands to outgoing connections (from 32,768), so none of those takes a port of ours."""
_TRIES: Final = 200


def free_port() -> int:
    """Return a port that nothing listens on at the moment.

    Raises:
        UnavailableError: none was found.
    """
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if is_free(LOOPBACK, port):
            return port
    raise UnavailableError("no free port found", where=LOOPBACK, mend="stop programs that hold thousands")


def is_free(host: str, port: int) -> bool:
    """Tell whether a listener can be opened at an address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def check_free(host: str, port: int, *, user: str, setting: str) -> None:
    """Return if a listener can be opened.

    Args:
        host: address to listen on.
        port: port to listen on.
        user: who wants it, for the error.
        setting: the variable that chooses another one.

    Raises:
        UnavailableError: it is taken.
    """
    if not is_free(host, port):
        raise UnavailableError(
            f"port {port} is taken, {user} cannot listen on it",
            where=f"{host}:{port}",
            mend=f"stop what listens there, or choose another port with {setting} (0: a free one)",
        )
