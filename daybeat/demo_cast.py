"""Who takes part in a demo and what their devices send: simulated people, or recordings of real ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from ingest.device_messages import DeviceMessage, in_order
from ingest.recordings.formats import RecordingFormat, read_recordings
from ingest.recordings.recording import Recording
from ingest.simulate import LIVE, STORED, simulate_between
from ingest.wearers.night import night_before
from ingest.wearers.stories import CastLife, Story
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.errors import InputError
from schemas.readings import micros

HISTORY_DAYS: Final = 14
DAY_US: Final = 86_400_000_000

BEFORE_FIRST_STORY: Final = timedelta(minutes=10)
"""How long before the first thing happens a demo to look at begins."""

STORY_RULES: Final = frozenset({"energy_drop", "stress_spike", "sleep_debt", "energy_surge"})
"""The rules that the stories of simulated people set off; others need weeks of another life."""

WELLTORY_PEOPLE_MAX: Final = 10
_MORNING_HOURS: Final = range(4, 12)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One person of the demo."""

    user_id: str
    time_zone: str


@dataclass(frozen=True, slots=True, eq=False)
class DemoCast:
    """The people of a demo and their messages."""

    people: tuple[DemoPerson, ...]
    begins_us: int
    """From here on messages are live, µs since 1970 UTC; everything before is history."""
    history: list[DeviceMessage]
    """In order of sending."""
    live: Iterable[DeviceMessage]
    """In order of sending; may go on for ever."""
    shown_rules: frozenset[str]
    """The rules that the day was made for: each has something to see."""

    def messages(self) -> Iterator[DeviceMessage]:
        """Yield the history, then the live messages."""
        yield from self.history
        yield from self.live


def simulated_cast(count: int, *, seed: int, today: date, once: bool) -> DemoCast:
    """Return ``count`` simulated people.

    Once: the whole UTC day ``today``, ready made, so that making it takes no time from a fast clock. Else
    from shortly before the first thing happens on that day, and on for ever.
    """
    wearers = draw_wearers(count, seed=seed)
    life = CastLife(today, count)
    midnight_us = micros(datetime.combine(today, time(), UTC))
    begins_us = midnight_us if once else _first_story_us(wearers, life, today) - _us(BEFORE_FIRST_STORY)
    upto_us = midnight_us + DAY_US if once else None
    history = in_order(
        simulate_between(one, midnight_us - HISTORY_DAYS * DAY_US, begins_us, life=life, cadence=STORED)
        for one in wearers
    )
    live = in_order(simulate_between(one, begins_us, upto_us, life=life, cadence=LIVE) for one in wearers)
    return DemoCast(
        people=tuple(DemoPerson(one.user_id, one.time_zone) for one in wearers),
        begins_us=begins_us,
        history=list(history),
        live=list(live) if once else live,
        shown_rules=STORY_RULES,
    )


def recorded_cast(folder: Path, *, today: date, once: bool) -> DemoCast:
    """Return the people whose recordings lie in a folder; each one's last day becomes ``today``.

    Raises:
        InputError: there are none, or one cannot be read.
    """
    recordings = [one.with_last_day_on(today) for one in find_recordings(folder)]
    midnight_us = micros(datetime.combine(today, time(), UTC))
    moments = (timed.time_us for one in recordings for timed in one.readings)
    first_us = min((one for one in moments if one >= midnight_us), default=midnight_us)
    begins_us = midnight_us if once else first_us - _us(BEFORE_FIRST_STORY)
    messages = list(in_order([one.messages() for one in recordings]))
    return DemoCast(
        people=tuple(DemoPerson(one.user_id, one.time_zone) for one in recordings),
        begins_us=begins_us,
        history=[message for message in messages if message.readings[0].time_us < begins_us],
        live=[message for message in messages if message.readings[0].time_us >= begins_us],
        shown_rules=frozenset(),
    )


def find_recordings(folder: Path) -> list[Recording]:
    """Return the recordings below a folder, told apart by their files' names.

    ``garmin/*.csv`` are Garmin logs, a folder with ``IBI.csv`` and ``HR.csv`` is an E4 person, and of each
    ``hrv_measurements.csv`` of Welltory those with the most mornings take part.

    Raises:
        InputError: there are none, or one cannot be read.
    """
    found: list[Recording] = []
    for path in sorted(folder.rglob("garmin/*.csv")):
        found += read_recordings(
            RecordingFormat.GARMIN, [path], user_id=f"garmin-{len(found) + 1}", time_zone="UTC", start_us=0
        )
    persons = sorted(path.parent for path in folder.rglob("IBI.csv") if (path.parent / "HR.csv").is_file())
    found += read_recordings(RecordingFormat.E4, persons, user_id=None, time_zone="UTC", start_us=0)
    for path in sorted(folder.rglob("hrv_measurements.csv")):
        several = read_recordings(RecordingFormat.WELLTORY, [path], user_id=None, time_zone="UTC", start_us=0)
        found += sorted(several, key=_mornings, reverse=True)[:WELLTORY_PEOPLE_MAX]
    if not found:
        raise InputError(
            "holds no recording that is known",
            where=str(folder),
            mend="see daybeat replay --help for formats",
        )
    return found


def _mornings(recording: Recording) -> int:
    moments = (datetime.fromtimestamp(one.time_us / 1e6, UTC) for one in recording.readings)
    return len({moment.date() for moment in moments if moment.hour in _MORNING_HOURS})


def _first_story_us(wearers: list[Wearer], life: CastLife, today: date) -> int:
    """Return when the first person wakes up from a second bad night: a plan is then rewritten at once."""
    waking = [
        night_before(one, today, life).wake_us
        for one in wearers
        if Story.BAD_NIGHTS in life.stories_of(one, today)
    ]
    return min(waking, default=micros(datetime.combine(today, time(6), UTC)))


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
