"""A process that waits at the live streams, as a push server does, and notes when a rule's changes came."""

import asyncio
import contextlib
import multiprocessing
import time
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

import orjson

from stores.connections import connect_redis_async
from stores.feed import FeedReader

BARE_STREAM: Final = "daybeat:bench:bare"
"""Bare entries: field ``t``, CLOCK_MONOTONIC in ns at which the append began."""

_BLOCK_MS: Final = 1000
_START_WITHIN_S: Final = 30.0
_PATIENCE: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Awaited:
    """What is read, and until when."""

    redis_url: str
    partitions: int
    rule: str
    people: int
    """Once so many people's plans were changed by the rule, nothing more is awaited."""


@dataclass
class Received:
    """What came; moments are of CLOCK_MONOTONIC, ns."""

    changed_ns: dict[str, int] = field(default_factory=dict)
    """By person: when the first change of the rule was readable."""
    bare_ns: list[int] = field(default_factory=list)
    """How long each bare entry took."""


class LiveReader:
    """Reads from now on; the streams' ends are known when the constructor returns."""

    def __init__(self, awaited: Awaited) -> None:
        self._results, child_results = multiprocessing.Pipe(duplex=False)
        child_stop, self._stop = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self._process: BaseProcess = context.Process(
            target=_read_in_process, args=(awaited, child_results, child_stop), name="live-reader"
        )
        self._process.start()
        if not self._results.poll(_START_WITHIN_S):
            self._process.terminate()
            msg = f"the live streams were not read within {_START_WITHIN_S:.0f} s"
            raise TimeoutError(msg)
        self._results.recv()

    def wait(self, longest_s: float) -> Received:
        """Return what came, once all that is awaited did or the time is over."""
        if not self._results.poll(longest_s):
            self._stop.send("stop")
        received: Received = self._results.recv()
        self._process.join()
        return received


def _read_in_process(awaited: Awaited, results: Connection, stop: Connection) -> None:
    received = Received()
    asyncio.run(_read(awaited, received, results, stop))
    results.send(received)


async def _read(awaited: Awaited, received: Received, results: Connection, stop: Connection) -> None:
    live = await connect_redis_async(awaited.redis_url, patience=_PATIENCE)
    bare = await connect_redis_async(awaited.redis_url, patience=_PATIENCE)
    reader = FeedReader(live, awaited.partitions)
    ends = await reader.live_ends()
    beside = asyncio.create_task(_read_bare(bare, received))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(stop.fileno(), stopped.set)
    tasks = [
        asyncio.create_task(_follow(reader, ends, awaited, received)),
        asyncio.create_task(stopped.wait()),
    ]
    results.send("ready")
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, beside):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await live.aclose()
    await bare.aclose()


async def _follow(reader: FeedReader, ends: Any, awaited: Awaited, received: Received) -> None:
    async for batch in reader.follow_live(ends):
        now_ns = time.monotonic_ns()
        for one in batch.events:
            event = orjson.loads(one.event)
            adaptation = event.get("adaptation") if event["type"] == "plan.changed" else None
            if adaptation is not None and adaptation["rule"] == awaited.rule:
                received.changed_ns.setdefault(one.user_id, now_ns)
        if len(received.changed_ns) >= awaited.people:
            return


async def _read_bare(client: Any, received: Received) -> None:
    last = b"$"
    while True:
        for _, rows in await client.xread({BARE_STREAM: last}, block=_BLOCK_MS):
            now_ns = time.monotonic_ns()
            received.bare_ns += [now_ns - int(row[b"t"]) for _, row in rows]
            last = rows[-1][0]
