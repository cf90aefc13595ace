"""Plans and what stands beside them in Redis: read for many people at once, written in one step per event.

The live flow is the only writer. Each write names its position in the log and the position it expects to
find. Whatever has been stored at that position or a later one stands: a replay after a crash and a second
flow that believes it is alone change nothing.
"""

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha1
from importlib import resources
from typing import Any, Final

import redis

from schemas.commands import REPEAT_WINDOW_DAYS, CommandOutcome
from schemas.ids import PartitionId, partition_of
from schemas.people import PersonState
from schemas.plan import Plan
from schemas.positions import Position
from schemas.records import RECORDS, Record
from schemas.situations import NO_EVENT, Decided, Situation
from stores.envelope import seal
from stores.keys import commands_key, decisions_key, feed_key, live_key, person_key, plan_key
from stores.redis_patience import is_passing, with_patience
from stores.stored_values import StoredValueError, parse_stored

FEED_ENTRIES_MAX: Final = 500
FEED_KEPT: Final = timedelta(days=7)
LIVE_ENTRIES_MAX: Final = 1000
"""Per partition: what a push server may fall behind before it reads the feeds of its people again."""

PLAN_KEPT: Final = timedelta(days=14)
"""After its date; every version is in ``plan_versions`` for good."""

_PLAN_KEPT_LEAST: Final = timedelta(days=2)
_PLAN_KEPT_MOST: Final = timedelta(days=400)


class WriteResult(StrEnum):
    """What became of a write."""

    WRITTEN = "written"
    REPLAYED = "replayed"
    """This position, or a later one, is stored already; nothing was written."""
    CONFLICT = "conflict"
    """Something else was stored since the situation was loaded; nothing was written: load, decide again."""


@dataclass(frozen=True, slots=True)
class SituationRequest:
    """Whose situation is wanted, with the plans of which dates."""

    user_id: str
    dates: tuple[date, ...] = ()
    command_id: str | None = None
    """Also look for the recorded outcome of this command."""


@dataclass(frozen=True, slots=True)
class LoadedSituation:
    """A person's situation as it stands in Redis."""

    situation: Situation
    applied: Position | None
    """Position of the last event that was stored; None if there was none."""
    recorded: CommandOutcome | None
    """Outcome of the command that the request named, if it was carried out within the last 7 days."""


@dataclass(frozen=True, slots=True)
class PlanWrite:
    """What one event of one person came to, and what it was decided on."""

    user_id: str
    position: Position
    expected_applied: Position | None
    """``applied`` as it was loaded, or the position of the person's write before this one in a batch."""
    decided: Decided
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Replies:
    """What Redis answered to one request."""

    person: tuple[bytes | None, bytes | None, bytes | None]
    """``applied``, ``feed_last``, ``state``."""
    plans: Sequence[bytes | None]
    outcome: bytes | None


