"""How long a reading takes into the database: single readings, published and looked for."""

import threading
import time
from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.load import RawPublisher

PROBES_PER_S: Final = 10
LOOK_EVERY_S: Final = 0.01
"""How often the database is asked: the resolution of the figure."""

_USER: Final = "probe"
_TOPIC: Final = f"v1/{_USER}/probe/readings".encode()


class Probes:
    """Publishes one reading ten times a second and notes when its row is there. A context manager."""

    def __init__(self, *, database_url: str, mqtt_port: int) -> None:
        self._database_url = database_url
        self._port = mqtt_port
        self._published: dict[int, float] = {}
        self._delays_ms: list[float] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._publish, name="probe-publish", daemon=True),
            threading.Thread(target=self._look, name="probe-look", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def published(self) -> int:
        """How many readings were published so far."""
        return len(self._published)

    def delays_ms(self) -> NDArray[np.float64]:
        """Return the time from publishing to the row for every probe that was found, in ms."""
        return np.array(self._delays_ms)

    def _publish(self) -> None:
        publisher = RawPublisher(self._port, "probe")
        seq = 0
        while not self._stop.wait(1 / PROBES_PER_S):
            seq += 1
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            payload = f'{{"time":"{now}","seq":{seq},"steps":1}}'.encode()
            self._published[seq] = time.monotonic()
            publisher.send(publisher.packet(_TOPIC, payload))
            publisher.take_acks()
        publisher.close()

    def _look(self) -> None:
        query = "SELECT seq FROM daybeat.readings WHERE user_id = %s AND seq > %s ORDER BY seq"
        newest = 0
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            while not self._stop.wait(LOOK_EVERY_S):
                for (seq,) in connection.execute(query, (_USER, newest)):
                    newest = seq
                    self._delays_ms.append((time.monotonic() - self._published[seq]) * 1000)
