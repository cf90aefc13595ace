"""``daybeat bench soak``: things are killed at random under load, and afterwards every promise is checked.

Devices publish and keep each reading until the application's ack, as docs/protocol.md asks of them. Meanwhile
a service or server is killed (or PostgreSQL stopped for a while) every few seconds, with a printed seed. At
the end: no acknowledged reading is lost, none is stored twice, every change of a plan is in the history once,
and every rewritten plan stands in its person's feed.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import orjson
import psycopg
import redis

from bench.plan_puts import put_plans
from daybeat.settings import Settings
from daybeat.stack import Stack
from ingest.broker import BrokerAddress
from ingest.device_messages import DeviceMessage, TimedReading, message_of
from ingest.publish import Publisher
from schemas.ids import partition_of
from schemas.readings import Reading, micros
from stores.connections import connect_redis
from stores.keys import feed_key

PEOPLE: Final = 60
MESSAGES_PER_S: Final = 100
PAUSE_S: Final = 5.0
"""How long PostgreSQL is stopped at a time."""

_KILL_EVERY_S: Final = (4.0, 12.0)
_SETTLE_S: Final = 180.0
_SERVICES: Final = ("gateway", "live", "history", "push")


@dataclass(frozen=True)
class SoakReport:
    """What was done, and what was found missing or double (all of the latter should be 0)."""

    seed: int
    seconds: float
    readings_published: int
    readings_acknowledged: int
    kills: dict[str, int]
    acknowledged_lost: int
    stored_twice: int
    plan_changes: int
    plan_changes_twice: int
    plan_changes_not_in_feed: int

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept, and there was something to keep."""
        return not (
            self.readings_acknowledged < self.readings_published
            or not self.plan_changes
            or self.acknowledged_lost
            or self.stored_twice
            or self.plan_changes_twice
            or self.plan_changes_not_in_feed
        )

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


