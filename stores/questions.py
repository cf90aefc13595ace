"""Questions to PostgreSQL from a server that must not wait for it: one connection, opened when needed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import TupleRow

from schemas.errors import InputError, UnavailableError
from stores.cancelling import cancel_all
from stores.connections import without_password

ANSWER_S: Final = 5.0
"""A question that takes longer is given up; a page asks again."""

CONNECT_S: Final = 3

Connection = psycopg.AsyncConnection[TupleRow]
_Answer = TypeVar("_Answer")


class Questions:
    """Asks one question after the other; none changes anything in the database."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._open: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Give up all questions and close the connection."""
        await cancel_all(self._open)
        await self._disconnect()

    async def answer(self, ask: Callable[[Connection], Awaitable[_Answer]]) -> _Answer:
        """Return what ``ask`` returns, given a connection that nobody else uses meanwhile.

        Raises:
            UnavailableError: PostgreSQL does not answer, or has not been migrated.
            InputError: the address is none of PostgreSQL.
        """
        question = asyncio.create_task(self._ask_in_turn(ask))
        self._open.add(question)
        question.add_done_callback(self._open.discard)
        done, _ = await asyncio.wait({question}, timeout=ANSWER_S)
        if not done:
            # Giving up politely can itself take seconds with a frozen server: that is left to the task.
            question.cancel()
            raise self._unavailable(f"PostgreSQL did not answer for {ANSWER_S:g} s")
        return question.result()

    async def _ask_in_turn(self, ask: Callable[[Connection], Awaitable[_Answer]]) -> _Answer:
        async with self._turn:
            try:
                return await ask(await self._connect())
            except psycopg.errors.UndefinedTable as error:
                raise UnavailableError(
                    "the tables are missing", where=without_password(self._url), mend="run: daybeat migrate"
                ) from error
            except psycopg.OperationalError as error:
                await self._disconnect()
                raise self._unavailable("PostgreSQL cannot be reached") from error
            except asyncio.CancelledError:
                await self._disconnect()
                raise

    async def _connect(self) -> Connection:
        if self._connection is None or self._connection.closed:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=CONNECT_S
                )
            except psycopg.ProgrammingError as error:
                raise InputError(
                    "not an address of PostgreSQL",
                    where=without_password(self._url),
                    mend="write it like postgresql://user@127.0.0.1:5432/daybeat",
                ) from error
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("SET TIME ZONE 'UTC'")
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _unavailable(self, what: str) -> UnavailableError:
        return UnavailableError(
            what, where=without_password(self._url), mend="start it; plans and events go on without it"
        )


async def rows_of(connection: Connection, query: str, values: dict[str, object]) -> list[TupleRow]:
    """Return all rows of a query."""
    cursor = await connection.execute(query, values)
    return await cursor.fetchall()
