"""One adaptation as the history has it, for who takes back one that no longer stands beside their plans."""

from collections.abc import Sequence
from typing import Final

from psycopg.rows import TupleRow

from schemas.records import Adaptation
from stores.questions import Connection, Questions, rows_of

_FIND: Final = """
    SELECT o.adaptation_id, o.user_id, o.rule, o.kind, o.action, o.outcome, o.time, o.expires_at, o.reason,
           o.evidence, o.confidence, o.propensity, a.plan_date, a.task_id, a.original_task, a.adapted_task
    FROM daybeat.adaptations_with_outcome o
    JOIN daybeat.adaptations a ON a.adaptation_id = o.adaptation_id AND a.time = o.time
    WHERE o.adaptation_id = %(adaptation)s AND o.user_id = %(user)s
    ORDER BY a.plan_date, a.original_task ->> 'start', a.task_id"""

_HEAD: Final = (
    "adaptation_id",
    "user_id",
    "rule",
    "kind",
    "action",
    "status",
    "created_at",
    "expires_at",
    "reason",
    "evidence",
    "confidence",
    "propensity",
)
"""Fields of an adaptation, in the order of the first columns."""

_CHANGE: Final = ("date", "task_id", "original", "adapted")
"""Fields of the change of one task, in the order of the columns behind them."""


class AdaptationStore:
    """Reads adaptations from the history; the decisions of the last seconds may be missing.

    Args:
        database_url: of PostgreSQL; nothing is opened before the first question.
    """

    def __init__(self, database_url: str) -> None:
        self._questions = Questions(database_url)

    async def close(self) -> None:
        """Give up all questions and close the connection."""
        await self._questions.close()

    async def find(self, user_id: str, adaptation_id: str) -> Adaptation | None:
        """Return a person's adaptation with the status that it has now; None if they have no such one.

        Raises:
            UnavailableError: PostgreSQL does not answer, or has not been migrated.
        """
        wanted: dict[str, object] = {"user": user_id, "adaptation": adaptation_id}

        async def ask(connection: Connection) -> Adaptation | None:
            rows = await rows_of(connection, _FIND, wanted)
            return _adaptation(rows) if rows else None

        return await self._questions.answer(ask)


def _adaptation(rows: Sequence[TupleRow]) -> Adaptation:
    head = dict(zip(_HEAD, rows[0], strict=False))
    changes = [dict(zip(_CHANGE, row[len(_HEAD) :], strict=True)) for row in rows]
    return Adaptation.model_validate({**head, "changes": changes})
