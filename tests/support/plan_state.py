"""What the plan store has left in Redis, read without the product's own readers."""

import json
from typing import Any

import redis

from stores.envelope import open_envelope


def everything(client: redis.Redis) -> dict[bytes, bytes | None]:
    """Return all keys with their serialised values; equal before and after if nothing was written."""
    return {key: client.dump(key) for key in sorted(client.keys())}


def feed_of(client: redis.Redis, partition: int, user: str) -> list[dict[str, Any]]:
    rows = client.xrange(f"daybeat:{{{partition}}}:feed:{user}")
    events = [json.loads(fields[b"e"]) for _, fields in rows]
    assert [row_id.decode() for row_id, _ in rows] == [event["event_id"] for event in events]
    return events


def live_of(client: redis.Redis, partition: int) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in client.xrange(f"daybeat:{{{partition}}}:live")]


def records_in(client: redis.Redis, partition: int) -> list[dict[str, Any]]:
    rows = client.xrange(f"daybeat:{{{partition}}}:decisions")
    return [record for _, fields in rows for record in json.loads(open_envelope(fields[b"d"], where="test"))]


def plan_of(client: redis.Redis, partition: int, user: str, date: str) -> dict[str, Any] | None:
    text = client.get(f"daybeat:{{{partition}}}:plan:{user}:{date}")
    return None if text is None else json.loads(text)


def check_person(client: redis.Redis, partition: int, user: str, date: str) -> int:
    """Check that plan, feed, live stream, records and person tell one story; return the plan's version."""
    feed = feed_of(client, partition, user)
    person = client.hgetall(f"daybeat:{{{partition}}}:person:{user}")
    plan = plan_of(client, partition, user, date)
    assert plan is not None
    changed = [event for event in feed if event["type"] == "plan.changed" and event["date"] == date]
    replaced = [event for event in feed if event["type"] == "plan.replaced"]
    versions = [event["plan"]["version"] for event in replaced] + [event["version"] for event in changed]
    assert versions == list(range(1, plan["version"] + 1))
    for before, after in zip([{"event_id": "0-0"}, *feed], feed, strict=False):
        assert after["previous_id"] == before["event_id"]
    assert person[b"feed_last"].decode() == feed[-1]["event_id"]
    live = [row for row in live_of(client, partition) if row[b"u"].decode() == user]
    assert [json.loads(row[b"e"]) for row in live] == feed
    assert [row[b"i"].decode() for row in live] == [event["event_id"] for event in feed]
    rows = [
        row
        for row in records_in(client, partition)
        if row["table"] == "plan_versions" and row["user_id"] == user
    ]
    assert [row["version"] for row in rows] == versions
    return int(plan["version"])
