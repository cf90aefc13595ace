"""A client of the websocket, as an app would have one: for ``watch``, the demo, the bench and the tests.

:func:`open_app` is one connection; ``daybeat/app_follow.py`` comes back by itself and resumes where it was.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from push.profiles import Profile
from push.protocol import STREAM_PATH, CloseCode, GetPlan, GetProfile, Hello, RenewToken
from schemas.commands import Command, CommandOutcome
from schemas.errors import InputError, UnavailableError
from schemas.events import Event
from schemas.plan import Model, Plan
from schemas.records import Adaptation

WAITING_MAX: Final = 1024
"""Messages that wait to be read; behind them nothing more is taken from the server."""

MESSAGE_BYTES_MAX: Final = 1024 * 1024
CONNECT_S: Final = 10.0
ANSWER_S: Final = 30.0

_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)
_ADAPTATIONS: Final[TypeAdapter[tuple[Adaptation, ...]]] = TypeAdapter(tuple[Adaptation, ...])


class StreamClosedError(UnavailableError):
    """The connection ended; ``code`` is the close code, 1006 if there was none."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", code: int = 1006) -> None:
        self.code = code
        super().__init__(what, where=where, mend=mend)


class QuestionRefusedError(InputError):
    """The server answered a message with an error; ``reason`` is one of docs/protocol.md."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", reason: str = "") -> None:
        self.reason = reason
        super().__init__(what, where=where, mend=mend)


@dataclass(frozen=True, slots=True)
class Received:
    """One message of the server."""

    type: str
    """``welcome``, ``resync``, an event's type, or another answer's."""
    event_id: str
    """Id of the event; of a welcome or resync where the plan stands; "" for other answers."""
    text: str
    """The complete JSON text."""
    received_s: float
    """``time.perf_counter()`` when it came out of the socket."""

    @property
    def is_event(self) -> bool:
        """Whether it is an event of the feed."""
        return self.event_id != "" and self.type not in {"welcome", "resync"}

    def event(self) -> Event:
        """Return the event, checked."""
        return _EVENT.validate_json(self.text)

    def plan(self) -> Plan | None:
        """Return the plan that a welcome or resync carries."""
        plan = orjson.loads(self.text)["plan"]
        return None if plan is None else Plan.model_validate(plan)

    def proposals(self) -> tuple[Adaptation, ...]:
        """Return the open proposals that a welcome or resync carries, oldest first."""
        return _ADAPTATIONS.validate_python(orjson.loads(self.text)["proposals"])

    def adaptations(self) -> tuple[Adaptation, ...]:
        """Return the changes in force that a welcome or resync carries, oldest first."""
        return _ADAPTATIONS.validate_python(orjson.loads(self.text)["adaptations"])


def stream_url(host: str, port: int) -> str:
    """Return the websocket's address.

    >>> stream_url("127.0.0.1", 8765)
    'ws://127.0.0.1:8765/v1/stream'
    """
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}{STREAM_PATH}"


class AppClient:
    """One welcomed connection. Iterate over it for welcome, resync and events, in order."""

    def __init__(self, connection: ClientConnection, welcome: Received, *, url: str) -> None:
        self._connection = connection
        self._url = url
        self._waiting: asyncio.Queue[Received | None] = asyncio.Queue(WAITING_MAX)
        self._waiting.put_nowait(welcome)
        self._answers: dict[str, asyncio.Future[Received]] = {}
        self._ended: StreamClosedError | None = None
        self.welcome = welcome
        """The server's first message: ``welcome``, or ``resync`` where the last event id was gone."""
        self.last_event_id = welcome.event_id
        """Id of the last event that was taken from the socket."""

    async def carry_out(self, command: Command) -> CommandOutcome:
        """Return what became of a command, once it is done or refused.

        Raises:
            QuestionRefusedError: the command was malformed or not allowed.
            StreamClosedError: the connection ended; whether the command was taken is not known.
            UnavailableError: no outcome came in time.
        """
        answer = orjson.loads((await self._ask(command, command.command_id)).text)
        return CommandOutcome(command_id=command.command_id, ok=answer["ok"], reason=answer["reason"])

    async def get_plan(self, question: GetPlan) -> Plan | None:
        """Return the plan of a day; None if it has none. Raises like :meth:`carry_out`."""
        return (await self._ask(question, question.command_id)).plan()

    async def get_profile(self, question: GetProfile) -> Profile:
        """Return the person's profile, with the rules in force. Raises like :meth:`carry_out`."""
        answer = orjson.loads((await self._ask(question, question.command_id)).text)
        return Profile.model_validate(answer["profile"])

    async def renew_token(self, token: str) -> None:
        """Give the open connection a new token. Raises like :meth:`carry_out`."""
        await self._ask(RenewToken(token=token), "token.renewed")

    async def send_text(self, text: str) -> None:
        """Send a message as it is."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise _closed_error(closed, self._url) from closed

    async def next_message(self) -> Received:
        """Return the next message that is not an answer of its own.

        Raises:
            StreamClosedError: the connection ended, by the server or by :func:`open_app`'s exit.
        """
        received = await self._waiting.get()
        if received is None:
            self._waiting.put_nowait(None)
            assert self._ended is not None  # noqa: S101  # set before the mark that was just read
            raise self._ended
        return received

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Yield messages until the connection ends; raises like :meth:`next_message`."""
        while True:
            yield await self.next_message()

    async def read_all(self) -> None:
        """Read from the socket until it closes. Runs as a task of :func:`open_app`."""
        try:
            async for message in self._connection:
                await self._take(received_of(message))
            self._ended = StreamClosedError(
                "the connection was closed", where=self._url, code=self._connection.close_code or 1006
            )
        except ConnectionClosed as closed:
            self._ended = _closed_error(closed, self._url)
        finally:
            self._ended = self._ended or StreamClosedError("the connection was given up", where=self._url)
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(self._ended)
            if self._waiting.full():
                self._waiting.get_nowait()
            self._waiting.put_nowait(None)

    async def _take(self, received: Received) -> None:
        if received.event_id:
            self.last_event_id = received.event_id
            await self._waiting.put(received)
        if received.type in {"command.done", "plan", "profile", "error", "token.renewed"}:
            document = orjson.loads(received.text)
            key = document.get("command_id", "token.renewed")
            answer = self._answers.get(key)
            if answer is not None and not answer.done():
                answer.set_result(received)
            elif not received.event_id:
                await self._waiting.put(received)

    async def _ask(self, question: Model, key: str) -> Received:
        answer: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        self._answers[key] = answer
        try:
            await self.send_text(question.model_dump_json())
            async with asyncio.timeout(ANSWER_S):
                received = await answer
        except TimeoutError:
            raise UnavailableError(
                f"no answer came within {ANSWER_S:g} s",
                where=self._url,
                mend="see whether the live flow runs; a command may be repeated with the same id",
            ) from None
        finally:
            del self._answers[key]
        if received.type == "error":
            document = orjson.loads(received.text)
            raise QuestionRefusedError(document["detail"], where=self._url, reason=document["reason"])
        return received


