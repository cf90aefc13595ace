"""Plans for many people at once, through the log as every planner's."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.scenario import plan_of
from daybeat.stack import Stack
from schemas.commands import CommandEntry, PutPlan
from schemas.ids import partition_of
from schemas.readings import micros
from stores.connections import connect_redis
from stores.log import EntryKind, NewEntry, RedisLog

PUTS_AT_ONCE: Final = 500
PUT_WITHIN_S: Final = 300.0
_EVENTS_PER_PUT: Final = 2  # plan.replaced and command.done


def put_plans(stack: Stack, users: Sequence[str]) -> None:
    """Put a plan for each of ``users`` and return when all of them stand.

    Raises:
        TimeoutError: they did not within five minutes.
    """
    client = connect_redis(stack.urls.redis, patience=timedelta(seconds=10))
    log = RedisLog.open(client, partitions=stack.settings.partitions, bytes_max=stack.settings.log_bytes_max)
    now = datetime.now(UTC)
    for first in range(0, len(users), PUTS_AT_ONCE):
        log.append([_put(stack, user, now) for user in users[first : first + PUTS_AT_ONCE]])
    client.close()
    deadline = time.monotonic() + PUT_WITHIN_S
    while stack.status().value("daybeat_live_events_total") < _EVENTS_PER_PUT * len(users):
        if time.monotonic() > deadline:
            msg = f"{len(users)} plans did not stand within {PUT_WITHIN_S:.0f} s"
            raise TimeoutError(msg)
        time.sleep(0.2)


def _put(stack: Stack, user: str, now: datetime) -> NewEntry:
    command = PutPlan(command_id=f"put-{user}", plan=plan_of(user, now))
    entry = CommandEntry(user_id=user, arrival_us=micros(now), command=command)
    partition = partition_of(user, stack.settings.partitions)
    return NewEntry(partition, EntryKind.COMMAND, entry.model_dump_json().encode())
