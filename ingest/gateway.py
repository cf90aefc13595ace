"""The gateway: from the broker to the log. A message is acknowledged when the log has made it durable.

One thread talks to the broker: it reads, checks, acknowledges and keeps the connection alive. A second one
appends (``ingest/appender.py``). While one batch is being appended the next one gathers, so batches grow with
the load by themselves. What is in memory is bounded by the broker's window of unacknowledged messages and by
``GATHERED_BYTES_MAX``. Next on a reading's way: ``stores/log.py``.
"""

import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from prometheus_client import CollectorRegistry

from ingest.appender import Appender
from ingest.broker import CONNECT_TIMEOUT_S, BrokerAddress, BrokerClient, Received
from ingest.gateway_metrics import GatewayMetrics
from ingest.intake import Message, TakenIn, take_in
from stores.connections import Patience, backoff_pauses_s
from stores.log import Log

TOPICS: Final = ("v1/+/+/readings", "v1/+/+/readings/acked")

GATHERED_BYTES_MAX: Final = 128 * 1024 * 1024
"""With so much waiting for the log, nothing more is read: the broker keeps it, and in the end cuts us off."""

_BATCH_MESSAGES_MAX: Final = 4096
_BATCH_BYTES_MAX: Final = 1024 * 1024
"""Checking a batch takes at most about 100 ms, so acks and keepalive are never late."""

_STRETCH_MAX: Final = 8
"""Under load a batch gathers up to so many times ``flush_ms``: a frame costs as much as three readings."""

