"""Readings written by hand, as frames, and a shard that takes them one after the other."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from adaptation.rules import RuleSet, builtin_rules
from adaptation.shard import Shard
from adaptation.tracked import CommandAt, ReadingEvent, TimerAt, TrackedEvent
from schemas.commands import Command, CommandEntry
from schemas.frames import NO_SEQ, ReadingFrame
from schemas.measures import ACTIVITIES, MEASURE_INDEX, MEASURE_NAMES
from schemas.positions import EntryId
from schemas.readings import micros
from schemas.records import BaselineRow, Firing
from schemas.rule_entries import RulesEntry

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def at(text: str) -> int:
    """Return an RFC 3339 time in µs."""
    return micros(dt.datetime.fromisoformat(text))


NOON = at("2026-11-20T12:00:00+00:00")

_ACTIVITY_CODES = {"": 0} | {name: 1 + index for index, name in enumerate(ACTIVITIES)}

USUAL_MS = 45.0
"""RMSSD of the person in :func:`with_usual_rmssd`."""


@dataclass(frozen=True)
class Sent:
    """One reading as it reached the gateway."""

    time_us: int
    values: dict[str, float]
    user: str = "ada"
    device: str = "watch"
    delay_us: int = SECOND_US
    seq: int = NO_SEQ
    flags: int = 0
    activity: str = ""
    rr_ms: Sequence[float] = ()

    @property
    def arrival_us(self) -> int:
        return self.time_us + self.delay_us


def frame_of(sent: Sequence[Sent]) -> ReadingFrame:
    """Return readings as one frame; the digest follows from the values alone."""
    n = len(sent)
    measures = np.full((n, len(MEASURE_NAMES)), np.nan)
    for row, one in enumerate(sent):
        for name, value in one.values.items():
            measures[row, MEASURE_INDEX[name]] = value
    return ReadingFrame(
        users=[one.user for one in sent],
        devices=[one.device for one in sent],
        time_us=np.array([one.time_us for one in sent], np.int64),
        arrival_us=np.array([one.arrival_us for one in sent], np.int64),
        seq=np.array([one.seq for one in sent], np.int64),
        digest=np.array([2**63 + crc32(repr(one.values).encode()) for one in sent], np.uint64),
        flags=np.array([one.flags for one in sent], np.uint8),
        activity=np.array([_ACTIVITY_CODES[one.activity] for one in sent], np.uint8),
        source=np.zeros(n, np.uint8),
        measures=measures,
        rr_counts=np.array([len(one.rr_ms) for one in sent], np.uint16),
        rr_ms=np.array([rr_ms for one in sent for rr_ms in one.rr_ms], np.float64),
        extra=[b""] * n,
    )


@dataclass
class Run:
    """A shard and the log entries it was given."""

    rules: RuleSet = field(default_factory=builtin_rules)
    default_zone: str = "UTC"
    events: list[TrackedEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shard = Shard(self.rules, default_zone=self.default_zone)
        self.entries = 0

    def next_entry(self) -> EntryId:
        """Return the id of the next log entry."""
        self.entries += 1
        return EntryId(1_000 + self.entries // 3, self.entries % 3)

    def put(self, *sent: Sent) -> None:
        """Queue readings as one frame."""
        self.shard.take_frame(self.next_entry(), frame_of(sent))

    def put_command(self, user: str, command: Command, *, arrival_us: int = NOON) -> None:
        """Queue a command."""
        entry = CommandEntry(user_id=user, arrival_us=arrival_us, command=command)
        self.shard.take_command(self.next_entry(), entry)

    def put_tick(self, time_us: int) -> None:
        """Queue a tick."""
        self.shard.take_tick(self.next_entry(), time_us)

    def put_rules(self, text: str, *, arrival_us: int = 0) -> None:
        """Queue other rules, as a file's text."""
        self.shard.take_rules(
            self.next_entry(), RulesEntry(name="file.toml", text=text, arrival_us=arrival_us)
        )

    def advance(self, rounds_max: int = 64) -> list[TrackedEvent]:
        """Apply one activation, keep and return its events."""
        events = self.shard.advance(rounds_max)
        self.events += events
        return events

    def send(self, *sent: Sent) -> list[TrackedEvent]:
        """Take each reading as a frame of its own, apply it, and return the events of all."""
        events: list[TrackedEvent] = []
        for one in sent:
            self.put(one)
            events += self.advance()
        return events

    def fired(self, *sent: Sent) -> list[str]:
        """Send readings and return the names of the rules that fired, not suppressed."""
        return [firing.rule for firing in firings_of(self.send(*sent))]

    def resume(self, rules: RuleSet | None = None, *, default_zone: str | None = None) -> None:
        """Replace the shard by one restored from the bytes of its state."""
        state = type(self.shard.copy_state()).from_bytes(self.shard.copy_state().to_bytes())
        self.rules = rules or self.rules
        self.default_zone = default_zone or self.default_zone
        self.shard = Shard.restore(state, self.rules, default_zone=self.default_zone)


def firings_of(events: Sequence[TrackedEvent]) -> list[Firing]:
    """Return the firings that may act."""
    return [one.firing for event in events if isinstance(event, ReadingEvent) for one in event.firings]


def suppressed_of(events: Sequence[TrackedEvent]) -> list[tuple[str, str]]:
    """Return rule and reason code of the suppressed firings."""
    found = [pair for event in events if isinstance(event, ReadingEvent) for pair in event.suppressed]
    return [(firing.rule, why) for firing, why in found]


def timers_of(events: Sequence[TrackedEvent]) -> list[TimerAt]:
    """Return the timers."""
    return [event for event in events if isinstance(event, TimerAt)]


def commands_of(events: Sequence[TrackedEvent]) -> list[CommandAt]:
    """Return the commands."""
    return [event for event in events if isinstance(event, CommandAt)]


def baselines_of(events: Sequence[TrackedEvent]) -> list[BaselineRow]:
    """Return the recorded baselines."""
    return [event for event in events if isinstance(event, BaselineRow)]


def with_usual_rmssd(*, count: int = 40, days: float = 8, device: str = "watch", user: str = "ada") -> Run:
    """Return a run in which the person's RMSSD was 45 ms ``count`` times, first ``days`` before noon."""
    run = Run()
    first_us = NOON - round(days * DAY_US)
    step_us = (NOON - HOUR_US - first_us) // count
    for number in range(count):
        run.send(Sent(first_us + number * step_us, {"hrv_rmssd_ms": USUAL_MS}, device=device, user=user))
    return run


def above(value: float) -> float:
    """Return the next number above."""
    return math.nextafter(value, math.inf)


def below(value: float) -> float:
    """Return the next number below."""
    return math.nextafter(value, -math.inf)


def stressed(rmssd_ms: float = 20.0, stress: float = 0.9, **other: float) -> Sent:
    """Return a reading of much stress with a low RMSSD, and whatever else."""
    return Sent(NOON, {"stress_level": stress, "hrv_rmssd_ms": rmssd_ms, **other})


def energies(*pairs: tuple[int, float], **options: int) -> list[Sent]:
    """Return readings of energy, each at a time after noon in µs and a level."""
    return [Sent(NOON + after_us, {"energy_level": level}, **options) for after_us, level in pairs]