@asynccontextmanager
async def open_app(
    url: str, *, token: str, user_id: str | None = None, last_event_id: str | None = None
) -> AsyncIterator[AppClient]:
    """Connect, say hello and yield the client once it is welcomed; closes the connection afterwards.

    Args:
        url: such as ``ws://127.0.0.1:8765/v1/stream``.
        token: of the person, or of a coach.
        user_id: whose stream, with a coach's token.
        last_event_id: the last event that is known; None: start afresh.

    Raises:
        StreamClosedError: the server refused; ``code`` says why.
        UnavailableError: there is no server at ``url``.
        InputError: ``url`` is not the address of a websocket, or an id is none.
    """
    try:
        hello = Hello(token=token, user_id=user_id, last_event_id=last_event_id)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(
            "this cannot be said in a hello", where=str(first["loc"][0]), mend="see docs/protocol.md"
        ) from error
    connection = await _connect(url)
    try:
        welcome = await _welcome(connection, hello, url)
        client = AppClient(connection, welcome, url=url)
        reading = asyncio.create_task(client.read_all())
        try:
            yield client
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
    finally:
        await connection.close()


def received_of(message: str | bytes) -> Received:
    """Return a message of the server as it came out of the socket just now."""
    received_s = time.perf_counter()
    text = message if isinstance(message, str) else message.decode()
    document = orjson.loads(text)
    return Received(document["type"], document.get("event_id", ""), text, received_s)


async def _connect(url: str) -> ClientConnection:
    try:
        return await connect(
            url, compression=None, max_size=MESSAGE_BYTES_MAX, open_timeout=CONNECT_S, proxy=None
        )
    except InvalidURI as error:
        raise InputError(
            "not the address of a websocket", where=url, mend="write it like ws://127.0.0.1:8765/v1/stream"
        ) from error
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise UnavailableError(
            f"no push server answers ({type(error).__name__})", where=url, mend="start it with: daybeat up"
        ) from error


async def _welcome(connection: ClientConnection, hello: Hello, url: str) -> Received:
    try:
        async with asyncio.timeout(CONNECT_S):
            await connection.send(hello.model_dump_json(exclude_none=True))
            refusal = ""
            while True:
                received = received_of(await connection.recv())
                if received.type != "error":
                    return received
                refusal = orjson.loads(received.text)["detail"]
    except ConnectionClosed as closed:
        raise _closed_error(closed, url, refusal) from closed
    except TimeoutError:
        raise UnavailableError("no welcome came", where=url, mend="look at the push server's log") from None


def _closed_error(closed: ConnectionClosed, url: str, refusal: str = "") -> StreamClosedError:
    code = closed.rcvd.code if closed.rcvd is not None else 1006
    known = code in {one.value for one in CloseCode}
    sentence = CloseCode(code).sentence if known else "the connection broke"
    return StreamClosedError(
        refusal or sentence, where=url, mend=f"see code {code} in docs/protocol.md", code=code
    )