def run_soak(*, minutes: float, seed: int, settings: Settings) -> SoakReport:
    """Return what ``minutes`` of load with random kills have shown."""
    chance = random.Random(seed)
    _say(f"seed {seed}")
    with ExitStack() as opened:
        stack = opened.enter_context(Stack(settings, report=_say, temporary=True))
        users = [f"person-{number:03d}" for number in range(PEOPLE)]
        put_plans(stack, users)
        publisher = Publisher(BrokerAddress.parse(stack.urls.mqtt), users=users, first_seq=1)
        opened.enter_context(publisher.open(patience=timedelta(seconds=10)))
        began = time.monotonic()
        kills = _publish_and_kill(stack, publisher, users, chance, seconds=minutes * 60)
        if not publisher.wait_for_backlog(0, timeout=timedelta(seconds=_SETTLE_S)):
            _say(f"{publisher.counts().unacked} readings were never acknowledged")
        counts = publisher.counts()
        _settle(stack, counts.readings - counts.unacked)
        seconds = time.monotonic() - began
        lost, twice = _check_readings(stack, counts.readings - counts.unacked)
        changes, changes_twice, not_in_feed = _check_plans(stack, users)
    return SoakReport(
        seed=seed,
        seconds=round(seconds, 1),
        readings_published=counts.readings,
        readings_acknowledged=counts.readings - counts.unacked,
        kills=kills,
        acknowledged_lost=lost,
        stored_twice=twice,
        plan_changes=changes,
        plan_changes_twice=changes_twice,
        plan_changes_not_in_feed=not_in_feed,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _publish_and_kill(
    stack: Stack, publisher: Publisher, users: list[str], chance: random.Random, *, seconds: float
) -> dict[str, int]:
    kills: dict[str, int] = {}
    energy = dict.fromkeys(users, 0.7)
    end = time.monotonic() + seconds
    next_kill = time.monotonic() + chance.uniform(*_KILL_EVERY_S)
    while (now := time.monotonic()) < end:
        # A device that may not publish more keeps its readings; so does this one.
        if publisher.wait_for_backlog(20_000, timeout=timedelta(seconds=1)):
            user = chance.choice(users)
            publisher.publish(_message(user, energy, chance))
        if now >= next_kill:
            name, kill = chance.choice(_victims(stack))
            _say(f"killing {name}")
            kill()
            kills[name] = kills.get(name, 0) + 1
            next_kill = time.monotonic() + chance.uniform(*_KILL_EVERY_S)
        time.sleep(1 / MESSAGES_PER_S)
    return kills


def _message(user: str, energy: dict[str, float], chance: random.Random) -> DeviceMessage:
    energy[user] = min(0.95, max(0.05, energy[user] + chance.gauss(0, 0.2)))
    reading: Reading = {
        "energy_level": round(energy[user], 3),
        "heart_rate_bpm": round(chance.uniform(55, 95), 1),
    }
    return message_of(user, "watch", [TimedReading(micros(datetime.now(UTC)), reading)])


def _victims(stack: Stack) -> list[tuple[str, Callable[[], None]]]:
    victims: list[tuple[str, Callable[[], None]]] = []
    if stack.supervisor is not None:
        victims += [
            (one.name, _killer(one.pid))
            for one in stack.supervisor.statuses()
            if one.pid is not None and one.name in _SERVICES
        ]
    if stack.servers is not None:
        servers = stack.servers

        def restart(name: str) -> Callable[[], None]:
            server = {"mosquitto": servers.mosquitto, "redis": servers.redis, "postgres": servers.postgres}[
                name
            ]

            def kill_and_start() -> None:
                server.kill()
                server.start()

            return kill_and_start

        def pause() -> None:
            servers.postgres.pause()
            time.sleep(PAUSE_S)
            servers.postgres.resume()

        victims += [(name, restart(name)) for name in ("mosquitto", "redis", "postgres")]
        victims.append(("postgres stopped", pause))
    return victims


def _killer(pid: int) -> Callable[[], None]:
    def kill() -> None:
        os.kill(pid, signal.SIGKILL)

    return kill


def _settle(stack: Stack, readings: int) -> None:
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(stack.urls.database, autocommit=True) as connection:
                row = connection.execute("SELECT count(*) FROM daybeat.readings").fetchone()
            if row is not None and row[0] >= readings:
                break
        except psycopg.OperationalError:
            pass  # PostgreSQL may still be starting
        time.sleep(1)
    time.sleep(3)  # decisions follow their readings


def _check_readings(stack: Stack, acknowledged: int) -> tuple[int, int]:
    """Return how many acknowledged readings are missing and how many rows are repeats."""
    with psycopg.connect(stack.urls.database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT (user_id, device_id, seq)) FROM daybeat.readings"
        ).fetchone()
    stored, distinct = row or (0, 0)
    return max(0, acknowledged - distinct), stored - distinct


def _check_plans(stack: Stack, users: list[str]) -> tuple[int, int, int]:
    """Return the changed plans, how many versions share a cause, and how many are in no feed."""
    with psycopg.connect(stack.urls.database, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT user_id, version, cause FROM daybeat.plan_versions WHERE patch IS NOT NULL"
        ).fetchall()
    client = connect_redis(stack.urls.redis, patience=timedelta(seconds=10))
    fed = {(user, version) for user in users for version in _versions_in_feed(client, stack, user)}
    client.close()
    causes = {(user, cause) for user, _, cause in rows}
    missing = sum((user, version) not in fed for user, version, _ in rows)
    return len(rows), len(rows) - len(causes), missing


def _versions_in_feed(client: redis.Redis, stack: Stack, user: str) -> list[int]:
    key = feed_key(partition_of(user, stack.settings.partitions), user)
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(key))
    events = [orjson.loads(fields[b"e"]) for _, fields in entries]
    return [event["version"] for event in events if event["type"] == "plan.changed"]