_TURN_LONGEST_S: Final = 0.1
_MISC_EVERY_S: Final = 1.0
_STOP_PATIENCE_S: Final = 2.0
_SETTLED_S: Final = 10.0
"""After so long a connection counts as good: the pauses before the next ones are short again."""
_SAY_EVERY_ATTEMPTS: Final = 10
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The settings of a gateway."""

    mqtt_url: str
    client_id: str = "daybeat-gateway"
    """Names the durable session; two gateways with one id would cut each other off."""
    flush_ms: float = 5.0
    """How long a batch gathers while little arrives."""
    patience: timedelta = timedelta(seconds=60)
    """How long the broker is waited for at start; later it is waited for without end."""


@dataclass(slots=True)
class _Batch:
    """What is being appended, and what is owed for it."""

    taken: TakenIn
    mids: list[int]
    connection: int


@dataclass(slots=True)
class _Gathered:
    """Messages that wait for their turn."""

    messages: list[Message] = field(default_factory=list)
    mids: list[int] = field(default_factory=list)
    size_bytes: int = 0
    since_s: float = 0.0

    def add(self, received: Received) -> None:
        if not self.messages:
            self.since_s = time.monotonic()
        self.messages += received.messages
        self.mids += received.mids
        self.size_bytes += sum([len(message.payload) for message in received.messages])

    def take(self) -> Received:
        """Remove and return the oldest messages, as many as one batch may hold."""
        count = min(len(self.messages), _BATCH_MESSAGES_MAX)
        if self.size_bytes > _BATCH_BYTES_MAX:
            count = self._count_within(_BATCH_BYTES_MAX)
        taken = Received(self.messages[:count], self.mids[:count])
        del self.messages[:count], self.mids[:count]
        self.size_bytes -= sum([len(message.payload) for message in taken.messages])
        return taken

    def forget_unacknowledged(self) -> None:
        """Drop what the broker will send again on the next connection."""
        kept = [message for message, mid in zip(self.messages, self.mids, strict=True) if not mid]
        self.messages, self.mids = kept, [0] * len(kept)
        self.size_bytes = sum(len(message.payload) for message in kept)

    def _count_within(self, bytes_max: int) -> int:
        size_bytes = 0
        for count, message in enumerate(self.messages[:_BATCH_MESSAGES_MAX]):
            size_bytes += len(message.payload)
            if size_bytes > bytes_max:
                return max(count, 1)
        return min(len(self.messages), _BATCH_MESSAGES_MAX)


class Gateway:
    """Takes readings from the broker into the log until it is told to stop."""

    def __init__(
        self, config: GatewayConfig, log: Log, *, now_us: Callable[[], int], registry: CollectorRegistry
    ) -> None:
        self._config = config
        self._partitions = log.partitions
        self._metrics = GatewayMetrics(registry)
        self._appender = Appender(log, now_us=now_us, metrics=self._metrics)
        self._address = BrokerAddress.parse(config.mqtt_url)
        self._client = BrokerClient(self._address, client_id=config.client_id, now_us=now_us)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._gathered = _Gathered()
        self._batch: _Batch | None = None
        self._connection = 0
        self._is_connected = False
        self._refused_by_broker = ""
        self._next_misc_s = 0.0
        self._next_connect_s = 0.0
        self._connected_s = 0.0
        self._failed_attempts = 0
        self._pauses = backoff_pauses_s()

    def run(self, stop: threading.Event) -> None:
        """Return when ``stop`` is set and what was being appended is acknowledged.

        Raises:
            UnavailableError: the broker did not answer at start within the patience.
        """
        self._appender.start()
        try:
            self._connect_first(stop)
            while not stop.is_set():
                self._turn()
            self._finish()
        finally:
            self._appender.stop(patience_s=_STOP_PATIENCE_S)
            self._is_connected = False
            self._metrics.connected.set(0)
            self._client.leave()
            _log.info("gateway_stopped")

    def _connect_first(self, stop: threading.Event) -> None:
        patience = Patience(
            "the MQTT broker",
            str(self._address),
            self._config.patience,
            mend="start it, or set DAYBEAT_MQTT_URL",
        )
        while not stop.is_set() and not self._try_to_connect():
            stop.wait(patience.pause_s(ConnectionError(self._refused_by_broker or "no answer")))

    def _try_to_connect(self) -> bool:
        """Return whether the broker took us; waits for its answer for a short time."""
        self._refused_by_broker = ""
        try:
            self._client.open()
        except OSError as error:
            self._refused_by_broker = str(error)
            return False
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        while not self._is_connected and time.monotonic() < deadline_s and self._client.socket() is not None:
            self._talk(_TURN_LONGEST_S)
        return self._is_connected

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        may_connect = not self._is_connected and time.monotonic() >= self._next_connect_s
        if may_connect and not self._try_to_connect():
            self._next_connect_s = time.monotonic() + next(self._pauses)
            if self._failed_attempts % _SAY_EVERY_ATTEMPTS == 0:
                reason = self._refused_by_broker or "no answer"
                _log.warning("waiting_for_broker", address=str(self._address), reason=reason)
            self._failed_attempts += 1
        self._talk(self._wait_s())
        if self._batch is None and self._gathered.messages and self._due_s() <= time.monotonic():
            self._hand_over()

    def _talk(self, wait_s: float) -> None:
        """Wait at most ``wait_s`` for the broker or the log, and take what they say."""
        sock: Any = self._client.socket()
        wake = self._appender.wake
        readers = [wake] if sock is None or self._gathered.size_bytes > GATHERED_BYTES_MAX else [wake, sock]
        writers = [sock] if sock is not None and self._client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], wait_s)
        if wake in readable and self._appender.take_done():
            self._settle()
        if sock in readable:
            received = self._client.receive()
            self._metrics.messages.inc(len(received.messages))
            self._gathered.add(received)
        if writable and self._client.socket() is sock:
            self._client.loop_write()
        now_s = time.monotonic()
        if now_s >= self._next_misc_s:
            self._next_misc_s = now_s + _MISC_EVERY_S
            self._client.loop_misc()
            self._count_unacked()

    def _wait_s(self) -> float:
        if self._batch is not None or not self._gathered.messages:
            return _TURN_LONGEST_S
        return min(_TURN_LONGEST_S, max(0.0, self._due_s() - time.monotonic()))

    def _due_s(self) -> float:
        """Return when the gathered messages are to be appended, on the monotonic clock in seconds."""
        count = len(self._gathered.messages)
        # Up to half a message per partition the wait is flush_ms; more of them come faster, and wait longer.
        stretch = min(max(1.0, 2 * count / self._partitions), _STRETCH_MAX)
        if count >= _STRETCH_MAX * 2 * self._partitions or self._gathered.size_bytes > _BATCH_BYTES_MAX:
            stretch = 0.0
        return self._gathered.since_s + stretch * self._config.flush_ms / 1000

    def _hand_over(self) -> None:
        received = self._gathered.take()
        taken = take_in(received.messages, partitions=self._partitions)
        self._batch = _Batch(taken, received.mids, self._connection)
        self._appender.hand_over(taken.entries)

    def _settle(self) -> None:
        """Acknowledge the batch that has become durable."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if batch.connection == self._connection and self._is_connected:
            # Packet ids belong to the connection that they came on; the broker sends the others again.
            self._client.acknowledge(batch.mids)
        for ack in batch.taken.acks:
            self._client.publish(ack.topic, ack.payload, qos=1)
        self._metrics.count_stored(batch.taken.readings, batch.taken.refused)

    def _finish(self) -> None:
        """Append what has been gathered and acknowledge it, if that takes no longer than a moment."""
        deadline_s = time.monotonic() + _STOP_PATIENCE_S
        while time.monotonic() < deadline_s and (self._batch is not None or self._gathered.messages):
            if self._batch is None:
                self._hand_over()
            readable, _, _ = select.select([self._appender.wake], [], [], _TURN_LONGEST_S)
            if readable and self._appender.take_done():
                self._settle()
        while self._client.want_write() and self._is_connected and time.monotonic() < deadline_s:
            self._client.loop_write()

    def _count_unacked(self) -> None:
        in_flight = sum(map(bool, self._batch.mids)) if self._batch else 0
        self._metrics.unacked_messages.set(in_flight + sum(map(bool, self._gathered.mids)))

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused_by_broker = f"it refused the connection: {reason}"
            return
        self._connection += 1
        self._is_connected = True
        self._connected_s = time.monotonic()
        self._failed_attempts = 0
        self._metrics.connected.set(1)
        self._client.subscribe([(topic, 1) for topic in TOPICS])
        _log.info(
            "gateway_connected",
            address=str(self._address),
            client_id=self._config.client_id,
            session_present=flags.session_present,
        )

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if not self._is_connected:
            return
        self._is_connected = False
        self._metrics.connected.set(0)
        self._gathered.forget_unacknowledged()
        now_s = time.monotonic()
        if now_s - self._connected_s >= _SETTLED_S:
            self._pauses = backoff_pauses_s()
        # Another gateway with our client id would cut us off at once, and we it: the pauses keep that slow.
        self._next_connect_s = now_s + next(self._pauses)
        _log.warning("gateway_disconnected", address=str(self._address), reason=str(reason))
