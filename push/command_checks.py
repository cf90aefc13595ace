"""What the server does with a command before it goes into the log: checks dials, looks old adaptations up.

The log carries all that carrying a command out needs, so that a replay decides as the live run did.
"""

from typing import Final

import structlog

from push.catch_up import CatchUp
from push.protocol import Refusal
from schemas.commands import Command, SetAutonomy, UndoAdaptation
from schemas.errors import UnavailableError
from schemas.rule_entries import RulesShown
from stores.adaptations import AdaptationStore

_UPGRADING: Final = "upgrading"

_logger = structlog.get_logger()


class CommandChecks:
    """Makes commands of clients ready for the log.

    Args:
        catch_up: reads Redis, a bounded number of questions at a time.
        adaptations: the history's.
    """

    def __init__(self, catch_up: CatchUp, adaptations: AdaptationStore) -> None:
        self._catch_up = catch_up
        self._adaptations = adaptations

    async def prepare(self, user_id: str, command: Command) -> Command | Refusal:
        """Return a command of a person as it goes into the log, or why it does not."""
        try:
            match command:
                case SetAutonomy():
                    return dial_refusal(command, await self._catch_up.rules()) or command
                case UndoAdaptation():
                    return await self._with_record(user_id, command)
                case _:
                    return command
        except UnavailableError as error:
            _logger.warning("command_not_prepared", type=command.type, error=str(error))
            return Refusal.UNAVAILABLE

    async def _with_record(self, user_id: str, command: UndoAdaptation) -> UndoAdaptation:
        """Return the command with the adaptation it speaks of, where that no longer stands beside the plans.

        One that nobody knows goes into the log as it is: carrying it out refuses it.
        """
        if await self._catch_up.needs_no_history(user_id, command):
            return command
        record = await self._adaptations.find(user_id, command.adaptation_id)
        return command.model_copy(update={"record": record})


def dial_refusal(command: SetAutonomy, rules: RulesShown) -> Refusal | None:
    """Return why a dial may not be set so, or None if it may."""
    if command.rule is None:
        return None
    rule = next((one for one in rules.rules if one.name == command.rule), None)
    if rule is None:
        return Refusal.UNKNOWN_RULE
    if rule.kind == _UPGRADING and command.level == "apply":
        return Refusal.UPGRADES_NEED_CONSENT
    return None
