"""``daybeat bench firings``: from a reading that is durable in the log to the changed plan in the feed.

The live flow runs as in an installation: epochs, recovery and checkpoints are on, Redis writes with
``appendfsync always``, and the gateway's ticks go through the log. Many people are in its state; some of them
fire ``energy_drop``, one after the other at a steady rate, each once. The readings are what the gateway makes
of them, appended here, so that the moment at which they became durable is known. Beside them go bare entries
of a stream of their own: what Redis and a blocking reader cost without Daybeat.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
import orjson
import redis

from bench.live_reader import BARE_STREAM, Awaited, LiveReader, Received
from bench.plan_puts import put_plans
from bench.scenario import user_name
from bench.usage import usage_of
from daybeat.services import ServiceName
from daybeat.settings import Settings
from daybeat.stack import Stack
from ingest.intake import Message, take_in
from schemas.errors import InputError
from stores.connections import connect_redis
from stores.log import NewEntry, RedisLog

RULE: Final = "energy_drop"
_LEAST_SERVICES: Final = (ServiceName.GATEWAY, ServiceName.LIVE)
_HIGH: Final = {"energy_level": 0.72, "heart_rate_bpm": 64, "activity": "rest"}
_LOW: Final = {"energy_level": 0.21}
_BEATS: Final = 58
"""RR intervals that come with everybody's first reading: a message of a watch."""
_BEAT_MS: Final = (860.0, 30.0)
_LOADED_AT_ONCE: Final = 1000
_BARE_EVERY: Final = 10
"""One bare entry for so many firings, halfway between two of them."""
_BARE_KEPT: Final = 100
_LOAD_WITHIN_S: Final = 300.0
_LAST_WITHIN_S: Final = 30.0
"""A firing that is not in the feed so long after the last one counts as lost."""
_SETTLE_S: Final = 5.0
"""Between loading and measuring: epochs without anything to do."""


@dataclass(frozen=True)
class FiringOptions:
    """How many people are in state, and how many of them fire."""

    people: int = 100_000
    rate: float = 100.0
    """Firings per second."""
    seconds: float = 60.0
    whole: bool = False
    """Whether history flow and push server run too."""

    @property
    def firings(self) -> int:
        """How many people fire, each once."""
        return round(self.rate * self.seconds)


@dataclass(frozen=True)
class FiringReport:
    """What was measured; times in ms."""

    latency_ms: dict[str, float]
    """From the end of the append of a reading to the live stream's reader that has the changed plan."""
    bare_ms: dict[str, float]
    """From the start of the append of a bare entry to a blocking reader that has it, in the same run."""
    ratio: dict[str, float]
    firings: int
    lost: int
    rate_per_s: float
    """Firings as they were sent; lower than asked for if appending took longer than there was time."""
    people: int
    seconds: float
    services: tuple[str, ...] = ()
    """What ran besides Redis."""
    live_cpu_us_per_firing: int = 0
    """All that the live flow did meanwhile, divided by the firings: ticks, polling and checkpoints too."""
    epoch_interval_s: float = 0.0
    epoch_pause_p50_ms: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


def run_firings(options: FiringOptions, *, settings: Settings) -> FiringReport:
    """Return what firings at a steady rate measured on a stack of its own.

    Raises:
        InputError: more people would fire than there are, or none.
        TimeoutError: the people were not in state within five minutes.
    """
    if not 0 < options.firings <= options.people:
        raise InputError(
            f"{options.firings} of {options.people} people would fire",
            where="bench firings",
            mend="choose rate × seconds between 1 and the number of people",
        )
    services = tuple(ServiceName) if options.whole else _LEAST_SERVICES
    with Stack(settings, report=_say, temporary=True, services=services) as stack:
        client = connect_redis(stack.urls.redis, patience=timedelta(seconds=10))
        partitions = stack.settings.partitions
        log = RedisLog.open(client, partitions=partitions, bytes_max=stack.settings.log_bytes_max)
        _say(f"loading {options.people} people")
        _load_people(stack, log, options.people)
        people = [user_name(number) for number in range(options.firings)]
        _say(f"putting {len(people)} plans")
        put_plans(stack, people)
        time.sleep(_SETTLE_S)
        _say(f"firing: {options.rate:g}/s for {options.seconds:g} s")
        reader = LiveReader(Awaited(stack.urls.redis, partitions, RULE, len(people)))
        cpu_s = _live_cpu_s(stack)
        appended_ns = _fire(log, client, people, rate=options.rate)
        received = reader.wait(_LAST_WITHIN_S)
        cpu_s = _live_cpu_s(stack) - cpu_s
        pause_s = stack.status().value("daybeat_live_epoch_pause_p50_seconds")
        client.close()
    report = _report(options, appended_ns, received)
    return replace(
        report,
        services=tuple(name.value for name in services),
        live_cpu_us_per_firing=round(cpu_s / len(people) * 1e6),
        epoch_interval_s=stack.settings.epoch_interval_s,
        epoch_pause_p50_ms=round(pause_s * 1000, 2),
    )


