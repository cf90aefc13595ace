"""What the doctor looks at besides the stores: this machine, the broker, our own services."""

import os
import sys
import threading
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from daybeat.doctor_checks import Finding, Verdict, failed, judged, not_set
from daybeat.local_state import ensure_state_folder
from daybeat.running import Announced
from daybeat.scrape import scrape
from daybeat.services import ServiceName
from daybeat.settings import Settings, unknown_variables
from ingest.broker import BrokerAddress
from schemas.errors import DaybeatError, UnavailableError
from schemas.measures import MESSAGE_BYTES_MAX

_PATIENCE_S: Final = 2.0
_VERSION_TOPIC: Final = "$SYS/broker/version"

NEVER_RUN: Final = (
    "docker compose: no Docker engine was at hand; its files are tested, its containers were never started",
    "TimescaleDB Community edition: its migrations are written, never run; Debian ships the Apache edition",
)


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of this installation and its settings."""
    running = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield judged("python", good, running, "use Python 3.11 or 3.12")
    yield Finding("daybeat", Verdict.GOOD, f"{version('daybeat')}, bytewax {version('bytewax')}")
    for name in unknown_variables():
        yield Finding(name, Verdict.NOTE, "is set, but is no setting", "check its spelling")
    try:
        ensure_state_folder(settings.state_folder)
        yield Finding("state folder", Verdict.GOOD, str(settings.state_folder))
    except DaybeatError as error:
        yield failed("state folder", error)
    secret_file = settings.state_folder / "token_secret"
    source = "DAYBEAT_TOKEN_SECRET" if settings.token_secret else str(secret_file)
    there = settings.token_secret is not None or os.access(secret_file, os.R_OK)
    mend = "set DAYBEAT_TOKEN_SECRET, or let daybeat up make one"
    yield judged("token secret", there, source if there else "none", mend, otherwise=Verdict.NOTE)
    clock = settings.read_clock()
    yield Finding("clock", Verdict.GOOD, f"{clock.now():%Y-%m-%dT%H:%M:%SZ}, {clock.speed:g} times real pace")


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the MQTT broker."""
    if settings.mqtt_url is None:
        yield not_set("broker", "DAYBEAT_MQTT_URL")
        return
    try:
        answer = _ask_broker(BrokerAddress.parse(settings.mqtt_url))
    except DaybeatError as error:
        yield failed("broker", error)
        return
    yield Finding("broker", Verdict.GOOD, answer.version or "answers (it does not tell its version)")
    limit = answer.packet_bytes_max
    yield judged(
        "broker packet limit",
        limit is None or limit > MESSAGE_BYTES_MAX,
        "none" if limit is None else f"{limit} bytes",
        f"raise max_packet_size above {MESSAGE_BYTES_MAX} bytes, as in deploy/mosquitto.conf",
    )


def check_services(announced: Announced | None, settings: Settings) -> Iterator[Finding]:
    """Yield which of our services answer."""
    if announced is None:
        yield Finding("services", Verdict.NOTE, "none was started by daybeat up or demo here", "daybeat up")
    ports = {
        ServiceName.GATEWAY: (settings.metrics_host, settings.metrics_port_gateway),
        ServiceName.LIVE: (settings.metrics_host, settings.metrics_port_live),
        ServiceName.HISTORY: (settings.metrics_host, settings.metrics_port_history),
        ServiceName.PUSH: (settings.http_host, settings.http_port),
    }
    verdict = Verdict.NOTE if announced is None else Verdict.BAD
    for name, (host, port) in ports.items():
        if port == 0:
            continue
        found = scrape(f"http://{host}:{port}/metrics")
        text = f"answers at {host}:{port}" if found else f"nothing answers at {host}:{port}"
        mend = f"look into {settings.state_folder / 'logs' / name.value}.log"
        yield judged(name.value, found is not None, text, mend, otherwise=verdict)


class _BrokerAnswer:
    """What a broker says of itself."""

    def __init__(self) -> None:
        self.version = ""
        self.packet_bytes_max: int | None = None
        self.refusal = ""
        self.connected = threading.Event()
        self.told_version = threading.Event()


def _ask_broker(address: BrokerAddress) -> _BrokerAnswer:
    """Connect once, with MQTT 5, whose answer names the broker's limits.

    Raises:
        UnavailableError: it does not answer, or refuses us.
    """
    answer = _BrokerAnswer()

    def on_connect(client: mqtt.Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        answer.refusal = str(reason) if reason.is_failure else ""
        answer.packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
        client.subscribe(_VERSION_TOPIC)
        answer.connected.set()

    def on_message(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        answer.version = message.payload.decode(errors="replace")
        answer.told_version.set()

    name = f"daybeat-doctor-{uuid.uuid4().hex[:8]}"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_message = on_connect, on_message
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set()
    client.connect_timeout = _PATIENCE_S
    try:
        client.connect(address.host, address.port)
        client.loop_start()
        answer.connected.wait(_PATIENCE_S)
        answer.told_version.wait(_PATIENCE_S)
    except OSError as error:
        raise _silent(address, str(error)) from error
    finally:
        client.disconnect()
        client.loop_stop()
    if answer.refusal or not answer.connected.is_set():
        raise _silent(address, answer.refusal or "no answer")
    return answer


def _silent(address: BrokerAddress, why: str) -> UnavailableError:
    return UnavailableError(
        f"the broker does not take us ({why})", where=str(address), mend="start it, or set DAYBEAT_MQTT_URL"
    )
