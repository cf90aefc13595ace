"""Many connected apps in a process of their own: each gets its person's events and notes when they came."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

import orjson
from websockets.asyncio.client import ClientConnection, connect

CONNECTING_AT_ONCE: Final = 50
_CAUSED_BY_A_READING: Final = frozenset({"plan.changed", "adaptation.proposed"})


@dataclass(frozen=True)
class Pushed:
    """One adaptation as an app received it."""

    seq: int
    """The ``seq`` of the reading that was its evidence."""
    received_ns: int
    """CLOCK_MONOTONIC."""


class Listeners:
    """Connections of many people; open when the constructor returns."""

    def __init__(self, url: str, tokens: Sequence[str], *, timeout_s: float = 120) -> None:
        self._results, child_results = multiprocessing.Pipe(duplex=False)
        child_stop, self._stop = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self._process: BaseProcess = context.Process(
            target=_listen_in_process, args=(url, list(tokens), child_results, child_stop), name="listeners"
        )
        self._process.start()
        if not self._results.poll(timeout_s):
            self._process.terminate()
            msg = f"{len(tokens)} apps did not connect within {timeout_s:.0f} s"
            raise TimeoutError(msg)
        self.connected: int = self._results.recv()

    @property
    def pid(self) -> int | None:
        """The process that holds the connections."""
        return self._process.pid

    def close(self) -> list[Pushed]:
        """Close all connections and return what they received."""
        self._stop.send("stop")
        received: list[Pushed] = self._results.recv()
        self._process.join()
        return received


def _listen_in_process(url: str, tokens: list[str], results: Connection, stop: Connection) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_listen(url, tokens, results, stop))


async def _listen(url: str, tokens: list[str], results: Connection, stop: Connection) -> None:
    received: list[Pushed] = []
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open_one(token: str) -> ClientConnection:
        async with gate:
            connection = await connect(url, compression=None, ping_interval=None, max_size=2**20)
            await connection.send(
                orjson.dumps({"type": "hello", "token": token, "last_event_id": None}).decode()
            )
            await connection.recv()
            return connection

    connections = await asyncio.gather(*(open_one(token) for token in tokens))
    tasks = [asyncio.create_task(_note(connection, received)) for connection in connections]
    results.send(len(connections))
    await asyncio.to_thread(stop.recv)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(connection.close() for connection in connections), return_exceptions=True)
    results.send(received)


async def _note(connection: ClientConnection, received: list[Pushed]) -> None:
    async for text in connection:
        now_ns = time.monotonic_ns()
        event = orjson.loads(text)
        if event["type"] in _CAUSED_BY_A_READING and event["adaptation"] is not None:
            received.append(Pushed(event["adaptation"]["evidence"]["reading"]["seq"], now_ns))
