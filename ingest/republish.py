"""Publishes raw messages again, as they came: for dead letters after a fix."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.broker import CONNECT_TIMEOUT_S, BrokerAddress
from schemas.errors import UnavailableError
from stores.connections import Patience

PUBLISH_TIMEOUT_S: Final = 10.0


class Republisher:
    """An open connection that publishes one message at a time; made by :func:`open_republisher`."""

    def __init__(self, client: mqtt.Client, address: BrokerAddress) -> None:
        self._client = client
        self._address = address

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish one message; the broker has confirmed it on return.

        Raises:
            UnavailableError: the broker did not confirm it in time.
        """
        handle = self._client.publish(topic, payload, qos=1)
        handle.wait_for_publish(PUBLISH_TIMEOUT_S)
        if not handle.is_published():
            raise UnavailableError(
                f"the broker did not confirm a message within {PUBLISH_TIMEOUT_S:g} s",
                where=str(self._address),
                mend="see whether it runs; replay what is left later",
            )


@contextmanager
def open_republisher(mqtt_url: str, *, patience: timedelta) -> Iterator[Republisher]:
    """Give a connection to the broker that lasts as long as the ``with`` block.

    Raises:
        InputError: ``mqtt_url`` is not an address of a broker.
        UnavailableError: the broker did not take us within ``patience``.
    """
    address = BrokerAddress.parse(mqtt_url)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.connect_timeout = CONNECT_TIMEOUT_S
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set()
    taken = threading.Event()

    def on_connect(_client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            taken.set()

    client.on_connect = on_connect
    waiting = Patience("the MQTT broker", str(address), patience, mend="start it, or set DAYBEAT_MQTT_URL")
    client.connect_async(address.host, address.port)
    client.loop_start()
    try:
        pause_s = CONNECT_TIMEOUT_S
        while not taken.wait(pause_s):
            pause_s = waiting.pause_s(ConnectionError("no answer"))
        yield Republisher(client, address)
    finally:
        client.disconnect()
        client.loop_stop()
