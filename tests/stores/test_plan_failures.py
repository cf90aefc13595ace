import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
import redis

from schemas.errors import BusyError, UnavailableError
from schemas.ids import partition_of
from stores.plans import (
    PlanStore,
    SituationRequest,
    WriteResult,
)
from stores.stored_values import StoredValueError
from support.adapting import NOW, firing, position_at
from support.plan_state import check_person, everything, live_of
from support.plan_writing import (
    ADA,
    DATES,
    FEED_KEY,
    PARTITIONS,
    PERSON_KEY,
    fire,
    load,
    put,
    two_tasks,
)

pytestmark = pytest.mark.servers


@pytest.fixture
def store(redis_client: redis.Redis) -> PlanStore:
    return PlanStore(redis_client, PARTITIONS, patience=dt.timedelta(seconds=20))


@pytest.mark.parametrize("name", ["feed:ada", "live", "decisions", "commands:ada"])
def test_a_key_of_the_wrong_type_stops_the_write_before_anything_is_changed(
    store: PlanStore, redis_client: redis.Redis, name: str
) -> None:
    put(store, two_tasks())
    write = fire(load(store), firing(), position_at(NOW, 5))
    key = f"daybeat:{{{ADA}}}:{name}"
    redis_client.delete(key)
    redis_client.set(key, "somebody else's")
    before = everything(redis_client)
    with pytest.raises(StoredValueError, match="WRONGTYPE"):
        store.write([write])
    assert everything(redis_client) == before


def test_a_feed_that_is_ahead_stops_the_write_before_anything_is_changed(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    write = fire(load(store), firing(), position_at(NOW, 5))
    redis_client.xadd(FEED_KEY, {"e": "{}"}, id=f"{write.position.ms + 1}-0")
    before = everything(redis_client)
    with pytest.raises(StoredValueError, match="equal or smaller"):
        store.write([write])
    assert everything(redis_client) == before


def test_a_write_that_cannot_be_made_does_not_stop_those_of_other_people(
    store: PlanStore, redis_client: redis.Redis
) -> None:
    put(store, two_tasks())
    put(store, two_tasks("eve"), 1)
    redis_client.delete(FEED_KEY)
    redis_client.set(FEED_KEY, "somebody else's")
    loaded = store.load([SituationRequest(user, DATES) for user in ("ada", "eve")])
    ada, eve = (
        fire(one, firing(user=user), position_at(NOW, 5))
        for one, user in zip(loaded, ("ada", "eve"), strict=True)
    )
    with pytest.raises(StoredValueError):
        store.write([ada, eve])
    assert check_person(redis_client, partition_of("eve", PARTITIONS), "eve", "2026-11-20") == 2


@pytest.mark.parametrize("key", [PERSON_KEY, f"daybeat:{{{ADA}}}:plan:ada:2026-11-20"])
def test_a_stored_value_that_cannot_be_read_is_named_but_not_quoted(
    store: PlanStore, redis_client: redis.Redis, key: str
) -> None:
    put(store, two_tasks())
    if key == PERSON_KEY:
        redis_client.hset(key, "state", '{"time_zone": "0.2799"}')
    else:
        redis_client.set(key, '{"user_id": "0.2799"}')
    with pytest.raises(StoredValueError, match="person ada") as caught:
        load(store)
    assert "0.2799" not in str(caught.value)
    assert caught.value.__cause__ is None


def in_a_moment(action: Callable[[], object]) -> threading.Thread:
    """Return a thread that does something a little later."""

    def run() -> None:
        time.sleep(0.4)
        action()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_full_redis_is_waited_for_and_then_named(store: PlanStore, redis_client: redis.Redis) -> None:
    put(store, two_tasks())
    write = fire(load(store), firing(), position_at(NOW, 5))
    before = everything(redis_client)
    redis_client.config_set("maxmemory", 1)
    try:
        with pytest.raises(BusyError, match="full"):
            PlanStore(redis_client, PARTITIONS, patience=dt.timedelta(seconds=0.3)).write([write])
        assert everything(redis_client) == before
        freed = in_a_moment(lambda: redis_client.config_set("maxmemory", 0))
        assert store.write([write]) == [WriteResult.WRITTEN]
        freed.join()
    finally:
        redis_client.config_set("maxmemory", 0)
    assert live_of(redis_client, ADA)


def test_an_absent_redis_is_an_error_that_says_how_to_mend_it() -> None:
    client = redis.Redis.from_url("redis://127.0.0.1:1", retry=None)
    absent = PlanStore(client, PARTITIONS, patience=dt.timedelta(seconds=0.2))
    with pytest.raises(UnavailableError, match="start Redis"):
        absent.load([SituationRequest("ada")])
