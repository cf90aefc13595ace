"""``daybeat bench e2e``: from the publisher to the row and to the app, under load, all on this machine.

Recovery, checkpoints and ``appendfsync always`` are on, as in a real installation. A steady load of
single-reading messages goes through the real broker; a known share of the readings fires a rule, and many of
those people have an app connected. Afterwards, alone, ``mosquitto_sub`` drains the same messages: what the
broker itself allows.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.drain import measure_drain
from bench.listeners import Listeners, Pushed
from bench.load import Load, LoadPlan, PublishTimes, start_load
from bench.plan_puts import put_plans
from bench.probes import Probes
from bench.scenario import Scenario, make_scenario
from bench.usage import usage_of
from daybeat.settings import Settings
from daybeat.stack import Stack
from push.tokens import Scope, make_token
from schemas.errors import InputError

CONNECTED_MIN: Final = 1000
FIRED_SHARE_MIN: Final = 0.01
GROWTH_MAX_S: Final = 0.5
"""Seconds of messages by which the backlog may differ between half-time and the end: it swings by a batch."""
_PUTS_AT_ONCE: Final = 500
_DRAIN_MESSAGES_MAX: Final = 300_000


@dataclass(frozen=True)
class E2eOptions:
    """What to load the system with."""

    rate: float = 15_000
    """Single-reading messages per second."""
    seconds: float = 60
    users: int = 100_000
    big_every_s: float = 0
    """Seconds between 2,000-reading messages of one further device; 0: none."""


@dataclass(frozen=True)
class E2eReport:
    """What was measured; times in ms."""

    sustained_per_s: float
    """Messages tracked and stored per second while the backlog did not grow; 0 if it grew or any was lost."""
    drain_ceiling_per_s: float
    ratio_to_ceiling: float
    publish_to_stored_ms: dict[str, float]
    publish_to_push_ms: dict[str, float]
    epoch_pause_ms: dict[str, float]
    cpu_us_per_reading: dict[str, float]
    rss_mb: dict[str, float]
    users: int
    connected: int
    fired_share: float
    lost: int
    offered_per_s: float
    seconds: float
    backlog_at_half: int
    backlog_at_end: int

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


@dataclass
class _Backlog:
    """Readings published and not yet both stored and tracked, sampled while the load runs."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    def at(self, share: float) -> int:
        """Return the median backlog around a share of the run (0.05 on both sides)."""
        first, last = self.samples[0][0], self.samples[-1][0]
        moment, width = first + (last - first) * share, (last - first) * 0.05
        near = [behind for at, behind in self.samples if abs(at - moment) <= width]
        return int(np.median(near)) if near else self.samples[-1][1]


def run_e2e(options: E2eOptions, *, settings: Settings) -> E2eReport:
    """Return what a load of ``options`` measured on a stack of its own.

    Raises:
        InputError: too few connected people or too few firings to report anything.
    """
    scenario = make_scenario(
        readings=int(options.rate * options.seconds), users=options.users, rate=options.rate
    )
    connected = min(len(scenario.firing_users), 2 * CONNECTED_MIN)
    if connected < CONNECTED_MIN:
        raise InputError(
            f"only {connected} people would be connected",
            where="bench e2e",
            mend=f"choose rate × seconds of at least {CONNECTED_MIN / 0.012:.0f}",
        )
    with Stack(settings, report=_say, temporary=True) as stack:
        put_plans(stack, scenario.firing_users)
        tokens = [_token(stack, user) for user in scenario.firing_users[:connected]]
        _say(f"connecting {connected} apps")
        listeners = Listeners(stack.urls.websocket, tokens)
        loaded = _load(options, scenario, stack, listeners)
    if loaded.connected < CONNECTED_MIN:
        raise InputError(f"only {loaded.connected} apps were connected", where="bench e2e")
    if loaded.fired_share < FIRED_SHARE_MIN:
        raise InputError(
            f"only {loaded.fired_share:.2%} of the readings fired a rule",
            where="bench e2e",
            mend="the figures of such a run would not speak for a real one; choose more users",
        )
    _say("measuring what mosquitto_sub alone drains")
    ceiling = measure_drain(scenario, limit=_DRAIN_MESSAGES_MAX)
    return replace(
        loaded,
        drain_ceiling_per_s=round(ceiling, 1),
        ratio_to_ceiling=round(loaded.sustained_per_s / ceiling, 3),
    )


