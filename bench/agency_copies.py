"""Copies of one person's plans, kept by what is told: an app's from events, the database's from rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.events import PlanChanged, PlanReplaced, TaskChanged
from schemas.records import PlanVersionRow
from schemas.situations import Decided, Situation


class AgencyViolationError(AssertionError):
    """Something became of a person's plan that must not."""


def require(holds: bool, what: str) -> None:  # noqa: FBT001  # reads as an assertion
    """Return if it holds.

    Raises:
        AgencyViolationError: it does not.
    """
    if not holds:
        raise AgencyViolationError(what)


class PlanCopies:
    """Plans as JSON by date, as an app and the database have them."""

    def __init__(self) -> None:
        self._app: dict[str, Any] = {}
        self._database: dict[str, Any] = {}

    def follow(self, decided: Decided) -> None:
        """Take what a decision tells."""
        for event in decided.events:
            match event:
                case PlanChanged():
                    _apply(self._app[event.date], event.patch)
                case TaskChanged():
                    _replace_task(self._app[event.date], event)
                case PlanReplaced():
                    self._app[event.plan.date.isoformat()] = event.plan.model_dump(mode="json")
        for row in decided.records:
            if isinstance(row, PlanVersionRow) and row.plan is not None:
                self._database[row.plan_date.isoformat()] = json.loads(json.dumps(row.plan))
            elif isinstance(row, PlanVersionRow):
                _apply(self._database[row.plan_date.isoformat()], row.patch or [])

    def check(self, after: Situation, decided: Decided) -> None:
        """Check that both are what is stored."""
        for plan in decided.plans:
            stored = after.plans[plan.date].model_dump(mode="json")
            require(self._app[plan.date.isoformat()] == stored, "the app has another plan than the store")
            require(self._database[plan.date.isoformat()] == stored, "the rows lead to another plan")


def _apply(document: dict[str, Any], patch: Sequence[Mapping[str, Any]]) -> None:
    """Apply a patch of tests and replacements; the first operation must test the version."""
    require(
        patch[0] == {"op": "test", "path": "/version", "value": document["version"]},
        "patch of another version",
    )
    for operation in patch[1:]:
        *parents, last = operation["path"].split("/")[1:]
        holder: Any = document
        for token in parents:
            holder = holder[int(token) if isinstance(holder, list) else token]
        require(operation["op"] == "replace", "a patch does more than to replace")
        holder[int(last) if isinstance(holder, list) else last] = operation["value"]


def _replace_task(document: dict[str, Any], event: TaskChanged) -> None:
    document["version"] = event.version
    for block in document["blocks"]:
        for index, task in enumerate(block["tasks"]):
            if task["task_id"] == event.task.task_id:
                block["tasks"][index] = event.task.model_dump(mode="json")
