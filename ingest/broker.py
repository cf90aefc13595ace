"""The gateway's connection to the MQTT broker: paho-mqtt, read and acknowledged in bulk.

paho takes three reads of the socket, several locks and a callback for each message, which is more than all
the rest of the gateway. Here one read brings many packets. PUBLISH packets are taken out of it at once; every
other packet is handed to paho, which keeps the session: connecting, subscribing, keepalive, our own messages.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from ingest.intake import Message
from schemas.errors import InputError

KEEPALIVE_S: Final = 30
CONNECT_TIMEOUT_S: Final = 2.0
_RECEIVE_BYTES: Final = 256 * 1024
_APP_ACKS_IN_FLIGHT_MAX: Final = 1000
_LEAVE_TIMEOUT_S: Final = 1.0
_PUBLISH: Final = 3
_DISCONNECT: Final = b"\xe0\x00"
_QOS_BITS: Final = 0b0110


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker listens, and who we are there."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address written as ``mqtt://[user:password@]host[:port]`` or ``mqtts://…``.

        Raises:
            InputError: it is not such an address.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise InputError(
                "not an address of an MQTT broker",
                where="DAYBEAT_MQTT_URL",
                mend="write it like mqtt://127.0.0.1:1883",
            )
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class Received(NamedTuple):
    """What one read of the socket brought; parallel lists."""

    messages: list[Message]
    mids: list[int]
    """Packet ids to acknowledge; 0 for QoS 0."""


class BrokerClient(mqtt.Client):
    """A durable session at the broker whose messages are fetched by :meth:`receive`."""

    def __init__(self, address: BrokerAddress, *, client_id: str, now_us: Callable[[], int]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.connect_timeout = CONNECT_TIMEOUT_S
        self.max_inflight_messages_set(_APP_ACKS_IN_FLIGHT_MAX)
        if address.username is not None:
            self.username_pw_set(address.username, address.password)
        if address.tls:
            self.tls_set()
        self.connect_async(address.host, address.port, keepalive=KEEPALIVE_S)
        self._now_us = now_us
        self._buffer = b""
        self._packet = b""
        self._at_end = False

    def open(self) -> None:
        """Connect and send CONNECT; ``on_connect`` tells when the broker has answered.

        Raises:
            OSError: the broker cannot be reached.
        """
        self._buffer = self._packet = b""
        self._at_end = False
        self.reconnect()

    def receive(self) -> Received:
        """Return the messages that are there to be read, stamped with their arrival.

        If the connection is at its end, ``on_disconnect`` is called.
        """
        try:
            data = super()._sock_recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return Received([], [])
        except OSError:
            data = b""
        if not data:
            self._at_end = True
            self.loop_read()
            return Received([], [])
        received = Received([], [])
        self._buffer += data
        end = self._take_packets(received, self._now_us())
        self._buffer = self._buffer[end:]
        return received

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACK for these packet ids, in one write."""
        acks = b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids if mid])
        if acks:
            self._packet_queue(PacketTypes.PUBACK << 4, acks, 0, 1)

    def leave(self) -> None:
        """Disconnect, and wait a moment until the broker has read all that we sent.

        Closing a socket while messages are still coming in on it makes the kernel reset the connection, and
        the broker would lose our last acknowledgements with it.
        """
        sock = self.socket()
        if isinstance(sock, socket.socket):
            try:
                sock.settimeout(_LEAVE_TIMEOUT_S)
                sock.sendall(_DISCONNECT)
                sock.shutdown(socket.SHUT_WR)
                deadline_s = time.monotonic() + _LEAVE_TIMEOUT_S
                while sock.recv(_RECEIVE_BYTES) and time.monotonic() < deadline_s:
                    pass
            except OSError:
                pass  # it is gone already: what it has not heard of it sends again
        self.disconnect()

    def _take_packets(self, received: Received, arrival_us: int) -> int:
        """Take all whole packets out of the buffer; return where the first incomplete one begins."""
        buffer = self._buffer
        at = 0
        while (span := _packet_span(buffer, at)) is not None:
            body, end = span
            topic_begin = body + 2
            topic_end = topic_begin + int.from_bytes(buffer[body:topic_begin], "big")
            qos = (buffer[at] & _QOS_BITS) >> 1
            payload_begin = topic_end + 2 * qos
            if buffer[at] >> 4 == _PUBLISH and qos <= 1 and payload_begin <= end:
                received.mids.append(int.from_bytes(buffer[topic_end:payload_begin], "big"))
                received.messages.append(
                    Message(buffer[topic_begin:topic_end], buffer[payload_begin:end], arrival_us)
                )
            else:
                self._hand_over(buffer[at:end])
                if self.socket() is None:
                    return len(buffer)
            at = end
        return at

    def _hand_over(self, packet: bytes) -> None:
        """Let paho handle one packet that is not an ordinary message."""
        self._packet = packet
        while self._packet and self.socket() is not None:
            if self.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    def _sock_recv(self, bufsize: int) -> bytes:
        # What paho reads has been received already; it sees one packet at a time.
        if self._packet:
            data, self._packet = self._packet[:bufsize], self._packet[bufsize:]
            return data
        if self._at_end:
            return b""
        raise BlockingIOError


def _packet_span(buffer: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at ``at`` begins and ends; None if it is not whole yet."""
    length = 0
    for place in range(4):
        body = at + 2 + place
        if body > len(buffer):
            return None
        byte = buffer[body - 1]
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    end = body + length
    return (body, end) if end <= len(buffer) else None
