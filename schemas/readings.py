"""A reading as a device sends it: its type, its checks, its identity.

Validation is pydantic's in strict mode over plain dictionaries: the gateway checks a gathered list of
messages in one call, and a dictionary costs a third of a model instance.
"""

import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Final, Literal, NotRequired

import orjson
from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from schemas.errors import InputError
from schemas.measures import (
    EXTRA_BYTES_MAX,
    MEASURE_NAMES,
    READINGS_PER_MESSAGE_MAX,
    RR_COUNT_MAX,
    RR_HIGH_MS,
    RR_LOW_MS,
    SEQ_MAX,
)

Activity = Literal["rest", "walk", "run", "cycle", "workout", "sleep", "unknown"]
Source = Literal["wearable", "manual", "app"]
TimeOf = Literal["measure", "receipt"]
"""What ``time`` is the moment of: the measure itself, or its receipt by a bridge such as a phone."""
_Level = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Hrv = Annotated[float, Field(gt=0, le=400, allow_inf_nan=False)]
_Time = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$")]
_Rr = Annotated[float, Field(ge=RR_LOW_MS, le=RR_HIGH_MS, allow_inf_nan=False)]


@with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class Reading(TypedDict):
    """One reading, as in docs/protocol.md. Every field may be left out, but one measure must be there."""

    time: NotRequired[_Time]
    seq: NotRequired[Annotated[int, Field(ge=0, le=SEQ_MAX)]]
    heart_rate_bpm: NotRequired[Annotated[float, Field(ge=20, le=250, allow_inf_nan=False)]]
    rr_ms: NotRequired[Annotated[list[_Rr], Field(min_length=1, max_length=RR_COUNT_MAX)]]
    hrv_rmssd_ms: NotRequired[_Hrv]
    hrv_sdnn_ms: NotRequired[_Hrv]
    energy_level: NotRequired[_Level]
    stress_level: NotRequired[_Level]
    readiness_score: NotRequired[_Level]
    sleep_quality: NotRequired[_Level]
    sleep_minutes: NotRequired[Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False)]]
    steps: NotRequired[Annotated[float, Field(ge=0, le=200_000, allow_inf_nan=False)]]
    activity: NotRequired[Activity]
    contact: NotRequired[bool]
    time_of: NotRequired[TimeOf]
    source: NotRequired[Source]
    extra: NotRequired[dict[str, JsonValue]]


READINGS: Final[TypeAdapter[list[Reading]]] = TypeAdapter(
    Annotated[list[Reading], Field(max_length=READINGS_PER_MESSAGE_MAX)]
)
"""A message's array of readings."""

GATHERED_READINGS: Final[TypeAdapter[list[Reading]]] = TypeAdapter(list[Reading])
"""Readings of many messages, joined into one array."""

_MEASURED: Final = frozenset(MEASURE_NAMES) | {"rr_ms", "activity", "contact"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_reading(reading: Reading) -> str | None:
    """Return why a well-typed reading is refused all the same, or None if it is good."""
    if _MEASURED.isdisjoint(reading):
        return "no_measure"
    if "time" in reading and time_us_of(reading["time"]) is None:
        return "no_such_time"
    extra = reading.get("extra")
    if extra is not None:
        try:
            text = json.dumps(extra, allow_nan=False)
        except ValueError:
            return "extra_not_finite"
        if len(text) > EXTRA_BYTES_MAX:
            return "extra_too_long"
        if "\\u0000" in text:
            return "extra_holds_nul"
    return None


def digest_of(reading: Reading) -> int:
    """Return the digest of the canonical reading: 64 bits, as an unsigned integer.

    Canonical is the JSON object of the validated fields without ``time`` and ``seq``, keys sorted, numbers in
    shortest form, whole numbers without a fraction. The digest is BLAKE2b of 8 bytes, little endian.
    """
    canonical = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in reading.items()
        if key not in {"time", "seq"}
    }
    data = orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def time_us_of(text: str) -> int | None:
    """Return an RFC 3339 time as µs since 1970 UTC; None if the calendar has no such moment from 1970 on."""
    try:
        time_us = micros(datetime.fromisoformat(text))
    except ValueError:
        return None
    return time_us if time_us >= 0 else None


def micros(moment: datetime) -> int:
    """Return an aware moment as µs since 1970 UTC, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment_of(time_us: int) -> datetime:
    """Return µs since 1970 UTC as an aware moment in UTC."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)


def parse_message(payload: bytes, *, where: str = "message") -> list[Reading]:
    """Return the readings of one message: an object, or an array of at most 2,000.

    Raises:
        InputError: it is not JSON, or a field is wrong; the error names the first place that is.
    """
    text = payload.strip()
    if not text.startswith((b"{", b"[")):
        raise InputError("not a JSON object or array", where=where, mend="see docs/protocol.md")
    try:
        return READINGS.validate_json(text if text.startswith(b"[") else b"[" + text + b"]")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            first["msg"],
            where=f"{where}, {place}" if place else where,
            mend="see docs/protocol.md for the fields and their bounds",
        ) from error
