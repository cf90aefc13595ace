"""From a copied state back to a shard's people and timers, under the same rules or under others."""

from datetime import timedelta

import numpy as np

from adaptation.baselines import MICROSECOND
from adaptation.columns import Table
from adaptation.rules import Rule, RuleSet
from adaptation.saved_bodies import restore_bodies
from adaptation.snapshots import ShardState
from adaptation.streams import STREAM_LAYOUT
from adaptation.timers import Deadline, Timers
from adaptation.tracking import Tracker
from adaptation.triggers import Triggers
from adaptation.zones import DAY_US, ZoneNames
from schemas.positions import EntryId


def restore_tracker(
    state: ShardState, rules: RuleSet, *, default_zone: str, hrv_window: timedelta
) -> Tracker:
    """Return the people of a state; what rules remember is found by their names.

    Raises:
        InputError: there is no such zone.
    """
    triggers = Triggers(rules)
    tracker = Tracker(
        triggers,
        ZoneNames(default_zone, state.zones),
        Table.resume(triggers.layout, state.people.names, state.people.cells),
        Table.resume(STREAM_LAYOUT, state.streams.names, state.streams.cells),
        window=hrv_window,
    )
    tracker.name_rows(state.users, state.devices)
    restore_bodies(tracker.bodies, state.bodies)
    return tracker


def restore_timers(state: ShardState, rules: RuleSet) -> Timers:
    """Return the timers of a state; of one without any, those of what its rules set off lately."""
    if state.timers is not None:
        return Timers.resume(state.clock_us, state.timers)
    timers = Timers()
    timers.clock_us = state.clock_us
    for rule in rules.rules:
        for deadline in _deadlines_of(rule, state):
            timers.set_deadline(deadline)
    return timers


def _deadlines_of(rule: Rule, state: ShardState) -> list[Deadline]:
    """Return when the last firings of a rule run out, in a state that kept no deadlines.

    Those of the last day that are over fall due with the next entry: the release that wrote the state let
    things run out only when their person sent something.
    """
    name = f"fired_us.{rule.name}"
    if name not in state.people.names:
        return []
    fired_us = state.people.cells.view(np.int64)[:, state.people.names.index(name)]
    due_us = fired_us + rule.expires // MICROSECOND
    (people,) = (due_us > state.clock_us - DAY_US).nonzero()
    return [
        Deadline(max(int(due_us[person]), state.clock_us + 1), person, EntryId(0, 0))
        for person in people.tolist()
    ]
