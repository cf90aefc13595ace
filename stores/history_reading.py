"""Stored readings read back as columns, in the order in which they arrived, a bounded number at a time.

PostgreSQL sorts and sends rows in the binary COPY format, in which every field but the RR intervals has a
fixed width here: ids are padded, what is not given is NaN. So rows become columns without Python per field.

Reference: PostgreSQL 17 documentation, COPY, "Binary Format".
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    NO_SEQ,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    ReadingFrame,
)
from schemas.measures import ACTIVITIES, MEASURE_NAMES
from schemas.readings import moment_of
from stores.copy_rows import COPY_HEAD, COPY_TAIL
from stores.migrations import check_migrated

Connection = psycopg.Connection[tuple[Any, ...]]

ROWS_AT_ONCE: Final = 50_000
"""Readings in one frame, at most."""

_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in µs since 1970: PostgreSQL counts from there."""
_ID_CHARACTERS: Final = 64

_MEASURES: Final = ", ".join(f"COALESCE({name}, 'NaN'::float8)" for name in MEASURE_NAMES)
_ACTIVITIES: Final = ", ".join(f"'{name}'" for name in ACTIVITIES)

# A message's readings stay together, in the order of its numbers or else of their times.
_READINGS: Final = f"""
COPY (
    SELECT user_id::char({_ID_CHARACTERS}), device_id::char({_ID_CHARACTERS}), time, arrival,
        COALESCE(seq, {NO_SEQ}), digest,
        time_stamped_on_arrival::int4 * {TIME_STAMPED_ON_ARRIVAL} + time_of_receipt::int4 * {TIME_OF_RECEIPT}
            + CASE WHEN contact IS NULL THEN 0 ELSE {CONTACT_GIVEN} + contact::int4 * {CONTACT} END,
        COALESCE(array_position(ARRAY[{_ACTIVITIES}], activity), 0),
        {_MEASURES}, rr_ms
    FROM daybeat.readings
    WHERE user_id = ANY(%(users)s) AND time >= %(from)s AND time < %(upto)s
    ORDER BY arrival, user_id, device_id, seq NULLS FIRST, time, digest
) TO STDOUT (FORMAT binary)"""  # noqa: S608  # names and numbers of our own

_PEOPLE: Final = """
SELECT user_id FROM daybeat.readings
WHERE time >= %(from)s AND time < %(upto)s AND (%(users)s::text[] IS NULL OR user_id = ANY(%(users)s))
GROUP BY user_id ORDER BY user_id"""

_ZONES: Final = """
SELECT user_id, profile->>'time_zone' FROM daybeat.profiles
WHERE user_id = ANY(%(users)s) AND profile->>'time_zone' IS NOT NULL"""


def _field(name: str, dtype: str) -> list[tuple[str, str]]:
    return [(f"{name}.length", ">i4"), (name, dtype)]


_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        *_field("user", f"S{_ID_CHARACTERS}"),
        *_field("device", f"S{_ID_CHARACTERS}"),
        *(field for name in ("time", "arrival", "seq", "digest") for field in _field(name, ">i8")),
        *(field for name in ("flags", "activity") for field in _field(name, ">i4")),
        *(field for name in MEASURE_NAMES for field in _field(name, ">f8")),
        ("rr.length", ">i4"),
    ]
)
"""A row up to its RR intervals."""
_RR_HEAD_BYTES: Final = 20
_RR_ITEM: Final = np.dtype([("length", ">i4"), ("value", ">f8")])


class HistoryReader:
    """Reads what people's devices gave, over one connection in autocommit mode.

    Raises:
        MigrationError: the schema of the database is not the one of this release.
    """

    def __init__(self, connection: Connection) -> None:
        check_migrated(connection)
        self._connection = connection

    def people(self, users: Sequence[str] | None, *, from_us: int, upto_us: int) -> list[str]:
        """Return who has readings between two moments: of ``users``, or of all people if that is None."""
        rows = self._connection.execute(_PEOPLE, _arguments(users, from_us, upto_us)).fetchall()
        return [user for (user,) in rows]

    def zones(self, users: Sequence[str]) -> dict[str, str]:
        """Return the IANA zone of those people whose profile names one."""
        return dict(self._connection.execute(_ZONES, {"users": list(users)}).fetchall())

    def readings(self, users: Sequence[str], *, from_us: int, upto_us: int) -> Iterator[ReadingFrame]:
        """Yield the readings of some people with a time between two moments, in order of their arrival.

        ``extra`` and ``source`` are left out. Nothing else may use the connection before the last frame.
        """
        with (
            self._connection.cursor() as cursor,
            cursor.copy(_READINGS.encode(), _arguments(users, from_us, upto_us)) as copy,
        ):
            rows: list[bytes] = []
            for data in copy:
                row = bytes(data).removeprefix(COPY_HEAD)
                if row and row != COPY_TAIL:
                    rows.append(row)
                if len(rows) >= ROWS_AT_ONCE:
                    yield _frame_of(rows)
                    rows = []
            if rows:
                yield _frame_of(rows)


def _arguments(users: Sequence[str] | None, from_us: int, upto_us: int) -> dict[str, object]:
    return {
        "users": None if users is None else list(users),
        "from": moment_of(from_us),
        "upto": moment_of(upto_us),
    }


def _frame_of(rows: Sequence[bytes]) -> ReadingFrame:
    fixed = np.frombuffer(b"".join([row[: _ROW.itemsize] for row in rows]), _ROW)
    intervals = [row[_ROW.itemsize + _RR_HEAD_BYTES :] for row in rows]
    rr_bytes = np.fromiter(map(len, intervals), np.int64, len(rows))
    flags = fixed["flags"].astype(np.uint8)
    return ReadingFrame(
        users=_texts(fixed["user"]),
        devices=_texts(fixed["device"]),
        time_us=fixed["time"].astype(np.int64) + _POSTGRES_EPOCH_US,
        arrival_us=fixed["arrival"].astype(np.int64) + _POSTGRES_EPOCH_US,
        seq=fixed["seq"].astype(np.int64),
        digest=fixed["digest"].astype(np.int64).view(np.uint64),
        flags=flags,
        activity=fixed["activity"].astype(np.uint8),
        source=np.zeros(len(rows), np.uint8),
        measures=np.stack([fixed[name].astype(np.float64) for name in MEASURE_NAMES], axis=1),
        rr_counts=(rr_bytes // _RR_ITEM.itemsize).astype(np.uint16),
        rr_ms=np.frombuffer(b"".join(intervals), _RR_ITEM)["value"].astype(np.float64),
        extra=[b""] * len(rows),
    )


def _texts(padded: NDArray[np.bytes_]) -> list[str]:
    """Return padded ASCII texts without their padding, each text that repeats as one string."""
    raw = padded.tolist()
    known = {text: text.decode().rstrip(" ") for text in set(raw)}
    return [known[text] for text in raw]
