"""The decisions streams, as the history flow sees them: what it has stored, and what may go.

``stores/plans.py`` writes them, together with the plans. They have one reader, so what it has committed is
trimmed after a while; the log's own trimming waits for every flow.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import redis

from schemas.errors import BusyError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.keys import decisions_committed_key, decisions_key
from stores.log_entries import LogGapError, LogRewoundError
from stores.log_streams import START, redis_errors
from stores.stream_tail import StreamName, stream_states


def commit_decisions(client: redis.Redis, positions: Mapping[PartitionId, EntryId]) -> None:
    """Record that everything up to these positions is stored in SQL.

    Raises:
        UnavailableError: Redis cannot be reached or cannot write.
    """
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        for partition, entry_id in positions.items():
            pipeline.set(decisions_committed_key(partition), str(entry_id))
        pipeline.execute()


def trim_decisions(client: redis.Redis, positions: Mapping[PartitionId, EntryId], *, keep: timedelta) -> int:
    """Remove what lies before ``positions`` and is older than ``keep``; return how many entries went.

    ``positions`` must have been committed. The entry at a position stays: a later check looks for it.

    Raises:
        UnavailableError: Redis cannot be reached or cannot write.
    """
    with redis_errors():
        seconds, micros = client.time()
        oldest_ms = seconds * 1000 + micros // 1000 - int(keep.total_seconds() * 1000)
        oldest_kept = EntryId(max(0, oldest_ms), 0)
        pipeline = client.pipeline(transaction=False)
        for partition, position in positions.items():
            pipeline.xtrim(decisions_key(partition), minid=str(min(position, oldest_kept)), approximate=False)
        return sum(cast("list[int]", pipeline.execute()))


def check_decisions_stored(
    client: redis.Redis, positions: Mapping[tuple[StreamName, PartitionId], EntryId], partition: PartitionId
) -> None:
    """Return if the database holds all that was decided in a partition so far.

    A plan that is rebuilt from the database before that would be an older one.

    Args:
        client: Redis.
        positions: what stores.history.HistoryStore.positions returns.
        partition: the person's partition.

    Raises:
        BusyError: the history flow has not stored everything yet.
        UnavailableError: Redis cannot be reached.
    """
    state = stream_states(client, StreamName.DECISIONS, [partition])[partition]
    stored = positions.get((StreamName.DECISIONS, partition), START)
    if stored < state.last:
        raise BusyError(
            f"they are stored up to {stored} and end at {state.last}",
            where=f"decisions of partition {partition}",
            mend="let the history flow run until it has caught up (see daybeat doctor), then try again",
        )


def check_decisions(client: redis.Redis, after: Mapping[PartitionId, EntryId]) -> None:
    """Return if reading the decisions on from these positions skips nothing.

    Raises:
        LogGapError: entries behind a position were removed.
        LogRewoundError: a position lies behind the end of its stream.
        UnavailableError: Redis cannot be reached.
    """
    for partition, state in stream_states(client, StreamName.DECISIONS, list(after)).items():
        position = after[partition]
        where = f"decisions of partition {partition}"
        if position > state.last:
            raise LogRewoundError(
                f"they end at {state.last}, before the position to resume from, {position}",
                where=where,
                mend="Redis was restored to an older state: restore the rest too, or begin anew",
            )
        if state.has_gap_after(position):
            raise LogGapError(
                f"entries after {position} were removed, the first one left is {state.first}",
                where=where,
                mend="bring back the database that belongs to this Redis",
            )
