"""Rules on their way to the live flow, and those in force for people to see.

What applies is said by the log alone: a rule file is an entry of every partition, and applies behind it. The
copy under ``daybeat:rules`` is only shown.
"""

from typing import cast

import redis

from schemas.errors import BusyError, UnavailableError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.rule_entries import RulesEntry, RulesShown
from stores.keys import RULES
from stores.log import EntryKind, Log, NewEntry
from stores.log_streams import redis_errors
from stores.stored_values import parse_stored


def append_rules(log: Log, entry: RulesEntry) -> dict[PartitionId, EntryId]:
    """Append a rule file to every partition of the log; return its place in each. Durable on return.

    Raises:
        BusyError: the log is full.
        UnavailableError: the log cannot be reached or cannot write. In both cases some partitions may have
            taken the file; appending it again is safe.
    """
    partitions = [PartitionId(number) for number in range(log.partitions)]
    payload = entry.model_dump_json().encode()
    try:
        places = log.append([NewEntry(partition, EntryKind.RULES, payload) for partition in partitions])
    except (BusyError, UnavailableError) as error:
        again = "some partitions may have taken the rules: load them again, twice changes nothing"
        raise type(error)(
            error.what, where=error.where, mend=f"{error.mend}; {again}" if error.mend else again
        ) from error
    return dict(zip(partitions, places, strict=True))


def write_shown_rules(client: redis.Redis, rules: RulesShown | None) -> None:
    """Let these be the rules that are shown; None: those that Daybeat ships with.

    Raises:
        UnavailableError: Redis cannot be reached or cannot write.
    """
    with redis_errors():
        if rules is None:
            client.delete(RULES)
        else:
            client.set(RULES, rules.model_dump_json())


def read_shown_rules(client: redis.Redis) -> RulesShown | None:
    """Return the rules that were loaded last; None: those that Daybeat ships with.

    Raises:
        UnavailableError: Redis cannot be reached.
        StoredValueError: what is there was not written by this release.
    """
    with redis_errors():
        stored = cast("bytes | None", client.get(RULES))
    return None if stored is None else parse_stored(RulesShown, stored, where="Redis, rules")
