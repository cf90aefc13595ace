"""FAILURES rows 1 to 4 and 21: broker and gateway die in the worst moments; what was acked is there."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from daybeat.servers import LocalServers
from schemas.dead_letters import Refusal
from schemas.positions import EntryId
from schemas.readings import digest_of, parse_message, time_us_of
from stores.connections import connect_redis
from stores.log import EntryKind, NewEntry, RedisLog
from support.gateway_run import (
    Device,
    Identity,
    forget_session,
    identities_in,
    letters_in,
    reading,
    running_gateway,
    seqs_in,
    wait_until,
)

pytestmark = [pytest.mark.servers, pytest.mark.chaos]
PARTITIONS = 8
LONG_S = 30


@pytest.fixture
def client_id(mqtt_port: int) -> Iterator[str]:
    name = f"gateway-{uuid.uuid4().hex[:12]}"
    yield name
    forget_session(mqtt_port, name)


@pytest.fixture
def log(servers: LocalServers, redis_client: redis.Redis) -> Iterator[RedisLog]:
    redis_client.flushall()
    client = connect_redis(servers.redis_url, patience=timedelta(seconds=5))
    yield RedisLog.open(client, partitions=PARTITIONS, bytes_max=2**30)
    client.close()


def _identity(payload: bytes) -> Identity:
    (one,) = parse_message(payload)
    time_us = time_us_of(one["time"])
    assert time_us is not None
    return "ada", "watch", time_us, digest_of(one)


def test_app_acked_readings_survive_a_broker_killed_in_mid_burst(
    servers: LocalServers, log: RedisLog, client_id: str, mqtt_port: int
) -> None:
    payloads = {seq: reading(seq) for seq in range(3000)}
    kill_at = random.randrange(200, 2500)
    with (
        running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway,
        Device(mqtt_port) as device,
    ):
        for seq, payload in payloads.items():
            device.publish_unconfirmed(payload, acked=True)
            if seq == kill_at:
                wait_until(lambda: device.acks, "a first ack")
                servers.mosquitto.kill()
                # What a device was told to be safe is in the log at that moment, not at some later one.
                safe = device.acked_seqs()
                assert {_identity(payloads[one]) for one in safe} <= set(identities_in(log))
                servers.mosquitto.start()
        wait_until(lambda: gateway.metric("daybeat_gateway_connected"), "the gateway's return")
        while missing := set(payloads) - device.acked_seqs():
            enough = len(device.acks) + len(missing)
            for seq in sorted(missing):
                device.publish_unconfirmed(payloads[seq], acked=True)
            wait_until(lambda enough=enough: len(device.acks) >= enough, "acks")
    assert set(identities_in(log)) == {_identity(payload) for payload in payloads.values()}


def test_readings_published_before_the_gateway_starts_wait_for_it(
    servers: LocalServers, log: RedisLog, client_id: str, mqtt_port: int
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=client_id):
        pass
    with Device(mqtt_port) as device:
        for seq in range(1500):
            device.publish_unconfirmed(reading(seq), acked=True)
        device.publish(reading(1500), topic=f"{device.topic}/acked")
        assert seqs_in(log) == Counter()
        with running_gateway(servers.mqtt_url, log, client_id=client_id):
            wait_until(lambda: device.acked_seqs() == set(range(1501)), "all acks")
    assert seqs_in(log) == Counter(range(1501))


def _run_until_it_dies(
    failpoint: str, servers: LocalServers, client_id: str, device: Device, payload: bytes
) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [
            sys.executable,
            str(root / "tests" / "support" / "dying_gateway.py"),
            failpoint,
            servers.mqtt_url,
            servers.redis_url,
            client_id,
            str(PARTITIONS),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])},
    )
    try:
        device.publish(payload, topic=f"{device.topic}/acked")
        assert process.wait(LONG_S) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


COPIES_IN_THE_LOG = {"checked": 1, "appended": 2, "acknowledged": 2}
"""By failpoint. Copies have one identity, and the store keeps one."""


@pytest.mark.parametrize("failpoint", COPIES_IN_THE_LOG)
def test_a_gateway_killed_after_any_step_loses_nothing_and_repeats_with_the_same_identity(
    servers: LocalServers, log: RedisLog, client_id: str, mqtt_port: int, failpoint: str
) -> None:
    payload = reading(7, hrv_rmssd_ms=42.5)
    with running_gateway(servers.mqtt_url, log, client_id=client_id):
        pass  # the session exists from now on
    with Device(mqtt_port) as device:
        _run_until_it_dies(failpoint, servers, client_id, device, payload)
        assert device.acks == []
        with running_gateway(servers.mqtt_url, log, client_id=client_id):
            if failpoint == "acknowledged":
                # The broker has no reason to send it again; the device has: its ack is missing.
                assert identities_in(log) == Counter([_identity(payload)])
                device.publish(payload, topic=f"{device.topic}/acked")
            wait_until(lambda: device.acks, "the ack")
    assert identities_in(log) == Counter({_identity(payload): COPIES_IN_THE_LOG[failpoint]})


def test_poison_stays_out_of_the_way_after_the_gateway_was_killed_on_it(
    servers: LocalServers, log: RedisLog, client_id: str, mqtt_port: int
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=client_id):
        pass
    with Device(mqtt_port) as device:
        for number in range(24):
            device.publish(b'{"heart_rate_bpm":%d}' % (1000 + number))
        _run_until_it_dies("checked", servers, client_id, device, b'{"heart_rate_bpm":1024}')
        with running_gateway(servers.mqtt_url, log, client_id=client_id):
            device.publish(reading(1), topic=f"{device.topic}/acked")
            wait_until(lambda: 1 in device.acked_seqs(), "the ack of the good reading")
    assert seqs_in(log) == Counter([1])
    letters = letters_in(log)
    assert {letter.payload for letter in letters} == {
        b'{"heart_rate_bpm":%d}' % (1000 + n) for n in range(25)
    }
    assert {letter.reason for letter in letters} == {Refusal.OUT_OF_BOUNDS}


class LogWithAGate(RedisLog):
    """Appends readings only while its gate is open."""

    gate: threading.Event
    waiting: threading.Event

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        if any(entry.kind == EntryKind.READINGS for entry in entries):
            self.waiting.set()
            assert self.gate.wait(LONG_S)
        return super().append(entries)


def test_an_ack_is_never_sent_on_a_later_connection_than_its_message_came_on(
    servers: LocalServers, redis_client: redis.Redis, client_id: str, mqtt_port: int
) -> None:
    log = LogWithAGate.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    log.gate, log.waiting = threading.Event(), threading.Event()
    with running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway, Device(mqtt_port) as device:
        client = gateway._gateway._client
        acknowledged: list[list[int]] = []
        send = client.acknowledge

        def note_and_send(mids: Sequence[int]) -> None:
            acknowledged.append(list(mids))
            send(mids)

        client.acknowledge = note_and_send  # type: ignore[method-assign]
        device.publish_unconfirmed(reading(1), acked=True)
        assert log.waiting.wait(LONG_S)
        client.socket().shutdown(socket.SHUT_RDWR)
        wait_until(
            lambda: gateway.metric("daybeat_gateway_messages_total") == 2, "the message's second coming"
        )
        log.gate.set()
        wait_until(lambda: len(device.acks) == 2, "both acks")
        wait_until(
            lambda: gateway.metric("daybeat_gateway_unacked_messages") == 0, "nothing to be acknowledged"
        )
    assert [len(mids) for mids in acknowledged] == [1]
    assert seqs_in(log) == Counter({1: 2})
    assert len(identities_in(log)) == 1
