"""What a terminal that watches a person knows: their zone, their dials, and the changes it has shown."""

from typing import Final
from zoneinfo import ZoneInfo

import orjson

from daybeat.app_client import Received
from push.profiles import Profile
from schemas.events import (
    AdaptationApplied,
    AdaptationNoted,
    AdaptationProposed,
    AdaptationReverted,
    Event,
    PlanReplaced,
)
from schemas.records import Adaptation

IN_FORCE: Final = frozenset({"applied", "accepted"})


class Watched:
    """The state of one person's watch. :meth:`take` each message before its lines are shown."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        """The person's; until it is known the configured default."""
        self.profile: Profile | None = None
        """None until the server has told it."""
        self._numbers: dict[str, int] = {}
        self._adaptations: dict[str, Adaptation] = {}
        self._made_by_itself: set[str] = set()
        self._sent: dict[str, str] = {}

    def take(self, received: Received) -> None:
        """Take in what a message of the server tells."""
        if received.is_event:
            self._take_event(received.event())
        elif received.type == "profile":
            self.profile = Profile.model_validate(orjson.loads(received.text)["profile"])
            self.zone = ZoneInfo(self.profile.time_zone)
        elif received.type in {"welcome", "resync"}:
            self._take_standing(received)

    def number_of(self, adaptation_id: str) -> int:
        """Return the number that an adaptation is called by; it gets one when it is first asked for."""
        return self._numbers.setdefault(adaptation_id, len(self._numbers) + 1)

    def find(self, number: int) -> Adaptation | None:
        """Return the adaptation of a number as it stands now, None if there is none."""
        wanted = {one: adaptation_id for adaptation_id, one in self._numbers.items()}.get(number)
        return None if wanted is None else self._adaptations.get(wanted)

    def waiting(self) -> list[int]:
        """Return the numbers of the proposals that wait for an answer, oldest first."""
        return self._numbers_with(frozenset({"proposed"}))

    def in_force(self) -> list[int]:
        """Return the numbers of the changes in force, oldest first."""
        return self._numbers_with(IN_FORCE)

    def was_made_by_itself(self, adaptation_id: str) -> bool:
        """Tell whether a change was made before anybody was asked, rather than proposed."""
        return adaptation_id in self._made_by_itself

    def note_sent(self, command_id: str, line: str) -> None:
        """Keep the line that a command was typed as."""
        self._sent[command_id] = line

    def name_of(self, command_id: str) -> str | None:
        """Return the line that a command was typed as; None if it came from elsewhere."""
        return self._sent.get(command_id)

    def _take_event(self, event: Event) -> None:
        if isinstance(event, PlanReplaced):
            self.zone = ZoneInfo(event.plan.time_zone)
        elif isinstance(event, AdaptationApplied | AdaptationProposed | AdaptationReverted | AdaptationNoted):
            self._keep(event.adaptation)

    def _take_standing(self, received: Received) -> None:
        plan = received.plan()
        if plan is not None:
            self.zone = ZoneInfo(plan.time_zone)
        if received.type == "resync":
            # It replaces all that was known: what it does not name waits no longer, nor is it in force.
            self._adaptations.clear()
        for adaptation in (*received.proposals(), *received.adaptations()):
            self._keep(adaptation)

    def _keep(self, adaptation: Adaptation) -> None:
        self._adaptations[adaptation.adaptation_id] = adaptation
        self.number_of(adaptation.adaptation_id)
        if adaptation.status == "applied":
            self._made_by_itself.add(adaptation.adaptation_id)

    def _numbers_with(self, statuses: frozenset[str]) -> list[int]:
        return sorted(
            self._numbers[one.adaptation_id] for one in self._adaptations.values() if one.status in statuses
        )
