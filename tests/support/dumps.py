"""What the live flow has left in Redis, in a form that two runs can be compared by."""

from collections.abc import Iterable

import orjson
import redis

from schemas.positions import EntryId
from stores.envelope import open_envelope
from stores.keys import decisions_key, log_key

LogDump = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


def dump_log(client: redis.Redis, partitions: int) -> LogDump:
    """Return every entry of the log with its id."""
    return [(key := log_key(number).encode(), client.xrange(key)) for number in range(partitions)]


def restore_log(client: redis.Redis, dump: LogDump) -> None:
    """Write the entries of a dump again, with the same ids."""
    pipe = client.pipeline(transaction=False)
    for key, entries in dump:
        for entry_id, fields in entries:
            pipe.xadd(key, fields, id=entry_id)
    pipe.execute()


def ends_of(dump: LogDump) -> dict[int, EntryId]:
    """Return the last entry id of every partition that has one."""
    return {number: EntryId.parse(entries[-1][0]) for number, (_, entries) in enumerate(dump) if entries}


def people_of(client: redis.Redis) -> dict[bytes, object]:
    """Return plans, persons and feeds, key by key."""
    found: dict[bytes, object] = {}
    for key in sorted(_keys(client, "daybeat:*:plan:*")):
        found[key] = client.get(key)
    for key in sorted(_keys(client, "daybeat:*:person:*")):
        found[key] = client.hgetall(key)
    for key in sorted(_keys(client, "daybeat:*:feed:*")):
        found[key] = client.xrange(key)
    return found


def forget_all_but_the_log(client: redis.Redis) -> None:
    """Remove everything that the flows have written."""
    keys = [key for key in _keys(client, "daybeat:*") if not key.endswith((b":log", b":meta"))]
    if keys:
        client.delete(*keys)


def records_of(client: redis.Redis, partitions: int) -> list[dict[str, object]]:
    """Return all records handed to the history flow, in stream order."""
    return [
        record
        for number in range(partitions)
        for _, fields in client.xrange(decisions_key(number))
        for record in orjson.loads(open_envelope(fields[b"d"], where="decisions"))
    ]


def identities(records: Iterable[dict[str, object]]) -> list[bytes]:
    """Return each record as canonical JSON, sorted."""
    return sorted(orjson.dumps(record, option=orjson.OPT_SORT_KEYS) for record in records)


def _keys(client: redis.Redis, pattern: str) -> list[bytes]:
    return list(client.scan_iter(pattern, count=1000))
