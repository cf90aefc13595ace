"""Commands on their way into the log: gathered for a few milliseconds, appended together.

Next on a command's way: ``dataflows/live.py`` carries it out; its ``command.done`` comes through the feed.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from push.metrics import PushMetrics
from push.protocol import Refusal
from schemas.commands import Command, CommandEntry
from schemas.errors import BusyError, UnavailableError
from schemas.ids import partition_of
from schemas.readings import micros
from stores.log import EntryKind, Log, NewEntry

GATHER_S: Final = 0.003
"""How long a command waits for others: one durable write costs about as much, whatever it holds."""

BATCH_MAX: Final = 512
WAITING_MAX: Final = 4096
"""Commands that wait to be appended; one more is refused as busy."""

_logger = structlog.get_logger()


class CommandAppender:
    """Appends the commands of all connections to the log, while :meth:`run` runs."""

    def __init__(self, log: Log, *, now: Callable[[], datetime], metrics: PushMetrics) -> None:
        self._log = log
        self._now = now
        self._metrics = metrics
        self._waiting: asyncio.Queue[tuple[NewEntry, Callable[[Refusal | None], None]]] = asyncio.Queue(
            WAITING_MAX
        )

    def submit(self, user_id: str, command: Command, *, settled: Callable[[Refusal | None], None]) -> None:
        """Take in a command of a person; they are appended in the order in which they were taken in.

        Args:
            user_id: whose command it is.
            command: the command.
            settled: called once, with None when the command is durable in the log, else with the refusal.
        """
        entry = CommandEntry(user_id=user_id, arrival_us=micros(self._now()), command=command)
        new = NewEntry(
            partition_of(user_id, self._log.partitions),
            EntryKind.COMMAND,
            entry.model_dump_json().encode(),
        )
        try:
            self._waiting.put_nowait((new, settled))
        except asyncio.QueueFull:
            self._metrics.commands.labels(Refusal.BUSY.value).inc()
            settled(Refusal.BUSY)

    async def run(self) -> None:
        """Append what was taken in, batch after batch, until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(GATHER_S)
            while len(batch) < BATCH_MAX and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            refusal = await self._append([new for new, _ in batch])
            self._metrics.commands.labels("logged" if refusal is None else refusal.value).inc(len(batch))
            for _, settled in batch:
                settled(refusal)

    async def _append(self, entries: list[NewEntry]) -> Refusal | None:
        began = time.perf_counter()
        try:
            await asyncio.to_thread(self._log.append, entries)
        except BusyError as error:
            _logger.warning("commands_refused", commands=len(entries), error=str(error))
            return Refusal.BUSY
        except UnavailableError as error:
            _logger.warning("commands_not_appended", commands=len(entries), error=str(error))
            return Refusal.UNAVAILABLE
        self._metrics.append.observe(time.perf_counter() - began)
        return None
