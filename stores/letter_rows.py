"""Dead letters as rows of SQL: those of the gateway, and those that the history flow writes itself."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID, uuid5

from schemas.dead_letters import DeadLetter
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.readings import moment_of
from stores.stream_tail import StreamName

_NAMESPACE: Final = UUID("0c1f6b0e-31a5-5d0c-8d3f-5f3a2b9a4c11")


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A row of table ``dead_letters``."""

    letter_id: UUID
    time: datetime
    topic: str
    reason: str
    """Reason code."""
    detail: str
    """Where and why, without values."""
    payload: bytes


def letter_row(letter: DeadLetter) -> LetterRow:
    """Return the row of a letter that the gateway wrote."""
    return LetterRow(
        letter_id=letter.letter_id,
        time=moment_of(letter.arrival_us),
        topic=letter.topic,
        reason=letter.reason.value,
        detail=letter.detail,
        payload=letter.payload,
    )


def letter_of(
    stream: StreamName,
    partition: PartitionId,
    entry_id: EntryId,
    *,
    reason: str,
    detail: str,
    payload: bytes,
) -> LetterRow:
    """Return the dead letter of (a part of) an entry; the same entry and bytes give the same letter."""
    place = f"{stream} partition {partition}, entry {entry_id}"
    name = f"{place}\n{reason}\n{blake2b(payload, digest_size=16).hexdigest()}"
    return LetterRow(
        letter_id=uuid5(_NAMESPACE, name),
        time=moment_of(entry_id.ms * 1000),
        topic=place,
        reason=reason,
        detail=detail,
        payload=payload,
    )
