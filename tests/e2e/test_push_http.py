"""What the push server answers over HTTP, asked by a client of the standard library."""

import asyncio
import datetime as dt
import gzip
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files

import psycopg
import pytest
import redis

from daybeat.app_client import open_app
from daybeat.servers import LocalServers
from schemas.events import AdaptationProposed
from schemas.records import HrvDay
from stores.series import Series
from support.adapting import plan, task
from support.physiology_rows import estimate, hrv_day, put_records, window
from support.push_run import NOW, PlanWriter, PushRun, coach_token, push_running, token_of

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.body)
        return document


async def ask(
    push: PushRun, path: str, *, token: str | None = None, method: str = "GET", **headers: str
) -> Answer:
    """Ask over a connection of its own, from a thread: the server runs in this loop."""

    def request() -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", push.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    return await asyncio.to_thread(request)


async def test_the_page_and_its_script_are_served_with_tags_and_compressed(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    script = (files("push") / "page" / "app.js").read_bytes()
    async with push_running(servers.redis_url) as push:
        page = await ask(push, "/")
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["Cache-Control"] == "no-cache"
        assert page.body == (files("push") / "page" / "index.html").read_bytes()
        plain = await ask(push, "/assets/app.js")
        assert plain.body == script
        packed = await ask(push, "/assets/app.js", Accept_Encoding="br, gzip;q=0.8")
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == script
        unwanted = await ask(push, "/assets/app.js", Accept_Encoding="gzip;q=0")
        assert "Content-Encoding" not in unwanted.headers
        known = await ask(push, "/", If_None_Match=f'"other", W/{page.headers["ETag"]}')
        assert (known.status, known.body) == (304, b"")
        head = await ask(push, "/", method="HEAD")
        assert (head.body, head.headers["Content-Length"]) == (b"", str(len(page.body)))


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/v1/people", "/nowhere", "/metrics", "/healthz"])
async def test_every_answer_carries_the_security_headers(
    servers: LocalServers, redis_client: redis.Redis, path: str
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        headers = (await ask(push, path)).headers
    policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/assets/../server.py", 404),
        ("GET", "/assets/%2e%2e/server.py", 404),
        ("POST", "/v1/people", 405),
        ("GET", "/v1/stream", 426),
        ("GET", "/v1/people", 401),
        ("GET", "/v1/series?user=ada", 401),
    ],
)
async def test_what_cannot_be_answered_is_said_in_json_with_a_remedy(
    servers: LocalServers, redis_client: redis.Redis, method: str, path: str, status: int
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        answer = await ask(push, path, method=method)
    assert answer.status == status
    assert set(answer.json()) == {"error", "mend"}
    assert all(answer.json().values())


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("user=bob", 403),
        ("user=a/b", 400),
        ("user=ada&user=bob", 400),
        ("user=ada&after=yesterday", 400),
        ("user=ada&after=-1", 400),
        ("user=ada&after=nan", 400),
        ("user=ada&after=1e300", 400),
    ],
)
async def test_a_bad_question_for_series_is_refused(
    servers: LocalServers, redis_client: redis.Redis, query: str, status: int
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        assert (await ask(push, f"/v1/series?{query}", token=token_of("ada"))).status == status


@pytest.mark.parametrize(
    "token", [token_of("ada", lasts=-dt.timedelta(hours=1)), "nonsense"], ids=["expired", "nonsense"]
)
async def test_a_bad_token_is_refused(servers: LocalServers, redis_client: redis.Redis, token: str) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        answer = await ask(push, "/v1/people", token=token)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_token_in_the_query_is_no_token(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        assert (await ask(push, f"/v1/people?token={token_of('ada')}")).status == 401


async def test_series_and_people_come_from_the_history(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> None:
    del redis_client
    time = NOW - dt.timedelta(seconds=90)
    for user in ("ada", "bob", "eve"):
        database.execute(
            "INSERT INTO daybeat.readings (time, user_id, device_id, digest, arrival,"
            " time_stamped_on_arrival, heart_rate_bpm) VALUES (%s, %s, 'watch', 1, %s, false, 61)",
            (time, user, time),
        )
    put_records(database, [hrv_day(NOW.date()), window(time, 3.9), estimate(time, None, 0.61)])
    async with push_running(servers.redis_url, database_url=servers.database_url) as push:
        own = (await ask(push, "/v1/series", token=token_of("ada"))).json()
        assert set(own) == {"user_id", "now", "speed"} | {one.name for one in fields(Series)}
        minute = int(time.replace(second=0).timestamp() * 1000)
        assert own["measures"]["heart_rate_bpm"] == [[minute, 61.0]]  # type: ignore[index]
        assert (own["user_id"], own["now"], own["speed"]) == ("ada", NOW.isoformat(), 1.0)
        source = {"measure": "rmssd_ms", "device_id": "strap", "slot": "asleep"}
        assert own["sources"] == {"hrv": source, "estimates": "strap"}
        assert own["windows"] == [[int(time.timestamp() * 1000), 3.9, "good"]]
        day = HrvDay.model_validate(
            {name: value for name, value in own["hrv_days"][0].items() if name != "time"}  # type: ignore[index]
        )
        assert day.model_dump().items() <= hrv_day(NOW.date()).model_dump().items()
        levels = {"stress_level": [[minute, None, None]], "energy_level": [[minute, 0.61, 0.6]]}
        assert own["estimates"] == levels
        again = (await ask(push, f"/v1/series?user=ada&after={own['next']}", token=token_of("ada"))).json()
        assert again["measures"]["heart_rate_bpm"] == []  # type: ignore[index]
        for token, seen in [(token_of("ada"), ["ada"]), (coach_token("bob", "ada"), ["ada", "bob"])]:
            answer = (await ask(push, "/v1/people", token=token)).json()
            people = answer["people"]
            assert [one["user_id"] for one in people] == seen  # type: ignore[attr-defined]
            assert set(people[0]) == {"user_id", "state", "spark"}  # type: ignore[index]
            assert answer["figures"] == {
                "readings_per_s": 0.0,
                "rules_fired": 0,
                "plans_rewritten": 0,
                "arrival_to_push_ms": None,
            }


async def test_the_delay_from_arrival_to_push_is_that_of_events_which_a_reading_caused(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> None:
    del database
    writer = PlanWriter(redis_client)
    later = NOW + dt.timedelta(minutes=5)
    async with push_running(
        servers.redis_url, database_url=servers.database_url, now=lambda: later, speed=600.0
    ) as push:
        writer.put_plan("ada", plan(task("walk"), task("swim", "14:00")))
        (proposed,) = writer.fire("ada", "energy_surge").events
        assert isinstance(proposed, AdaptationProposed)
        answer = {"type": "adaptation.accept", "adaptation_id": proposed.adaptation.adaptation_id}
        writer.carry_out("ada", writer.command(answer), now=NOW + dt.timedelta(minutes=1))
        writer.fire("bob", "energy_surge")  # has no plan: no event
        async with open_app(push.url, token=token_of("ada")) as app:
            last = writer.event("ada")
            while (await app.next_message()).event_id != last:
                pass
        assert push.count("daybeat_push_arrival_to_push_seconds_count") == 1
        # Five minutes of a clock that runs 600 times as fast as the real one.
        assert push.count("daybeat_push_arrival_to_push_seconds_sum") == pytest.approx(0.5)
        figures = (await ask(push, "/v1/people", token=token_of("ada"))).json()["figures"]
        assert figures["arrival_to_push_ms"] == {"p50": 500.0, "p99": 500.0}  # type: ignore[index]


async def test_without_postgresql_the_series_are_unavailable_and_say_so(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        for path in ("/v1/series", "/v1/people"):
            answer = await ask(push, path, token=token_of("ada"))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert "PostgreSQL" in str(answer.json()["error"])
            assert "127.0.0.1:1" not in answer.body.decode()
        assert (await ask(push, "/healthz")).json()["ok"] is True


async def test_metrics_are_open_and_name_nobody(servers: LocalServers, redis_client: redis.Redis) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:
        text = (await ask(push, "/metrics")).body.decode()
    assert "daybeat_push_connections 0.0" in text
    assert "daybeat_push_resyncs_total 0.0" in text


async def test_a_request_that_is_no_http_harms_nobody(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    del redis_client
    async with push_running(servers.redis_url) as push:

        def babble() -> bytes:
            with socket.create_connection(("127.0.0.1", push.port), timeout=20) as connection:
                connection.sendall(
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n"
                )
                return connection.recv(1000)

        await asyncio.to_thread(babble)
        assert (await ask(push, "/healthz")).status == 200
