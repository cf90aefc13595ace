"""Envelopes: what every entry of a stream is wrapped in, so that bit rot is seen and large entries are small.

An envelope is one flag byte (0: plain, 1: zlib), the CRC-32 of the plain payload (4 bytes, little endian)
and the payload.
"""

import zlib
from typing import Final

from schemas.errors import DaybeatError

PLAIN: Final = 0
ZLIB: Final = 1
HEADER_BYTES: Final = 5
COMPRESS_FROM_BYTES: Final = 1024
"""Smaller payloads gain too little to be worth the time."""

_ZLIB_LEVEL: Final = 1
"""Level 1 takes a third of the time of level 6 and frames become hardly larger."""


class CorruptEntryError(DaybeatError):
    """The bytes of a stream's entry are not the bytes that were written."""


def seal(payload: bytes) -> bytes:
    """Return the payload in an envelope, compressed where that pays.

    >>> seal(b"tick")[5:]
    b'tick'
    """
    checksum = zlib.crc32(payload).to_bytes(4, "little")
    if len(payload) > COMPRESS_FROM_BYTES:
        packed = zlib.compress(payload, _ZLIB_LEVEL)
        if len(packed) < len(payload):
            return b"".join((bytes((ZLIB,)), checksum, packed))
    return b"".join((bytes((PLAIN,)), checksum, payload))


def open_envelope(data: bytes, *, where: str) -> bytes:
    """Return the payload of an envelope; ``where`` names the entry for the error's text.

    Raises:
        CorruptEntryError: the bytes were changed after they were written.
    """
    if len(data) < HEADER_BYTES:
        raise _corrupt(f"an entry of {len(data)} bytes is too short", where)
    flag, body = data[0], data[HEADER_BYTES:]
    if flag == ZLIB:
        unpacker = zlib.decompressobj()
        try:
            body = unpacker.decompress(body)
        except zlib.error as error:
            raise _corrupt("an entry cannot be decompressed", where) from error
        if not unpacker.eof or unpacker.unused_data:
            raise _corrupt("a compressed entry has the wrong length", where)
    elif flag != PLAIN:
        raise _corrupt(f"an entry has the unknown flag {flag}", where)
    if zlib.crc32(body) != int.from_bytes(data[1:HEADER_BYTES], "little"):
        raise _corrupt("an entry's checksum is wrong", where)
    return body


def _corrupt(what: str, where: str) -> CorruptEntryError:
    return CorruptEntryError(
        what, where=where, mend="check this machine's memory and disk, then restore Redis from a copy"
    )
