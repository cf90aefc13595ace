"""Which web pages may open the websocket. Programs that are no browser send no Origin and need no entry."""

from collections.abc import Collection, Sequence
from typing import Final

_LOCAL_NAMES: Final = ("localhost", "127.0.0.1")
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # recognised, not listened on


class Origins:
    """The allow-list of origins (RFC 6454): those configured and the server's own page."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = {one.rstrip("/").lower() for one in allowed}

    def add_own(self, host: str, port: int) -> None:
        """Allow the page that the server itself serves."""
        names = _LOCAL_NAMES if host in _EVERYWHERE | set(_LOCAL_NAMES) else (host,)
        self._allowed |= {f"http://{name}:{port}".lower() for name in names}

    def allow(self, origins: Sequence[str]) -> bool:
        """Tell whether a handshake with these ``Origin`` headers may go on."""
        return not origins or (len(origins) == 1 and origins[0].lower() in self._allowed)
