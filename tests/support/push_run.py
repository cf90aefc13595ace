"""A push server in the test's own event loop, and a writer of plans over the product's own store."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import redis
from prometheus_client import CollectorRegistry

from adaptation.commands import dates_of_command, decide_command
from adaptation.decide import decide_reading, plan_dates
from daybeat.app_client import stream_url
from push.server import PushConfig, serve_push
from push.session import SessionLimits
from push.tokens import Scope, make_token
from schemas.commands import COMMAND, Command, CommandEntry
from schemas.ids import PartitionId, partition_of
from schemas.positions import EntryId, Position
from schemas.readings import micros
from schemas.situations import Decided
from stores.log import EntryKind, RedisLog
from stores.plans import PlanStore, PlanWrite, SituationRequest, WriteResult
from support.adapting import firing, firings_at
from support.shown_rules import SHIPPED

PARTITIONS = 4
SECRET = "a secret for tests, long enough to sign with"
NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
NO_DATABASE = "postgresql://daybeat@127.0.0.1:1/daybeat"


def token_of(user_id: str, *, lasts: dt.timedelta = dt.timedelta(hours=1)) -> str:
    """Return a person's token; tokens keep real time."""
    return make_token(user_id, secret=SECRET, audience="daybeat", expires_at=dt.datetime.now(dt.UTC) + lasts)


def coach_token(*people: str) -> str:
    """Return a coach's token for these people."""
    return make_token(
        "coach",
        secret=SECRET,
        audience="daybeat",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
        scope=Scope.COACH,
        people=people,
    )


@dataclass(frozen=True)
class PushRun:
    """A push server that runs."""

    port: int
    registry: CollectorRegistry

    @property
    def url(self) -> str:
        return stream_url("127.0.0.1", self.port)

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 if it was never touched."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def has_closed(self, code: int) -> bool:
        """Tell whether a connection was ended with this code."""
        return self.count("daybeat_push_closed_total", code=str(code)) > 0


@asynccontextmanager
async def push_running(
    redis_url: str,
    *,
    database_url: str = NO_DATABASE,
    now: Callable[[], dt.datetime] = lambda: NOW,
    limits: SessionLimits | None = None,
    log_bytes_max: int = 2**30,
    port: int = 0,
    sweep_s: float = 0.1,
    speed: float = 1.0,
) -> AsyncIterator[PushRun]:
    """Run a push server on a free port while the context is open."""
    registry = CollectorRegistry()
    config = PushConfig(
        redis_url=redis_url,
        database_url=database_url,
        host="127.0.0.1",
        port=port,
        token_secret=SECRET,
        token_audience="daybeat",
        partitions=PARTITIONS,
        log_bytes_max=log_bytes_max,
        shipped_rules=SHIPPED,
        allowed_origins=("https://app.example",),
        patience=dt.timedelta(seconds=5),
        limits=limits or SessionLimits(),
        sweep_s=sweep_s,
    )
    async with serve_push(config, now=now, speed=speed, registry=registry) as running:
        yield PushRun(running.port, registry)


class PlanWriter:
    """Carries out commands and fires rules as the live flow does, one after the other, without Bytewax."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._store = PlanStore(client, PARTITIONS)
        self._ids = itertools.count(1)
        self._ms = itertools.count(micros(NOW) // 1000)
        self._read_upto = {PartitionId(number): EntryId(0, 0) for number in range(PARTITIONS)}

    def carry_out(self, user_id: str, command: Command, *, now: dt.datetime = NOW) -> Decided:
        """Decide and store a command."""
        entry = CommandEntry(user_id=user_id, arrival_us=micros(now), command=command)
        dates = dates_of_command(entry, time_zone="UTC")
        (loaded,) = self._store.load([SituationRequest(user_id, dates, command.command_id)])
        position = Position(next(self._ms), 0, 0)
        decided = decide_command(loaded.situation, entry, position, time_zone="UTC", recorded=loaded.recorded)
        write = PlanWrite(user_id, position, loaded.applied, decided, command.command_id)
        assert self._store.write([write]) == [WriteResult.WRITTEN]
        return decided

    def fire(self, user_id: str, rule: str, *, now: dt.datetime = NOW) -> Decided:
        """Decide and store what a rule that fires comes to; the reading arrived at ``now``."""
        (loaded,) = self._store.load([SituationRequest(user_id, plan_dates(now, "UTC"))])
        position = Position(next(self._ms), 0, 0)
        fired = firing(rule, now=now, user=user_id, position=position)
        decided = decide_reading(loaded.situation, firings_at(fired, position=position))
        assert self._store.write([PlanWrite(user_id, position, loaded.applied, decided)]) == [
            WriteResult.WRITTEN
        ]
        return decided

    def put_plan(self, user_id: str, plan: object, *, now: dt.datetime = NOW) -> Decided:
        """Put a plan; causes ``plan.replaced`` and ``command.done``."""
        return self.carry_out(user_id, self.command({"type": "plan.put", "plan": plan}), now=now)

    def event(self, user_id: str) -> str:
        """Cause one small event, a refused command, and return its event id."""
        command = self.command({"type": "task.start", "task_id": "no-such-task"})
        return self.carry_out(user_id, command).events[-1].event_id

    def carry_out_new_commands(self) -> int:
        """Carry out the commands in the log that were not carried out before; return how many there were."""
        log = RedisLog.open(self._client, partitions=PARTITIONS, bytes_max=2**30)
        count = 0
        for partition, end in log.ends().items():
            for entry in log.read_range(partition, self._read_upto[partition], end):
                if entry.kind is EntryKind.COMMAND:
                    command = CommandEntry.model_validate_json(entry.payload)
                    assert partition_of(command.user_id, PARTITIONS) == partition
                    self.carry_out(command.user_id, command.command)
                    count += 1
            self._read_upto[partition] = end
        return count

    def command(self, fields: Mapping[str, object]) -> Command:
        """Return a command with an id of its own."""
        return COMMAND.validate_python({"command_id": f"written-{next(self._ids)}", **fields})


def fields_of(text: str) -> dict[str, object]:
    """Return a message's fields."""
    document: dict[str, object] = orjson.loads(text)
    return document
