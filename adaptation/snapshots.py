"""A shard at rest: an immutable copy of its state, and its bytes.

The bytes name every column, so a later release, or the same one with other rules, resumes them: columns it
does not know are dropped, columns it has in addition start with their defaults. Layout::

    "DBSH" │ version, 1 byte │ length of the header, 4 bytes │ header, JSON │ people │ streams │ pending
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from adaptation.channels import TRACKED_MEASURES
from adaptation.columns import CELL_BYTES
from adaptation.pending import Field, Rows, join_rows
from schemas.commands import CommandEntry
from schemas.errors import InputError
from schemas.plan import Model
from schemas.positions import EntryId

SHARD_STATE_VERSION: Final = 1
_MAGIC: Final = b"DBSH" + bytes([SHARD_STATE_VERSION])
_HEADER_START: Final = len(_MAGIC) + 4
_WHERE: Final = "shard state"


@dataclass(frozen=True, slots=True, eq=False)
class SavedTable:
    """The rows of one table, with the names of its columns."""

    names: tuple[str, ...]
    cells: NDArray[np.float64]
    """(rows, len(names)) cells of 8 bytes, floats or integers."""


@dataclass(frozen=True, slots=True, eq=False)
class ShardState:
    """All that a shard knows after the log entry at ``position``."""

    position: EntryId
    clock_us: int
    zones: tuple[str, ...]
    """Zones that people chose; their numbers start at 1."""
    users: tuple[str, ...]
    """User id of each row of ``people``."""
    devices: tuple[tuple[str, str], ...]
    """User and device id of each row of ``streams``."""
    people: SavedTable
    streams: SavedTable
    pending: tuple[Rows, ...]
    """Rows that wait, in order."""
    commands: tuple[tuple[EntryId, CommandEntry], ...]
    """The commands among them."""

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        rows = join_rows(self.pending) if self.pending else _NO_ROWS
        header = _Header(
            position=self.position,
            clock_us=self.clock_us,
            zones=self.zones,
            users="\n".join(self.users),
            device_users="\n".join(user for user, _ in self.devices),
            devices="\n".join(device for _, device in self.devices),
            people=self.people.names,
            streams=self.streams.names,
            pending=len(rows),
            pending_fields=tuple(field.name for field in Field),
            pending_measures=TRACKED_MEASURES,
            commands=self.commands,
        )
        head = header.model_dump_json().encode()
        arrays = (self.people.cells, self.streams.cells, rows.fields, rows.values)
        parts = [_MAGIC, len(head).to_bytes(4, "little"), head, *(array.tobytes() for array in arrays)]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the state that :meth:`to_bytes` wrote, in this release or an earlier one.

        Raises:
            InputError: the bytes are not a shard's state of a version that this release reads.
        """
        header, arrays = _open(data)
        people, streams, fields, values = arrays
        rows = Rows(
            _arrange(fields, header.pending_fields, [field.name for field in Field]),
            _arrange(values.T, header.pending_measures, TRACKED_MEASURES).T,
        )
        users = zip(_lines(header.device_users), _lines(header.devices), strict=True)
        return cls(
            position=header.position,
            clock_us=header.clock_us,
            zones=header.zones,
            users=_lines(header.users),
            devices=tuple(users),
            people=SavedTable(header.people, people),
            streams=SavedTable(header.streams, streams),
            pending=(rows,) if len(rows) else (),
            commands=header.commands,
        )


class _Header(Model):
    """What precedes the arrays: names, counts, and all that is not a number. Ids are joined by newlines."""

    position: EntryId
    clock_us: int
    zones: tuple[str, ...]
    users: str
    device_users: str
    devices: str
    people: tuple[str, ...]
    streams: tuple[str, ...]
    pending: int
    pending_fields: tuple[str, ...]
    pending_measures: tuple[str, ...]
    commands: tuple[tuple[EntryId, CommandEntry], ...]


_NO_ROWS: Final = Rows(np.empty((len(Field), 0), np.int64), np.empty((0, len(TRACKED_MEASURES))))

_Cell = TypeVar("_Cell", np.int64, np.float64)

_Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]
"""People, streams, pending fields, pending values, as they were written."""


def _open(data: bytes) -> tuple[_Header, _Arrays]:
    if data[: len(_MAGIC)] != _MAGIC:
        raise InputError(
            f"starts with {data[: len(_MAGIC)]!r}",
            where=_WHERE,
            mend=f"this release reads version {SHARD_STATE_VERSION}; start it without this state",
        )
    head_end = _HEADER_START + int.from_bytes(data[len(_MAGIC) : _HEADER_START], "little")
    try:
        header = _Header.model_validate_json(data[_HEADER_START:head_end])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"header: {first['msg']}", where=_WHERE, mend="start without this state") from error
    shapes = (
        (len(_lines(header.users)), len(header.people)),
        (len(_lines(header.devices)), len(header.streams)),
        (len(header.pending_fields), header.pending),
        (header.pending, len(header.pending_measures)),
    )
    need = head_end + CELL_BYTES * sum(rows * columns for rows, columns in shapes)
    if len(data) != need:
        raise InputError(
            f"{len(data)} bytes instead of {need}", where=_WHERE, mend="start without this state"
        )
    flat = np.frombuffer(data, "<f8", offset=head_end)
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    people, streams, fields, values = (
        part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    )
    return header, (people, streams, fields.view(np.int64), values)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _arrange(saved: NDArray[_Cell], names: Sequence[str], wanted: Sequence[str]) -> NDArray[_Cell]:
    """Return the rows called ``wanted``; one that was not saved is NaN or 0."""
    empty = np.nan if saved.dtype.kind == "f" else 0
    arranged = np.full((len(wanted), saved.shape[1]), empty, saved.dtype)
    for row, name in enumerate(wanted):
        if name in names:
            arranged[row] = saved[names.index(name)]
    return arranged
