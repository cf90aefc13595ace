"""The mark that a change leaves on a task, and the task as it was, from its mark alone. Pure."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from adaptation.actions import with_fields
from adaptation.candidates import ONE_MINUTE, Candidate, blocks_of
from schemas.plan import Plan, Task, TaskAdaptation, TaskOriginal
from schemas.records import Adaptation

_FIELDS: Final = tuple(TaskOriginal.model_fields)
"""What of a task a change may replace."""


def marked(
    change: Candidate,
    plans: Iterable[Plan],
    *,
    adaptation_id: str,
    rule: str,
    reason: str,
    expires_at: dt.datetime | None,
) -> Candidate:
    """Return a change whose task carries its mark.

    Args:
        change: the task before and after.
        plans: all plans that have tasks around it, its own among them.
        adaptation_id: the adaptation's id.
        rule: the rule's name.
        reason: the sentence that is shown.
        expires_at: when the original returns; None: the person accepted the change.
    """
    before = change.before
    mark = TaskAdaptation(
        adaptation_id=adaptation_id,
        rule=rule,
        reason=reason,
        expires_at=expires_at,
        original=original_of(before),
        overlapping=tuple(
            _key(plan, other)
            for plan, other in _begun_meanwhile(change.after, before.duration_minutes, plans)
        ),
    )
    return Candidate(change.plan, before, change.after.model_copy(update={"adaptation": mark}))


def returned(task: Task, plans: Iterable[Plan]) -> Task:
    """Return a marked task as it was; one that would grow into another task stops before it.

    Tasks that reached into the original when it was replaced do not stop it.

    Args:
        task: of one of ``plans``, with a mark.
        plans: all plans that have tasks around it.

    Raises:
        ValueError: it carries no mark.
    """
    mark = task.adaptation
    if mark is None:
        msg = f"task {task.task_id} carries no mark"
        raise ValueError(msg)
    minutes = mark.original.duration_minutes
    for plan, other in _begun_meanwhile(task, minutes, plans):
        if _key(plan, other) not in mark.overlapping:
            minutes = min(minutes, (other.start - task.start) // ONE_MINUTE)
    as_original = as_planned(task)
    if minutes == mark.original.duration_minutes:
        return as_original
    return with_fields(as_original, {"duration_minutes": minutes})


def as_planned(task: Task) -> Task:
    """Return the task without its change, wherever other tasks are; one that carries no mark as it is."""
    mark = task.adaptation
    if mark is None:
        return task
    return task.model_copy(
        update={**{name: getattr(mark.original, name) for name in _FIELDS}, "adaptation": None}
    )


def mark_of(plan: Plan, task: Task, adaptations: Mapping[str, Adaptation]) -> TaskAdaptation | None:
    """Return the task's mark, if one of ``adaptations`` can have left it: it changed the plan of that date.

    A planner may put marks of any id into any plan; how many plans an adaptation concerns stays bounded.
    """
    mark = task.adaptation
    if mark is None or mark.adaptation_id not in adaptations:
        return None
    changes = adaptations[mark.adaptation_id].changes
    return mark if any(change.date == plan.date for change in changes) else None


def can_return(task: Task, now: dt.datetime) -> bool:
    """Tell whether a task may become what it was when its change is over: still ahead, not locked."""
    return task.status == "upcoming" and not task.locked and now < task.start


def is_over(task: Task, now: dt.datetime) -> bool:
    """Tell whether the time of a task's change is over, by its mark alone."""
    mark = task.adaptation
    return mark is not None and mark.expires_at is not None and mark.expires_at <= now


def original_of(task: Task) -> TaskOriginal:
    """Return what of a task a change may replace, such as its end as it is written."""
    return TaskOriginal.model_construct(**{name: getattr(task, name) for name in _FIELDS})


def _begun_meanwhile(task: Task, minutes: int, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Task]]:
    """Yield the tasks that begin after this one ends and before it would end if it took so many minutes."""
    for plan, _, other in blocks_of(plans):
        if task.end <= other.start and other.start - task.start < minutes * ONE_MINUTE:
            yield plan, other


def _key(plan: Plan, task: Task) -> str:
    return f"{plan.date}/{task.task_id}"
