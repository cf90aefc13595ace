"""How the log stands in Redis: what its replies and its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis

from schemas.errors import UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.envelope import open_envelope
from stores.log_entries import Entry, EntryKind, LogFullError

START: Final = EntryId(0, 0)
"""The position before the first entry."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What Redis says of one partition's stream."""

    first: EntryId | None
    last: EntryId
    added: int
    length: int

    def has_gap_after(self, position: EntryId) -> bool:
        """Tell whether an entry behind ``position`` was removed.

        XTRIM leaves no trace in ``max-deleted-entry-id``. But a trim of ours keeps the entry at the lowest
        commit itself, so a position before the first entry was trimmed by somebody else or is foreign.
        """
        if position == START:
            return self.added > self.length
        if self.first is None:
            return position < self.last
        return position < self.first


def stream_of(reply: Any) -> Stream:
    """Return what the reply to XINFO STREAM says; an error that came as a reply is raised."""
    if isinstance(reply, redis.ResponseError) and "no such key" in str(reply):
        return Stream(first=None, last=START, added=0, length=0)
    if isinstance(reply, Exception):
        raise reply
    first = reply["first-entry"]
    return Stream(
        first=EntryId.parse(first[0]) if first else None,
        last=EntryId.parse(reply["last-generated-id"]),
        added=reply["entries-added"],
        length=reply["length"],
    )


def entry_of(partition: PartitionId, row: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    """Return the entry that one row of XREAD or XRANGE holds.

    Raises:
        CorruptEntryError: it is not as it was written.
    """
    entry_id, fields = row
    payload = open_envelope(fields[b"d"], where=f"log partition {partition}, entry {entry_id.decode()}")
    return Entry(partition, EntryId.parse(entry_id), EntryKind(fields[b"k"].decode()), payload)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what Redis and its client raise into our own errors."""
    try:
        yield
    except redis.OutOfMemoryError as error:
        raise full_error("Redis has reached its maxmemory") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise UnavailableError(
            f"Redis does not answer ({error})",
            where="log",
            mend="start it; appending and reading go on by themselves",
        ) from error
    except redis.ResponseError as error:
        if str(error).startswith(("MISCONF", "READONLY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN")):
            raise UnavailableError(
                f"Redis cannot write ({error})", where="log", mend="look at its disk and at its log file"
            ) from error
        raise


def full_error(why: str) -> LogFullError:
    """Return the error that says why nothing more can be appended."""
    return LogFullError(
        f"the log is full: {why}",
        where="Redis",
        mend="see which flow lags (daybeat doctor), or raise DAYBEAT_LOG_BYTES_MAX and Redis' maxmemory",
    )
