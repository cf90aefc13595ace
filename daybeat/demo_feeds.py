"""The apps of the demo's people: one websocket each, counting what is pushed and how fast it came."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import numpy as np

from daybeat.app_client import Received
from daybeat.app_follow import follow_person
from schemas.errors import InputError
from schemas.events import AdaptationApplied, AdaptationNoted, AdaptationProposed, CommandDone, PlanChanged
from schemas.records import Adaptation

LATENCIES_KEPT: Final = 10_000

SentNs = Callable[[str, str, int], int | None]
"""When a reading (user, device, seq) was published, by ``time.perf_counter_ns``."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Time from publishing a reading to receiving what it set off."""

    p50_ms: float
    p99_ms: float


class DemoFeeds:
    """Follows the streams of several people from a thread of its own. A context manager.

    Args:
        url: of the websocket.
        tokens: a token for each person.
        sent_ns: tells when a reading was published.
    """

    def __init__(self, url: str, tokens: Mapping[str, str], *, sent_ns: SentNs) -> None:
        self._url = url
        self._tokens = tokens
        self._sent_ns = sent_ns
        self._changed = threading.Condition()
        self._welcomed: set[str] = set()
        self._done: dict[str, CommandDone] = {}
        self._plans_changed: set[tuple[str, str, int]] = set()
        self._adaptations: set[str] = set()
        self._latencies_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._events = 0
        self._error: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._following: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="demo-feeds", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()
        self._loop.close()

    def wait_until_welcomed(self, timeout: timedelta) -> bool:
        """Wait until every person's app is connected; tell whether it is. Raises as :meth:`check`."""
        return self._wait(lambda: len(self._welcomed) == len(self._tokens), timeout)

    def wait_for_commands(self, command_ids: Collection[str], timeout: timedelta) -> bool:
        """Wait until commands are done; tell whether they are.

        A person's events come in order: once a command is done, all that was decided before it has come too.

        Raises:
            InputError: one was refused.
            DaybeatError: the following ended; see :meth:`check`.
        """
        are_done = self._wait(lambda: all(one in self._done for one in command_ids), timeout)
        for done in (self._done[one] for one in command_ids if one in self._done):
            if not done.ok:
                raise InputError(f"refused: {done.reason}", where=f"command {done.command_id}")
        return are_done

    def check(self) -> None:
        """Raise the error that ended the following, if one did."""
        with self._changed:
            if self._error is not None:
                raise self._error

    @property
    def events(self) -> int:
        """Events received."""
        with self._changed:
            return self._events

    def plans_changed(self) -> set[tuple[str, str, int]]:
        """Return (user, date, version) of every plan that was received as changed by an adaptation."""
        with self._changed:
            return set(self._plans_changed)

    def latency(self) -> Latency | None:
        """Return the median and the 99th percentile; None before the first."""
        with self._changed:
            kept = list(self._latencies_ms)
        if not kept:
            return None
        p50, p99 = np.percentile(kept, [50, 99]).tolist()
        return Latency(round(p50, 1), round(p99, 1))

    def _wait(self, is_so: Callable[[], bool], timeout: timedelta) -> bool:
        with self._changed:
            came_true = self._changed.wait_for(
                lambda: is_so() or self._error is not None, timeout.total_seconds()
            )
            if self._error is not None:
                raise self._error
            return came_true

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._following = self._loop.create_task(self._follow_all())
        try:
            self._loop.run_until_complete(self._following)
        except asyncio.CancelledError:
            return
        except ExceptionGroup as group:
            # A task group gathers the errors of all its tasks; the first tells enough.
            with self._changed:
                self._error = group.exceptions[0]
                self._changed.notify_all()

    def _cancel(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _follow_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for user_id, token in self._tokens.items():
                group.create_task(self._follow(user_id, token))

    async def _follow(self, user_id: str, token: str) -> None:
        async for received in follow_person(self._url, token=token):
            with self._changed:
                self._take(user_id, received)
                self._changed.notify_all()

    def _take(self, user_id: str, received: Received) -> None:
        if not received.is_event:
            self._welcomed.add(user_id)
            return
        self._events += 1
        event = received.event()
        if isinstance(event, CommandDone):
            self._done[event.command_id] = event
        elif isinstance(event, PlanChanged):
            if event.adaptation is not None:
                self._plans_changed.add((user_id, event.date, event.version))
                self._time(event.adaptation, received.received_s)
        elif isinstance(event, AdaptationApplied | AdaptationProposed | AdaptationNoted):
            self._time(event.adaptation, received.received_s)

    def _time(self, adaptation: Adaptation, received_s: float) -> None:
        """Note how long an adaptation took, at the first event that tells of it."""
        reading = adaptation.evidence.reading
        if adaptation.adaptation_id in self._adaptations or reading.seq is None:
            return
        self._adaptations.add(adaptation.adaptation_id)
        sent_ns = self._sent_ns(adaptation.user_id, reading.device, reading.seq)
        if sent_ns is not None:
            self._latencies_ms.append(received_s * 1000 - sent_ns / 1e6)
