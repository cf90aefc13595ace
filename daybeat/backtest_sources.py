"""Where the readings of a backtest come from: recordings, the stored history, or people who do not exist."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Final

import orjson

from adaptation.backtest_scores import Labels
from daybeat.backtest_labels import TruthLabels
from ingest.device_messages import DeviceMessage, encode_readings
from ingest.intake import Message, take_in
from ingest.recordings.formats import RecordingFormat, read_recordings
from ingest.simulate import LIVE, STORED, simulate_between
from ingest.wearers.stories import EverydayLife
from ingest.wearers.truth import TrueLine, truth_of_person
from ingest.wearers.wearer import Wearer, draw_wearers
from schemas.errors import InputError
from schemas.frames import ReadingFrame, decode_frame
from schemas.readings import micros, time_us_of
from stores.history_reading import HistoryReader
from stores.log_entries import EntryKind

PEOPLE_AT_ONCE: Final = 1000
"""People of the stored history that are looked at side by side."""

MESSAGES_AT_ONCE: Final = 2000
"""Messages that become one frame."""

SIMULATED_LAST_DAY: Final = date(2026, 1, 31)
"""The last day of simulated people: the same every time, so that the same seed gives the same days."""

SIMULATED_BEFORE: Final = timedelta(days=14)
"""Days of simulated people before those that are looked at: baselines are full after fourteen."""

RR_START: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""When the first beat of a recording without times is taken to be."""

_FIRST_LINE_BYTES: Final = 1000
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)


class BacktestFormat(StrEnum):
    """A format of recordings that ``daybeat rules backtest`` reads."""

    GARMIN = "garmin"
    E4 = "e4"
    WELLTORY = "welltory"
    RR = "rr"
    MESSAGES = "messages"
    """JSON lines, as ``daybeat simulate --out`` writes them."""


_BEGINNINGS: Final = {
    rb'\s*\{"': BacktestFormat.MESSAGES,
    rb'"?user_code"?,': BacktestFormat.WELLTORY,
    rb"[^;,]+;[A-Z_]+;": BacktestFormat.GARMIN,
    rb"\s*\d+(\.\d+)?\s*$": BacktestFormat.RR,
}
"""How the first line of a file begins, in each format that is told by it."""


@dataclass(frozen=True, slots=True)
class Group:
    """People who are looked at side by side."""

    zones: Mapping[str, str]
    """User → IANA zone, of those whose zone is known; the others live in the default one."""
    frames: Iterable[ReadingFrame]
    """Their readings; each person's in order of arrival. To be gone through once."""


@dataclass(frozen=True, slots=True)
class Source:
    """Readings to look at."""

    told: str
    """What they are, for the head of the report."""
    groups: Iterable[Group]
    """No person is in two of them. To be gone through once."""
    from_us: int = 0
    """What lies before only teaches baselines: it counts nowhere."""
    labels: Callable[[], Labels] | None = None
    """What really happened; to be asked when all readings have been seen."""
    left_out: Counter[str] = field(default_factory=Counter)
    """What became no reading, by reason; complete when all readings have been seen."""


def from_recordings(paths: Sequence[Path], kind: BacktestFormat | None, *, time_zone: str) -> Source:
    """Return the readings of recordings; each arrives with the few seconds of samples that it is sent in.

    Args:
        paths: files; for E4 also folders.
        kind: their format; None: told by their names.
        time_zone: of formats whose times name none, and of messages.

    Raises:
        InputError: a file cannot be read, or its format is not told by its name.
    """
    kinds = {kind or format_of(path) for path in paths}
    if len(kinds) > 1:
        names = " and ".join(sorted(kinds))
        raise InputError(
            f"files of several formats ({names})", where="--recordings", mend="give those of one"
        )
    (chosen,) = kinds
    told = f"{len(paths)} recordings ({chosen.value})" if len(paths) > 1 else str(paths[0])
    left_out: Counter[str] = Counter()
    if chosen is BacktestFormat.MESSAGES:
        frames = _frames([_read_messages(path) for path in paths], left_out)
        return Source(told, [Group({}, frames)], left_out=left_out)
    recordings = read_recordings(
        RecordingFormat(chosen.value), paths, user_id=None, time_zone=time_zone, start_us=micros(RR_START)
    )
    for one in recordings:
        left_out.update(one.left_out)
    zones = {one.user_id: one.time_zone for one in recordings}
    frames = frames_of_messages([one.messages() for one in recordings], left_out)
    return Source(told, [Group(zones, frames)], left_out=left_out)