def _load(options: E2eOptions, scenario: Scenario, stack: Stack, listeners: Listeners) -> E2eReport:
    pids = _pids(stack)
    port = int(stack.urls.mqtt.rpartition(":")[2])
    before = usage_of(pids)
    _say(f"loading: {options.rate:.0f} messages/s for {options.seconds:.0f} s")
    load = start_load(
        LoadPlan(
            port=port,
            topics=scenario.topics,
            order=scenario.order,
            bodies=scenario.bodies,
            kinds=scenario.kinds,
            rate=options.rate,
            big_every_s=options.big_every_s,
        )
    )
    load_pid = {"load": load.process.pid or 0}
    with Probes(database_url=stack.urls.database, mqtt_port=port) as probes:
        backlog = _watch_backlog(stack, load, probes)
        usage, load_usage = usage_of(pids), usage_of(load_pid)
        sent = load.wait(120)
    _drain_backlog(stack, int(sent["sent"]))
    received = listeners.close()
    status = stack.status()
    stored, firings = _count(stack.urls.database)
    cpu = {name: usage[name].cpu_s - before[name].cpu_s for name in pids} | {"load": load_usage["load"].cpu_s}
    grew = backlog.at(0.98) - backlog.at(0.5) > GROWTH_MAX_S * options.rate
    fired_share = firings / sent["sent"]
    lost = int(sent["sent"]) - stored
    sustained = 0.0 if grew or lost else sent["sent"] / sent["seconds"]
    pauses = status.metrics["live"]
    times = load.times
    report = E2eReport(
        sustained_per_s=round(sustained, 1),
        drain_ceiling_per_s=0.0,
        ratio_to_ceiling=0.0,
        publish_to_stored_ms=_percentiles(probes.delays_ms()),
        publish_to_push_ms=_percentiles(_push_delays_ms(received, times)),
        epoch_pause_ms={
            "p50": round((pauses.value("daybeat_live_epoch_pause_p50_seconds") or 0.0) * 1000, 2),
            "max": round((pauses.value("daybeat_live_epoch_pause_max_seconds") or 0.0) * 1000, 2),
        },
        cpu_us_per_reading={name: round(used / sent["sent"] * 1e6, 1) for name, used in cpu.items()},
        rss_mb={name: round(one.rss_mb, 1) for name, one in (usage | load_usage).items()},
        users=options.users,
        connected=listeners.connected,
        fired_share=round(fired_share, 4),
        lost=lost,
        offered_per_s=options.rate,
        seconds=round(sent["seconds"], 1),
        backlog_at_half=backlog.at(0.5),
        backlog_at_end=backlog.at(0.98),
    )
    times.close()
    return report


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _token(stack: Stack, user: str) -> str:
    return make_token(
        user,
        secret=stack.secret,
        audience=stack.settings.token_audience,
        expires_at=datetime.now(UTC) + timedelta(hours=12),
        scope=Scope.PERSON,
    )


def _pids(stack: Stack) -> dict[str, int]:
    if stack.servers is None or stack.supervisor is None:
        raise InputError("servers given from outside cannot be measured", where="bench e2e")
    servers = stack.servers
    pids = {
        "mosquitto": servers.mosquitto.pid,
        "redis": servers.redis.pid,
        "postgres": servers.postgres.pid,
    }
    return pids | {one.name: one.pid for one in stack.supervisor.statuses() if one.pid is not None}


def _watch_backlog(stack: Stack, load: Load, probes: Probes) -> _Backlog:
    """Sample the backlog twice a second until the load has been sent."""
    backlog = _Backlog()
    while not load.results.poll(0.5):
        status = stack.status()
        stored = status.value("daybeat_history_rows_total", table="readings")
        tracked = status.value("daybeat_live_readings_total")
        sent = int(np.count_nonzero(load.times.ns) + load.times.bulk[0]) + probes.published
        backlog.samples.append((time.monotonic(), sent - int(min(stored, tracked))))
    return backlog


def _drain_backlog(stack: Stack, sent: int) -> None:
    _say("waiting until everything is tracked and stored")
    with contextlib.suppress(TimeoutError):  # what is missing shows in the share that fired
        _wait_for(lambda: stack.status().value("daybeat_live_readings_total") >= sent, "readings", 120)
    with psycopg.connect(stack.urls.database, autocommit=True) as connection:
        query = "SELECT count(*) FROM daybeat.readings WHERE user_id LIKE 'person-%'"

        def is_stored() -> bool:
            row = connection.execute(query).fetchone()
            return row is not None and row[0] >= sent

        with contextlib.suppress(TimeoutError):  # what is missing is reported as lost
            _wait_for(is_stored, "rows", 120, every_s=2)


def _count(database_url: str) -> tuple[int, int]:
    """Return how many of the load's readings are stored, and how many fired a rule."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        stored = connection.execute(
            "SELECT count(*) FROM daybeat.readings WHERE user_id LIKE 'person-%'"
        ).fetchone()
        fired = connection.execute("SELECT count(DISTINCT firing_id) FROM daybeat.decisions").fetchone()
    return (stored or (0,))[0], (fired or (0,))[0]


def _push_delays_ms(received: Sequence[Pushed], times: PublishTimes) -> NDArray[np.float64]:
    first: dict[int, int] = {}
    for one in received:
        first.setdefault(one.seq, one.received_ns)
    delays = [(received_ns - times.ns[seq]) / 1e6 for seq, received_ns in first.items()]
    return np.array(delays, np.float64)


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "n": len(values)}


def _wait_for(done: Callable[[], bool], what: str, within_s: float, *, every_s: float = 0.2) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            msg = f"{what} did not arrive within {within_s:.0f} s"
            raise TimeoutError(msg)
        time.sleep(every_s)
