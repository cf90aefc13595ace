"""Changes that end: tasks return to what they were, in new versions of their plans. Pure."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence

from adaptation.candidates import blocks_of
from adaptation.decision_rows import version_row
from adaptation.effects import Effect
from adaptation.feed_chain import FeedChain
from adaptation.marks import returned
from adaptation.patch import PlanVersion, replace_tasks
from schemas.events import PlanChanged
from schemas.plan import Plan, Task
from schemas.records import Adaptation
from schemas.situations import Situation


def return_tasks(
    plans: Mapping[dt.date, Plan], is_wanted: Callable[[Plan, Task], bool]
) -> dict[dt.date, tuple[PlanVersion, tuple[str, ...]]]:
    """Return the plans in which some marked tasks are what they were, by date, with the ids of these marks.

    Args:
        plans: all plans that are known; tasks do not grow into one another across them.
        is_wanted: whether a task of a plan returns; asked of those that carry a mark.
    """
    found: dict[dt.date, dict[str, Task]] = {}
    marks: dict[dt.date, dict[str, None]] = {}
    for plan, _, task in blocks_of(plans.values()):
        if task.adaptation is not None and is_wanted(plan, task):
            found.setdefault(plan.date, {})[task.task_id] = returned(task, plans.values())
            marks.setdefault(plan.date, {})[task.adaptation.adaptation_id] = None
    return {date: (replace_tasks(plans[date], found[date]), tuple(marks[date])) for date in sorted(found)}


def changed_plans(
    situation: Situation,
    versions: Iterable[tuple[PlanVersion, Adaptation | None]],
    chain: FeedChain,
    *,
    cause: str,
    at: dt.datetime,
) -> Effect:
    """Return the effect of new versions of plans: an event and a row for each.

    Args:
        situation: the person, who stays as they are.
        versions: each with the adaptation that it comes from, if it is one.
        chain: heads for the events.
        cause: what led to them, as in ``plan_versions``.
        at: the moment of the decision.
    """
    made = list(versions)
    return Effect(
        situation.person,
        plans=tuple(version.plan for version, _ in made),
        events=tuple(
            PlanChanged(
                **chain.next_head(),
                date=version.plan.date.isoformat(),
                version=version.plan.version,
                patch=version.patch,
                adaptation=adaptation,
            )
            for version, adaptation in made
        ),
        records=tuple(
            version_row(version, cause=cause, at=at, position=chain.position) for version, _ in made
        ),
    )


def only_one(ids: Sequence[str], adaptations: Mapping[str, Adaptation]) -> Adaptation | None:
    """Return the adaptation that ``ids`` names, if it is one and is known."""
    return adaptations.get(ids[0]) if len(ids) == 1 else None
