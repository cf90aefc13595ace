"""The gateway between a real broker and a real log: nothing stalls it, nothing is acknowledged too early."""

import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import redis
from structlog.testing import capture_logs

from daybeat.ports import free_port
from daybeat.servers import LocalServers
from ingest import gateway as gateway_module
from schemas.dead_letters import Refusal
from schemas.errors import InputError, UnavailableError
from schemas.measures import MESSAGE_BYTES_MAX
from schemas.positions import EntryId
from stores.connections import connect_redis
from stores.keys import log_key
from stores.log import EntryKind, NewEntry, RedisLog
from support.gateway_run import (
    Device,
    GatewayRun,
    array_of,
    entries_of,
    forget_session,
    letters_in,
    now_us,
    reading,
    running_gateway,
    seqs_in,
    wait_until,
)

pytestmark = pytest.mark.servers
PARTITIONS = 8


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


@pytest.fixture
def gateway(servers: LocalServers, log: RedisLog, client_id: str) -> Iterator[GatewayRun]:
    with running_gateway(servers.mqtt_url, log, client_id=client_id) as run:
        yield run


@pytest.fixture
def device(mqtt_port: int) -> Iterator[Device]:
    with Device(mqtt_port) as one:
        yield one


def _acked(device: Device, seq: int) -> None:
    wait_until(lambda: seq in device.acked_seqs(), f"the ack of {seq}")


def test_a_reading_is_in_the_log_when_its_app_ack_comes(
    gateway: GatewayRun, log: RedisLog, device: Device
) -> None:
    device.publish(reading(812), topic=f"{device.topic}/acked")
    wait_until(lambda: device.acks, "the ack")
    assert device.acks == [{"seq": 812, "readings": 1, "refused": []}]
    assert seqs_in(log) == Counter([812])
    assert gateway.metric("daybeat_gateway_readings_total") == 1


def test_25_bad_messages_do_not_hold_up_a_good_one(
    gateway: GatewayRun, log: RedisLog, device: Device
) -> None:
    for number in range(25):
        device.publish_unconfirmed(b'{"heart_rate_bpm":%d}' % (1000 + number))
    device.publish_unconfirmed(reading(1), acked=True)
    _acked(device, 1)
    assert seqs_in(log) == Counter([1])
    letters = letters_in(log)
    assert Counter(letter.reason for letter in letters) == Counter({Refusal.OUT_OF_BOUNDS: 25})
    assert {letter.payload for letter in letters} == {
        b'{"heart_rate_bpm":%d}' % (1000 + n) for n in range(25)
    }
    assert gateway.metric("daybeat_gateway_refused_total", reason="out_of_bounds") == 25


KINDS_OF_BAD_INPUT = {
    "malformed JSON": (b"{", None, Refusal.MALFORMED_JSON),
    "NaN": (b'{"heart_rate_bpm":NaN}', None, Refusal.MALFORMED_JSON),
    "out of bounds": (b'{"heart_rate_bpm":251}', None, Refusal.OUT_OF_BOUNDS),
    "bad user id": (b'{"steps":1}', "v1/a da/watch/readings", Refusal.BAD_TOPIC),
    "bad device id": (b'{"steps":1}', "v1/ada/wa.tch/readings", Refusal.BAD_TOPIC),
    "huge message": (b'{"steps":1}' + b" " * MESSAGE_BYTES_MAX, None, Refusal.MESSAGE_TOO_LONG),
    "future time": (b'{"steps":1,"time":"2099-01-01T00:00:00Z"}', None, Refusal.FUTURE_TIME),
    "nothing": (b"", None, Refusal.MALFORMED_JSON),
}


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("kind", KINDS_OF_BAD_INPUT)
@pytest.mark.parametrize("qos", [0, 1])
def test_each_kind_of_bad_input_becomes_a_durable_dead_letter(
    log: RedisLog, device: Device, kind: str, qos: int
) -> None:
    payload, topic, reason = KINDS_OF_BAD_INPUT[kind]
    device.publish(payload, topic=topic, qos=qos)
    (letter,) = wait_until(lambda: letters_in(log), "the dead letter")
    assert (letter.reason, letter.payload) == (reason, payload[:MESSAGE_BYTES_MAX])
    assert letter.topic == (topic or device.topic)


@pytest.mark.usefixtures("gateway")
def test_a_message_on_a_foreign_topic_is_not_taken(log: RedisLog, device: Device) -> None:
    device.publish(reading(1), topic="v2/ada/watch/readings")
    device.publish(reading(2), topic="v1/ada/readings")
    device.publish(reading(3), topic=f"{device.topic}/acked")
    _acked(device, 3)
    assert seqs_in(log) == Counter([3])


