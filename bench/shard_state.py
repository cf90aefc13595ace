"""What is kept of a person with one watch, by part, and shards of many such people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import SavedTable
from adaptation.shard import ShardState
from schemas.errors import InputError
from schemas.positions import EntryId

PARTS: Final = ("people", "streams", "rings", "beats", "open_days")
"""What a person's state is made of, besides ids."""

_VARYING: Final = ("beats", "open_days")
"""Parts that come and go with the time of day."""

_Whole = TypeVar("_Whole", np.int32, np.int64)


@dataclass(frozen=True, slots=True)
class StateSize:
    """Bytes of state a person."""

    bytes_per_person: float
    """All parts but the ids."""
    bytes_by_part: dict[str, float]
    """By ``PARTS``, and ``ids``."""


def size_of_day(states: Sequence[ShardState]) -> StateSize:
    """Return the size of a person's state over a day.

    Columns and rings are those of the last state, in which one night is closed. The beats kept and the
    values of a night that is still open vary: they are means over all states, which are to be taken at equal
    distances over a whole day.

    Args:
        states: of the same people.
    """
    sizes = [_bytes_by_part(state) for state in states]
    parts = sizes[-1] | {part: float(np.mean([size[part] for size in sizes])) for part in _VARYING}
    return StateSize(
        bytes_per_person=round(sum(parts[part] for part in PARTS), 1),
        bytes_by_part={part: round(size, 1) for part, size in parts.items()},
    )


def copied_people(state: ShardState, *, copies: int, first: int, position: EntryId) -> ShardState:
    """Return a state in which each person of ``state`` stands ``copies`` times, under other ids.

    Args:
        state: of people with one device each, without anything that waits.
        copies: how often.
        first: number of the first id; they go on from there.
        position: the last log entry that it has taken.

    Raises:
        InputError: people and devices do not correspond, or readings wait.
    """
    if [user for user, _ in state.devices] != list(state.users) or state.pending:
        raise InputError("people of other than one device, or readings that wait", where="bench physiology")
    people = len(state.users)
    users = tuple(f"person-{number:06d}" for number in range(first, first + copies * people))
    bodies = state.bodies
    return replace(
        state,
        position=position,
        users=users,
        devices=tuple((user, "watch") for user in users),
        people=_tiled(state.people, copies),
        streams=_tiled(state.streams, copies),
        bodies=replace(
            bodies,
            rings=_tiled(bodies.rings, copies),
            ring_keys=_renumbered(bodies.ring_keys, copies, people),
            beat_rows=_renumbered(bodies.beat_rows, copies, people),
            beats=bodies.beats * copies,
            open_days=_renumbered(bodies.open_days, copies, people),
            day_rates=np.tile(bodies.day_rates, copies),
            day_values=bodies.day_values * copies,
        ),
    )


def _bytes_by_part(state: ShardState) -> dict[str, float]:
    bodies = state.bodies
    sizes = {
        "people": state.people.cells.nbytes,
        "streams": state.streams.cells.nbytes,
        "rings": bodies.rings.cells.nbytes + bodies.ring_keys.nbytes,
        "beats": len(bodies.beats) + bodies.beat_rows.nbytes,
        "open_days": len(bodies.day_values) + bodies.open_days.nbytes + bodies.day_rates.nbytes,
        "ids": sum(map(len, state.users)) + sum(len(user) + len(device) for user, device in state.devices),
    }
    return {part: size / len(state.users) for part, size in sizes.items()}


def _tiled(table: SavedTable, copies: int) -> SavedTable:
    return SavedTable(table.names, np.tile(table.cells, (copies, 1)))


def _renumbered(rows: NDArray[_Whole], copies: int, people: int) -> NDArray[_Whole]:
    """Return the rows ``copies`` times; their first column, a person's row, goes on counting."""
    tiled = np.tile(rows, (copies, 1))
    tiled[:, 0] += np.repeat(np.arange(copies) * people, len(rows)).astype(rows.dtype)
    return tiled
