"""Who is let in, who is not, and with which code a connection ends."""

import asyncio
import datetime as dt
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daybeat.app_client import QuestionRefusedError, StreamClosedError, open_app
from daybeat.servers import LocalServers
from push.protocol import MESSAGE_BYTES_MAX, CloseCode, GetPlan
from push.session import SessionLimits
from push.tokens import make_token
from schemas.commands import PutPlan
from support.adapting import plan, task
from support.push_run import (
    SECRET,
    PlanWriter,
    PushRun,
    coach_token,
    fields_of,
    push_running,
    token_of,
)

pytestmark = pytest.mark.servers

WITHIN_S = 10.0


@asynccontextmanager
async def bare(push: PushRun, **options: object) -> AsyncIterator[ClientConnection]:
    """Connect with nothing but the websocket library."""
    async with connect(push.url, compression=None, proxy=None, **options) as connection:
        yield connection


async def closing_of(connection: ClientConnection) -> tuple[int, str, list[dict[str, object]]]:
    """Return close code, close reason, and the messages before it."""
    messages: list[dict[str, object]] = []

    async def read_on() -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                messages.append(json.loads(message))  # noqa: PERF401  # what came before the error counts

    await asyncio.wait_for(read_on(), WITHIN_S)
    assert connection.close_code is not None
    return connection.close_code, connection.close_reason or "", messages


def hello(token: str, **fields: object) -> str:
    return json.dumps({"type": "hello", "token": token, **fields})


HOUR = dt.timedelta(hours=1)
TOKENS = {
    "token_forged": lambda: make_token(
        "ada",
        secret="another secret, also long enough to sign",
        audience="daybeat",
        expires_at=dt.datetime.now(dt.UTC) + HOUR,
    ),
    "token_expired": lambda: token_of("ada", lasts=-HOUR),
    "token_audience": lambda: make_token(
        "ada", secret=SECRET, audience="other", expires_at=dt.datetime.now(dt.UTC) + HOUR
    ),
    "token_algorithm": lambda: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
}