@pytest.mark.usefixtures("gateway")
def test_one_reading_from_2099_does_not_hold_up_a_hundred_normal_ones(log: RedisLog, device: Device) -> None:
    device.publish_unconfirmed(b'{"heart_rate_bpm":64,"seq":0,"time":"2099-01-01T00:00:00Z"}', acked=True)
    for seq in range(1, 101):
        device.publish_unconfirmed(reading(seq), acked=True)
    wait_until(lambda: device.acked_seqs() == set(range(101)), "all acks")
    assert seqs_in(log) == Counter(range(1, 101))
    assert [letter.reason for letter in letters_in(log)] == [Refusal.FUTURE_TIME]


@pytest.mark.usefixtures("gateway")
def test_an_array_of_readings_is_one_message_with_one_ack(log: RedisLog, device: Device) -> None:
    device.publish(array_of([reading(seq) for seq in range(100, 2100)]), topic=f"{device.topic}/acked")
    _acked(device, 100)
    assert device.acks == [{"seq": 100, "readings": 2000, "refused": []}]
    assert seqs_in(log) == Counter(range(100, 2100))


def test_time_goes_on_in_the_log_without_any_reading(gateway: GatewayRun, log: RedisLog) -> None:
    assert gateway.metric("daybeat_gateway_messages_total") == 0
    begin_us = now_us()
    ticks = wait_until(
        lambda: [t for t in entries_of(log, EntryKind.TICK) if t.entry_id.ms * 1000 > begin_us], "a tick"
    )
    assert b'"arrival_us":' in ticks[0].payload
    wait_until(
        lambda: (
            Counter(t.partition for t in entries_of(log, EntryKind.TICK)).keys() == set(range(PARTITIONS))
        ),
        "ticks of every partition",
    )


def test_a_full_log_is_not_acknowledged_and_taken_up_again_after_a_trim(
    servers: LocalServers, redis_client: redis.Redis, client_id: str, device: Device
) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=200_000)
    with capture_logs() as lines, running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway:
        sent = 0
        while not gateway.metric("daybeat_log_full"):
            for _ in range(20):
                device.publish_unconfirmed(reading(sent, extra={"note": secrets.token_hex(1500)}), acked=True)
                sent += 1
            wait_until(
                lambda sent=sent: gateway.metric("daybeat_log_full") or len(device.acks) == sent,
                "a full log, or acks",
            )
        stored = seqs_in(log)
        assert device.acked_seqs() <= set(stored)
        assert len(device.acks) < sent
        wait_until(lambda: gateway.metric("daybeat_gateway_unacked_messages"), "the count of what waits")
        log.commit("live", log.ends())
        log.trim(consumers=("live",), keep=timedelta(0))
        wait_until(lambda: device.acked_seqs() == set(range(sent)), "all acks")
        assert gateway.metric("daybeat_log_full") == 0
    events = [line["event"] for line in lines]
    assert events.count("log_full") == 1
    assert events.index("log_full") < events.index("log_takes_again")


def test_a_redis_that_stops_is_waited_for_without_any_ack(
    servers: LocalServers, gateway: GatewayRun, log: RedisLog, device: Device
) -> None:
    device.publish_unconfirmed(reading(1), acked=True)
    _acked(device, 1)
    servers.redis.kill()
    try:
        with capture_logs() as lines:
            for seq in range(2, 52):
                device.publish_unconfirmed(reading(seq), acked=True)
            wait_until(lambda: gateway.metric("daybeat_gateway_messages_total") == 51, "the messages")
            wait_until(
                lambda: [line for line in lines if line["event"] == "log_unavailable"], "a word about it"
            )
        assert device.acked_seqs() == {1}
    finally:
        servers.redis.start()
    wait_until(lambda: device.acked_seqs() == set(range(1, 52)), "all acks")
    assert set(seqs_in(log)) == set(range(1, 52))


def test_a_frozen_redis_does_not_cost_the_connection_to_the_broker(
    servers: LocalServers, gateway: GatewayRun, log: RedisLog, device: Device
) -> None:
    servers.redis.pause()
    try:
        device.publish_unconfirmed(reading(1), acked=True)
        wait_until(lambda: gateway.metric("daybeat_gateway_messages_total") == 1, "the message")
        assert device.acks == []
    finally:
        servers.redis.resume()
    _acked(device, 1)
    assert gateway.metric("daybeat_gateway_connected") == 1
    assert set(seqs_in(log)) == {1}


