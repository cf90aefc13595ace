"""A plan rebuilt from its versions in the database, where Redis has lost it."""

import copy
import datetime as dt
from collections.abc import Sequence
from typing import Any

import psycopg
from pydantic import ValidationError

from schemas.errors import DaybeatError, InputError
from schemas.plan import Plan

_VERSIONS = """
    SELECT version, patch, plan FROM daybeat.plan_versions
    WHERE user_id = %s AND plan_date = %s
    ORDER BY string_to_array(position, '-')::bigint[]
"""


class BrokenVersionsError(DaybeatError):
    """The stored versions of a plan do not follow from one another."""


def rebuild_plan(connection: psycopg.Connection[tuple[Any, ...]], user_id: str, date: dt.date) -> Plan:
    """Return the latest version of a person's plan of a local date, as the database has it.

    Raises:
        InputError: the database has no plan of that date.
        BrokenVersionsError: a version is missing, or is no plan.
    """
    rows = connection.execute(_VERSIONS, (user_id, date)).fetchall()
    where = f"daybeat.plan_versions, {user_id}, {date}"
    if not rows:
        raise InputError("there is no version of this plan", where=where, mend="put a new plan")
    wholes = [index for index, (_, _, plan) in enumerate(rows) if plan is not None]
    if not wholes:
        raise _broken("no version is whole", where)
    document: Any = rows[wholes[-1]][2]
    for version, patch, _ in rows[wholes[-1] + 1 :]:
        document = apply_patch(document, patch, where=f"{where}, version {version}")
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise _broken("the rebuilt document is no plan", where) from error


def apply_patch(document: Any, patch: Sequence[dict[str, Any]], *, where: str) -> Any:
    """Return a document after an RFC 6902 patch of ``test`` and ``replace``, the only operations we write.

    Raises:
        BrokenVersionsError: a test fails, a path is not there, or the operation is another one.
    """
    result = copy.deepcopy(document)
    for operation in patch:
        *parents, last = [_unescaped(token) for token in operation["path"].split("/")[1:]]
        try:
            holder = result
            for token in parents:
                holder = holder[_key(holder, token)]
            key = _key(holder, last)
            present = holder[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _broken(f"{operation['path']} is not there", where) from error
        if operation["op"] == "replace":
            holder[key] = operation["value"]
        elif operation["op"] != "test" or present != operation["value"]:
            raise _broken(f"{operation['op']} of {operation['path']} fails", where)
    return result


def _key(holder: Any, token: str) -> str | int:
    return int(token) if isinstance(holder, list) else token


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _broken(what: str, where: str) -> BrokenVersionsError:
    return BrokenVersionsError(what, where=where, mend="put a new plan with daybeat plan put")
