"""``daybeat bench backtest``: how fast rules run over history in memory, for many people and for one alone.

The people are simulated and copied under other names, their days moved by some minutes. Their devices give
levels, so nothing has to be estimated for those rules that look at such values only. Speeds are per second of
CPU time of one thread, from readings in memory to firings with their evidence.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final, NamedTuple, cast

import numpy as np

from adaptation.backtest import Backtest
from adaptation.backtest_facts import Facts
from adaptation.backtest_history import History
from adaptation.pending import Field
from adaptation.rules import RuleSet, builtin_rules
from bench.timing import seconds_of
from daybeat.backtest_sources import frames_of_messages
from ingest.device_messages import DeviceMessage, TimedReading
from ingest.simulate import Cadence, simulate_between
from ingest.wearers.ring import RingCadence
from ingest.wearers.stories import EverydayLife
from ingest.wearers.watch import WatchCadence
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.readings import Reading, micros

LAST_DAY: Final = date(2026, 1, 31)
DAYS_BEFORE: Final = 8
"""Days with a reading now and then: a baseline gives a verdict after seven."""
WEARERS: Final = 32
"""People who are simulated; all others are copies of them."""
SHIPPED_COPIES: Final = 32
"""Of each wearer, where all shipped rules are measured."""

GIVEN_RULES: Final = ("energy_drop", "stress_spike", "sleep_debt", "poor_night")
"""Shipped rules that look only at values which devices give."""

_DEVICE: Final = "band"
"""One device that gives what a watch and a ring do."""
_BEFORE: Final = ("hrv_rmssd_ms", "stress_level", "energy_level")
"""What the device gives on the days before the last one."""
_MINUTE: Final = timedelta(minutes=1)
_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 1440 * _MINUTE_US
_SPARSE: Final = Cadence(
    WatchCadence(60 * _MINUTE, 60 * _MINUTE, None), RingCadence(180 * _MINUTE, None), beats=False
)
_DENSE: Final = Cadence(
    WatchCadence(3 * _MINUTE, 5 * _MINUTE, None), RingCadence(5 * _MINUTE, None), beats=False
)


@dataclass(frozen=True)
class BacktestSpeed:
    """What was measured."""

    readings_per_s: float
    """Of ``rules``, over people side by side with one device each."""
    one_person_per_s: float
    """The same for one person alone: the engine takes a step for each reading."""
    people: int
    readings: int
    rules: list[str]
    """Shipped ones that look only at what devices give; steps that none of them needs are left out."""
    firings: int
    suppressed: int
    two_devices_per_s: float
    """Readings of half as many people with a watch and a ring."""
    arranged_per_s: float
    """Readings that go from frames in order of arrival into rounds, once before any rules."""
    shipped_per_s: float
    """Readings through all shipped rules, which need the whole tracker: beats, days, strain, estimates."""
    shipped_people: int

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


def run_backtest(people: int) -> BacktestSpeed:
    """Return what was measured with at least so many people, whose readings take about 400 KB each."""
    _say(f"simulating {DAYS_BEFORE + 1} days of {WEARERS} people")
    wearers = draw_wearers(WEARERS, seed=1)
    zones = {one.user_id: one.time_zone for one in wearers}
    frames, frames_of_two = (
        list(frames_of_messages([_lived(one, device=device) for one in wearers], Counter()))
        for device in (_DEVICE, None)
    )
    base, base_of_two = History.of(frames, zones), History.of(frames_of_two, zones)
    rules = RuleSet(rules=tuple(rule for rule in builtin_rules().rules if rule.name in GIVEN_RULES))
    copies = -(-people // WEARERS)
    _say(f"rules over {WEARERS * copies} people")
    many = _measure(rules, copied_history(base, copies=copies))
    _say("people with two devices, one person alone, all shipped rules")
    return BacktestSpeed(
        readings_per_s=many.per_s,
        one_person_per_s=_measure(rules, base.of_people(np.arange(WEARERS) == 0)).per_s,
        people=WEARERS * copies,
        readings=many.readings,
        rules=[rule.name for rule in rules.rules],
        firings=many.firings,
        suppressed=many.suppressed,
        two_devices_per_s=_measure(rules, copied_history(base_of_two, copies=-(-copies // 2))).per_s,
        arranged_per_s=round(len(base) / seconds_of(partial(History.of, frames, zones))),
        shipped_per_s=_measure(builtin_rules(), copied_history(base, copies=SHIPPED_COPIES)).per_s,
        shipped_people=WEARERS * SHIPPED_COPIES,
    )


class _Measured(NamedTuple):
    readings: int
    per_s: float
    firings: int
    suppressed: int


def _measure(rules: RuleSet, history: History) -> _Measured:
    test = Backtest(rules, default_zone="UTC")
    test.run(history.of_people(np.arange(len(history.users)) == 0))  # warms up
    test.outcomes.clear()
    spent_s = seconds_of(partial(test.run, history))
    suppressed = sum(bool(one.why) for one in test.outcomes)
    return _Measured(len(history), round(len(history) / spent_s), len(test.outcomes) - suppressed, suppressed)


def copied_history(history: History, *, copies: int) -> History:
    """Return the same people so many times under other names, each time some minutes later.

    Args:
        history: of the people.
        copies: how many of each.
    """
    rows = replace(
        history.rows,
        fields=np.repeat(history.rows.fields, copies, axis=1),
        values=np.repeat(history.rows.values.T, copies, axis=1).T,
    )
    copy = np.tile(np.arange(copies), len(history))
    for field in (Field.PERSON, Field.STREAM):
        rows.fields[field] = rows.fields[field] * copies + copy
    for field in (Field.TIME_US, Field.ARRIVAL_US):
        rows.fields[field] += copy * _MINUTE_US
    numbers = range(copies)
    return History(
        users=tuple(f"{user}-{number}" for user in history.users for number in numbers),
        devices=tuple((f"{user}-{number}", device) for user, device in history.devices for number in numbers),
        zones={f"{user}-{number}": zone for user, zone in history.zones.items() for number in numbers},
        rows=rows,
        ends=history.ends * copies,
        facts=Facts(
            history.facts.tells_contact.repeat(copies),
            {name: some.repeat(copies) for name, some in history.facts.may_be_estimated.items()},
        ),
    )


def _lived(wearer: Wearer, *, device: str | None) -> Iterator[DeviceMessage]:
    """Yield what a simulated person's devices sent: levels and RMSSD now and then, then a full day.

    Args:
        wearer: the person.
        device: the one that gives it all; None: the watch and the ring.
    """
    last_us = micros(datetime.combine(LAST_DAY, time(), UTC))
    life = EverydayLife()
    first_us = last_us - DAYS_BEFORE * _DAY_US
    for message in simulate_between(wearer, first_us, last_us, life=life, cadence=_SPARSE):
        kept = [
            TimedReading(timed.time_us, cast("Reading", some))
            for timed in message.readings
            if (some := {name: timed.reading[name] for name in _BEFORE if name in timed.reading})
        ]
        if kept:
            yield replace(message, device_id=device or message.device_id, readings=tuple(kept))
    for message in simulate_between(wearer, last_us, last_us + _DAY_US, life=life, cadence=_DENSE):
        yield replace(message, device_id=device or message.device_id)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
