"""The websocket protocol without I/O: what a client may say, what the server answers, how a connection ends.

docs/protocol.md describes the same for authors of apps; a test holds the two together.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal, Self

import orjson
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from push.profiles import Profile
from push.tokens import TOKEN_CHARACTERS_MAX
from schemas.commands import Command, LocalDate, UndoAdaptation
from schemas.ids import Id
from schemas.plan import Model, Plan
from schemas.records import Adaptation

STREAM_PATH: Final = "/v1/stream"
MESSAGE_BYTES_MAX: Final = 64 * 1024
"""A longer message of a client ends the connection with code 1009."""

CLOSE_REASON_BYTES_MAX: Final = 123
"""RFC 6455 section 5.5: a control frame holds 125 bytes, two of them are the code."""

_REDIS_ID_MAX: Final = 2**64 - 1


class CloseCode(IntEnum):
    """Why the server ends a connection; each with a sentence."""

    sentence: str

    def __new__(cls, code: int, sentence: str = "") -> Self:
        """Return the member for a code and what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    GOING_AWAY = (1001, "The server stops or restarts; come back after a pause with your last event id.")
    UNSUPPORTED = (1003, "A binary message came; the protocol is JSON in text messages.")
    TOO_LONG = (1009, "A message was longer than 64 KiB.")
    FAILED = (1011, "The server failed, or the client answered no ping for 20 s.")
    HELLO_LATE = (4001, "No hello came within 10 s of the connection's opening.")
    HELLO_EXPECTED = (4002, "The first message was not a valid hello, or a second hello came.")
    TOKEN_REFUSED = (4003, "The token was refused; the error message before it says why.")
    NOT_ALLOWED = (4004, "The token does not allow the person that hello named.")
    SLOW_CLIENT = (4008, "The client did not read for 10 s while its queue was full.")
    TOKEN_ENDED = (4009, "The token's time ended on the open connection and it was not renewed.")
    STORE_DOWN = (4013, "The server cannot reach its store; come back after a pause.")


class Refusal(StrEnum):
    """Why a message of a client is refused; each with a sentence. The connection stays open unless said."""

    sentence: str

    def __new__(cls, reason: str, sentence: str = "") -> Self:
        """Return the member for a reason and what it means."""
        member = str.__new__(cls, reason)
        member._value_ = reason
        member.sentence = sentence
        return member

    NOT_JSON = ("not_json", "The message is not a JSON object.")
    UNKNOWN_TYPE = ("unknown_type", "The message's type is none of this protocol.")
    BAD_FIELD = ("bad_field", "A field is missing, unknown or wrong; the detail names the first.")
    HELLO_EXPECTED = ("hello_expected", "The first message must be a hello, and the only one. Closes.")
    TOKEN_FORGED = ("token_forged", "The token was not signed with this service's secret.")
    TOKEN_ALGORITHM = ("token_algorithm", "The token is not signed with HS256.")
    TOKEN_EXPIRED = ("token_expired", "The token's time is over.")
    TOKEN_AUDIENCE = ("token_audience", "The token was made for another service.")
    TOKEN_CLAIM = ("token_claim", "The token lacks a claim, or one has the wrong type.")
    NOT_ALLOWED = ("not_allowed", "The token does not allow this person.")
    UNKNOWN_RULE = ("unknown_rule", "No rule of this name is in force.")
    UPGRADES_NEED_CONSENT = (
        "upgrades_need_consent",
        "A rule that makes the day harder may propose at most; it is never applied by itself.",
    )
    BUSY = ("busy", "The log is full, or too many commands wait; repeat it later with the same id.")
    UNAVAILABLE = (
        "unavailable",
        "The store cannot be reached; whether a command was taken is not known, repeat it with the same id.",
    )


TOKEN_REFUSALS: Final = frozenset(
    {
        Refusal.TOKEN_FORGED,
        Refusal.TOKEN_ALGORITHM,
        Refusal.TOKEN_EXPIRED,
        Refusal.TOKEN_AUDIENCE,
        Refusal.TOKEN_CLAIM,
    }
)


class RefusedError(Exception):
    """A client's message is refused. Never leaves the server; it becomes an ``error`` message."""

    def __init__(self, reason: Refusal, detail: str = "", *, command_id: str | None = None) -> None:
        self.reason = reason
        self.detail = detail or reason.sentence
        self.command_id = command_id
        super().__init__(reason, detail, command_id)


def _check_event_id(text: str) -> str:
    if any(int(number) > _REDIS_ID_MAX for number in text.split("-")):
        msg = "not an event id"
        raise ValueError(msg)
    return text


EventId = Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$"), AfterValidator(_check_event_id)]
"""The id of a feed event, as the server gave it: two unsigned 64-bit numbers."""

_Token = Annotated[str, Field(max_length=TOKEN_CHARACTERS_MAX)]


class Hello(Model):
    """The first message of a client."""

    type: Literal["hello"] = "hello"
    token: _Token
    last_event_id: EventId | None = None
    """The last event that the client has; None: it starts afresh."""
    user_id: Id | None = None
    """Whose stream; None: the token's own subject. Only a coach's token may name others."""


class RenewToken(Model):
    """A new token for the open connection."""

    type: Literal["token.renew"] = "token.renew"
    token: _Token


