"""Puts the plans of the demo's people through the log, as any planner would."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from daybeat.demo_cast import DemoPerson
from daybeat.demo_plans import demo_plan
from schemas.commands import Command, CommandEntry, PutPlan, SetProfile
from schemas.ids import partition_of
from schemas.readings import moment_of
from stores.log import EntryKind, Log, NewEntry


class DemoPlanner:
    """Keeps a plan for today and tomorrow, each person's own days, in the log."""

    def __init__(self, log: Log, people: Sequence[DemoPerson], *, now_us: Callable[[], int]) -> None:
        self._log = log
        self._people = people
        self._now_us = now_us
        self._put: set[str] = set()

    def put_profiles(self, purpose: str) -> list[str]:
        """Set every person's time zone and return the ids of the commands. Raises like ``Log.append``.

        ``purpose`` tells one round of them from another: a command is carried out once.
        """
        commands: list[tuple[DemoPerson, Command]] = [
            (one, SetProfile(command_id=_command_id(purpose, one), time_zone=one.time_zone))
            for one in self._people
        ]
        return self._append(commands)

    def put_plans(self) -> list[str]:
        """Put the plans that are not there yet; return their commands' ids. Raises like ``Log.append``."""
        commands: list[tuple[DemoPerson, Command]] = []
        for number, person in enumerate(self._people):
            today = moment_of(self._now_us()).astimezone(ZoneInfo(person.time_zone)).date()
            for day in (today, today + timedelta(days=1)):
                command_id = _command_id(day.isoformat(), person)
                if command_id not in self._put:
                    plan = demo_plan(person.user_id, day, time_zone=person.time_zone, person=number)
                    commands.append((person, PutPlan(command_id=command_id, plan=plan)))
        command_ids = self._append(commands)
        self._put.update(command_ids)
        return command_ids

    def _append(self, commands: Sequence[tuple[DemoPerson, Command]]) -> list[str]:
        arrival_us = self._now_us()
        entries = [
            NewEntry(
                partition_of(person.user_id, self._log.partitions),
                EntryKind.COMMAND,
                CommandEntry(user_id=person.user_id, arrival_us=arrival_us, command=command)
                .model_dump_json()
                .encode(),
            )
            for person, command in commands
        ]
        if entries:
            self._log.append(entries)
        return [command.command_id for _, command in commands]


def _command_id(purpose: str, person: DemoPerson) -> str:
    return f"demo-{purpose}-{person.user_id}"[:64]
