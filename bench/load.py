"""A fast MQTT load: raw PUBLISH packets at a steady rate from a process of its own.

A client library would cost more than the system under test. Publish times go into shared memory, indexed by
the reading's ``seq``, so that another process can match them with what it sees. They are of CLOCK_MONOTONIC,
which is one clock for all processes of a machine.
"""

import multiprocessing
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

BATCH_S: Final = 0.002
"""Messages of this long are written at once: 30 messages at 15,000/s."""

_CONNECT, _CONNACK, _PUBLISH_QOS1, _PINGREQ = 0x10, 0x20, 0x32, 0xC0
_RECEIVE_BYTES = 1 << 16


@dataclass(frozen=True)
class LoadPlan:
    """What one load process sends. Reading ``i`` has ``seq`` = ``first_seq`` + i."""

    port: int
    topics: Sequence[bytes]
    """Topic of message ``i`` is ``topics[order[i]]``."""
    order: NDArray[np.int32]
    bodies: Sequence[bytes]
    """JSON after the time and seq fields, such as ``"energy_level":0.5}``; i has ``bodies[kinds[i]]``"""
    kinds: NDArray[np.int16]
    rate: float
    """Messages per second; 0: as fast as the broker takes them."""
    first_seq: int = 0
    unacked_max: int = 20_000
    big_every_s: float = 0.0
    """Seconds between messages of ``big_message`` readings by one further device; 0: none."""
    big_readings: int = 2000


class PublishTimes:
    """Monotonic publish times in ns by ``seq``, shared between processes; 0 where not yet published."""

    def __init__(self, memory: SharedMemory, count: int) -> None:
        self._memory = memory
        self.ns: NDArray[np.int64] = np.ndarray((count,), np.int64, buffer=memory.buf)
        self.bulk: NDArray[np.int64] = np.ndarray((1,), np.int64, buffer=memory.buf, offset=count * 8)
        """How many readings went out in big messages."""

    @classmethod
    def create(cls, count: int) -> Self:
        """Return times for ``count`` readings."""
        memory = SharedMemory(create=True, size=(count + 1) * 8)
        times = cls(memory, count)
        times.ns[:] = 0
        times.bulk[0] = 0
        return times

    @property
    def name(self) -> str:
        """The name under which another process attaches."""
        return self._memory.name

    def close(self) -> None:
        """Free the memory."""
        del self.ns, self.bulk
        self._memory.close()
        self._memory.unlink()


@dataclass
class Load:
    """A running load process."""

    process: multiprocessing.Process
    results: Connection
    times: PublishTimes
    _result: dict[str, float] | None = field(default=None)

    def wait(self, timeout_s: float) -> dict[str, float]:
        """Return ``sent``, ``acked``, ``seconds`` once everything has been sent and acknowledged."""
        if self._result is None:
            if not self.results.poll(timeout_s):
                self.process.terminate()
                msg = f"the load did not finish within {timeout_s:.0f} s"
                raise TimeoutError(msg)
            self._result = self.results.recv()
            self.process.join()
        return self._result


def start_load(plan: LoadPlan) -> Load:
    """Start a process that sends ``plan``."""
    times = PublishTimes.create(plan.first_seq + len(plan.order))
    receive, send = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_send_all, args=(plan, times, send), name="load")
    process.start()
    return Load(process, receive, times)  # type: ignore[arg-type]  # a ForkProcess is a Process