def _report(options: FiringOptions, appended_ns: Mapping[str, int], received: Received) -> FiringReport:
    taken_ns = [at_ns - appended_ns[user] for user, at_ns in received.changed_ns.items()]
    latency, bare = _percentiles(taken_ns), _percentiles(received.bare_ns)
    sent_s = (max(appended_ns.values()) - min(appended_ns.values())) / 1e9
    return FiringReport(
        latency_ms=latency,
        bare_ms=bare,
        ratio={name: round(latency[name] / bare[name], 2) for name in latency if name in bare},
        firings=len(appended_ns),
        lost=len(appended_ns) - len(taken_ns),
        rate_per_s=round((len(appended_ns) - 1) / sent_s, 1) if sent_s else 0.0,
        people=options.people,
        seconds=round(sent_s, 1),
    )


def _live_cpu_s(stack: Stack) -> float:
    statuses = stack.supervisor.statuses() if stack.supervisor is not None else ()
    pids = {one.name: one.pid for one in statuses if one.name == ServiceName.LIVE and one.pid is not None}
    return sum(usage.cpu_s for usage in usage_of(pids).values())


def _load_people(stack: Stack, log: RedisLog, people: int) -> None:
    """Send one message of a watch for everybody and return when all are tracked."""
    rng = np.random.default_rng(1)
    bodies = [
        orjson.dumps(_HIGH | {"rr_ms": rng.normal(*_BEAT_MS, _BEATS).round().tolist()}) for _ in range(50)
    ]
    for first in range(0, people, _LOADED_AT_ONCE):
        numbers = range(first, min(first + _LOADED_AT_ONCE, people))
        log.append(_entries(log, [_message(user_name(one), bodies[one % len(bodies)]) for one in numbers]))
    deadline = time.monotonic() + _LOAD_WITHIN_S
    while stack.status().value("daybeat_live_readings_total") < people:
        if time.monotonic() > deadline:
            msg = f"{people} people were not tracked within {_LOAD_WITHIN_S:.0f} s"
            raise TimeoutError(msg)
        time.sleep(0.2)


def _fire(log: RedisLog, client: redis.Redis, people: Sequence[str], *, rate: float) -> dict[str, int]:
    """Send everybody's low energy in its turn; return when each was durable, in ns of CLOCK_MONOTONIC."""
    body = orjson.dumps(_LOW)
    appended_ns: dict[str, int] = {}
    began = time.monotonic()
    for number, user in enumerate(people):
        _sleep_until(began + number / rate)
        log.append(_entries(log, [_message(user, body)]))
        appended_ns[user] = time.monotonic_ns()
        if number % _BARE_EVERY == 0:
            _sleep_until(began + (number + 0.5) / rate)
            client.xadd(BARE_STREAM, {"t": str(time.monotonic_ns())}, maxlen=_BARE_KEPT)
    return appended_ns


def _entries(log: RedisLog, messages: Sequence[Message]) -> list[NewEntry]:
    return take_in(messages, partitions=log.partitions).entries


def _message(user: str, body: bytes) -> Message:
    return Message(f"v1/{user}/watch/readings".encode(), body, time.time_ns() // 1000)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _percentiles(taken_ns: Sequence[int]) -> dict[str, float]:
    if not taken_ns:
        return {}
    found = (*np.percentile(taken_ns, [50, 99]), max(taken_ns))
    return {name: round(float(ns) / 1e6, 2) for name, ns in zip(("p50", "p99", "max"), found, strict=True)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
