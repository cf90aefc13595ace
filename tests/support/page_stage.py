"""The whole of Daybeat with a few people whose day is under way: what the live page is looked at with."""

import datetime as dt
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import redis

from daybeat.clock import Clock
from daybeat.demo_plans import demo_plan
from daybeat.send_command import carry_out, new_command_id
from daybeat.services import ServiceName
from daybeat.settings import Settings
from daybeat.stack import Stack
from ingest.broker import BrokerAddress
from ingest.device_messages import TimedReading, in_order, message_of
from ingest.publish import Publisher
from ingest.simulate import LIVE, STORED, Cadence, simulate_between
from ingest.wearers.ring import RING_ID
from ingest.wearers.stories import NO_STORY, Stories
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.commands import Command, PutPlan, SetProfile
from schemas.plan import Plan
from schemas.readings import Reading, micros

BEGINS = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
SPEED = 60.0
"""A simulated minute a second: an energy that falls within half an hour falls before one's eyes."""

STEP = dt.timedelta(minutes=2)
"""From one reading of a falling energy to the next, by the simulated clock."""

HISTORY = dt.timedelta(days=14)
PEOPLE = 8
SEED = 4
LONG_S = 30.0
"""Far more than anything here takes; only a failing test waits so long."""

_TODAY = Cadence(LIVE.watch, LIVE.ring, beats=False)


class _QuietLife:
    """Nothing happens to anybody, so that no rule fires but by a test's own readings."""

    def stories_of(self, wearer: Wearer, day: dt.date) -> Stories:
        del wearer, day
        return NO_STORY


class PageStage:
    """Servers and services that run, people with a history, and readings to be had at will."""

    def __init__(
        self, stack: Stack, publisher: Publisher, client: redis.Redis, *, begins: dt.datetime
    ) -> None:
        self.stack = stack
        self._publisher = publisher
        self._client = client
        self._begins = begins
        self._clock: Clock = stack.settings.read_clock()
        self.wearers = draw_wearers(PEOPLE, seed=SEED)
        self._messages = {
            one.user_id: simulate_between(one, micros(begins), None, life=_QuietLife(), cadence=_TODAY)
            for one in self.wearers
        }
        self._next = {user: next(messages) for user, messages in self._messages.items()}
        self._own_rings: set[str] = set()

    @property
    def page_url(self) -> str:
        """The page with its coach's token, as ``daybeat up`` prints it."""
        return f"{self.stack.urls.page}#token={self.stack.page_token()}"

    def url_of(self, user_id: str) -> str:
        """The page with one person chosen."""
        return f"{self.page_url}&person={user_id}"

    def publish_history(self) -> None:
        """Publish two weeks and today's morning; all of it too old to fire a rule."""
        begins_us = micros(self._begins)
        midnight_us = micros(self._begins.replace(hour=0))
        for from_us, upto_us, cadence in (
            (midnight_us - _us(HISTORY), midnight_us, STORED),
            (midnight_us, begins_us, _TODAY),
        ):
            for message in in_order(
                simulate_between(one, from_us, upto_us, life=_QuietLife(), cadence=cadence)
                for one in self.wearers
            ):
                self._publisher.publish(message)
        self.catch_up()
        assert self._publisher.wait_for_backlog(0, timeout=dt.timedelta(seconds=LONG_S))

    def catch_up(self) -> None:
        """Publish what everybody's devices have sent up to now."""
        now_us = self._clock.now_us()
        for user, messages in self._messages.items():
            while (message := self._next[user]).sent_us <= now_us:
                self._next[user] = next(messages)
                if message.device_id != RING_ID or user not in self._own_rings:
                    self._publisher.publish(message)

    def say(self, user_id: str, reading: Reading) -> None:
        """Publish one reading of a person's ring, measured now; from then on it says nothing by itself."""
        if user_id not in self._own_rings:
            self.catch_up()
            self._own_rings.add(user_id)
        timed = TimedReading(self._clock.now_us(), reading)
        self._publisher.publish(message_of(user_id, RING_ID, [timed]))

    def lower_energy(self, user_id: str) -> None:
        """Let a person's energy fall from 66 to 26 % within half an hour, so that energy_drop fires."""
        for percent in range(66, 25, -4):
            self.say(user_id, {"energy_level": percent / 100})
            self.catch_up()
            time.sleep(STEP.total_seconds() / SPEED)

    def drop_energy(self, user_id: str) -> None:
        """Let a person's energy fall at once, so that energy_drop fires."""
        self.say(user_id, {"energy_level": 0.66})
        self.say(user_id, {"energy_level": 0.26})

    def raise_energy(self, user_id: str) -> None:
        """Let a person be full of energy, so that energy_surge proposes."""
        self.say(user_id, {"energy_level": 0.87, "readiness_score": 0.85})

    def kill_push(self) -> None:
        """Kill the push server; it is started again by its supervisor."""
        supervisor = self.stack.supervisor
        assert supervisor is not None
        (pid,) = [one.pid for one in supervisor.statuses() if one.name == ServiceName.PUSH]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def put_plan(self, user_id: str, *, in_days: int = 0) -> Plan:
        """Set a person's zone, put the demo's plan for their today or a later day, and return it."""
        wearer = next(one for one in self.wearers if one.user_id == user_id)
        today = self._clock.now().astimezone(ZoneInfo(wearer.time_zone)).date()
        date = today + dt.timedelta(days=in_days)
        plan = demo_plan(user_id, date, time_zone=wearer.time_zone, person=wearer.index)
        self._carry_out(user_id, SetProfile(command_id=new_command_id(), time_zone=wearer.time_zone))
        self._carry_out(user_id, PutPlan(command_id=new_command_id(), plan=plan))
        return plan

    def _carry_out(self, user_id: str, command: Command) -> None:
        outcome = carry_out(self._client, self.stack.settings, user_id, command)
        assert outcome.ok, outcome.reason


@contextmanager
def running_stage(state_folder: Path, *, begins: dt.datetime = BEGINS) -> Iterator[PageStage]:
    """Run everything for the length of a ``with`` block; its clock starts at ``begins``."""
    settings = Settings(
        state_folder=state_folder,
        partitions=8,
        http_port=0,
        clock=f"{begins.isoformat()}@{SPEED}",
        clock_anchor=time.time(),
    )
    with Stack(settings, report=lambda _line: None, temporary=True) as stack:
        publisher = Publisher(
            BrokerAddress.parse(stack.urls.mqtt),
            users=[one.user_id for one in draw_wearers(PEOPLE, seed=SEED)],
            first_seq=1,
        )
        client = redis.Redis.from_url(stack.urls.redis)
        try:
            with publisher.open(patience=dt.timedelta(seconds=LONG_S)):
                yield PageStage(stack, publisher, client, begins=begins)
        finally:
            client.close()


def _us(span: dt.timedelta) -> int:
    return span // dt.timedelta(microseconds=1)
