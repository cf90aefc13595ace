"""A shard at rest: an immutable copy of its state, and its bytes.

The bytes name every column, so a later release, or the same one with other rules, resumes them: columns it
does not know are dropped, columns it has in addition start with their defaults. Layout::

    "DBSH" │ version, 1 byte │ length of the header, 4 bytes │ header, JSON │ the arrays that it names

Version 1, without physiology, had four arrays and did not name them. Version 2 had no timers and no rules
that were loaded, and kept whether a rule's conditions held in a column of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from adaptation.channels import TRACKED_MEASURES
from adaptation.columns import SavedTable
from adaptation.pending import Field, Rows, join_rows
from adaptation.saved_bodies import NO_BODIES, SavedBodies
from adaptation.timers import SavedTimers
from schemas.commands import CommandEntry
from schemas.errors import InputError
from schemas.plan import Model
from schemas.positions import EntryId
from schemas.rule_entries import RulesEntry

SHARD_STATE_VERSION: Final = 3
_VERSION_WITHOUT_TIMERS: Final = 2
_VERSION_WITHOUT_BODIES: Final = 1
_VERSIONS: Final = (SHARD_STATE_VERSION, _VERSION_WITHOUT_TIMERS, _VERSION_WITHOUT_BODIES)
_RENAMED: Final = {"active": "rule"}
"""Groups of the people's columns that were called otherwise before version 3; their cells mean the same."""
_MAGIC: Final = b"DBSH"
_HEADER_START: Final = len(_MAGIC) + 1 + 4
_WHERE: Final = "shard state"


@dataclass(frozen=True, slots=True, eq=False)
class ShardState:
    """All that a shard knows after the log entry at ``position``."""

    position: EntryId
    clock_us: int
    timers: SavedTimers | None
    """None in a state before version 3: deadlines then follow from when rules fired."""
    rules: str | None
    """Text of the rule file that was loaded last; None: the rules that Daybeat ships with."""
    zones: tuple[str, ...]
    """Zones that people chose; their numbers start at 1."""
    users: tuple[str, ...]
    """User id of each row of ``people``."""
    devices: tuple[tuple[str, str], ...]
    """User and device id of each row of ``streams``."""
    people: SavedTable
    streams: SavedTable
    bodies: SavedBodies
    pending: tuple[Rows, ...]
    """Rows that wait, in order."""
    commands: tuple[tuple[EntryId, CommandEntry], ...]
    """The commands among them."""
    rule_changes: tuple[tuple[EntryId, RulesEntry], ...]
    """Rules that apply behind some of them, in order."""

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        rows = join_rows(self.pending).with_own_beats() if self.pending else _NO_ROWS
        arrays: dict[str, NDArray[np.generic]] = {
            "people": self.people.cells,
            "streams": self.streams.cells,
            "pending_fields": rows.fields,
            "pending_values": rows.values,
            "pending_beats": rows.beats,
            "rings": self.bodies.rings.cells,
            "ring_keys": self.bodies.ring_keys,
            "beat_rows": self.bodies.beat_rows,
            "beats": np.frombuffer(self.bodies.beats, np.uint8),
            "open_days": self.bodies.open_days,
            "day_rates": self.bodies.day_rates,
            "day_values": np.frombuffer(self.bodies.day_values, np.uint8),
        }
        if self.timers is not None:
            arrays |= {"deadlines": self.timers.deadlines, "taken": self.timers.taken}
        header = _Header(
            position=self.position,
            clock_us=self.clock_us,
            rules=self.rules,
            rule_changes=self.rule_changes,
            zones=self.zones,
            users="\n".join(self.users),
            device_users="\n".join(user for user, _ in self.devices),
            devices="\n".join(device for _, device in self.devices),
            people=self.people.names,
            streams=self.streams.names,
            rings=self.bodies.rings.names,
            pending=len(rows),
            pending_fields=tuple(field.name for field in Field),
            pending_measures=TRACKED_MEASURES,
            commands=self.commands,
            arrays=tuple(
                _Array(name=name, dtype=array.dtype.str, shape=array.shape) for name, array in arrays.items()
            ),
        )
        head = header.model_dump_json().encode()
        start = _MAGIC + bytes([SHARD_STATE_VERSION]) + len(head).to_bytes(4, "little")
        return b"".join([start, head, *(array.tobytes() for array in arrays.values())])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the state that :meth:`to_bytes` wrote, in this release or an earlier one.

        Raises:
            InputError: the bytes are not a shard's state of a version that this release reads.
        """
        header, arrays = _open(data)
        rows = Rows(
            _arrange(arrays["pending_fields"], header.pending_fields, [field.name for field in Field]),
            _arrange(arrays["pending_values"].T, header.pending_measures, TRACKED_MEASURES).T,
            arrays["pending_beats"].view(np.uint16),
        )
        users = zip(_lines(header.device_users), _lines(header.devices), strict=True)
        bodies = SavedBodies(
            rings=SavedTable(header.rings, arrays["rings"]),
            ring_keys=arrays["ring_keys"],
            beat_rows=arrays["beat_rows"],
            beats=arrays["beats"].tobytes(),
            open_days=arrays["open_days"],
            day_rates=arrays["day_rates"],
            day_values=arrays["day_values"].tobytes(),
        )
        has_timers = "deadlines" in arrays
        return cls(
            position=header.position,
            clock_us=header.clock_us,
            timers=SavedTimers(arrays["deadlines"], arrays["taken"]) if has_timers else None,
            rules=header.rules,
            zones=header.zones,
            users=_lines(header.users),
            devices=tuple(users),
            people=SavedTable(tuple(map(_renamed, header.people)), arrays["people"]),
            streams=SavedTable(header.streams, arrays["streams"]),
            bodies=bodies,
            pending=(rows,) if len(rows) else (),
            commands=header.commands,
            rule_changes=header.rule_changes,
        )


class _Array(Model):
    """One array behind the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]


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
    rings: tuple[str, ...] = NO_BODIES.rings.names
    pending: int
    pending_fields: tuple[str, ...]
    pending_measures: tuple[str, ...]
    commands: tuple[tuple[EntryId, CommandEntry], ...]
    rules: str | None = None
    rule_changes: tuple[tuple[EntryId, RulesEntry], ...] = ()
    arrays: tuple[_Array, ...] = ()


