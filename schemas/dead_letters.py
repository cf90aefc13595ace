"""Dead letters: refused messages, kept with their bytes and the reason; nothing is lost in silence."""

import base64
from enum import StrEnum
from hashlib import blake2b
from typing import Final, Self
from uuid import UUID, uuid5

from schemas.measures import (
    EXTRA_BYTES_MAX,
    MEASURES,
    MESSAGE_BYTES_MAX,
    READINGS_PER_MESSAGE_MAX,
    RR_COUNT_MAX,
    RR_HIGH_MS,
    RR_LOW_MS,
)
from schemas.plan import Model

FUTURE_TOLERANCE_S: Final = 300
"""A reading further ahead of its arrival than this has a wrong clock and would move nobody's day."""

PAYLOAD_KEPT_BYTES: Final = MESSAGE_BYTES_MAX
"""Of a longer message only so much is kept: an entry of the log stays below 512 KiB."""

_NAMESPACE: Final = UUID("6f6d4a1e-6a0e-5f0b-9d53-0c6f8d2f3a57")


class Refusal(StrEnum):
    """Why a message or a reading was refused; the code stands in acks, metrics and dead letters."""

    BAD_TOPIC = "bad_topic"
    MESSAGE_TOO_LONG = "message_too_long"
    MALFORMED_JSON = "malformed_json"
    NO_READINGS = "no_readings"
    TOO_MANY_READINGS = "too_many_readings"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_VALUE = "unknown_value"
    OUT_OF_BOUNDS = "out_of_bounds"
    NO_MEASURE = "no_measure"
    MALFORMED_TIME = "malformed_time"
    NO_SUCH_TIME = "no_such_time"
    FUTURE_TIME = "future_time"
    EXTRA_NOT_FINITE = "extra_not_finite"
    EXTRA_TOO_LONG = "extra_too_long"
    EXTRA_TOO_DEEP = "extra_too_deep"
    EXTRA_HOLDS_NUL = "extra_holds_nul"


_BOUNDS: Final = ", ".join(
    f"{measure.name} {'(' if measure.low_is_open else '['}{measure.low:g}, {measure.high:g}]"
    for measure in MEASURES
)

REFUSAL_SENTENCES: Final = {
    Refusal.BAD_TOPIC: (
        "The topic is not v1/USER/DEVICE/readings or v1/USER/DEVICE/readings/acked, "
        "or an id in it is not 1 to 64 of letters, digits, '_' and '-'."
    ),
    Refusal.MESSAGE_TOO_LONG: (
        f"The message has more than {MESSAGE_BYTES_MAX // 1024} KiB; only its beginning is kept."
    ),
    Refusal.MALFORMED_JSON: "The message is not JSON (NaN and Infinity are not JSON either), or not UTF-8.",
    Refusal.NO_READINGS: "The message is an empty array.",
    Refusal.TOO_MANY_READINGS: f"The message is an array of more than {READINGS_PER_MESSAGE_MAX:,} readings.",
    Refusal.WRONG_TYPE: (
        "A field, or the reading itself, has the wrong JSON type: "
        "true and false are not numbers, and text is not a number."
    ),
    Refusal.UNKNOWN_FIELD: (
        "The reading has a field that is not in the contract; data of your own belong in extra."
    ),
    Refusal.UNKNOWN_VALUE: "activity, source or time_of is not one of the names in the contract.",
    Refusal.OUT_OF_BOUNDS: (
        f"A number is outside its bounds: {_BOUNDS}, each of rr_ms [{RR_LOW_MS:g}, {RR_HIGH_MS:g}], "
        f"1 to {RR_COUNT_MAX} of them; seq is a whole number from 0 to 2^53 - 1."
    ),
    Refusal.NO_MEASURE: (
        "The reading measures nothing: none of the measures, rr_ms, activity or contact is given."
    ),
    Refusal.MALFORMED_TIME: "time is not an RFC 3339 time with seconds and offset.",
    Refusal.NO_SUCH_TIME: "time names a moment that the calendar does not have, or one before 1970.",
    Refusal.FUTURE_TIME: (
        f"time lies more than {FUTURE_TOLERANCE_S // 60} minutes after the arrival: a clock is wrong."
    ),
    Refusal.EXTRA_NOT_FINITE: "extra holds a number that is not finite.",
    Refusal.EXTRA_TOO_LONG: f"extra takes more than {EXTRA_BYTES_MAX} bytes as JSON.",
    Refusal.EXTRA_TOO_DEEP: "extra is nested too deeply.",
    Refusal.EXTRA_HOLDS_NUL: "extra holds the character U+0000, which the database cannot store.",
}
"""One sentence for each reason, as docs/protocol.md lists them."""


class RefusedReading(Model):
    """Which reading of a message was refused, as in the ack."""

    index: int | None
    """Place in the message's array, 0 for a single object; None if the message was refused as a whole."""
    reason: Refusal
    field: str = ""
    """The first field that is wrong, with the places inside it; empty where it is not about a field."""


class DeadLetter(Model):
    """A message of which something was refused, as it stands in the log and in table ``dead_letters``."""

    letter_id: UUID
    topic: str
    payload_base64: str
    """The raw bytes, cut at 256 KiB."""
    reason: Refusal
    """Of the first reading refused."""
    refused: tuple[RefusedReading, ...]
    arrival_us: int
    """µs since 1970 UTC."""

    @classmethod
    def of(
        cls, *, topic: str, payload: bytes, refused: tuple[RefusedReading, ...], arrival_us: int, number: int
    ) -> Self:
        """Return the dead letter of a message; ``number`` tells apart what arrived in the same µs."""
        name = f"{topic}\n{arrival_us}\n{number}\n{blake2b(payload, digest_size=16).hexdigest()}"
        return cls(
            letter_id=uuid5(_NAMESPACE, name),
            topic=topic,
            payload_base64=base64.b64encode(payload[:PAYLOAD_KEPT_BYTES]).decode(),
            reason=refused[0].reason,
            refused=refused,
            arrival_us=arrival_us,
        )

    @property
    def payload(self) -> bytes:
        """The raw bytes as they came."""
        return base64.b64decode(self.payload_base64)

    @property
    def detail(self) -> str:
        """What was refused, for table ``dead_letters``: places and reasons, never values."""
        return "; ".join(_describe(one) for one in self.refused)


def _describe(one: RefusedReading) -> str:
    place = "message" if one.index is None else f"reading {one.index}"
    return f"{place}: {one.reason}" + (f" ({one.field})" if one.field else "")