class GetPlan(Model):
    """Ask for a plan, answered from the store with a ``plan`` message."""

    type: Literal["plan.get"] = "plan.get"
    command_id: Id
    date: LocalDate | None = None
    """Local date; None: today in the person's time zone."""


class GetProfile(Model):
    """Ask for the profile, answered from the store with a ``profile`` message."""

    type: Literal["profile.get"] = "profile.get"
    command_id: Id


ClientMessage = Annotated[
    Hello | RenewToken | GetPlan | GetProfile | Command,
    Field(discriminator="type"),
]
_CLIENT_MESSAGE: Final[TypeAdapter[ClientMessage]] = TypeAdapter(ClientMessage)


def parse_client_message(text: str) -> Hello | RenewToken | GetPlan | GetProfile | Command:
    """Return the message of a client.

    Raises:
        RefusedError: it is not JSON, of no known type, or a field is wrong.
    """
    if "\\u0000" in text or "\0" in text:
        # PostgreSQL's text cannot hold NUL; a log entry that has one could never become a row.
        raise RefusedError(Refusal.BAD_FIELD, "the message holds the character U+0000")
    try:
        message = _CLIENT_MESSAGE.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _refused(text, first["type"], first["loc"], first["msg"]) from None
    except UnicodeEncodeError:
        raise RefusedError(Refusal.NOT_JSON, "the message is not UTF-8") from None
    if isinstance(message, UndoAdaptation) and message.record is not None:
        # Whoever could say what the history has could have any task made into anything.
        detail = "record: it is the server that looks an adaptation up"
        raise RefusedError(Refusal.BAD_FIELD, detail, command_id=message.command_id)
    return message


def _refused(text: str, kind: str, place: tuple[int | str, ...], message: str) -> RefusedError:
    if kind in {"json_invalid", "model_attributes_type", "model_type", "dict_type"} and not place:
        return RefusedError(Refusal.NOT_JSON)
    if kind.startswith("union_tag"):
        return RefusedError(Refusal.UNKNOWN_TYPE, command_id=_command_id_of(text))
    # The first part of the place is the type itself, the rest the field inside it.
    field = ".".join(str(part) for part in place[1:])
    return RefusedError(
        Refusal.BAD_FIELD, f"{field}: {message}" if field else message, command_id=_command_id_of(text)
    )


def _command_id_of(text: str) -> str | None:
    """Return the refused message's command id, so that its sender can tell which one was refused."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    command_id = document.get("command_id") if isinstance(document, dict) else None
    return command_id if isinstance(command_id, str) and len(command_id) <= 64 else None


def welcome_message(
    user_id: str,
    plan: Plan | None,
    event_id: str,
    proposals: Iterable[Adaptation] = (),
    adaptations: Iterable[Adaptation] = (),
) -> str:
    """Return the answer to a good hello.

    When resuming the plan is None, ``event_id`` the client's own and no adaptation is repeated.
    """
    return _json({"type": "welcome", "user_id": user_id, **_standing(plan, event_id, proposals, adaptations)})


def resync_message(
    plan: Plan | None,
    event_id: str,
    proposals: Iterable[Adaptation],
    adaptations: Iterable[Adaptation] = (),
) -> str:
    """Return the message that replaces all the client knows: plan, proposals, changes, and their place."""
    return _json({"type": "resync", **_standing(plan, event_id, proposals, adaptations)})


def plan_message(command_id: str, date: dt.date, plan: Plan | None) -> str:
    """Return the answer to ``plan.get``; None where that day has no plan."""
    head = {"type": "plan", "command_id": command_id, "date": date.isoformat()}
    return _json({**head, "plan": _fragment(plan)})


def profile_message(command_id: str, profile: Profile) -> str:
    """Return the answer to ``profile.get``."""
    return _json({"type": "profile", "command_id": command_id, "profile": _fragment(profile)})


def renewed_message(expires_at: dt.datetime) -> str:
    """Return the answer to a good ``token.renew``."""
    return _json({"type": "token.renewed", "expires_at": expires_at.isoformat()})


def refused_command_message(command_id: str, reason: Refusal) -> str:
    """Return the ``command.done`` of a command that never reached the log. It has no event id."""
    return _json({"type": "command.done", "command_id": command_id, "ok": False, "reason": reason.value})


def error_message(refused: RefusedError) -> str:
    """Return the message that says why a client's message was refused."""
    document = {"type": "error", "reason": refused.reason.value, "detail": refused.detail}
    if refused.command_id is not None:
        document["command_id"] = refused.command_id
    return _json(document)


def close_reason(text: str) -> str:
    """Return the text cut to what a close frame holds."""
    return text.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")


def _standing(
    plan: Plan | None, event_id: str, proposals: Iterable[Adaptation], adaptations: Iterable[Adaptation]
) -> dict[str, object]:
    return {
        "plan": _fragment(plan),
        "event_id": event_id,
        "proposals": [_fragment(one) for one in proposals],
        "adaptations": [_fragment(one) for one in adaptations],
    }


def _fragment(model: Model | None) -> orjson.Fragment:
    # It is JSON once pydantic has written it; parsing that again would double the cost of a welcome.
    return orjson.Fragment(b"null" if model is None else model.model_dump_json().encode())


def _json(document: Mapping[str, object]) -> str:
    return orjson.dumps(document).decode()
