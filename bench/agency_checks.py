"""What must be true of one person's plans after every step, whatever was done: checked beside the product.

The ledger knows only what was planned, what the person did, and what the product said in events and rows. It
follows from these alone what every task must look like.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from adaptation.candidates import INTENSITY_WEIGHT
from adaptation.rules import render_reason
from bench.agency_copies import PlanCopies, require
from bench.agency_days import RULES
from schemas.commands import Command, EditTask, PutPlan, TaskEdits
from schemas.plan import Plan, Task, TaskOriginal
from schemas.records import Adaptation, AdaptationRow, DecisionRow, Outcome
from schemas.situations import Decided, Situation

TaskKey = tuple[dt.date, str]
"""Date of the plan, and id."""


def tasks_of(plans: Mapping[dt.date, Plan]) -> dict[TaskKey, Task]:
    """Return all tasks by date and id."""
    return {
        (date, task.task_id): task
        for date, plan in plans.items()
        for block in plan.blocks
        for task in block.tasks
    }


class Ledger:
    """What was planned and wished, and what follows from it."""

    def __init__(self) -> None:
        self.planned: dict[TaskKey, Task] = {}
        """Each task as it was put and edited, with its status, without any change of a rule."""
        self.wishes: dict[TaskKey, dict[str, object]] = {}
        """Fields that the person set by hand."""
        self.records: dict[str, Adaptation] = {}
        """Every adaptation as it was last told."""
        self.status: dict[str, str] = {}
        """What became of it last."""
        self._accepted: set[str] = set()
        """All that was ever accepted, also what was undone since: what was begun by then stays as it is."""
        self._overlaps: set[frozenset[TaskKey]] = set()
        self._copies = PlanCopies()
        self._app_last = "0-0"

    def person_did(self, command: Command, dates: Sequence[dt.date], before: Mapping[dt.date, Plan]) -> None:
        """Note a command that was carried out, with the dates that it concerned and the plans before it."""
        if isinstance(command, PutPlan):
            self._put(command.plan, before.get(command.plan.date))
        elif isinstance(command, EditTask):
            key = dates[0], command.task_id
            edits = {name: value for name, value in command.edits if value is not None}
            self.wishes.setdefault(key, {}).update(edits)
            self._wish(key)
        elif command.type in ("task.start", "task.complete", "task.skip"):
            key = dates[0], command.task_id
            status = {"start": "started", "complete": "completed", "skip": "skipped"}[command.type[5:]]
            self.planned[key] = self.planned[key].model_copy(update={"status": status})

    def check(self, before: Situation, after: Situation, decided: Decided, *, layout_changed: bool) -> None:
        """Check one step.

        Args:
            before: the whole situation before it.
            after: the whole situation after it.
            decided: what was decided.
            layout_changed: whether the person or a planner may have moved tasks.
        """
        self._check_feed(before, decided)
        self._check_rows(decided)
        for key in [key for key in self.planned if key[0] not in after.plans]:
            del self.planned[key]  # its plan is so old that the store has dropped it
            self.wishes.pop(key, None)
        tasks = tasks_of(after.plans)
        self._check_tasks(tasks)
        if decided.plans:
            self._copies.follow(decided)
            self._copies.check(after, decided)
            self._check_overlaps(tasks, layout_changed=layout_changed)
            if not layout_changed:
                old = {key: one for key, one in tasks_of(before.plans).items() if key[0] in after.plans}
                require(all(tasks[key].start == old[key].start for key in old), "a task was moved")
                require(tasks.keys() == old.keys(), "tasks came or went")
        self._check_person(after, tasks)

    def check_untouched(self, before: Situation, after: Situation) -> None:
        """Check that neither a rule nor time changed a task that is not theirs to change."""
        tasks = tasks_of(after.plans)
        for key, task in tasks_of(before.plans).items():
            if key[0] in after.plans and (task.locked or task.status != "upcoming"):
                require(tasks[key] == task, f"{key} is locked or {task.status} and was changed")

    def check_ended(self, decided: Decided, after: Situation) -> None:
        """Check that what ended has returned."""
        over = {
            row.firing_id
            for row in decided.records
            if isinstance(row, DecisionRow) and row.outcome is Outcome.EXPIRED
        }
        for key, task in tasks_of(after.plans).items():
            if task.adaptation is None or task.adaptation.adaptation_id not in over:
                continue
            ahead = task.status == "upcoming" and task.start > decided.at and not task.locked
            require(not ahead, f"{key} is still changed though its change is over")

    def check_nothing_over(self, situation: Situation, now: dt.datetime) -> None:
        """Check that behind a timer nothing stands that is over by the clock."""
        person = situation.person
        standing = [*person.adaptations.values(), *person.proposals.values()]
        late = [one.rule for one in standing if one.status != "accepted" and one.expires_at <= now]
        require(not late, f"a timer left what is over: {', '.join(late)}")

    # -- what follows from the ledger

    def _put(self, new: Plan, old: Plan | None) -> None:
        standing = {} if old is None else tasks_of({new.date: old})
        put = tasks_of({new.date: new})
        for key in [key for key in self.planned if key[0] == new.date and key not in put]:
            del self.planned[key]
            self.wishes.pop(key, None)
        for key, task in put.items():
            is_kept = key in standing and (
                standing[key].status != "upcoming"
                or standing[key].locked
                or standing[key].adaptation is not None
            )
            if not is_kept:
                self.planned[key] = task
                self._wish(key)

    def _wish(self, key: TaskKey) -> None:
        """Set what the person wished in what is planned."""
        wishes, task = self.wishes.get(key, {}), self.planned[key]
        names = tuple(name for name in TaskEdits.model_fields if name in wishes)
        task = task.model_copy(update={**wishes, "edited": names})
        end = task.start + dt.timedelta(minutes=task.duration_minutes)
        self.planned[key] = task if end == task.end else task.model_copy(update={"end": end})

    def _check_tasks(self, tasks: dict[TaskKey, Task]) -> None:
        require(tasks.keys() == self.planned.keys(), "the plans hold other tasks than were planned")
        for key, task in tasks.items():
            for name, value in self.wishes.get(key, {}).items():
                require(getattr(task, name) == value, f"{key}: the person's {name} was lost")
            if task.adaptation is None:
                self._check_as_planned(key, task, tasks)
            else:
                self._check_marked(key, task, tasks)

    def _check_as_planned(self, key: TaskKey, task: Task, tasks: dict[TaskKey, Task]) -> None:
        planned = self.planned[key]
        if task is planned or task.model_dump_json() == planned.model_dump_json():
            self.planned[key] = task  # the next look is at the same object
            return
        shorter = planned.model_copy(update={"end": task.end, "duration_minutes": task.duration_minutes})
        require(
            task == shorter and task.end < planned.end, f"{key} is not what was planned: {task} for {planned}"
        )
        blocked = any(task.end <= other.start < planned.end for other in tasks.values())
        require(blocked, f"{key} did not return whole though nothing was in its way")
        self.planned[key] = task

    def _check_marked(self, key: TaskKey, task: Task, tasks: dict[TaskKey, Task]) -> None:
        mark = task.adaptation
        assert mark is not None  # noqa: S101  # its caller looked
        record = self.records.get(mark.adaptation_id)
        require(record is not None, f"{key} carries a mark that nobody was told of")
        assert record is not None  # noqa: S101  # for mypy
        status = self.status[mark.adaptation_id]
        is_accepted = status == "accepted"
        require(status != "undone" or task.status != "upcoming", f"{key} was undone and is still changed")
        require(mark.reason == record.reason, f"{key}: its mark gives another reason than the record")
        if status != "undone":  # what was begun keeps its mark as it was, accepted or not
            ends_at = None if is_accepted else record.expires_at
            require(mark.expires_at == ends_at, f"{key}: its mark ends at another time than the record")
        original = {name: getattr(mark.original, name) for name in TaskOriginal.model_fields}
        self._check_as_planned(key, task.model_copy(update={**original, "adaptation": None}), tasks)
        planned = self.planned[key]
        if mark.adaptation_id not in self._accepted:
            require(task.duration_minutes <= planned.duration_minutes, f"{key} became longer than planned")
            harder = INTENSITY_WEIGHT[task.intensity] > INTENSITY_WEIGHT[planned.intensity]
            require(not harder, f"{key} became harder than planned")

    def _check_overlaps(self, tasks: dict[TaskKey, Task], *, layout_changed: bool) -> None:
        found = set(_overlapping(tasks))
        if layout_changed:
            self._overlaps |= found
        require(found <= self._overlaps, "tasks overlap that did not overlap before")

    # -- what was told

    def _check_feed(self, before: Situation, decided: Decided) -> None:
        last = before.feed_last
        require(last == self._app_last, "the app missed an event")
        for event in decided.events:
            require(event.previous_id == last, "an event does not name the one before it")
            require(_number(event.event_id) > _number(last), "event ids do not increase")
            last = event.event_id
            adaptation = getattr(event, "adaptation", None)
            if isinstance(adaptation, Adaptation):
                self._note(adaptation)
        self._app_last = last

    def _note(self, adaptation: Adaptation) -> None:
        rule = RULES.find(adaptation.rule)
        require(
            rule is not None and adaptation.reason == render_reason(rule, adaptation.evidence),
            "the text does not follow from the evidence",
        )
        self.records[adaptation.adaptation_id] = adaptation
        self.status[adaptation.adaptation_id] = adaptation.status
        if adaptation.status == "accepted":
            self._accepted.add(adaptation.adaptation_id)

    def _check_rows(self, decided: Decided) -> None:
        ids = [row.decision_id for row in decided.records if isinstance(row, DecisionRow)]
        require(len(ids) == len(set(ids)), "a decision has two rows")
        for row in decided.records:
            if isinstance(row, DecisionRow) and row.outcome not in (Outcome.WITHHELD, Outcome.SUPPRESSED):
                told = self.records.get(row.firing_id)
                require(told is not None and row.reason == told.reason, "row and event give other reasons")
                status = "noted" if row.outcome is Outcome.FIRED else row.outcome.value
                require(self.status[row.firing_id] == status, "row and event tell another outcome")
            if isinstance(row, AdaptationRow) and row.status != "withheld":
                told = self.records[row.adaptation_id]
                require(any(one.adapted == row.adapted_task for one in told.changes), "row and event differ")

    def _check_person(self, after: Situation, tasks: dict[TaskKey, Task]) -> None:
        person = after.person
        for one in person.adaptations.values():
            require(self.status[one.adaptation_id] == one.status, "what stands is not what was told")
            require(one.status in ("applied", "accepted"), f"{one.status} stands beside the plans")
        for one in person.proposals.values():
            require(self.status[one.adaptation_id] == "proposed", "a proposal stands that was answered")
        for task in tasks.values():
            mark = task.adaptation
            if mark is not None and self.status[mark.adaptation_id] == "applied":
                require(mark.adaptation_id in person.adaptations, "a change is in force that does not stand")


def _overlapping(tasks: dict[TaskKey, Task]) -> Iterator[frozenset[TaskKey]]:
    for (one, first), (other, second) in combinations(tasks.items(), 2):
        if first.start < second.end and second.start < first.end:
            yield frozenset((one, other))


def _number(event_id: str) -> tuple[int, int]:
    ms, _, rest = event_id.partition("-")
    return int(ms), int(rest)
