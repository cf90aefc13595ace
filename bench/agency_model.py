"""Histories of one person's agency: what happens to them at random, each step decided, stored and checked.

Everything random comes from one ``random.Random``, so that a seed repeats a history and Hypothesis can drive
and shrink one.
"""

import datetime as dt
from collections.abc import Callable
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from adaptation.days import local_day
from bench.agency_checks import tasks_of
from bench.agency_days import DAYS, RULES, TASK_IDS, ZONES, random_plan
from bench.agency_person import CheckedPerson
from schemas.records import Adaptation

PAUSES_MINUTES: Final = (0, 0, 0, 0, 0, 0, 1, 1, 5, 5, 15, 15, 40, 100, 250, 700, 1560)
"""How much time may pass before a step."""


class History:
    """One person's history so far.

    Args:
        chance: everything random.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        began = dt.datetime.combine(chance.choice(DAYS), dt.time(chance.randrange(24)), dt.UTC)
        self.person = CheckedPerson(began, chance.choice(ZONES))

    def draw_from(self, chance: Random) -> None:
        """Let what follows come from another source of chance."""
        self._chance = chance

    def put_plan(self) -> None:
        """A planner puts a plan for a day around today; its tasks have ids that were used before."""
        self._pass_time()
        day = local_day(self.person.now, self.person.zone) + dt.timedelta(
            days=self._chance.choice((-1, 0, 0, 0, 1, 1))
        )
        plan = random_plan(self._chance, day, near=self.person.now)
        self.person.command({"type": "plan.put", "plan": plan})

    def fire(self) -> None:
        """One or two readings at which rules fire, some of them suppressed."""
        self._pass_time()
        self.person.read([self._some_firings() for _ in range(self._chance.choice((1, 1, 1, 2)))], RULES)

    def start_complete_skip_or_rate(self) -> None:
        """The person does something with a task."""
        kind = self._chance.choice(("start", "complete", "skip", "rate"))
        fields = {"rating": 3} if kind == "rate" else {}
        self.person.command({"type": f"task.{kind}", **self._some_task(), **fields})

    def edit(self) -> None:
        """The person edits a task, now and then looking at an old or an impossible version of the plan."""
        self._pass_time()
        some = self._some_task()
        plan = self.person.store.whole.plans.get(dt.date.fromisoformat(some["date"]))
        version = 1 if plan is None else plan.version
        base = max(1, version - self._chance.choice((0, 0, 1, 5, -1)))
        self.person.command(
            {"type": "task.edit", **some, "base_version": base, "edits": self._some_edits(some)}
        )

    def accept(self) -> None:
        """The person accepts a proposal or a change, or something that cannot be accepted any more."""
        self._pass_time()
        if self._has_no_adaptation():
            return
        self.person.command({"type": "adaptation.accept", "adaptation_id": self._some_adaptation()})

    def decline(self) -> None:
        """The person declines a proposal; the plan stays byte for byte."""
        self._pass_time()
        if self._has_no_adaptation():
            return
        proposals = [*self.person.store.whole.person.proposals, self._some_adaptation()]
        self.person.command({"type": "adaptation.decline", "adaptation_id": proposals[0]})

    def undo(self) -> None:
        """The person takes a change back, also an old one, which the server then looks up in the history."""
        self._pass_time()
        if self._has_no_adaptation():
            return
        adaptation_id = self._some_adaptation()
        stands = adaptation_id in {
            **self.person.store.whole.person.adaptations,
            **self.person.store.whole.person.proposals,
        }
        record = None if stands else self.person.ledger.records.get(adaptation_id)
        self.person.command({"type": "adaptation.undo", "adaptation_id": adaptation_id, "record": record})

    def pause(self) -> None:
        """The person pauses all rules, or goes on."""
        hours = self._chance.choice((None, None, None, -1, 1, 1, 8, 24 * 400))
        until = None if hours is None else self.person.now + dt.timedelta(hours=hours)
        self.person.command({"type": "adaptation.pause", "until": until})

    def set_dial(self) -> None:
        """The person turns a rule's dial, or says that nothing may make the day harder."""
        levels = ("off", "note", "propose", "apply", "default", "default")
        rule, level = self._chance.choice(RULES.rules).name, self._chance.choice(levels)
        only = self._chance.choice((None, True, False, False))
        self.person.command({"type": "autonomy.set", "rule": rule, "level": level, "reduce_only": only})

    def travel(self) -> None:
        """The person goes to another time zone."""
        self.person.zone = self._chance.choice(ZONES)
        self.person.command({"type": "profile.set", "time_zone": self.person.zone})

    def wait(self) -> None:
        """Only time passes: a tick, up to just before, at or after local midnight, or at any time."""
        if self._chance.random() < 0.3:
            tomorrow = local_day(self.person.now, self.person.zone) + dt.timedelta(days=1)
            midnight = dt.datetime.combine(tomorrow, dt.time(), ZoneInfo(self.person.zone)).astimezone(dt.UTC)
            self.person.now = midnight + dt.timedelta(seconds=self._chance.choice((-1, 0, 1)))
        else:
            self._pass_time()
        self.person.tick()

    def replay(self) -> None:
        """What happened last is handed on again, as after a crash."""
        self.person.replay()

    def repeat(self) -> None:
        """An app sends its last command once more."""
        self.person.repeat()

    def _pass_time(self) -> None:
        minutes = self._chance.choice(PAUSES_MINUTES)
        self.person.now += dt.timedelta(minutes=minutes)
        if minutes == 1 and self._chance.random() < 0.5:
            self.person.now -= dt.timedelta(minutes=4)  # another gateway's clock is behind

    def _some_firings(self) -> tuple[list[str], list[str]]:
        """Return rules that fire at one reading: those that may act, and those that may not."""
        rules = [rule.name for rule in RULES.rules]
        fired = self._chance.sample(rules, self._chance.choice((1, 1, 1, 1, 2, 3)))
        suppressed = [rule for rule in fired if self._chance.random() < 0.1]
        return [rule for rule in fired if rule not in suppressed], suppressed

    def _some_task(self) -> dict[str, str]:
        known = sorted(tasks_of(self.person.store.whole.plans))
        if not known or self._chance.random() < 0.05:
            date, task_id = self.person.now.date(), self._chance.choice(TASK_IDS)
        else:
            date, task_id = self._chance.choice(known)
        return {"task_id": task_id, "date": date.isoformat()}

    def _some_edits(self, some: dict[str, str]) -> dict[str, object]:
        task = tasks_of(self.person.store.whole.plans).get(
            (dt.date.fromisoformat(some["date"]), some["task_id"])
        )
        near = self.person.now if task is None else task.start
        every = {
            "title": "Mine",
            "description": "My own words",
            "start": near + dt.timedelta(minutes=self._chance.choice((-90, -10, 10, 60, 400, 4000))),
            "duration_minutes": self._chance.choice((1, 15, 60, 200)),
            "intensity": self._chance.choice(("easy", "moderate", "high")),
            "locked": self._chance.random() < 0.5,
        }
        names = self._chance.sample(list(every), self._chance.choice((1, 1, 2, 3)))
        return {name: every[name] for name in names}

    def _has_no_adaptation(self) -> bool:
        """Tell whether there is nothing to answer; now and then an answer comes all the same."""
        return not self.person.ledger.records and self._chance.random() < 0.9

    def _some_adaptation(self) -> str:
        person = self.person.store.whole.person
        standing: list[Adaptation] = [*person.proposals.values(), *person.adaptations.values()]
        if standing and self._chance.random() < 0.9:
            return self._chance.choice(standing).adaptation_id
        return self._chance.choice([*self.person.ledger.records, "nothing"])


STEPS: Final[tuple[tuple[Callable[[History], None], int], ...]] = (
    (History.put_plan, 3),
    (History.fire, 12),
    (History.start_complete_skip_or_rate, 2),
    (History.edit, 5),
    (History.accept, 3),
    (History.decline, 2),
    (History.undo, 3),
    (History.pause, 1),
    (History.set_dial, 1),
    (History.travel, 1),
    (History.wait, 3),
    (History.replay, 2),
    (History.repeat, 1),
)
"""Every step that a history is made of, and how often it comes."""