_NO_ROWS: Final = Rows(np.empty((len(Field), 0), np.int64), np.empty((0, len(TRACKED_MEASURES))))

_Cell = TypeVar("_Cell", np.int64, np.float64)


def _open(data: bytes) -> tuple[_Header, Mapping[str, NDArray[Any]]]:
    version = data[len(_MAGIC)] if data.startswith(_MAGIC) and len(data) > len(_MAGIC) else None
    if version not in _VERSIONS:
        raise InputError(
            "is no state of a shard" if version is None else f"has version {version}",
            where=_WHERE,
            mend=f"this release reads versions up to {SHARD_STATE_VERSION}; start it without this state",
        )
    head_end = _HEADER_START + int.from_bytes(data[_HEADER_START - 4 : _HEADER_START], "little")
    try:
        header = _Header.model_validate_json(data[_HEADER_START:head_end])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"header: {first['msg']}", where=_WHERE, mend="start without this state") from error
    arrays = _arrays_without_bodies(header) if version == _VERSION_WITHOUT_BODIES else header.arrays
    need = head_end + sum(_size(array) for array in arrays)
    if len(data) != need:
        raise InputError(
            f"{len(data)} bytes instead of {need}", where=_WHERE, mend="start without this state"
        )
    found = _empty_arrays()
    for array in arrays:
        cells = np.frombuffer(data, array.dtype, int(np.prod(array.shape)), head_end)
        found[array.name] = cells.reshape(array.shape)
        head_end += _size(array)
    return header, found


def _size(array: _Array) -> int:
    return int(np.prod(array.shape)) * np.dtype(array.dtype).itemsize


def _arrays_without_bodies(header: _Header) -> tuple[_Array, ...]:
    """Return the arrays of version 1."""
    fields, measures = len(header.pending_fields), len(header.pending_measures)
    return (
        _Array(name="people", dtype="<f8", shape=(len(_lines(header.users)), len(header.people))),
        _Array(name="streams", dtype="<f8", shape=(len(_lines(header.devices)), len(header.streams))),
        _Array(name="pending_fields", dtype="<i8", shape=(fields, header.pending)),
        _Array(name="pending_values", dtype="<f8", shape=(header.pending, measures)),
    )


def _empty_arrays() -> dict[str, NDArray[Any]]:
    """Return the arrays that a state without beats, days and rings has."""
    return {
        "pending_beats": np.zeros(0, np.uint16),
        "rings": NO_BODIES.rings.cells,
        "ring_keys": NO_BODIES.ring_keys,
        "beat_rows": NO_BODIES.beat_rows,
        "beats": np.zeros(0, np.uint8),
        "open_days": NO_BODIES.open_days,
        "day_rates": NO_BODIES.day_rates,
        "day_values": np.zeros(0, np.uint8),
    }


def _renamed(column: str) -> str:
    group, dot, label = column.partition(".")
    return f"{_RENAMED.get(group, group)}{dot}{label}"


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
