"""Our four services: how each is built from the settings and run as a process of its own.

What a service needs is imported when it is run, so that one does not pay for the others.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from daybeat.ports import check_free
from daybeat.settings import Settings, required
from daybeat.supervise import Service


class ServiceName(StrEnum):
    """The services, in the order of a reading's way."""

    GATEWAY = "gateway"
    LIVE = "live"
    HISTORY = "history"
    PUSH = "push"


def service_process(name: ServiceName, settings: Settings, environment: dict[str, str]) -> Service:
    """Return how a service is started as a process: ``python -m daybeat serve NAME``.

    Args:
        name: which service.
        settings: handed over as variables.
        environment: what else the process finds in its environment.
    """
    arguments = (sys.executable, "-m", "daybeat", "serve", name.value)
    return Service(name.value, arguments, {**environment, **settings.environment()})


def run_service(name: ServiceName, settings: Settings) -> None:
    """Run a service until SIGTERM or SIGINT; returns after an orderly end.

    Raises:
        DaybeatError: it cannot start, or cannot go on.
    """
    structlog.contextvars.bind_contextvars(service=name.value)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    _RUNNERS[name](settings, registry)


def _run_gateway(settings: Settings, registry: CollectorRegistry) -> None:
    from ingest.gateway import Gateway, GatewayConfig  # noqa: PLC0415  # see the module's docstring
    from stores.connections import connect_redis  # noqa: PLC0415
    from stores.log import RedisLog  # noqa: PLC0415

    config = GatewayConfig(
        mqtt_url=required(settings.mqtt_url, "mqtt_url"),
        flush_ms=settings.flush_ms,
        patience=_patience(settings),
    )
    redis_url = required(settings.redis_url, "redis_url")
    with _stop_event() as stop, _metrics_at(settings, settings.metrics_port_gateway, registry, "gateway"):
        client = connect_redis(redis_url, patience=_patience(settings))
        log = RedisLog.open(client, partitions=settings.partitions, bytes_max=settings.log_bytes_max)
        Gateway(config, log, now_us=settings.read_clock().now_us, registry=registry).run(stop)
        client.close()


def _run_live(settings: Settings, registry: CollectorRegistry) -> None:
    from dataflows.live import LiveConfig, run_live  # noqa: PLC0415

    config = LiveConfig(
        redis_url=required(settings.redis_url, "redis_url"),
        partitions=settings.partitions,
        log_bytes_max=settings.log_bytes_max,
        state_folder=settings.state_folder / "live",
        default_zone=settings.default_time_zone,
        hrv_window=timedelta(seconds=settings.hrv_window_s),
        epoch_interval=timedelta(seconds=settings.epoch_interval_s),
        checkpoint_interval=timedelta(seconds=settings.checkpoint_interval_s),
        patience=_patience(settings),
    )
    with _stop_event() as stop, _metrics_at(settings, settings.metrics_port_live, registry, "live"):
        run_live(config, registry=registry, stop=stop)


def _run_history(settings: Settings, registry: CollectorRegistry) -> None:
    from dataflows.history import HistoryConfig, run_history  # noqa: PLC0415

    config = HistoryConfig(
        redis_url=required(settings.redis_url, "redis_url"),
        database_url=required(settings.database_url, "database_url"),
        partitions=settings.partitions,
        log_bytes_max=settings.log_bytes_max,
        log_keep=settings.log_keep,
        state_folder=settings.state_folder / "history",
        epoch_interval=timedelta(seconds=settings.epoch_interval_s),
        readings_keep=settings.readings_keep,
        accept_gap=settings.history_accept_gap,
        patience=_patience(settings),
    )
    with _stop_event() as stop, _metrics_at(settings, settings.metrics_port_history, registry, "history"):
        run_history(config, registry=registry, stop=stop)


def _run_push(settings: Settings, registry: CollectorRegistry) -> None:
    from adaptation.rules import builtin_rules  # noqa: PLC0415
    from adaptation.rules.shown import show_rules  # noqa: PLC0415
    from push.server import PushConfig, run_push  # noqa: PLC0415

    secret = settings.token_secret
    clock = settings.read_clock()
    config = PushConfig(
        redis_url=required(settings.redis_url, "redis_url"),
        database_url=required(settings.database_url, "database_url"),
        host=settings.http_host,
        port=settings.http_port,
        token_secret=required(secret.get_secret_value() if secret else None, "token_secret"),
        token_audience=settings.token_audience,
        partitions=settings.partitions,
        log_bytes_max=settings.log_bytes_max,
        shipped_rules=show_rules(builtin_rules()),
        allowed_origins=tuple(one.strip() for one in settings.allowed_origins.split(",") if one.strip()),
        patience=_patience(settings),
        default_time_zone=settings.default_time_zone,
    )
    with _stop_event() as stop:
        asyncio.run(run_push(config, now=clock.now, speed=clock.speed, registry=registry, stop=stop))


_RUNNERS: Final[dict[ServiceName, Callable[[Settings, CollectorRegistry], None]]] = {
    ServiceName.GATEWAY: _run_gateway,
    ServiceName.LIVE: _run_live,
    ServiceName.HISTORY: _run_history,
    ServiceName.PUSH: _run_push,
}


def _patience(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.patience_s)


@contextmanager
def _stop_event() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, lambda _number, _frame: stop.set())
    yield stop
    stop.set()


@contextmanager
def _metrics_at(settings: Settings, port: int, registry: CollectorRegistry, name: str) -> Iterator[None]:
    """Serve ``/metrics`` while the service runs; not at all where ``port`` is 0."""
    if port == 0:
        yield
        return
    check_free(
        settings.metrics_host, port, user=f"{name} metrics", setting=f"DAYBEAT_METRICS_PORT_{name.upper()}"
    )
    server, thread = start_http_server(port, addr=settings.metrics_host, registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
