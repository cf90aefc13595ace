"""One person's events written through the plan store."""

import datetime as dt

from adaptation.commands import decide_command
from adaptation.decide import decide_reading
from schemas.commands import CommandEntry
from schemas.ids import partition_of
from schemas.plan import Plan
from schemas.positions import Position
from schemas.records import Firing
from schemas.situations import Decided
from stores.plans import (
    LoadedSituation,
    PlanStore,
    PlanWrite,
    SituationRequest,
    WriteResult,
)
from support.adapting import DAY, NOW, command, firings_at, plan, position_at, task

PARTITIONS = 4
ADA = partition_of("ada", PARTITIONS)
TOMORROW = DAY + dt.timedelta(days=1)
DATES = (DAY, TOMORROW)
PERSON_KEY = f"daybeat:{{{ADA}}}:person:ada"
FEED_KEY = f"daybeat:{{{ADA}}}:feed:ada"


def load(store: PlanStore, user: str = "ada", command_id: str | None = None) -> LoadedSituation:
    return store.load([SituationRequest(user, DATES, command_id)])[0]


def fire(loaded: LoadedSituation, one: Firing, position: Position) -> PlanWrite:
    decided = decide_reading(loaded.situation, firings_at(one, position=position))
    return PlanWrite(one.user_id, position, loaded.applied, decided)


def carry_out(store: PlanStore, entry: CommandEntry, index: int) -> tuple[WriteResult, Decided]:
    position = position_at(NOW, index)
    command_id = entry.command.command_id
    loaded = load(store, entry.user_id, command_id)
    decided = decide_command(loaded.situation, entry, position, time_zone="UTC", recorded=loaded.recorded)
    (result,) = store.write([PlanWrite(entry.user_id, position, loaded.applied, decided, command_id)])
    return result, decided


def put(store: PlanStore, one: Plan, index: int = 0) -> None:
    entry = command("plan.put", user=one.user_id, plan=one.model_dump(), number=index)
    assert carry_out(store, entry, index)[0] is WriteResult.WRITTEN


def two_tasks(user: str = "ada") -> Plan:
    return plan(task("a", "10:00"), task("b", "11:00", locked=True), user=user)
