"""What is read from the broker's socket in bulk is what paho itself would have read."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from ingest.broker import BrokerAddress, BrokerClient
from schemas.errors import InputError

Seen = tuple[str, bytes, int]
"""Topic, payload, packet id."""


def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _publish(topic: str, payload: bytes, mid: int) -> bytes:
    """Return a PUBLISH packet: QoS 1, or QoS 0 where ``mid`` is 0."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if mid else b"") + payload
    return bytes([0x32 if mid else 0x30]) + _varint(len(body)) + body


PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x03\x00\x01\x01"
PACKETS = st.lists(
    st.one_of(
        st.builds(
            _publish,
            st.sampled_from(["v1/ada/watch/readings", "é", "v1/" + "b" * 200 + "/x/readings/acked"]),
            st.one_of(st.binary(max_size=40), st.integers(100, 20_000).map(lambda size: b"x" * size)),
            st.integers(0, 65_535),
        ),
        st.sampled_from([PINGRESP, SUBACK]),
    ),
    max_size=8,
)


@contextmanager
def _connected(client: mqtt.Client) -> Iterator[socket.socket]:
    """Give the broker's end of a client's connection."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    client._sock = theirs
    with ours, theirs:
        yield ours
    client._sock = None


def _as_paho_reads(data: bytes) -> list[Seen]:
    seen: list[Seen] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, manual_ack=True)
    client.on_message = lambda _client, _data, message: seen.append(
        (message.topic, message.payload, message.mid)
    )
    with _connected(client) as broker:
        broker.sendall(data)
        broker.shutdown(socket.SHUT_WR)
        while client.socket() is not None:
            client.loop_read()
    return seen


def _client() -> BrokerClient:
    return BrokerClient(BrokerAddress("127.0.0.1", 1), client_id="test", now_us=lambda: 7)


def _as_we_read(chunks: list[bytes]) -> list[Seen]:
    seen: list[Seen] = []
    client = _client()

    def receive() -> None:
        received = client.receive()
        for message, mid in zip(received.messages, received.mids, strict=True):
            assert message.arrival_us == 7
            seen.append((message.topic.decode(), message.payload, mid))

    with _connected(client) as broker:
        for chunk in chunks:
            broker.sendall(chunk)
            receive()
        broker.shutdown(socket.SHUT_WR)
        while client.socket() is not None:
            receive()
    return seen


@given(PACKETS, st.data())
def test_packets_arrive_whole_however_the_stream_is_cut(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _as_we_read(chunks) == _as_paho_reads(stream)


def test_the_end_of_the_connection_is_told_once() -> None:
    ends: list[Any] = []
    client = _client()
    client.on_disconnect = lambda *arguments: ends.append(arguments)
    with _connected(client) as broker:
        broker.sendall(_publish("v1/a/b/readings", b"{}", 1)[:-1])
        broker.shutdown(socket.SHUT_WR)
        assert client.receive().messages == []
        assert client.receive().messages == []
        assert client.socket() is None
    assert len(ends) == 1


def test_acknowledgements_go_out_in_one_write_and_qos_0_gets_none() -> None:
    client = _client()
    with _connected(client) as broker:
        client.acknowledge([1, 0, 258, 65_535])
        assert broker.recv(100) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
        client.acknowledge([0, 0])
        assert not client.want_write()


def test_acknowledgements_wait_for_a_broker_that_does_not_read() -> None:
    client = _client()
    with _connected(client) as broker:
        broker.setblocking(False)
        sent = 0
        while not client.want_write():
            client.acknowledge([1] * 10_000)
            sent += 40_000
        received = 0
        while received < sent:
            received += len(broker.recv(1 << 20))
            client.loop_write()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://127.0.0.1:1884", BrokerAddress("127.0.0.1", 1884)),
        ("mqtt://broker", BrokerAddress("broker", 1883)),
        ("mqtts://broker", BrokerAddress("broker", 8883, tls=True)),
        ("mqtt://me:p%40ss@broker", BrokerAddress("broker", 1883, username="me", password="p@ss")),
    ],
)
def test_addresses_of_brokers_are_read(url: str, expected: BrokerAddress) -> None:
    assert BrokerAddress.parse(url) == expected


@pytest.mark.parametrize(
    "url", ["127.0.0.1:1883", "http://broker", "mqtt://", "mqtt://broker:port", "mqtt://broker:99999"]
)
def test_what_is_no_address_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="not an address of an MQTT broker"):
        BrokerAddress.parse(url)


def test_an_address_is_shown_without_its_password() -> None:
    address = BrokerAddress.parse("mqtt://me:secret@broker")
    assert str(address) == "mqtt://broker:1883"
    assert "secret" not in repr(address)
