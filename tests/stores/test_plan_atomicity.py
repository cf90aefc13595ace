"""FAILURES row 15: a plan and its feed entry are there together, or neither is."""

import datetime as dt
import random
import threading
import time
from collections import Counter

import pytest
import redis

from adaptation.commands import decide_command
from daybeat.servers import LocalServers
from schemas.errors import UnavailableError
from schemas.ids import partition_of
from stores.connections import connect_redis
from stores.plans import PlanStore, PlanWrite, SituationRequest, WriteResult
from support.adapting import DAY, NOW, command, plan, position_at, task
from support.plan_state import check_person

PARTITIONS = 4
PEOPLE = [f"person-{number}" for number in range(24)]
ROUNDS = 6

pytestmark = [pytest.mark.servers, pytest.mark.chaos]


class Writer(threading.Thread):
    """Puts one plan version after another for everybody until Redis goes away; counts what was confirmed."""

    def __init__(self, url: str, patience: dt.timedelta) -> None:
        super().__init__()
        self._client = redis.Redis.from_url(url, retry=None)
        self._store = PlanStore(self._client, PARTITIONS, patience=patience)
        self._stopped = threading.Event()
        self.confirmed: Counter[str] = Counter()
        self.results: Counter[WriteResult] = Counter()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._put_for_everybody()
        except UnavailableError as error:
            self.failure = error
        finally:
            self._client.close()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _put_for_everybody(self) -> None:
        loaded = self._store.load([SituationRequest(user, (DAY,)) for user in PEOPLE])
        writes = []
        for user, one in zip(PEOPLE, loaded, strict=True):
            number = 0 if one.applied is None else one.applied.index + 1
            day = plan(*(task(f"t{n}", description="x" * 300) for n in range(12)), user=user)
            entry = command("plan.put", user=user, plan=day.model_dump(), number=number)
            position = position_at(NOW, number)
            decided = decide_command(one.situation, entry, position, time_zone="UTC", recorded=None)
            writes.append(PlanWrite(user, position, one.applied, decided, entry.command.command_id))
        results = self._store.write(writes)
        self.results.update(results)
        for user, write in zip(PEOPLE, writes, strict=True):
            self.confirmed[user] = write.decided.plans[0].version


def test_killing_redis_leaves_every_write_whole_or_absent_and_every_confirmed_one_there(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    confirmed = dict.fromkeys(PEOPLE, 0)
    for _ in range(ROUNDS):
        writer = Writer(servers.redis_url, patience=dt.timedelta(0))
        writer.start()
        time.sleep(chance.uniform(0.02, 0.25))
        servers.redis.kill()
        writer.join()
        assert isinstance(writer.failure, UnavailableError)
        servers.redis.start()
        connect_redis(servers.redis_url, patience=dt.timedelta(seconds=30)).close()
        confirmed |= writer.confirmed
        for user, version in confirmed.items():
            if redis_client.exists(f"daybeat:{{{partition_of(user, PARTITIONS)}}}:person:{user}"):
                stored = check_person(redis_client, partition_of(user, PARTITIONS), user, DAY.isoformat())
                # One more may have been stored whose reply was lost.
                assert version <= stored <= version + 1
                confirmed[user] = stored
            else:
                assert version == 0
    assert max(confirmed.values()) > 0


def test_a_patient_store_goes_on_by_itself_when_redis_comes_back(
    servers: LocalServers, redis_client: redis.Redis
) -> None:
    writer = Writer(servers.redis_url, patience=dt.timedelta(seconds=30))
    writer.start()
    for _ in range(3):
        time.sleep(0.15)
        servers.redis.kill()
        servers.redis.start()
    deadline = time.monotonic() + 20
    while not all(writer.confirmed[user] > 3 for user in PEOPLE) and time.monotonic() < deadline:
        time.sleep(0.05)
    writer.stop()
    assert writer.failure is None
    assert writer.results[WriteResult.CONFLICT] == 0
    for user in PEOPLE:
        stored = check_person(redis_client, partition_of(user, PARTITIONS), user, DAY.isoformat())
        assert stored == writer.confirmed[user] > 3
