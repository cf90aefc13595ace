"""Dead letters as the history flow has stored them: found, and marked as replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A row of table ``dead_letters``."""

    letter_id: UUID
    time: datetime
    """When the message arrived."""
    topic: str
    reason: str
    detail: str
    payload: bytes
    """As it came; of a message that was too long, its beginning."""
    replayed_at: datetime | None


class DeadLetterStore:
    """Reads and marks the rows of ``daybeat.dead_letters``."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def find(
        self,
        *,
        ids: Sequence[UUID] = (),
        reason: str | None = None,
        with_replayed: bool = False,
        limit: int | None = None,
    ) -> list[StoredLetter]:
        """Return letters, the oldest first.

        Args:
            ids: only these; all where it is empty.
            reason: only those refused for this reason.
            with_replayed: whether letters that were replayed before are wanted too.
            limit: at most so many, and then the newest ones.
        """
        query = """
            SELECT letter_id, time, topic, reason, detail, payload, replayed_at FROM daybeat.dead_letters
            WHERE (cardinality(%(ids)s::uuid[]) = 0 OR letter_id = ANY(%(ids)s))
              AND (%(reason)s::text IS NULL OR reason = %(reason)s)
              AND (%(with_replayed)s OR replayed_at IS NULL)
            ORDER BY time DESC, letter_id LIMIT %(limit)s"""
        arguments = {"ids": list(ids), "reason": reason, "with_replayed": with_replayed, "limit": limit}
        with self._connection.cursor(row_factory=class_row(StoredLetter)) as cursor:
            return cursor.execute(query, arguments).fetchall()[::-1]

    def mark_replayed(self, letter_id: UUID) -> None:
        """Record that a letter has been published again just now."""
        self._connection.execute(
            "UPDATE daybeat.dead_letters SET replayed_at = now() WHERE letter_id = %s", (letter_id,)
        )
