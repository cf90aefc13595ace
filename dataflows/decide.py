"""``decide``: firings, commands and timers change plans, each in one atomic step of the store.

The live flow is the only writer of plans. Events of one person are decided one after the other, people beside
each other: every round loads, decides and writes one event of each person in two round trips.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from adaptation.commands import dates_of_command, decide_command
from adaptation.decide import decide_reading, plan_dates
from adaptation.timed import dates_of_timer, decide_timer
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt, TrackedEvent, TrackedRecord
from dataflows.live_metrics import LiveMetrics
from schemas.errors import DaybeatError
from schemas.events import AdaptationNoted, AdaptationReverted, Event, PlanChanged
from schemas.records import DecisionRow, Outcome
from schemas.situations import Decided
from stores.plans import LoadedSituation, PlanStore, PlanWrite, SituationRequest, WriteResult

SINK_PARTITIONS: Final = 8
"""Partitions of the sink, as recovery stores know them: one resumes only with those it was made with."""

DECIDING_PARTITIONS: Final = 2
"""Those of them that decide, and so workers that can at the same time. Each writes what came from many log
partitions in one round trip to Redis; one worker waits for them one after the other: with all eight the 99th
percentile from firing to feed was 20.8 ms at 100 firings a second, with one 12.8 ms."""

ATTEMPTS_MAX: Final = 5
"""Loads and writes of one event before a conflict is taken for a second writer."""


Happened = ReadingEvent | CommandAt | TimerAt
"""What may change a person's plans."""


class SecondWriterError(DaybeatError):
    """Somebody else writes this partition's plans."""


@dataclass(frozen=True)
class DecideConfig:
    """What every partition's decisions share."""

    plans: PlanStore
    metrics: LiveMetrics


class DecidePartition(StatefulSinkPartition[list[TrackedEvent], None]):
    """Decides the events of some log partitions."""

    def __init__(self, config: DecideConfig) -> None:
        self._config = config

    def write_batch(self, values: list[list[TrackedEvent]]) -> None:
        """Decide everything in ``values``; when it returns, all of it is durable."""
        began = time.perf_counter()
        records: list[TrackedRecord] = []
        waiting: defaultdict[str, deque[Happened]] = defaultdict(deque)
        for event in (event for events in values for event in events):
            if isinstance(event, Happened):
                waiting[_person_of(event)].append(event)
            else:
                records.append(event)
        if records:
            self._config.plans.append_records(records)
        for events in _rounds(waiting):
            self._decide(events)
        self._config.metrics.decide.observe(time.perf_counter() - began)

    def snapshot(self) -> None:
        """Return nothing: what was written is known by its position in the store."""

    def _decide(self, events: list[Happened]) -> None:
        for _ in range(ATTEMPTS_MAX):
            loaded = self._config.plans.load([_request(event) for event in events])
            decided = [_decide_one(event, one) for event, one in zip(events, loaded, strict=True)]
            changing = [
                (event, PlanWrite(_person_of(event), event.position, one.applied, what, _command_of(event)))
                for event, one, what in zip(events, loaded, decided, strict=True)
                if what is not None
            ]
            results = self._config.plans.write([write for _, write in changing])
            for (event, write), result in zip(changing, results, strict=True):
                self._count(event, write, result)
            events = [
                event for (event, _), result in zip(changing, results, strict=True) if result == "conflict"
            ]
            if not events:
                return
        raise SecondWriterError(
            f"plans of {len(events)} people changed between load and write {ATTEMPTS_MAX} times",
            where="decide",
            mend="stop the other live flow; exactly one cluster may run over one log",
        )

    def _count(self, event: Happened, write: PlanWrite, result: WriteResult) -> None:
        metrics = self._config.metrics
        if result == "replayed":
            metrics.replayed.inc()
        if result != "written":
            return
        if isinstance(event, ReadingEvent):
            for fired in event.firings:
                metrics.firings.labels(fired.rule.name).inc()
        metrics.events.inc(len(write.decided.events))
        for one in write.decided.events:
            self._count_event(one)
        for record in write.decided.records:
            if isinstance(record, DecisionRow):
                metrics.outcomes.labels(Outcome(record.outcome).value).inc()

    def _count_event(self, event: Event) -> None:
        metrics = self._config.metrics
        if isinstance(event, PlanChanged) and event.adaptation is not None:
            metrics.plans_rewritten.inc()
        elif isinstance(event, AdaptationReverted):
            metrics.reverted.labels(event.adaptation.status).inc()
        elif isinstance(event, AdaptationNoted) and event.adaptation.status == "expired":
            metrics.lapsed.inc()


class DecideSink(FixedPartitionedSink[list[TrackedEvent], None]):
    """The plans as a Bytewax sink; its progress gates the commit of an epoch."""

    def __init__(self, config: DecideConfig) -> None:
        self._config = config

    def list_parts(self) -> list[str]:
        """Return the keys of the sink's partitions."""
        return [str(number) for number in range(SINK_PARTITIONS)]

    def part_fn(self, item_key: str) -> int:
        """Return where a log partition's events go: always to the same sink partition, in order."""
        return int(item_key) % DECIDING_PARTITIONS

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> DecidePartition:
        """Return the partition; there is nothing to resume."""
        del step_id, for_part, resume_state
        return DecidePartition(self._config)


def _request(event: Happened) -> SituationRequest:
    if isinstance(event, CommandAt):
        dates = dates_of_command(event.entry, event.time_zone)
        return SituationRequest(event.entry.user_id, dates, _command_of(event))
    dates = dates_of_timer(event) if isinstance(event, TimerAt) else plan_dates(event.at, event.time_zone)
    return SituationRequest(event.user_id, dates)


def _decide_one(event: Happened, loaded: LoadedSituation) -> Decided | None:
    """Return what an event comes to; None if it comes to nothing that is to be written."""
    if isinstance(event, TimerAt):
        return decide_timer(loaded.situation, event)
    if isinstance(event, ReadingEvent):
        return decide_reading(loaded.situation, event)
    return decide_command(
        loaded.situation, event.entry, event.position, time_zone=event.time_zone, recorded=loaded.recorded
    )


def _command_of(event: Happened) -> str | None:
    return event.entry.command.command_id if isinstance(event, CommandAt) else None


def _person_of(event: Happened) -> str:
    return event.entry.user_id if isinstance(event, CommandAt) else event.user_id


def _rounds(
    waiting: dict[str, deque[Happened]],
) -> Iterator[list[Happened]]:
    """Yield the next event of every person until none is left."""
    people: Iterable[deque[Happened]] = waiting.values()
    while people := [events for events in people if events]:
        yield [events.popleft() for events in people]
