"""The push server: one port for the websocket, the page and the stored series.

It listens (``push/listen.py``), follows the live streams (``push/dispatch.py``), keeps a session for each
connection (``push/sessions.py``), appends commands to the log (``push/commands.py``) and answers HTTP
(``push/http.py``). PostgreSQL may be down: then the series are missing, and what was changed long ago cannot
be taken back.
"""

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from push.assets import load_assets
from push.catch_up import CatchUp
from push.command_checks import CommandChecks
from push.commands import CommandAppender
from push.delays import ArrivalToPush
from push.dispatch import Dispatcher
from push.http import Health, HttpSite
from push.listen import listen
from push.metrics import PushMetrics
from push.origins import Origins
from push.session import Desk, SessionLimits
from push.sessions import SWEEP_S, Sessions
from push.tokens import Access, check_secret, read_token
from schemas.rule_entries import RulesShown
from stores.adaptations import AdaptationStore
from stores.cancelling import cancel_all
from stores.connections import connect_redis, connect_redis_async
from stores.feed import FeedReader
from stores.log import RedisLog
from stores.series import OVERLAP, SeriesStore

STORE_PATIENCE: Final = timedelta(seconds=5)
"""How long a connecting client waits for Redis before it is asked to come back later."""

_STOP_LOOK_S: Final = 0.1
_HISTORY_LAG_S: Final = 30.0
"""Real seconds that stored decisions may lag behind stored readings."""


@dataclass(frozen=True)
class PushConfig:
    """What the push server needs to know."""

    redis_url: str
    database_url: str
    host: str
    port: int
    """0: a free one."""
    token_secret: str = field(repr=False)
    token_audience: str
    partitions: int
    log_bytes_max: int
    shipped_rules: RulesShown = field(repr=False)
    """The rules in force where none were loaded."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages, such as ``https://app.example``, besides the server's own page."""
    patience: timedelta = timedelta(seconds=60)
    """How long Redis is waited for at the start."""
    default_time_zone: str = "UTC"
    limits: SessionLimits = field(default_factory=SessionLimits)
    sweep_s: float = SWEEP_S


async def run_push(
    config: PushConfig,
    *,
    now: Callable[[], datetime],
    speed: float,
    registry: CollectorRegistry,
    stop: asyncio.Event | threading.Event,
) -> None:
    """Serve until ``stop`` is set; arguments and errors as of :func:`serve_push`."""
    async with serve_push(config, now=now, speed=speed, registry=registry) as running:
        waits = {asyncio.create_task(running.failure()), asyncio.create_task(_until_set(stop))}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(waits)
        for wait in done:
            wait.result()


async def _until_set(stop: asyncio.Event | threading.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110  # a threading.Event cannot be awaited
        await asyncio.sleep(_STOP_LOOK_S)


@dataclass(frozen=True)
class RunningPush:
    """A push server that serves."""

    port: int
    tasks: tuple[asyncio.Task[None], ...]
    """What runs beside the connections; none of it ends by itself."""

    async def failure(self) -> None:
        """Return never; raise what ended a task. Without it the server must not pretend to work."""
        done, _ = await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@asynccontextmanager
async def serve_push(
    config: PushConfig, *, now: Callable[[], datetime], speed: float, registry: CollectorRegistry
) -> AsyncIterator[RunningPush]:
    """Serve while the context is open.

    Args:
        config: addresses, secret and limits.
        now: Daybeat's clock; tokens keep real time.
        speed: how many of its seconds pass in a real one.
        registry: where the metrics go; ``/metrics`` shows all that is in it.

    Raises:
        InputError: the secret is too short, an address is none, or the log has another number of partitions.
        UnavailableError: Redis does not answer, or the port is taken.
    """
    token_reader = partial(_read_token, check_secret(config.token_secret), config.token_audience)
    _allow_many_files()
    async with _stores(config, speed) as stores:
        metrics = PushMetrics(registry)
        commands = CommandAppender(stores.log, now=now, metrics=metrics)
        catch_up = CatchUp(
            stores.reader,
            now=now,
            default_zone=config.default_time_zone,
            shipped_rules=config.shipped_rules,
        )
        checks = CommandChecks(catch_up, stores.adaptations)
        sessions = Sessions(Desk(token_reader, catch_up, checks, commands, metrics, config.limits))
        delays = ArrivalToPush(now=now, speed=speed, histogram=metrics.arrival_to_push)
        dispatcher = Dispatcher(stores.reader, sessions, partitions=config.partitions, delays=delays)
        site = HttpSite(
            assets=await asyncio.to_thread(load_assets),
            series=stores.series,
            delays=delays,
            read_token=token_reader,
            registry=registry,
            health=lambda: Health(dispatcher.is_following, len(sessions), dispatcher.is_following),
            now=now,
            speed=speed,
        )
        origins = Origins(config.allowed_origins)
        await dispatcher.begin()
        async with listen(config.host, config.port, sessions=sessions, site=site, origins=origins) as port:
            sweep = sessions.sweep(now=lambda: datetime.now(UTC), every_s=config.sweep_s)
            tasks = tuple(asyncio.create_task(work) for work in (commands.run(), dispatcher.run(), sweep))
            try:
                yield RunningPush(port, tasks)
            finally:
                await cancel_all(tasks)


@dataclass(frozen=True)
class _Stores:
    log: RedisLog
    reader: FeedReader
    series: SeriesStore
    adaptations: AdaptationStore


@asynccontextmanager
async def _stores(config: PushConfig, speed: float) -> AsyncIterator[_Stores]:
    async with AsyncExitStack() as stack:
        log_client = await asyncio.to_thread(connect_redis, config.redis_url, patience=config.patience)
        stack.callback(log_client.close)
        client = await connect_redis_async(config.redis_url, patience=config.patience)
        stack.push_async_callback(client.aclose)
        overlap = max(OVERLAP, timedelta(seconds=_HISTORY_LAG_S * speed))
        series = SeriesStore(config.database_url, speed=speed, overlap=overlap)
        stack.push_async_callback(series.close)
        # Its own connection: a person who takes a change back waits for no page's series.
        adaptations = AdaptationStore(config.database_url)
        stack.push_async_callback(adaptations.close)
        log = await asyncio.to_thread(
            RedisLog.open, log_client, partitions=config.partitions, bytes_max=config.log_bytes_max
        )
        reader = FeedReader(client, config.partitions, patience=STORE_PATIENCE)
        yield _Stores(log, reader, series, adaptations)


def _read_token(secret: str, audience: str, token: str) -> Access:
    return read_token(token, secret=secret, audience=audience, now=datetime.now(UTC))


def _allow_many_files() -> None:
    """Raise this process's limit of open files as far as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
