"""Publishes device messages over MQTT as real devices would, and knows which of them are safe.

Messages go to ``…/readings/acked``. What the gateway has not acknowledged is the backlog: callers bound it,
and what stays in it for long is sent again (a reading is stored once, however often it comes).
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

import orjson
import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from ingest.broker import BrokerAddress
from ingest.device_messages import DeviceMessage, encode_readings
from schemas.errors import UnavailableError

KEEPALIVE_S: Final = 30
IN_FLIGHT_MAX: Final = 1000
"""MQTT messages that the broker has not confirmed."""
RESEND_AFTER_S: Final = 15.0
"""A message without the gateway's ack is sent again after this time, then after twice as long, and so on."""
SENT_KEPT: Final = 50_000
"""Readings whose moment of publishing is remembered, to measure latency by."""
_SUBSCRIBE_AT_ONCE: Final = 100

ReadingKey = tuple[str, str, int]
"""User, device and seq of a reading."""


@dataclass(frozen=True, slots=True)
class PublishCounts:
    """How far publishing has come."""

    messages: int
    readings: int
    refused: int
    """Readings that the gateway put into dead letters."""
    unacked: int
    """Readings that are published and not yet known to be safe."""
    sent_again: int
    """Messages sent once more."""


@dataclass(slots=True)
class _Outstanding:
    topic: str
    payload: bytes
    readings: int
    again_at_s: float
    wait_s: float


class Publisher:
    """One connection that publishes for any number of devices. Used as a context manager.

    Numbers each device's readings from ``first_seq`` upwards, so a run that starts above all earlier ones
    never uses a number twice.
    """

    def __init__(self, address: BrokerAddress, *, users: Iterable[str], first_seq: int) -> None:
        self._address = address
        self._ack_topics = [f"v1/{user}/+/acks" for user in users]
        self._first_seq = first_seq
        self._next_seq: dict[tuple[str, str], int] = {}
        self._changed = threading.Condition()
        self._is_connected = False
        self._refusal: str | None = None
        self._subscribing: set[int | None] = set()
        self._outstanding: dict[ReadingKey, _Outstanding] = {}
        self._sent_ns: dict[ReadingKey, int] = {}
        self._messages = self._readings = self._refused = self._unacked = self._sent_again = 0
        self._client = self._make_client()

    def open(self, *, patience: timedelta) -> Self:
        """Connect and subscribe to the acks.

        Raises:
            UnavailableError: no broker answered within ``patience``, or it refused us.
        """
        deadline_s = time.monotonic() + patience.total_seconds()
        self._client.connect_async(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        with self._changed:
            while not (self._is_connected and not self._subscribing):
                left_s = deadline_s - time.monotonic()
                if self._refusal is not None or left_s <= 0:
                    break
                self._changed.wait(left_s)
            else:
                return self
        self.close()
        raise UnavailableError(
            self._refusal or f"no broker answered within {patience.total_seconds():g} s",
            where=str(self._address),
            mend="start it with daybeat up, or set DAYBEAT_MQTT_URL to a running one",
        )

    def close(self) -> None:
        """Disconnect; what is not acknowledged by now is the gateway's and the broker's business."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, message: DeviceMessage, *, shift_us: int = 0) -> None:
        """Publish one message with its times moved by ``shift_us``; returns at once."""
        device = (message.user_id, message.device_id)
        with self._changed:
            seq = self._next_seq.get(device, self._first_seq)
            self._next_seq[device] = seq + len(message.readings)
            sent = _Outstanding(
                topic=f"{message.topic}/acked",
                payload=encode_readings(message, first_seq=seq, shift_us=shift_us),
                readings=len(message.readings),
                again_at_s=time.monotonic() + RESEND_AFTER_S,
                wait_s=RESEND_AFTER_S,
            )
            self._outstanding[(*device, seq)] = sent
            self._messages += 1
            self._readings += sent.readings
            self._unacked += sent.readings
            now_ns = time.perf_counter_ns()
            for index in range(sent.readings):
                self._sent_ns[(*device, seq + index)] = now_ns
            while len(self._sent_ns) > SENT_KEPT:
                del self._sent_ns[next(iter(self._sent_ns))]
        self._client.publish(sent.topic, sent.payload, qos=1)

    def number_from(self, first_seq: int) -> None:
        """Number every device's next readings from ``first_seq`` or higher, to tell them apart."""
        with self._changed:
            self._first_seq = max(self._first_seq, first_seq)
            self._next_seq = {device: max(seq, first_seq) for device, seq in self._next_seq.items()}

    def wait_for_backlog(self, readings_max: int, *, timeout: timedelta) -> bool:
        """Wait until at most ``readings_max`` readings are unacknowledged; tell whether that came true."""
        deadline_s = time.monotonic() + timeout.total_seconds()
        while True:
            with self._changed:
                if self._unacked <= readings_max:
                    return True
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(min(left_s, 1.0))
            self._send_again()

    def sent_ns(self, user_id: str, device_id: str, seq: int) -> int | None:
        """Return when a reading was published, by ``time.perf_counter_ns``; None if that is not known."""
        with self._changed:
            return self._sent_ns.get((user_id, device_id, seq))

    def counts(self) -> PublishCounts:
        """Return how far publishing has come."""
        with self._changed:
            return PublishCounts(
                self._messages, self._readings, self._refused, self._unacked, self._sent_again
            )

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        client.max_inflight_messages_set(IN_FLIGHT_MAX)
        client.reconnect_delay_set(min_delay=1, max_delay=4)
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_ack
        return client

    def _send_again(self) -> None:
        now_s = time.monotonic()
        with self._changed:
            overdue = [sent for sent in self._outstanding.values() if sent.again_at_s <= now_s]
            for sent in overdue:
                sent.wait_s *= 2
                sent.again_at_s = now_s + sent.wait_s
            self._sent_again += len(overdue)
        for sent in overdue:
            self._client.publish(sent.topic, sent.payload, qos=1)
        if overdue:
            structlog.get_logger().warning("readings_sent_again", messages=len(overdue))

    # Callbacks run in paho's thread. It re-raises what they raise there, so they must not.

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        with self._changed:
            self._refusal = f"the broker refused the connection: {code}" if code.is_failure else None
            self._is_connected = not code.is_failure
            if self._is_connected:
                for start in range(0, len(self._ack_topics), _SUBSCRIBE_AT_ONCE):
                    some = self._ack_topics[start : start + _SUBSCRIBE_AT_ONCE]
                    self._subscribing.add(client.subscribe([(topic, 1) for topic in some])[1])
            self._changed.notify_all()

    def _on_disconnect(self, *_arguments: Any) -> None:
        with self._changed:
            self._is_connected = False
            self._subscribing.clear()

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, mid: int, _codes: Any, _properties: Any
    ) -> None:
        with self._changed:
            self._subscribing.discard(mid)
            self._changed.notify_all()

    def _on_ack(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        _, user_id, device_id, _ = message.topic.split("/")
        try:
            ack = orjson.loads(message.payload)
            seq, refused = ack["seq"], len(ack["refused"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            structlog.get_logger().warning("ack_not_understood", topic=message.topic)
            return
        with self._changed:
            sent = self._outstanding.pop((user_id, device_id, seq), None)
            if sent is not None:
                self._unacked -= sent.readings
                self._refused += refused
                self._changed.notify_all()
