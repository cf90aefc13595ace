"""A person's wishes as the history has them, where Redis has lost them."""

from typing import Any

import psycopg
from pydantic import ValidationError

from schemas.errors import DaybeatError, InputError
from schemas.people import PersonState

_PROFILE = "SELECT profile FROM daybeat.profiles WHERE user_id = %s"


class BrokenProfileError(DaybeatError):
    """The stored profile is not one that this release wrote."""


def stored_wishes(connection: psycopg.Connection[tuple[Any, ...]], user_id: str) -> PersonState:
    """Return zone, dials, reduce only and pause as the person set them last; everything else is empty.

    Raises:
        InputError: the database has no profile of the person: they never set anything.
        BrokenProfileError: the row cannot be read.
    """
    row = connection.execute(_PROFILE, (user_id,)).fetchone()
    where = f"daybeat.profiles, {user_id}"
    if row is None:
        raise InputError(
            "there is no profile of this person", where=where, mend="nothing was ever set: go on"
        )
    try:
        return PersonState.model_validate(row[0])
    except ValidationError as error:
        raise BrokenProfileError("the row is no profile", where=where, mend="mend it by hand") from error
