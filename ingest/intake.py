"""From gathered MQTT messages to entries of the log: readings become frames, the rest dead letters.

Pure: messages in, entries out. ``ingest/gateway.py`` brings the messages and appends the entries.

Each message is parsed by itself, and only then are all readings validated in one call. Joining the bytes of
many messages into one array first would be a fifth faster, and unsafe: two messages of one sender, malformed
each, could close around somebody else's message and put readings of their own into that person's place.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ingest.framing import Batch, frames_of
from schemas.dead_letters import FUTURE_TOLERANCE_S, DeadLetter, Refusal, RefusedReading
from schemas.frames import encode_frame
from schemas.ids import is_id, partition_of
from schemas.measures import MESSAGE_BYTES_MAX, READINGS_PER_MESSAGE_MAX
from schemas.readings import GATHERED_READINGS, Reading, check_reading, time_us_of
from stores.log import EntryKind, NewEntry

_TOPIC: Final = re.compile(rb"v1/([A-Za-z0-9_-]{1,64})/([A-Za-z0-9_-]{1,64})/readings(?:/acked)?")
_ACKED: Final = b"/readings/acked"
_FIELD_LENGTH_MAX: Final = 64
_FIELDS_NAMED_MAX: Final = 100
"""Of a message's refused readings so many say which field is wrong; a letter's entry stays below 512 KiB."""

_REFUSAL_OF_ERROR: Final = {
    "extra_forbidden": Refusal.UNKNOWN_FIELD,
    "literal_error": Refusal.UNKNOWN_VALUE,
    "string_pattern_mismatch": Refusal.MALFORMED_TIME,
    "recursion_loop": Refusal.EXTRA_TOO_DEEP,
    "recursion_depth_exceeded": Refusal.EXTRA_TOO_DEEP,
    **dict.fromkeys(
        (
            "greater_than",
            "greater_than_equal",
            "less_than",
            "less_than_equal",
            "too_long",
            "too_short",
            "finite_number",
            "int_parsing_size",
        ),
        Refusal.OUT_OF_BOUNDS,
    ),
}
"""Pydantic's kinds of errors; every other one is a wrong type."""


class Message(NamedTuple):
    """One MQTT message as it came."""

    topic: bytes
    payload: bytes
    arrival_us: int
    """µs since 1970 UTC."""


class AppAck(NamedTuple):
    """What a device that published to ``…/readings/acked`` is told once its readings are safe."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a batch of messages became."""

    entries: list[NewEntry]
    """To be appended before any message is acknowledged."""
    acks: list[AppAck]
    """To be published after that."""
    readings: int
    """Readings in the entries."""
    refused: Counter[Refusal]
    """Readings, or whole messages, that went into dead letters."""


@dataclass(slots=True)
class _Sender:
    """A message that could be parsed, and where its readings stand among all of the batch."""

    number: int
    user: str
    device: str
    partition: int
    arrival_us: int
    first_row: int
    rows: int


@dataclass(slots=True)
class _Work:
    """The batch while it is worked on."""

    messages: Sequence[Message]
    partitions: int
    senders: list[_Sender] = field(default_factory=list)
    raw: list[Any] = field(default_factory=list)
    """Parsed JSON values, one for each reading."""
    refused: dict[int, list[RefusedReading]] = field(default_factory=dict)
    """By number of the message."""

    def refuse(self, number: int, index: int | None, reason: Refusal, place: str = "") -> None:
        """Note that a message, or one of its readings, is refused."""
        refused = self.refused.setdefault(number, [])
        place = _storable(place[:_FIELD_LENGTH_MAX]) if len(refused) < _FIELDS_NAMED_MAX else ""
        refused.append(RefusedReading(index=index, reason=reason, field=place))


def take_in(messages: Sequence[Message], *, partitions: int) -> TakenIn:
    """Return what ``messages`` become: frames of good readings, dead letters of the rest, and acks.

    A reading that is refused takes nothing else with it: the others of its message are kept.
    """
    work = _Work(messages, partitions)
    for number, message in enumerate(messages):
        _parse(work, number, message)
    batch = _check_readings(work, _validate(work.raw))
    entries = [
        NewEntry(partition, EntryKind.READINGS, encode_frame(frame)) for partition, frame in frames_of(batch)
    ]
    entries += [_letter_entry(work, number, refused) for number, refused in sorted(work.refused.items())]
    return TakenIn(
        entries=entries,
        acks=_acks(work),
        readings=len(batch),
        refused=Counter(one.reason for refused in work.refused.values() for one in refused),
    )


