"""Tokens: who may see whose stream, signed with HS256 and one configured secret.

A token is a JSON Web Token (RFC 7519) with the claims ``sub``, ``aud``, ``exp``, ``scope`` and, for a coach,
``people``. No other algorithm is accepted, whatever the token's header says::

    InputError
        TokenError               the token is refused; `reason` is the refusal reason of docs/protocol.md
            ForgedTokenError         not signed with our secret, or not a token at all
            WrongAlgorithmError      the header names another algorithm, such as "none"
            ExpiredTokenError        `exp` has passed
            WrongAudienceError       made for another service
            MissingClaimError        a claim is missing or has the wrong type
        WeakSecretError          the configured secret is too short to sign with
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Final, Literal

import jwt

from schemas.errors import InputError
from schemas.ids import check_id, is_id

ALGORITHM: Final = "HS256"
SECRET_BYTES_MIN: Final = 32
"""RFC 7518 section 3.2: a key of at least the size of the hash."""

EVERYONE: Final = "*"
TOKEN_CHARACTERS_MAX: Final = 16_384
"""A coach token lists its people, 64 characters each at most."""


class Scope(StrEnum):
    """What a token is for."""

    PERSON = "person"
    """Its owner sees only themself."""
    COACH = "coach"
    """Its owner sees the people that it lists."""


class TokenError(InputError):
    """A token is refused."""

    reason: ClassVar[str]


class ForgedTokenError(TokenError):
    """The signature is not ours, or the text is no token."""

    reason = "token_forged"


class WrongAlgorithmError(TokenError):
    """The token's header names an algorithm other than HS256."""

    reason = "token_algorithm"


class ExpiredTokenError(TokenError):
    """The token's time is over."""

    reason = "token_expired"


class WrongAudienceError(TokenError):
    """The token was made for another service."""

    reason = "token_audience"


class MissingClaimError(TokenError):
    """A claim is missing or has the wrong type; ``claim`` is its name."""

    reason = "token_claim"

    def __init__(self, what: str, *, where: str = "", mend: str = "", claim: str = "") -> None:
        self.claim = claim
        super().__init__(what, where=where, mend=mend)


class WeakSecretError(InputError):
    """The configured secret is too short to sign with."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid token allows."""

    subject: str
    scope: Scope
    people: frozenset[str] | None
    """The ids that may be seen; None: everyone."""
    expires_at: datetime

    def may_see(self, user_id: str) -> bool:
        """Tell whether this token's owner may see ``user_id`` and act for them."""
        return self.people is None or user_id in self.people


def check_secret(secret: str) -> str:
    """Return the secret if it is long enough to sign with.

    Raises:
        WeakSecretError: it is shorter than 32 bytes.
    """
    have = len(secret.encode())
    if have < SECRET_BYTES_MIN:
        raise WeakSecretError(
            f"the token secret has {have} bytes, {ALGORITHM} needs {SECRET_BYTES_MIN}",
            where="DAYBEAT_TOKEN_SECRET",
            mend="set a random one, such as the output of: openssl rand -hex 32",
        )
    return secret


def make_token(
    subject: str,
    *,
    secret: str,
    audience: str,
    expires_at: datetime,
    scope: Scope = Scope.PERSON,
    people: Collection[str] | Literal["*"] = (),
) -> str:
    """Return a signed token.

    Args:
        subject: id of the person, or a name for the coach.
        secret: what tokens are signed with, at least 32 bytes.
        audience: the service it is made for.
        expires_at: when it ends, in real time (never the time of a compressed day).
        scope: a person sees only themself, a coach the people listed.
        people: for a coach the ids, or ``"*"`` for everyone.

    Raises:
        InputError: an id is none, the secret is too short, or a person's token lists people.
    """
    claims: dict[str, object] = {
        "sub": check_id(subject, where="token subject"),
        "aud": audience,
        "exp": math.floor(expires_at.timestamp()),
        "scope": scope.value,
    }
    if scope is Scope.COACH:
        everyone = isinstance(people, str)
        claims["people"] = EVERYONE if everyone else [check_id(one, where="token people") for one in people]
    elif people:
        raise InputError("a person's token lists people", where="token", mend="use scope coach")
    return jwt.encode(claims, check_secret(secret), algorithm=ALGORITHM)


def read_token(token: str, *, secret: str, audience: str, now: datetime) -> Access:
    """Return what a token allows.

    Args:
        token: the text that a client sent.
        secret: what our tokens are signed with.
        audience: the service we are.
        now: the real time.

    Raises:
        TokenError: it is refused; the kind of error says why.
    """
    claims = _signed_claims(token, check_secret(secret))
    expires_at = _expiry(claims.get("exp"))
    if expires_at <= now:
        raise ExpiredTokenError(
            f"the token ended at {expires_at.isoformat()}", where="token", mend="ask for a new one"
        )
    meant_for = claims.get("aud")
    if audience not in (meant_for if isinstance(meant_for, list) else [meant_for]):
        raise WrongAudienceError(
            "the token was made for another service", where="token", mend=f"ask for one with aud {audience!r}"
        )
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_id(subject):
        raise _missing("sub", "an id")
    scope = claims.get("scope")
    if scope == Scope.PERSON.value:
        return Access(subject, Scope.PERSON, frozenset({subject}), expires_at)
    if scope == Scope.COACH.value:
        return Access(subject, Scope.COACH, _people(claims.get("people")), expires_at)
    raise _missing("scope", "'person' or 'coach'")


def _signed_claims(token: str, secret: str) -> dict[str, object]:
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise _forged(f"the token has {len(token)} characters, at most {TOKEN_CHARACTERS_MAX} are read")
    try:
        # Our own clock and our own texts: only form, algorithm and signature are left to the library.
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            options={"verify_exp": False, "verify_aud": False, "verify_sub": False, "verify_iat": False},
        )
    except jwt.InvalidAlgorithmError as error:
        raise WrongAlgorithmError(
            f"the token is not signed with {ALGORITHM}", where="token", mend="ask for a new one"
        ) from error
    except jwt.InvalidTokenError as error:
        raise _forged("the token was not signed with this service's secret") from error


def _expiry(claim: object) -> datetime:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise _missing("exp", "a number of seconds since 1970")
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _missing("exp", "a number of seconds since 1970") from error


def _people(claim: object) -> frozenset[str] | None:
    if claim == EVERYONE:
        return None
    if not isinstance(claim, list) or not all(isinstance(one, str) and is_id(one) for one in claim):
        raise _missing("people", "a list of ids, or '*'")
    return frozenset(claim)


def _missing(claim: str, expected: str) -> MissingClaimError:
    return MissingClaimError(
        f"claim {claim!r} is missing or is not {expected}",
        where="token",
        mend="ask for a new one",
        claim=claim,
    )


def _forged(what: str) -> ForgedTokenError:
    return ForgedTokenError(what, where="token", mend="ask for a new one")
