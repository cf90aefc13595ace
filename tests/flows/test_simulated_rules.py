"""The demo's day through the real intake and shard: the rules of its stories see what was made for them.

Other rules that ship with Daybeat may see something too, such as a poor night; nothing is asked of them here.
"""

from collections import defaultdict

import pytest

from adaptation.rules import builtin_rules
from adaptation.shard import Shard
from adaptation.tracked import ReadingEvent
from daybeat.demo_plans import demo_plan
from ingest.device_messages import DeviceMessage, encode_readings
from ingest.intake import Message, take_in
from ingest.simulate import LIVE
from ingest.wearers.stories import Story
from schemas.commands import CommandEntry, SetProfile
from schemas.frames import decode_frame
from schemas.positions import EntryId
from schemas.records import Firing
from support.wearing import DemoDay, demo_day

RULE_OF_STORY = {
    Story.HARD_WORKOUT: "energy_drop",
    Story.STRESSFUL_MEETING: "stress_spike",
    Story.GOOD_DAY: "energy_surge",
    Story.BAD_NIGHTS: "sleep_debt",
}
OF_STORIES = frozenset(RULE_OF_STORY.values())
HOURS_US = 3_600_000_000
MESSAGES_A_FRAME = 400


class _Track:
    """A shard fed by messages, as the gateway and the live flow would."""

    def __init__(self, day: DemoDay) -> None:
        self._shard = Shard(builtin_rules(), default_zone="UTC")
        self._entries = 0
        for one in day.wearers:
            command = SetProfile(command_id=f"zone-{one.user_id}", time_zone=one.time_zone)
            entry = CommandEntry(
                user_id=one.user_id, arrival_us=day.midnight_us - 12 * HOURS_US, command=command
            )
            self._shard.take_command(self._next_id(), entry)
        self._shard.advance()

    def feed(self, messages: list[DeviceMessage], *, arrive_from_us: int = 0) -> list[Firing]:
        firings: list[Firing] = []
        for start in range(0, len(messages), MESSAGES_A_FRAME):
            batch = [
                Message(
                    one.topic.encode(), encode_readings(one, first_seq=1), max(one.sent_us, arrive_from_us)
                )
                for one in messages[start : start + MESSAGES_A_FRAME]
            ]
            taken = take_in(batch, partitions=1)
            assert not taken.refused
            for entry in taken.entries:
                self._shard.take_frame(self._next_id(), decode_frame(entry.payload))
                while self._shard.has_pending:
                    for event in self._shard.advance():
                        if isinstance(event, ReadingEvent):
                            firings += [one.firing for one in event.firings if one.rule.name in OF_STORIES]
        return firings

    def _next_id(self) -> EntryId:
        self._entries += 1
        return EntryId(self._entries, 0)


def _people_of(firings: list[Firing]) -> dict[str, set[str]]:
    people = defaultdict(set)
    for firing in firings:
        people[firing.rule].add(firing.user_id)
    return people


@pytest.mark.parametrize("seed", [1, 2, 3, 7, 9, 11])
def test_each_rule_fires_for_exactly_those_people_to_whom_its_story_happens(seed: int) -> None:
    day = demo_day(seed)
    track = _Track(day)
    # The clock of a fast demo stands ten hours before midnight while the two weeks are published.
    assert track.feed(day.history, arrive_from_us=day.midnight_us - 10 * HOURS_US) == []
    fired = _people_of(track.feed(day.today))
    for story, rule in RULE_OF_STORY.items():
        expected = {one.user_id for one in day.wearers if story in day.life.stories_of(one, day.life.first)}
        assert len(expected) == 4
        assert fired[rule] == expected, f"{rule}, seed {seed}"


def test_the_day_as_it_is_published_has_twenty_thousand_readings_and_fires_the_same_rules() -> None:
    day = demo_day(3, cadence=LIVE, days_before=14)
    assert sum(len(one.readings) for one in day.today) > 20_000
    track = _Track(day)
    track.feed(day.history, arrive_from_us=day.midnight_us - 10 * HOURS_US)
    assert {rule: len(people) for rule, people in _people_of(track.feed(day.today)).items()} == dict.fromkeys(
        RULE_OF_STORY.values(), 4
    )


@pytest.mark.parametrize("seed", [1, 8])
def test_when_a_rule_fires_the_plan_has_tasks_to_change_in_the_six_hours_after_it(seed: int) -> None:
    day = demo_day(seed)
    track = _Track(day)
    track.feed(day.history, arrive_from_us=day.midnight_us - 10 * HOURS_US)
    numbers = {one.user_id: number for number, one in enumerate(day.wearers)}
    zones = {one.user_id: one.time_zone for one in day.wearers}
    first: dict[tuple[str, str], Firing] = {}
    for firing in track.feed(day.today):
        first.setdefault((firing.user_id, firing.rule), firing)
    assert first
    for (user_id, _), firing in first.items():
        plan = demo_plan(user_id, day.life.first, time_zone=zones[user_id], person=numbers[user_id])
        open_tasks = [
            task
            for block in plan.blocks
            for task in block.tasks
            if not task.locked and 0 < (task.start - firing.at).total_seconds() < 6 * 3600
        ]
        assert len(open_tasks) >= 2


def test_a_story_can_still_be_seen_forty_minutes_after_it_begins() -> None:
    """A slow moment makes readings late; those that come after it must still fire."""
    day = demo_day(5)
    onset_us: dict[tuple[str, str], int] = {}
    track = _Track(day)
    track.feed(day.history, arrive_from_us=day.midnight_us - 10 * HOURS_US)
    for firing in track.feed(day.today):
        onset_us.setdefault((firing.user_id, firing.rule), round(firing.at.timestamp() * 1e6))

    def without_forty_minutes(message: DeviceMessage) -> bool:
        return not any(
            user_id == message.user_id
            and rule != "sleep_debt"
            and 0 <= message.sent_us - at_us < 40 * 60_000_000
            for (user_id, rule), at_us in onset_us.items()
        )

    again = _Track(day)
    again.feed(day.history, arrive_from_us=day.midnight_us - 10 * HOURS_US)
    fired = _people_of(again.feed([one for one in day.today if without_forty_minutes(one)]))
    assert {rule: len(people) for rule, people in fired.items()} == dict.fromkeys(RULE_OF_STORY.values(), 4)
