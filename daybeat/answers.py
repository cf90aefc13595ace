"""``python -m daybeat.answers URL``: exit 0 if the address answers well, else 1. For health checks."""

import sys
from http.client import HTTPException
from typing import Final
from urllib.request import ProxyHandler, build_opener

_TIMEOUT_S: Final = 3.0


def answers(url: str) -> bool:
    """Tell whether a GET of ``url`` is answered with a good status."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_S):
            return True
    except (OSError, HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
