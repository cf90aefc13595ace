"""A gateway in a thread of the test, a device that speaks to it, and what the log then holds."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from ingest.gateway import Gateway, GatewayConfig
from schemas.dead_letters import DeadLetter
from schemas.frames import decode_frame
from stores.log import START, Entry, EntryKind, Log

LONG_S = 20.0
"""Far more than anything here takes; only a failing test waits so long."""


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of ``condition``; fail if it never comes."""
    deadline = time.monotonic() + LONG_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def now_us() -> int:
    return time.time_ns() // 1000


class GatewayRun:
    """A running gateway."""

    def __init__(self, mqtt_url: str, log: Log, *, client_id: str, patience: timedelta) -> None:
        self.registry = CollectorRegistry()
        config = GatewayConfig(mqtt_url, client_id=client_id, patience=patience)
        self._gateway = Gateway(config, log, now_us=now_us, registry=self.registry)
        self._stop = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._gateway.run(self._stop)
        except BaseException as error:  # noqa: BLE001  # raised in the test's thread
            self.failure = error

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def wait_connected(self) -> Self:
        wait_until(
            lambda: self.failure or self.metric("daybeat_gateway_connected"), "the gateway's connection"
        )
        if self.failure is not None:
            raise self.failure
        return self

    def stop(self) -> None:
        self._stop.set()
        self.join()

    def join(self) -> None:
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()


@contextmanager
def running_gateway(
    mqtt_url: str, log: Log, *, client_id: str, patience: timedelta = timedelta(seconds=10)
) -> Iterator[GatewayRun]:
    """Run a gateway for the length of a ``with`` block; a failure of its own is raised at the end."""
    run = GatewayRun(mqtt_url, log, client_id=client_id, patience=patience)
    try:
        yield run.wait_connected()
    finally:
        run.stop()
    if run.failure is not None:
        raise run.failure


def forget_session(mqtt_port: int, client_id: str) -> None:
    """Drop a durable session at the broker."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
    done = threading.Event()
    client.on_connect = lambda *_: done.set()
    client.connect("127.0.0.1", mqtt_port)
    client.loop_start()
    assert done.wait(LONG_S)
    client.disconnect()
    client.loop_stop()


class Device:
    """An MQTT client that keeps what is not acknowledged by the application and sends it again."""

    def __init__(self, mqtt_port: int, *, user: str = "ada", device: str = "watch") -> None:
        self.topic = f"v1/{user}/{device}/readings"
        self.acks: list[dict[str, Any]] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe(f"v1/{user}/{device}/acks", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.acks.append(
            orjson.loads(message.payload)
        )
        self._client.connect("127.0.0.1", mqtt_port)
        self._client.loop_start()
        assert self._subscribed.wait(LONG_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, payload: bytes, *, topic: str | None = None, qos: int = 1) -> None:
        """Publish and return when the broker has confirmed."""
        handle = self._client.publish(topic or self.topic, payload, qos=qos)
        handle.wait_for_publish(LONG_S)
        assert handle.is_published()

    def publish_unconfirmed(self, payload: bytes, *, acked: bool = False) -> None:
        self._client.publish(self.topic + ("/acked" if acked else ""), payload, qos=1)

    def acked_seqs(self) -> set[int]:
        return {ack["seq"] for ack in self.acks}


def entries_of(log: Log, kind: EntryKind) -> list[Entry]:
    return [
        entry
        for partition, end in log.ends().items()
        for entry in log.read_range(partition, START, end)
        if entry.kind == kind
    ]


Identity = tuple[str, str, int, int]


def identities_in(log: Log) -> Counter[Identity]:
    """Return how often each reading stands in the log, by user, device, time and digest."""
    counts: Counter[Identity] = Counter()
    for entry in entries_of(log, EntryKind.READINGS):
        frame = decode_frame(entry.payload)
        times, digests = frame.time_us.tolist(), frame.digest.tolist()
        counts.update(zip(frame.users, frame.devices, times, digests, strict=True))
    return counts


def seqs_in(log: Log) -> Counter[int]:
    """Return how often each ``seq`` stands in the log."""
    return Counter(
        seq
        for entry in entries_of(log, EntryKind.READINGS)
        for seq in decode_frame(entry.payload).seq.tolist()
    )


def letters_in(log: Log) -> list[DeadLetter]:
    entries = entries_of(log, EntryKind.DEAD_LETTER)
    return [DeadLetter.model_validate_json(entry.payload) for entry in entries]


def reading(seq: int, *, at_us: int | None = None, **fields: object) -> bytes:
    """Return a good reading as a device sends it."""
    at_us = now_us() if at_us is None else at_us
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_us // 1_000_000))
    body = {"time": f"{moment}.{at_us % 1_000_000:06d}Z", "seq": seq, "heart_rate_bpm": 60 + seq % 60}
    return orjson.dumps(body | fields)


def array_of(readings: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(readings) + b"]"
