import datetime as dt
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from schemas.errors import InputError
from stores.plan_versions import BrokenVersionsError, rebuild_plan
from support.scenario import DAY, plan_for

pytestmark = pytest.mark.servers

Connection = psycopg.Connection[tuple[Any, ...]]


def _insert(
    database: Connection, version: int, position: str, *, plan: object = None, patch: object = None
) -> None:
    database.execute(
        "INSERT INTO daybeat.plan_versions (user_id, plan_date, version, position, time, cause, patch, plan)"
        " VALUES ('ada', %s, %s, %s, now(), 'test', %s, %s)",
        (DAY, version, position, patch and Jsonb(patch), plan and Jsonb(plan)),
    )


def _bump(version: int) -> list[dict[str, object]]:
    return [
        {"op": "test", "path": "/version", "value": version},
        {"op": "replace", "path": "/version", "value": version + 1},
    ]


def test_versions_follow_their_positions_as_numbers_from_the_last_whole_one(database: Connection) -> None:
    whole = plan_for("ada").model_dump(mode="json")
    _insert(database, 1, "900-0-0", plan={**whole, "time_zone": "Europe/Berlin"})
    _insert(database, 1, "1000-9-0", plan=whole)  # lost, and put anew
    _insert(database, 3, "1000-10-1", patch=_bump(2))
    _insert(database, 2, "1000-10-0", patch=_bump(1))
    rebuilt = rebuild_plan(database, "ada", DAY)
    assert (rebuilt.version, rebuilt.time_zone) == (3, "UTC")


def test_a_plan_that_the_database_never_had_is_bad_input(database: Connection) -> None:
    with pytest.raises(InputError, match="no version"):
        rebuild_plan(database, "ada", DAY + dt.timedelta(days=1))


def test_a_missing_version_is_told_and_never_skipped(database: Connection) -> None:
    _insert(database, 1, "1000-0-0", plan=plan_for("ada").model_dump(mode="json"))
    _insert(database, 3, "1000-0-2", patch=_bump(2))
    with pytest.raises(BrokenVersionsError, match="version 3"):
        rebuild_plan(database, "ada", DAY)


def test_patches_without_a_whole_plan_are_not_enough(database: Connection) -> None:
    _insert(database, 2, "1000-0-0", patch=_bump(1))
    with pytest.raises(BrokenVersionsError, match="whole"):
        rebuild_plan(database, "ada", DAY)