def from_history(
    reader: HistoryReader,
    users: Sequence[str] | None,
    *,
    from_us: int,
    upto_us: int,
    warm_up: timedelta,
) -> Source:
    """Return stored readings as they arrived, with those of a while before to learn from.

    Args:
        reader: of the history.
        users: whose; None: of all people.
        from_us: the first moment that counts, by the readings' times.
        upto_us: the end.
        warm_up: how long before ``from_us`` readings are taken to learn from.

    Raises:
        InputError: one of ``users`` has no reading between the two moments.
    """
    found = reader.people(users, from_us=from_us, upto_us=upto_us)
    missing = sorted(set(users or ()) - set(found))
    if missing or not found:
        who = f"of {missing[0]}" if missing else "of anybody"
        raise InputError(f"no reading {who} in that time", where="history", mend="choose another time")
    first_us = max(0, from_us - warm_up // _MICROSECOND)
    told = f"stored readings of {len(found)} people" if len(found) > 1 else f"stored readings of {found[0]}"
    groups = (
        Group(reader.zones(some), reader.readings(some, from_us=first_us, upto_us=upto_us))
        for some in (found[at : at + PEOPLE_AT_ONCE] for at in range(0, len(found), PEOPLE_AT_ONCE))
    )
    return Source(told, groups, from_us=from_us)


def from_simulation(people: int, *, days: int, seed: int) -> Source:
    """Return days of simulated people, with two weeks before to learn from, and what really happened."""
    wearers = draw_wearers(people, seed=seed)
    first = datetime.combine(SIMULATED_LAST_DAY, time(), UTC) - (days - 1) * _DAY
    truth = TruthLabels()
    for one in wearers:
        truth.take(truth_of_person(one))
    left_out: Counter[str] = Counter()
    messages = [_lived(one, micros(first), days, truth.take) for one in wearers]
    group = Group({one.user_id: one.time_zone for one in wearers}, frames_of_messages(messages, left_out))
    told = f"{people} simulated people over {days} days, seed {seed}"
    return Source(told, [group], from_us=micros(first), labels=truth.labels, left_out=left_out)


def format_of(path: Path) -> BacktestFormat:
    """Return the format of a recording, by its name or its first line.

    Raises:
        InputError: it cannot be read, or is none that is known.
    """
    if path.is_dir() or path.name in {"HR.csv", "IBI.csv"}:
        return BacktestFormat.E4
    try:
        with path.open("rb") as file:
            first = file.readline(_FIRST_LINE_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    for beginning, kind in _BEGINNINGS.items():
        if re.match(beginning, first):
            return kind
    raise InputError(
        "does not look like a recording",
        where=str(path),
        mend=f"say --format {'|'.join(one.value for one in BacktestFormat)}",
    )


def _lived(
    wearer: Wearer, from_us: int, days: int, tell: Callable[[TrueLine], None]
) -> Iterator[DeviceMessage]:
    """Yield what a simulated person's devices sent: uploads of the days before, then live."""
    before_us, day_us = (span // _MICROSECOND for span in (SIMULATED_BEFORE, _DAY))
    life = EverydayLife()
    yield from simulate_between(wearer, from_us - before_us, from_us, life=life, cadence=STORED)
    yield from simulate_between(wearer, from_us, from_us + days * day_us, life=life, cadence=LIVE, tell=tell)


def frames_of_messages(
    streams: Iterable[Iterable[DeviceMessage]], left_out: Counter[str]
) -> Iterator[ReadingFrame]:
    """Yield the readings of some streams of messages, each in order of sending, as if they came at once.

    Args:
        streams: of messages.
        left_out: counts what is refused, by reason.
    """
    return _frames([map(_as_sent, stream) for stream in streams], left_out)


def _frames(streams: Iterable[Iterable[Message]], left_out: Counter[str]) -> Iterator[ReadingFrame]:
    """Yield the readings of some streams of messages, as the gateway would have taken them in."""
    messages = merge(*streams, key=attrgetter("arrival_us"))
    while some := list(islice(messages, MESSAGES_AT_ONCE)):
        taken = take_in(some, partitions=1)
        left_out.update({reason.value: count for reason, count in taken.refused.items()})
        for entry in taken.entries:
            if entry.kind is EntryKind.READINGS:
                yield decode_frame(entry.payload)


def _as_sent(message: DeviceMessage) -> Message:
    return Message(message.topic.encode(), encode_readings(message, first_seq=None), message.sent_us)


def _read_messages(path: Path) -> Iterator[Message]:
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                yield _message_of(text, where=f"{path}:{number}")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be read ({error.strerror})", where=str(path), mend="choose another file")


def _message_of(text: bytes, *, where: str) -> Message:
    """Return the message in one line of a file of ``daybeat simulate --out``."""
    try:
        line = orjson.loads(text)
        sent_us = time_us_of(line["sent"])
        if sent_us is not None:
            return Message(line["topic"].encode(), orjson.dumps(line["payload"]), sent_us)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise InputError(
        "is no message", where=where, mend="give a file of daybeat simulate --out, a message a line"
    )
