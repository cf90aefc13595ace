"""A gateway as a process of its own that kills itself (SIGKILL) right after a step; a script for tests."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from ingest import gateway as gateway_module
from ingest.broker import BrokerClient
from ingest.gateway import Gateway, GatewayConfig
from schemas.positions import EntryId
from stores.connections import connect_redis
from stores.log import EntryKind, NewEntry, RedisLog
from support.gateway_run import now_us


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class LogThatKills(RedisLog):
    """Appends a batch with readings for real, and then there is no gateway any more."""

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        ids = super().append(entries)
        if any(entry.kind == EntryKind.READINGS for entry in entries):
            die()
        return ids


def _then_die(step: Callable[..., Any]) -> Callable[..., Any]:
    def step_and_die(*arguments: Any, **named: Any) -> Any:
        step(*arguments, **named)
        die()

    return step_and_die


def main(failpoint: str, mqtt_url: str, redis_url: str, client_id: str, partitions: int) -> None:
    log_class = LogThatKills if failpoint == "appended" else RedisLog
    if failpoint == "checked":
        gateway_module.take_in = _then_die(gateway_module.take_in)  # type: ignore[assignment]
    if failpoint == "acknowledged":
        BrokerClient.acknowledge = _then_die(BrokerClient.acknowledge)  # type: ignore[method-assign]
    client = connect_redis(redis_url, patience=timedelta(seconds=5))
    log = log_class.open(client, partitions=partitions, bytes_max=2**30)
    config = GatewayConfig(mqtt_url, client_id=client_id)
    Gateway(config, log, now_us=now_us, registry=CollectorRegistry()).run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:5], partitions=int(sys.argv[5]))
