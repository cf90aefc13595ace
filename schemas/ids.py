"""Identifiers: their types, their pattern, and the partition that a person belongs to."""

import re
import zlib
from typing import Annotated, Final, NewType

from pydantic import AfterValidator, StringConstraints

from schemas.errors import InputError

UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
TaskId = NewType("TaskId", str)
CommandId = NewType("CommandId", str)
PartitionId = NewType("PartitionId", int)

ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""A pydantic string field that holds an id."""

UserIdField = Annotated[str, StringConstraints(pattern=ID_PATTERN), AfterValidator(UserId)]


def is_id(text: str) -> bool:
    """Tell whether ``text`` may be used as an id: 1 to 64 of letters, digits, ``_`` and ``-``."""
    return _ID.fullmatch(text) is not None


def check_id(text: str, *, where: str) -> str:
    """Return ``text`` if it is an id.

    Raises:
        InputError: it is not; ``where`` names the place it came from.
    """
    if not is_id(text):
        raise InputError(
            f"{text[:80]!r} is not an id",
            where=where,
            mend="use 1 to 64 letters, digits, '_' or '-'",
        )
    return text


def partition_of(user_id: str, partitions: int) -> PartitionId:
    """Return the log partition of a person, 0 ≤ partition < ``partitions``.

    The hash is CRC-32 of the id's UTF-8 bytes: stable across processes, releases and languages.

    >>> partition_of("ada", 64)
    40
    """
    return PartitionId(zlib.crc32(user_id.encode()) % partitions)