class PlanStore:
    """The plans of all people, with feeds, live streams and records, in Redis.

    Args:
        client: replies as bytes.
        partitions: number of partitions of the log.
        patience: how long every call waits for a Redis that restarts, is loading or is full.
    """

    def __init__(
        self, client: redis.Redis, partitions: int, *, patience: timedelta = timedelta(seconds=60)
    ) -> None:
        self._client = client
        self._partitions = partitions
        self._patience = patience
        self._script = resources.files("stores").joinpath("write_plan.lua").read_bytes()
        self._script_sha = sha1(self._script, usedforsecurity=False).hexdigest()

    def load(self, requests: Sequence[SituationRequest]) -> list[LoadedSituation]:
        """Return the situations of some people, one for each request, read in one round trip.

        Raises:
            UnavailableError: Redis could not be reached for as long as the patience lasts.
            StoredValueError: a stored value cannot be read.
        """
        if not requests:
            return []
        replies = with_patience(
            functools.partial(self._read, requests), doing="reading plans", patience=self._patience
        )
        return [_loaded(request, reply) for request, reply in zip(requests, replies, strict=True)]

    def write(self, writes: Sequence[PlanWrite]) -> list[WriteResult]:
        """Store what some events came to and return what became of each; durable when it returns.

        Each write happens as a whole or not at all, in the order given. Writes of one person may follow each
        other. A write whose reply was lost is repeated, and then reported as ``replayed``.

        Raises:
            BusyError: Redis was full for as long as the patience lasts.
            UnavailableError: Redis could not be reached or could not write for as long as that.
            StoredValueError: Redis holds something under a key of ours that this release did not write.
        """
        results: dict[int, WriteResult] = {}
        with_patience(
            functools.partial(self._write_missing, writes, results),
            doing="writing plans",
            patience=self._patience,
        )
        return [results[number] for number in range(len(writes))]

    def append_records(self, records: Sequence[Record]) -> None:
        """Hand rows to the history flow; durable when it returns, and possibly twice if a reply was lost."""
        if not records:
            return
        shares: defaultdict[PartitionId, list[Record]] = defaultdict(list)
        for record in records:
            shares[partition_of(record.user_id, self._partitions)].append(record)
        entries = {partition: seal(RECORDS.dump_json(share)) for partition, share in shares.items()}

        def append() -> None:
            pipeline = self._client.pipeline(transaction=False)
            for partition, entry in entries.items():
                pipeline.xadd(decisions_key(partition), {"d": entry})
            pipeline.execute()

        with_patience(append, doing="writing records", patience=self._patience)

    def _read(self, requests: Sequence[SituationRequest]) -> list[_Replies]:
        pipeline = self._client.pipeline(transaction=False)
        for request in requests:
            partition = partition_of(request.user_id, self._partitions)
            pipeline.hmget(person_key(partition, request.user_id), ["applied", "feed_last", "state"])
            if request.dates:
                pipeline.mget([plan_key(partition, request.user_id, one) for one in request.dates])
            if request.command_id is not None:
                pipeline.hget(commands_key(partition, request.user_id), request.command_id)
        replies = iter(pipeline.execute())
        return [
            _Replies(
                person=next(replies),
                plans=next(replies) if request.dates else [],
                outcome=next(replies) if request.command_id is not None else None,
            )
            for request in requests
        ]

    def _write_missing(self, writes: Sequence[PlanWrite], results: dict[int, WriteResult]) -> None:
        missing = [number for number in range(len(writes)) if number not in results]
        replies = self._run_script([writes[number] for number in missing])
        if any(isinstance(reply, redis.exceptions.NoScriptError) for reply in replies):
            # SCRIPT FLUSH or a restart: writes that ran before it report themselves as replayed.
            self._client.script_load(self._script)
            replies = self._run_script([writes[number] for number in missing])
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        for number, reply in zip(missing, replies, strict=True):
            if isinstance(reply, Exception):
                continue
            result = WriteResult(reply.decode())
            if result is not WriteResult.CONFLICT or not errors:
                # Behind an error a conflict may only mean that the person's write before it is still missing.
                results[number] = result
        if errors:
            raise _worst(errors)

    def _run_script(self, writes: Sequence[PlanWrite]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for write in writes:
            keys, arguments = self._script_input(write)
            pipeline.evalsha(self._script_sha, len(keys), *keys, *arguments)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        return replies

    def _script_input(self, write: PlanWrite) -> tuple[list[str], list[bytes | str | int]]:
        """Return keys and arguments as ``write_plan.lua`` lists them."""
        user_id, decided = write.user_id, write.decided
        partition = partition_of(user_id, self._partitions)
        keys = [
            person_key(partition, user_id),
            feed_key(partition, user_id),
            live_key(partition),
            decisions_key(partition),
            commands_key(partition, user_id),
            *(plan_key(partition, user_id, plan.date) for plan in decided.plans),
        ]
        outcome = decided.outcome
        arguments: list[bytes | str | int] = [
            str(write.position),
            "" if write.expected_applied is None else str(write.expected_applied),
            decided.person.model_dump_json(),
            decided.events[-1].event_id if decided.events else "",
            seal(RECORDS.dump_json(list(decided.records))) if decided.records else b"",
            user_id,
            write.command_id if write.command_id is not None and outcome is not None else "",
            "" if outcome is None else outcome.model_dump_json(),
            REPEAT_WINDOW_DAYS * 86_400_000,
            FEED_ENTRIES_MAX,
            int(FEED_KEPT.total_seconds()),
            LIVE_ENTRIES_MAX,
        ]
        for plan in decided.plans:
            arguments += [plan.model_dump_json(), int(_kept(plan, decided).total_seconds())]
        for event in decided.events:
            arguments += [event.event_id, event.model_dump_json()]
        return keys, arguments


def _loaded(request: SituationRequest, replies: _Replies) -> LoadedSituation:
    where = f"Redis, person {request.user_id}"
    applied, feed_last, state = replies.person
    plans = {
        one: parse_stored(Plan, text, where=f"{where}, plan of {one}")
        for one, text in zip(request.dates, replies.plans, strict=True)
        if text is not None
    }
    situation = Situation(
        user_id=request.user_id,
        person=PersonState() if state is None else parse_stored(PersonState, state, where=where),
        plans=plans,
        feed_last=NO_EVENT if feed_last is None else feed_last.decode(),
    )
    return LoadedSituation(
        situation,
        None if applied is None else Position.parse(applied.decode()),
        None if replies.outcome is None else parse_stored(CommandOutcome, replies.outcome, where=where),
    )


def _worst(errors: Sequence[Exception]) -> Exception:
    """Return the error to raise: one that does not pass by itself, if there is one."""
    for error in errors:
        if not is_passing(error):
            return StoredValueError(
                f"Redis refused a write ({error})",
                where="writing plans",
                mend="look at the keys of that partition: something else writes under our names",
            )
    return errors[0]


def _kept(plan: Plan, decided: Decided) -> timedelta:
    """Return how long a plan is kept from now.

    Counted from the moment of the decision, not by the server's clock: a day may run in a minute, in any
    year.
    """
    kept = (plan.date - decided.at.date()) + PLAN_KEPT
    return min(max(kept, _PLAN_KEPT_LEAST), _PLAN_KEPT_MOST)
