"""The page's files: read once, compressed once, served with an entity tag."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

PAGE_PATH: Final = "/"
ASSETS_PATH: Final = "/assets/"
CACHE_CONTROL: Final = "no-cache"
"""The page's files change with a release; asking for them again costs a 304."""

_COMPRESS_FROM_BYTES: Final = 512
_GZIP_LEVEL: Final = 6

# Not left to the machine's own table of types, which differs from system to system.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    gzipped: bytes | None
    """The body compressed; None where that does not pay."""
    etag: str
    """Strong entity tag of the body (RFC 9110 section 8.8.3), with its quotes."""
    content_type: str


def make_asset(body: bytes, content_type: str) -> Asset:
    """Return a file, compressed."""
    packed = gzip.compress(body, _GZIP_LEVEL, mtime=0) if len(body) >= _COMPRESS_FROM_BYTES else body
    gzipped = packed if len(packed) < len(body) else None
    return Asset(body, gzipped, f'"{hashlib.sha256(body).hexdigest()[:32]}"', content_type)


def load_assets() -> dict[str, Asset]:
    """Return every file of the page by its path: ``/`` is index.html, the rest lies under ``/assets/``.

    Reads and compresses them all: call it in a thread.
    """
    page = files("push") / "page"
    return {
        PAGE_PATH if name == "index.html" else ASSETS_PATH + name: make_asset(
            file.read_bytes(), _TYPES[_suffix_of(name)]
        )
        for name, file in _files_in(page)
    }


def _files_in(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _files_in(one, f"{prefix}{one.name}/")
        elif _suffix_of(one.name) in _TYPES:
            yield prefix + one.name, one


def _suffix_of(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""
