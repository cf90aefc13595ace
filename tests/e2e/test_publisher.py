"""The publisher against a real broker and a real gateway: nothing is lost, nothing counted twice."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import redis

from daybeat.servers import LocalServers
from ingest.broker import BrokerAddress
from ingest.device_messages import DeviceMessage, TimedReading
from ingest.paced_publishing import publish_by_clock
from ingest.pacing import Schedule
from ingest.publish import Publisher
from schemas.errors import UnavailableError
from stores.log import Log, RedisLog
from support.gateway_run import forget_session, identities_in, letters_in, running_gateway, seqs_in

pytestmark = pytest.mark.servers

CLIENT_ID = "gateway-of-the-publisher-test"
FIRST_SEQ = 1_000
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True)
class FastClock:
    """A clock of the test's own that runs 600 times as fast as real time."""

    start_us: int
    started_s: float
    speed: float = 600.0

    def now_us(self) -> int:
        return self.start_us + round((time.monotonic() - self.started_s) * 1e6 * self.speed)


@pytest.fixture
def log(redis_client: redis.Redis) -> Log:
    return RedisLog.open(redis_client, partitions=4, bytes_max=2**28)


@pytest.fixture
def publisher(servers: LocalServers, mqtt_port: int) -> Iterator[Publisher]:
    forget_session(mqtt_port, CLIENT_ID)
    address = BrokerAddress.parse(servers.mqtt_url)
    with Publisher(address, users=["ada", "bo"], first_seq=FIRST_SEQ) as publisher:
        yield publisher.open(patience=PATIENCE)


def _message(user_id: str, sent_us: int, *, readings: int = 3, bpm: int = 60) -> DeviceMessage:
    timed = (TimedReading(sent_us - one, {"heart_rate_bpm": bpm}) for one in reversed(range(readings)))
    return DeviceMessage(sent_us, user_id, "watch", tuple(timed))


def _stream(now_us: int, count: int) -> list[DeviceMessage]:
    return [_message("ada" if one % 2 else "bo", now_us - 10**9 + one * 1_000) for one in range(count)]


def test_every_reading_is_published_acknowledged_and_in_the_log_once(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        for message in _stream(time.time_ns() // 1000, 400):
            publisher.publish(message)
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    counts = publisher.counts()
    assert (counts.messages, counts.readings, counts.refused, counts.unacked) == (400, 1_200, 0, 0)
    identities = identities_in(log)
    assert len(identities) == 1_200
    assert set(identities.values()) == {1}
    seqs = seqs_in(log)
    assert set(seqs) == set(range(FIRST_SEQ, FIRST_SEQ + 600))
    assert set(seqs.values()) == {2}  # one for each of the two devices


def test_the_moment_of_publishing_is_known_for_every_reading(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        before_ns = time.perf_counter_ns()
        publisher.publish(_message("ada", time.time_ns() // 1000))
        after_ns = time.perf_counter_ns()
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    for seq in range(FIRST_SEQ, FIRST_SEQ + 3):
        sent_ns = publisher.sent_ns("ada", "watch", seq)
        assert sent_ns is not None
        assert before_ns <= sent_ns <= after_ns
    assert publisher.sent_ns("ada", "watch", FIRST_SEQ + 3) is None


def test_refused_readings_are_counted_and_are_dead_letters(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        now_us = time.time_ns() // 1000
        publisher.publish(_message("ada", now_us))
        publisher.publish(_message("ada", now_us + 1, bpm=900))
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    assert publisher.counts().refused == 3
    (letter,) = letters_in(log)
    assert len(letter.refused) == 3


def test_what_is_published_while_the_gateway_is_away_is_the_backlog_until_it_is_back(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        pass  # its durable session stays at the broker
    for message in _stream(time.time_ns() // 1000, 50):
        publisher.publish(message)
    assert not publisher.wait_for_backlog(149, timeout=timedelta(seconds=0.3))
    assert publisher.counts().unacked == 150
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    assert len(identities_in(log)) == 150


def test_a_message_that_is_never_acknowledged_is_sent_again_and_still_counts_once(
    servers: LocalServers, log: Log, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.publish.RESEND_AFTER_S", 0.2)
    # No gateway has a session here yet: the broker confirms the message and drops it.
    publisher.publish(_message("ada", time.time_ns() // 1000))
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    assert publisher.counts().sent_again >= 1
    assert publisher.counts().readings == 3
    assert len(identities_in(log)) == 3


def test_numbers_that_start_anew_are_higher_than_all_before(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        now_us = time.time_ns() // 1000
        publisher.publish(_message("ada", now_us))
        publisher.number_from(5_000)
        publisher.publish(_message("ada", now_us + 10))
        publisher.publish(_message("bo", now_us))
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    assert set(seqs_in(log)) == {1_000, 1_001, 1_002, 5_000, 5_001, 5_002}


def test_a_stream_held_up_for_a_moment_goes_on_later_instead_of_late(
    servers: LocalServers, log: Log, publisher: Publisher
) -> None:
    start_us = time.time_ns() // 1000 - 24 * 3_600_000_000
    clock = FastClock(start_us, time.monotonic())
    # One message for each simulated minute: ten a second. The gateway comes only after a second.
    messages = [_message("ada", start_us + minute * 60_000_000, readings=20) for minute in range(60)]
    schedule = Schedule(start_us)
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        pass
    publishing = threading.Thread(
        target=publish_by_clock,
        args=(publisher, messages, schedule),
        kwargs={"clock": clock, "stop": threading.Event()},
    )
    publishing.start()
    time.sleep(3)
    with running_gateway(servers.mqtt_url, log, client_id=CLIENT_ID):
        publishing.join(30)
        assert not publishing.is_alive()
        assert publisher.wait_for_backlog(0, timeout=PATIENCE)
    assert schedule.delay_us > 5 * 60_000_000
    times_us = sorted(time_us for _, _, time_us, _ in identities_in(log))
    assert len(times_us) == 1_200
    assert times_us[-1] >= start_us + 59 * 60_000_000 + schedule.delay_us - 20


def test_publishing_ends_at_a_stop(publisher: Publisher) -> None:
    clock = FastClock(0, time.monotonic(), speed=1.0)
    stop = threading.Event()
    message = _message("ada", 3_600_000_000)
    publishing = threading.Thread(
        target=publish_by_clock,
        args=(publisher, [message], Schedule(0)),
        kwargs={"clock": clock, "stop": stop},
    )
    publishing.start()
    stop.set()
    publishing.join(5)
    assert not publishing.is_alive()
    assert publisher.counts().messages == 0


def test_a_broker_that_is_not_there_is_waited_for_and_then_named() -> None:
    address = BrokerAddress.parse("mqtt://127.0.0.1:1")
    publisher = Publisher(address, users=["ada"], first_seq=1)
    began_s = time.monotonic()
    with pytest.raises(UnavailableError, match=r"mqtt://127.0.0.1:1: no broker answered within 0.5 s"):
        publisher.open(patience=timedelta(seconds=0.5))
    assert time.monotonic() - began_s >= 0.5
