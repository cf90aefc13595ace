"""A push server over plans that are decided on as in the live flow, for a person who answers on the page."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import psycopg
import redis

from adaptation.rules.shown import show_rules
from adaptation.timed import dates_of_timer, decide_timer
from adaptation.tracked import TimerAt
from daybeat.demo_plans import demo_plan
from daybeat.servers import LocalServers
from schemas.commands import Command
from schemas.people import PersonState
from schemas.plan import Plan, Task
from schemas.records import Adaptation
from schemas.situations import Decided
from stores.plans import PlanStore, PlanWrite, SituationRequest, WriteResult
from stores.rules import write_shown_rules
from support.adapting import DAY, RULES
from support.physiology_rows import put_records
from support.push_run import NOW, PARTITIONS, PlanWriter, PushRun, coach_token, push_running

PERSON: Final = "ada"
DEMO_PERSON: Final = 0
LOOK_S: Final = 0.02
STORED: Final = frozenset({"decisions", "adaptations"})
"""Tables of the history that the server reads for a person who answers."""


class _Writer(PlanWriter):
    """Also stores the rows of what it decides, as the history flow does."""

    def __init__(self, client: redis.Redis, database: psycopg.Connection) -> None:
        super().__init__(client)
        self._database = database

    def carry_out(self, user_id: str, command: Command, *, now: dt.datetime = NOW) -> Decided:
        decided = super().carry_out(user_id, command, now=now)
        _store(self._database, decided)
        return decided

    def fire(self, user_id: str, rule: str, *, now: dt.datetime = NOW) -> Decided:
        decided = super().fire(user_id, rule, now=now)
        _store(self._database, decided)
        return decided


class AgencyStage:
    """One person with a plan: rules fire at will, and what they command on the page is carried out."""

    def __init__(self, push: PushRun, client: redis.Redis, database: psycopg.Connection) -> None:
        self._push = push
        self._store = PlanStore(client, PARTITIONS)
        self._database = database
        self._writer = _Writer(client, database)
        self._lock = asyncio.Lock()
        write_shown_rules(client, show_rules(RULES))

    @property
    def url(self) -> str:
        """The page, with a coach's token, as it shows the person."""
        return f"http://127.0.0.1:{self._push.port}/#token={coach_token(PERSON)}&person={PERSON}"

    async def put_plan(self, date: dt.date = DAY, plan: Plan | None = None) -> None:
        """Put a plan for a day, by default the demo's."""
        plan = plan or demo_plan(PERSON, date, time_zone="UTC", person=DEMO_PERSON)
        await self.command({"type": "plan.put", "plan": plan.model_dump(mode="json")})

    async def fire(self, rule: str, *, now: dt.datetime = NOW) -> Decided:
        """Let a rule fire."""
        async with self._lock:
            return await asyncio.to_thread(self._writer.fire, PERSON, rule, now=now)

    async def change(self, rule: str = "energy_drop", *, now: dt.datetime = NOW) -> Adaptation:
        """Let a rule fire that changes or proposes something, and return that."""
        decided = await self.fire(rule, now=now)
        (event,) = [
            one for one in decided.events if one.type in {"adaptation.applied", "adaptation.proposed"}
        ]
        adaptation: Adaptation = event.adaptation
        return adaptation

    async def command(self, fields: dict[str, object]) -> Decided:
        """Carry out a command that comes from elsewhere than the page."""
        async with self._lock:
            command = self._writer.command(fields)
            return await asyncio.to_thread(self._writer.carry_out, PERSON, command)

    async def let_time_pass(self, now: dt.datetime) -> None:
        """Let what is over at ``now`` end, as a timer does."""
        async with self._lock:
            await asyncio.to_thread(self._decide_timer, now)

    def person(self) -> PersonState:
        """Return what stands beside the person's plans."""
        (loaded,) = self._store.load([SituationRequest(PERSON)])
        return loaded.situation.person

    def plan(self, date: dt.date = DAY) -> Plan:
        """Return the plan of a day as it is stored."""
        (loaded,) = self._store.load([SituationRequest(PERSON, (date,))])
        return loaded.situation.plans[date]

    def task(self, task_id: str) -> Task:
        """Return a task as it is stored."""
        (task,) = [one for block in self.plan().blocks for one in block.tasks if one.task_id == task_id]
        return task

    async def carry_out_commands(self) -> None:
        """Carry out what the page commands, until cancelled."""
        while True:
            async with self._lock:
                await asyncio.to_thread(self._writer.carry_out_new_commands)
            await asyncio.sleep(LOOK_S)

    def _decide_timer(self, now: dt.datetime) -> None:
        (first,) = self._store.load([SituationRequest(PERSON)])
        assert first.applied is not None
        at = TimerAt(replace(first.applied, index=first.applied.index + 1), PERSON, now, "UTC")
        (loaded,) = self._store.load([SituationRequest(PERSON, dates_of_timer(at))])
        decided = decide_timer(loaded.situation, at)
        assert decided is not None, "nothing was over"
        write = PlanWrite(PERSON, at.position, loaded.applied, decided)
        assert self._store.write([write]) == [WriteResult.WRITTEN]
        _store(self._database, decided)


def _store(database: psycopg.Connection, decided: Decided) -> None:
    put_records(database, [one for one in decided.records if one.table in STORED])


@asynccontextmanager
async def agency_on_a_page(
    servers: LocalServers,
    client: redis.Redis,
    database: psycopg.Connection,
    *,
    log_bytes_max: int = 2**30,
) -> AsyncIterator[AgencyStage]:
    """Run the server, its clock standing at ``NOW``, and what carries commands out, while the block lasts."""
    running = push_running(servers.redis_url, database_url=servers.database_url, log_bytes_max=log_bytes_max)
    async with running as push:
        stage = AgencyStage(push, client, database)
        await stage.put_plan()
        carrying_out = asyncio.create_task(stage.carry_out_commands())
        try:
            yield stage
        finally:
            carrying_out.cancel()
            with suppress(asyncio.CancelledError):
                await carrying_out
