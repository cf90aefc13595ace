"""A command sent from this machine: appended to the log as the push server would, and its outcome awaited."""

import time
import uuid
from datetime import timedelta
from typing import Final

import redis

from daybeat.settings import Settings
from schemas.commands import Command, CommandEntry, CommandOutcome
from schemas.errors import UnavailableError
from schemas.ids import partition_of
from stores.log import EntryKind, NewEntry, RedisLog
from stores.plans import PlanStore, SituationRequest

OUTCOME_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.05


def new_command_id() -> str:
    """Return a new id for a command."""
    return uuid.uuid4().hex


def carry_out(client: redis.Redis, settings: Settings, user_id: str, command: Command) -> CommandOutcome:
    """Return what became of a command, once the live flow has carried it out.

    Raises:
        BusyError: the log is full.
        UnavailableError: Redis cannot be reached, or no outcome came in time: the live flow does not run.
    """
    log = RedisLog.open(client, partitions=settings.partitions, bytes_max=settings.log_bytes_max)
    arrival_us = settings.read_clock().now_us()
    entry = CommandEntry(user_id=user_id, arrival_us=arrival_us, command=command)
    partition = partition_of(user_id, settings.partitions)
    log.append([NewEntry(partition, EntryKind.COMMAND, entry.model_dump_json().encode())])
    return await_outcome(client, settings, user_id, command.command_id)


def await_outcome(client: redis.Redis, settings: Settings, user_id: str, command_id: str) -> CommandOutcome:
    """Return the recorded outcome of a command, waiting for it up to half a minute.

    Raises:
        UnavailableError: none was recorded in that time.
    """
    plans = PlanStore(client, settings.partitions, patience=timedelta(seconds=settings.patience_s))
    request = SituationRequest(user_id, command_id=command_id)
    deadline = time.monotonic() + OUTCOME_PATIENCE_S
    while True:
        recorded = plans.load([request])[0].recorded
        if recorded is not None:
            return recorded
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"command {command_id} is in the log, but not carried out within {OUTCOME_PATIENCE_S:g} s",
                where="live flow",
                mend="start it (daybeat up, or daybeat serve live): it will be carried out then",
            )
        time.sleep(_POLL_S)