class RawPublisher:
    """The least of MQTT 3.1.1 that a load needs: CONNECT, PUBLISH with QoS 1, counting PUBACKs."""

    def __init__(self, port: int, client_id: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = client_id.encode()
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", len(name)) + name
        self._socket.sendall(bytes([_CONNECT, len(body)]) + body)
        reply = self._socket.recv(4)
        if len(reply) != 4 or reply[0] != _CONNACK or reply[3] != 0:
            msg = f"the broker on port {port} refused the load"
            raise ConnectionError(msg)
        self._mid = 0
        self._rest = b""
        self.acked = 0

    def packet(self, topic: bytes, payload: bytes) -> bytes:
        """Return one PUBLISH packet with the next message id."""
        self._mid = self._mid % 65_535 + 1
        length = 4 + len(topic) + len(payload)
        head = bytearray([_PUBLISH_QOS1])
        while True:
            length, digit = length >> 7, length & 0x7F
            head.append(digit | 0x80 if length else digit)
            if not length:
                break
        return b"".join((head, struct.pack(">H", len(topic)), topic, struct.pack(">H", self._mid), payload))

    def send(self, data: bytes) -> None:
        """Write packets, taking acknowledgements while the broker is slow to read."""
        view = memoryview(data)
        self._socket.setblocking(False)
        while view:
            readable, writable, _ = select.select([self._socket], [self._socket], [], 1.0)
            if readable:
                self.take_acks()
            if writable:
                view = view[self._socket.send(view) :]

    def take_acks(self) -> None:
        """Count the PUBACKs that have come; each is four bytes."""
        self._socket.setblocking(False)
        try:
            received = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        if not received:
            msg = "the broker closed the load's connection"
            raise ConnectionError(msg)
        data = self._rest + received
        whole = len(data) // 4
        self.acked += whole
        self._rest = data[whole * 4 :]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _send_all(plan: LoadPlan, times: PublishTimes, results: Connection) -> None:
    publisher = RawPublisher(plan.port, f"load-{plan.first_seq}")
    began = time.perf_counter()
    send = _send_steadily if plan.rate else _send_fast
    send(plan, publisher, times)
    count = len(plan.order)
    deadline = time.monotonic() + 60
    while publisher.acked < count and time.monotonic() < deadline:
        publisher.take_acks()
        time.sleep(0.001)
    results.send({"sent": count, "acked": publisher.acked, "seconds": time.perf_counter() - began})
    publisher.close()


def _send_steadily(plan: LoadPlan, publisher: RawPublisher, times: PublishTimes) -> None:
    count, began, sent = len(plan.order), time.perf_counter(), 0
    big = _BigMessages(plan, publisher)
    while sent < count:
        due = min(count, int((time.perf_counter() - began) * plan.rate) + 1)
        if due > sent and sent - publisher.acked < plan.unacked_max:
            _send_slice(plan, publisher, times, sent, due)
            sent = due
        publisher.take_acks()
        times.bulk[0] += big.send_if_due()
        time.sleep(BATCH_S)


def _send_fast(plan: LoadPlan, publisher: RawPublisher, times: PublishTimes) -> None:
    count = len(plan.order)
    for first in range(0, count, 200):
        _send_slice(plan, publisher, times, first, min(count, first + 200))
        while publisher.acked < first - plan.unacked_max:
            publisher.take_acks()


def _send_slice(plan: LoadPlan, publisher: RawPublisher, times: PublishTimes, first: int, upto: int) -> None:
    now_us = time.time_ns() // 1000
    second = datetime.fromtimestamp(now_us // 1_000_000, UTC).strftime('{"time":"%Y-%m-%dT%H:%M:%S.').encode()
    # Readings of one write have times of their own, so that every one has its own identity.
    fraction = min(now_us % 1_000_000, 999_999 - (upto - first))
    packet = publisher.packet
    order, kinds = plan.order[first:upto].tolist(), plan.kinds[first:upto].tolist()
    seq = plan.first_seq + first
    data = b"".join(
        packet(
            plan.topics[topic], b'%b%06dZ","seq":%d,%b' % (second, fraction + i, seq + i, plan.bodies[kind])
        )
        for i, (topic, kind) in enumerate(zip(order, kinds, strict=True))
    )
    times.ns[seq : seq + len(order)] = time.monotonic_ns()
    publisher.send(data)


class _BigMessages:
    """One device that sends many readings in one message, now and then."""

    def __init__(self, plan: LoadPlan, publisher: RawPublisher) -> None:
        self._plan = plan
        self._publisher = publisher
        self._next = time.perf_counter() + plan.big_every_s
        self._seq = 0

    def send_if_due(self) -> int:
        """Send one message of many readings if its time has come; return how many."""
        plan = self._plan
        if not plan.big_every_s or time.perf_counter() < self._next:
            return 0
        self._next += plan.big_every_s
        # 2,000 readings, 250 µs apart, the last one now.
        now_us = time.time_ns() // 1000
        moment: Callable[[int], str] = lambda us: datetime.fromtimestamp(us / 1e6, UTC).strftime(  # noqa: E731
            "%Y-%m-%dT%H:%M:%S.%fZ"
        )
        rows = []
        for index in range(plan.big_readings):
            self._seq += 1
            at = moment(now_us - (plan.big_readings - index) * 250)
            rows.append(f'{{"time":"{at}","seq":{self._seq},"heart_rate_bpm":{60 + index % 40}}}')
        self._publisher.send(
            self._publisher.packet(b"v1/bulk/logger/readings", f"[{','.join(rows)}]".encode())
        )
        # The load waits for acknowledgements of its own messages only.
        self._publisher.acked -= 1
        return plan.big_readings
