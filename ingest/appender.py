"""The gateway's second thread: it appends to the log, one batch at a time, and never gives up.

It also appends the ticks: time goes on in the log whether or not readings arrive, or the broker is there.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import orjson
import structlog

from ingest.gateway_metrics import GatewayMetrics
from schemas.errors import DaybeatError, UnavailableError
from schemas.ids import PartitionId
from stores.connections import backoff_pauses_s
from stores.log import EntryKind, Log, LogFullError, NewEntry

TICK_EVERY_S: Final = 1.0
"""Of wall time, also where the clock is compressed."""

_MEASURE_EVERY_S: Final = 5.0
_log = structlog.get_logger()


class Appender:
    """Appends batches that are handed over; :attr:`wake` becomes readable when one is durable."""

    def __init__(self, log: Log, *, now_us: Callable[[], int], metrics: GatewayMetrics) -> None:
        self._log = log
        self._now_us = now_us
        self._metrics = metrics
        self._batches: queue.SimpleQueue[Sequence[NewEntry]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._next_tick_s = 0.0
        self._next_measure_s = 0.0
        self.wake: socket.socket
        self._waker: socket.socket
        # A daemon: a Redis that is frozen must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)

    def start(self) -> None:
        """Begin to append, ticks at once."""
        self.wake, self._waker = socket.socketpair()
        self._thread.start()

    def stop(self, *, patience_s: float) -> None:
        """End the thread, after the append that it is at; give up on it after ``patience_s``."""
        self._stopping.set()
        self._batches.put(())
        self._thread.join(patience_s)
        self.wake.close()

    def hand_over(self, entries: Sequence[NewEntry]) -> None:
        """Append these entries next. There must be no other batch on its way."""
        self._batches.put(entries)

    def take_done(self) -> bool:
        """Tell whether a batch became durable since the last question; call it when ``wake`` is readable.

        Raises:
            Exception: whatever ended the thread, other than a full or absent log.
        """
        woken = self.wake.recv(16)
        if self._failure is not None:
            raise self._failure
        return bool(woken)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        except BaseException as error:  # noqa: BLE001  # handed to the gateway's own thread, which raises it
            self._failure = error
        finally:
            self._waker.close()

    def _turn(self) -> None:
        try:
            batch = self._batches.get(timeout=max(0.0, self._next_tick_s - time.monotonic()))
        except queue.Empty:
            batch = None
        entries = list(batch or ())
        if time.monotonic() >= self._next_tick_s:
            self._next_tick_s = time.monotonic() + TICK_EVERY_S
            entries += self._ticks()
        if self._append(entries) and batch is not None:
            self._waker.send(b"\x01")
        self._measure_if_due()

    def _append(self, entries: Sequence[NewEntry]) -> bool:
        """Return True once the entries are durable; False if the gateway stops before that."""
        begun_s = time.monotonic()
        troubled = False
        for pause_s in backoff_pauses_s():
            try:
                self._log.append(entries)
            except (LogFullError, UnavailableError) as error:
                self._metrics.log_full.set(isinstance(error, LogFullError))
                if not troubled:
                    troubled = True
                    _log_trouble(error)
                if self._stopping.wait(pause_s):
                    return False
            else:
                break
        seconds = time.monotonic() - begun_s
        self._metrics.append_seconds.observe(seconds)
        if troubled:
            self._metrics.log_full.set(0)
            _log.info("log_takes_again", after_seconds=round(seconds, 1))
        return True

    def _ticks(self) -> list[NewEntry]:
        payload = orjson.dumps({"arrival_us": self._now_us()})
        return [
            NewEntry(PartitionId(partition), EntryKind.TICK, payload)
            for partition in range(self._log.partitions)
        ]

    def _measure_if_due(self) -> None:
        if time.monotonic() < self._next_measure_s or self._stopping.is_set():
            return
        self._next_measure_s = time.monotonic() + _MEASURE_EVERY_S
        try:
            self._metrics.log_bytes.set(self._log.size_bytes())
            hours_left = self._log.hours_left()
        except UnavailableError as error:
            _log.warning("log_not_measured", what=error.what)
        else:
            self._metrics.log_hours_left.set(float("nan") if hours_left is None else hours_left)


def _log_trouble(error: DaybeatError) -> None:
    event = "log_full" if isinstance(error, LogFullError) else "log_unavailable"
    _log.error(event, what=error.what, mend=error.mend, effect="messages are not acknowledged until it mends")