@pytest.mark.parametrize("reason", TOKENS)
async def test_a_bad_token_is_refused_with_its_reason(
    servers: LocalServers, redis_client: redis.Redis, reason: str
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        async with bare(push) as connection:
            await connection.send(hello(TOKENS[reason]()))
            code, close_reason, messages = await closing_of(connection)
        assert (code, close_reason) == (CloseCode.TOKEN_REFUSED, reason)
        assert [message["reason"] for message in messages] == [reason]
        assert push.count("daybeat_push_closed_total", code="4003") == 1
        assert push.count("daybeat_push_connections") == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param('{"type":"plan.get","command_id":"c"}', CloseCode.HELLO_EXPECTED, id="question first"),
        pytest.param("hello!", CloseCode.HELLO_EXPECTED, id="no JSON"),
        pytest.param('{"type":"hello"}', CloseCode.HELLO_EXPECTED, id="hello without token"),
        pytest.param(b'{"type":"hello","token":"t"}', CloseCode.UNSUPPORTED, id="binary"),
        pytest.param("x" * (MESSAGE_BYTES_MAX + 1), CloseCode.TOO_LONG, id="too long"),
    ],
)
async def test_a_first_message_that_is_no_hello_ends_the_connection(
    servers: LocalServers, redis_client: redis.Redis, message: str | bytes, code: CloseCode
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, bare(push) as connection:
        await connection.send(message)
        assert (await closing_of(connection))[0] == code
        assert push.count("daybeat_push_closed_total", code=str(int(code))) == 1


async def test_a_second_hello_ends_the_connection(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, bare(push) as connection:
        for _ in range(2):
            await connection.send(hello(token_of("ada")))
        code, reason, messages = await closing_of(connection)
        assert (code, reason) == (CloseCode.HELLO_EXPECTED, "hello_expected")
        assert messages[-1]["type"] == "error"


async def test_a_silent_client_is_not_waited_for(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    limits = SessionLimits(hello_s=0.2)
    async with push_running(servers.redis_url, limits=limits) as push, bare(push) as connection:
        assert await closing_of(connection) == (CloseCode.HELLO_LATE, "hello_late", [])


async def test_malformed_messages_are_refused_and_the_connection_goes_on(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, bare(push) as connection:
        await connection.send(hello(token_of("ada")))
        for message in ("{", '{"type":"dance"}', '{"type":"plan.get","command_id":"c","date":"soon"}'):
            await connection.send(message)
        await connection.send('{"type":"plan.get","command_id":"last"}')
        answers = [json.loads(await connection.recv()) for _ in range(5)]
        assert [answer.get("reason") for answer in answers[1:4]] == ["not_json", "unknown_type", "bad_field"]
        assert answers[4]["command_id"] == "last"


async def test_a_page_of_a_strange_origin_may_not_connect(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        with pytest.raises(InvalidStatus) as refused:
            async with bare(push, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with bare(push, origin=f"http://127.0.0.1:{push.port}") as connection:
            await connection.send(hello(token_of("ada")))
            assert json.loads(await connection.recv())["type"] == "welcome"


async def test_a_message_of_exactly_64_kib_is_read(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, bare(push) as connection:
        await connection.send(hello(token_of("ada")))
        await connection.send("x" * MESSAGE_BYTES_MAX)
        assert [json.loads(await connection.recv())["type"] for _ in range(2)] == ["welcome", "error"]


async def test_a_token_that_ends_on_the_open_connection_ends_it(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    short = token_of("ada", lasts=dt.timedelta(seconds=2))
    async with push_running(servers.redis_url) as push:
        async with open_app(push.url, token=short) as app:
            await app.next_message()
            with pytest.raises(StreamClosedError) as closed:
                await asyncio.wait_for(app.next_message(), WITHIN_S)
        assert closed.value.code == CloseCode.TOKEN_ENDED
        assert push.count("daybeat_push_closed_total", code="4009") == 1


async def test_a_token_can_be_renewed_on_the_open_connection(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    short = token_of("ada", lasts=dt.timedelta(seconds=2))
    async with push_running(servers.redis_url) as push, open_app(push.url, token=short) as app:
        await app.renew_token(token_of("ada"))
        await asyncio.sleep(3)
        event_id = writer.event("ada")
        await app.next_message()
        assert (await asyncio.wait_for(app.next_message(), WITHIN_S)).event_id == event_id


async def test_a_renewal_with_somebody_elses_token_is_refused_and_changes_nothing(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push, bare(push) as connection:
        await connection.send(hello(token_of("ada")))
        for token in (token_of("bob"), token_of("ada", lasts=-HOUR)):
            await connection.send(json.dumps({"type": "token.renew", "token": token}))
        await connection.send('{"type":"profile.get","command_id":"c"}')
        answers = [json.loads(await connection.recv()) for _ in range(4)]
        assert [answer.get("reason") for answer in answers] == [None, "not_allowed", "token_expired", None]
        assert (answers[3]["type"], answers[3]["profile"]["time_zone"]) == ("profile", "UTC")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: token_of("bob"), id="person"),
        pytest.param(lambda: coach_token("eve"), id="coach"),
    ],
)
async def test_nobody_gets_the_stream_of_a_person_their_token_does_not_allow(
    servers: LocalServers, redis_client: redis.Redis, token: object
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        with pytest.raises(StreamClosedError) as closed:
            async with open_app(push.url, token=token(), user_id="ada"):  # type: ignore[operator]
                pass
        assert closed.value.code == CloseCode.NOT_ALLOWED


async def test_a_coach_must_say_whose_stream_they_want(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        with pytest.raises(StreamClosedError) as closed:
            async with open_app(push.url, token=coach_token("ada")):
                pass
        assert closed.value.code == CloseCode.NOT_ALLOWED


async def test_a_plan_for_somebody_else_is_refused_and_never_reaches_the_log(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = PlanWriter(redis_client)
    theirs = PutPlan(command_id="c1", plan=plan(task("walk"), user="bob"))
    async with push_running(servers.redis_url) as push, open_app(push.url, token=token_of("ada")) as app:
        with pytest.raises(QuestionRefusedError) as refused:
            await app.carry_out(theirs)
        assert refused.value.reason == "not_allowed"
        assert await app.get_plan(GetPlan(command_id="c2")) is None
    assert writer.carry_out_new_commands() == 0


async def test_nobody_ever_sees_anything_of_another_person(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    rng = random.Random(20261120)
    people = [f"person-{number}" for number in range(20)]
    writer = PlanWriter(redis_client)
    for person in people:
        writer.put_plan(person, plan(task(f"secret-of-{person}"), user=person))
    async with push_running(servers.redis_url) as push:
        connections = {}
        for person in people:
            connections[person] = await connect(push.url, compression=None, proxy=None, max_queue=None)
            await connections[person].send(hello(token_of(person)))
        last = dict.fromkeys(people, "")
        for _ in range(1000):
            person = rng.choice(people)
            last[person] = writer.event(person)
            if rng.random() < 0.05:
                await connections[person].send('{"type":"plan.get","command_id":"c"}')
            await asyncio.sleep(0)
        for person, connection in connections.items():
            while True:
                text = await asyncio.wait_for(connection.recv(), WITHIN_S)
                others = [
                    one for one in people if one != person and f'"{one}"' in text.replace("secret-of-", '"')
                ]
                assert not others
                if fields_of(text).get("event_id") == last[person]:
                    break
            await connection.close()