def _parse(work: _Work, number: int, message: Message) -> None:
    """Parse one message into ``work``, or refuse it as a whole."""
    names = _TOPIC.fullmatch(message.topic)
    if names is None:
        work.refuse(number, None, Refusal.BAD_TOPIC)
        return
    if len(message.payload) > MESSAGE_BYTES_MAX:
        work.refuse(number, None, Refusal.MESSAGE_TOO_LONG)
        return
    try:
        value = orjson.loads(message.payload)
    except orjson.JSONDecodeError:
        work.refuse(number, None, Refusal.MALFORMED_JSON)
        return
    if not isinstance(value, list):
        value = [value]
    elif not value:
        work.refuse(number, None, Refusal.NO_READINGS)
        return
    elif len(value) > READINGS_PER_MESSAGE_MAX:
        work.refuse(number, None, Refusal.TOO_MANY_READINGS)
        return
    user = names[1].decode()
    work.senders.append(
        _Sender(
            number=number,
            user=user,
            device=names[2].decode(),
            partition=partition_of(user, work.partitions),
            arrival_us=message.arrival_us,
            first_row=len(work.raw),
            rows=len(value),
        )
    )
    work.raw += value


def _validate(raw: list[Any]) -> list[Reading | RefusedReading]:
    """Return for each parsed value the reading, or why it is none (``index`` is its place in ``raw``)."""
    try:
        return list(GATHERED_READINGS.validate_python(raw))
    except ValidationError as error:
        first_errors: dict[int, ErrorDetails] = {}
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            first_errors.setdefault(int(detail["loc"][0]), detail)
    good = iter(
        GATHERED_READINGS.validate_python([v for row, v in enumerate(raw) if row not in first_errors])
    )
    return [
        _refused(row, first_errors[row]) if row in first_errors else next(good) for row in range(len(raw))
    ]


def _refused(row: int, detail: ErrorDetails) -> RefusedReading:
    reason = _REFUSAL_OF_ERROR.get(detail["type"], Refusal.WRONG_TYPE)
    return RefusedReading(index=row, reason=reason, field=".".join(map(str, detail["loc"][1:4])))


def _check_readings(work: _Work, values: list[Reading | RefusedReading]) -> Batch:
    """Return the readings that are good; the others are refused."""
    batch = Batch()
    for sender in work.senders:
        last_us = sender.arrival_us + FUTURE_TOLERANCE_S * 1_000_000
        for index, value in enumerate(values[sender.first_row : sender.first_row + sender.rows]):
            if isinstance(value, RefusedReading):
                work.refuse(sender.number, index, value.reason, value.field)
                continue
            why = check_reading(value)
            if why is not None:
                work.refuse(sender.number, index, Refusal(why))
                continue
            time_us = time_us_of(value["time"]) if "time" in value else None
            if time_us is not None and time_us > last_us:
                work.refuse(sender.number, index, Refusal.FUTURE_TIME, "time")
                continue
            try:
                batch.add(
                    value,
                    user=sender.user,
                    device=sender.device,
                    partition=sender.partition,
                    arrival_us=sender.arrival_us,
                    time_us=time_us,
                )
            except TypeError:
                work.refuse(sender.number, index, Refusal.EXTRA_TOO_DEEP, "extra")
    return batch


def _letter_entry(work: _Work, number: int, refused: list[RefusedReading]) -> NewEntry:
    message = work.messages[number]
    topic = _storable(message.topic.decode(errors="replace"))
    letter = DeadLetter.of(
        topic=topic,
        payload=message.payload,
        refused=tuple(refused),
        arrival_us=message.arrival_us,
        number=number,
    )
    levels = topic.split("/")
    owner = levels[1] if len(levels) > 1 and is_id(levels[1]) else topic
    return NewEntry(
        partition_of(owner, work.partitions), EntryKind.DEAD_LETTER, letter.model_dump_json().encode()
    )


def _storable(text: str) -> str:
    # Names in a device's JSON may hold U+0000, which PostgreSQL's text refuses.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _acks(work: _Work) -> list[AppAck]:
    """Return the acks of the messages whose devices asked for one."""
    senders = {sender.number: sender for sender in work.senders}
    acks: list[AppAck] = []
    for number, message in enumerate(work.messages):
        if not message.topic.endswith(_ACKED):
            continue
        refused = work.refused.get(number, [])
        sender = senders.get(number)
        seq = _seq_of(work.raw[sender.first_row]) if sender else None
        body = {
            "seq": seq,
            "readings": sender.rows - len(refused) if sender else 0,
            "refused": [{"index": one.index, "reason": one.reason.value} for one in refused],
        }
        topic = message.topic.decode(errors="replace").removesuffix(_ACKED.decode()) + "/acks"
        acks.append(AppAck(topic, orjson.dumps(body)))
    return acks


def _seq_of(value: Any) -> int | None:
    """Return the ``seq`` of a parsed reading, good or not, if it is a whole number."""
    seq = value.get("seq") if isinstance(value, dict) else None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None