def test_what_was_gathered_is_stored_and_acknowledged_before_the_gateway_stops(
    servers: LocalServers, log: RedisLog, client_id: str, device: Device
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway:
        for seq in range(500):
            device.publish_unconfirmed(reading(seq))
        wait_until(lambda: gateway.metric("daybeat_gateway_messages_total") > 0, "messages")
    with running_gateway(servers.mqtt_url, log, client_id=client_id):
        device.publish(reading(500), topic=f"{device.topic}/acked")
        _acked(device, 500)
        wait_until(lambda: len(seqs_in(log)) == 501, "all readings")
    assert seqs_in(log) == Counter(range(501))


class LogWithAGate(RedisLog):
    """Appends readings only while its gate is open."""

    gate: threading.Event

    def append(self, entries: Sequence[NewEntry]) -> list[EntryId]:
        if any(entry.kind == EntryKind.READINGS for entry in entries):
            assert self.gate.wait(30)
        return super().append(entries)


def test_a_gateway_that_may_not_append_leaves_messages_at_the_broker(
    servers: LocalServers,
    redis_client: redis.Redis,
    client_id: str,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway_module, "GATHERED_BYTES_MAX", 100_000)
    log = LogWithAGate.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    log.gate = threading.Event()
    with running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway:
        for seq in range(200):
            note = {"note": secrets.token_hex(1800)}
            device.publish(array_of([reading(seq, extra=note)] * 5), topic=f"{device.topic}/acked")
        begin = gateway.metric("daybeat_gateway_append_seconds_count")
        assert gateway.metric("daybeat_gateway_messages_total") < 200
        assert gateway.metric("daybeat_gateway_append_seconds_count") == begin
        log.gate.set()
        wait_until(lambda: device.acked_seqs() == set(range(200)), "all acks")


def test_a_gateway_told_to_stop_does_not_wait_for_a_redis_that_is_away(
    servers: LocalServers, log: RedisLog, client_id: str, device: Device
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=client_id) as gateway:
        servers.redis.stop()
        device.publish_unconfirmed(reading(1), acked=True)
        wait_until(lambda: gateway.metric("daybeat_gateway_messages_total") == 1, "the message")
    servers.redis.start()
    assert device.acks == []
    with running_gateway(servers.mqtt_url, log, client_id=client_id):
        _acked(device, 1)


def test_a_broker_that_is_not_there_is_waited_for_and_then_named(log: RedisLog) -> None:
    url = f"mqtt://me:secret@127.0.0.1:{free_port()}"
    with capture_logs() as lines:
        run = GatewayRun(url, log, client_id="gateway-without", patience=timedelta(milliseconds=500))
        run.join()
    assert isinstance(run.failure, UnavailableError)
    assert "the MQTT broker did not answer for 0.5 s" in str(run.failure)
    assert "DAYBEAT_MQTT_URL" in run.failure.mend
    waiting = [line for line in lines if line["event"] == "waiting_for_server"]
    assert len(waiting) == 1
    assert "secret" not in f"{run.failure}{lines}"


def test_a_broker_that_comes_late_is_met(
    servers: LocalServers, log: RedisLog, client_id: str, mqtt_port: int
) -> None:
    servers.mosquitto.stop()
    try:
        run = GatewayRun(servers.mqtt_url, log, client_id=client_id, patience=timedelta(seconds=20))
        wait_until(lambda: entries_of(log, EntryKind.TICK), "a tick while the broker is away")
    finally:
        servers.mosquitto.start()
    run.wait_connected()
    with Device(mqtt_port) as device:
        device.publish(reading(1), topic=f"{device.topic}/acked")
        _acked(device, 1)
    run.stop()
    assert run.failure is None


def test_what_is_no_broker_address_is_refused_at_once(log: RedisLog) -> None:
    with pytest.raises(InputError, match="not an address of an MQTT broker"):
        GatewayRun("http://127.0.0.1", log, client_id="x", patience=timedelta(0))


def test_an_error_that_nobody_expects_ends_the_gateway(
    servers: LocalServers, redis_client: redis.Redis, client_id: str
) -> None:
    log = RedisLog.open(redis_client, partitions=PARTITIONS, bytes_max=2**30)
    redis_client.set(log_key(0), "not a stream")
    run = GatewayRun(servers.mqtt_url, log, client_id=client_id, patience=timedelta(seconds=5))
    run.join()
    assert isinstance(run.failure, redis.ResponseError)


@pytest.mark.usefixtures("gateway")
def test_health_values_never_reach_the_log_lines(log: RedisLog, device: Device) -> None:
    with capture_logs() as lines:
        device.publish(b'{"heart_rate_bpm":298.7251}')
        device.publish(b'{"hrv_rmssd_ms":41.9375,"seq":1}', topic=f"{device.topic}/acked")
        _acked(device, 1)
        wait_until(lambda: letters_in(log), "the dead letter")
    assert "298.7251" not in str(lines)
    assert "41.9375" not in str(lines)
