"""Tokens: what a good one allows, and every way in which one is refused."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.protocol import TOKEN_REFUSALS, Refusal
from push.tokens import (
    Access,
    ExpiredTokenError,
    ForgedTokenError,
    MissingClaimError,
    Scope,
    TokenError,
    WeakSecretError,
    WrongAlgorithmError,
    WrongAudienceError,
    make_token,
    read_token,
)
from schemas.errors import InputError

SECRET = "a secret for tests, long enough to sign with"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def read(token: str, *, now: datetime = NOW, secret: str = SECRET) -> Access:
    return read_token(token, secret=secret, audience="daybeat", now=now)


def claims(**changes: object) -> dict[str, object]:
    given = {"sub": "ada", "aud": "daybeat", "exp": int(LATER.timestamp()), "scope": "person", **changes}
    return {name: value for name, value in given.items() if value is not None}


def signed(
    document: dict[str, object], *, header: dict[str, object] | None = None, secret: str = SECRET
) -> str:
    """Return a token made by hand from RFC 7515, not by the library that reads it."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = part(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = part(json.dumps(document).encode())
    signature = hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(signature)}"


def test_a_token_made_by_hand_after_the_rfc_is_read() -> None:
    access = read(signed(claims()))
    assert (access.subject, access.scope, access.expires_at) == ("ada", Scope.PERSON, LATER)


def test_a_made_token_holds_exactly_the_documented_claims() -> None:
    token = make_token("ada", secret=SECRET, audience="daybeat", expires_at=LATER)
    body = token.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) == claims()


def test_a_person_sees_only_themself() -> None:
    access = read(make_token("ada", secret=SECRET, audience="daybeat", expires_at=LATER))
    assert access.may_see("ada")
    assert not access.may_see("bob")


def test_a_coach_sees_the_people_listed_and_not_the_coach_name() -> None:
    token = make_token(
        "coach", secret=SECRET, audience="daybeat", expires_at=LATER, scope=Scope.COACH, people=["ada", "bob"]
    )
    access = read(token)
    assert [access.may_see(one) for one in ("ada", "bob", "eve", "coach")] == [True, True, False, False]


def test_a_coach_of_everyone_sees_everyone() -> None:
    token = make_token(
        "coach", secret=SECRET, audience="daybeat", expires_at=LATER, scope=Scope.COACH, people="*"
    )
    assert read(token).people is None
    assert read(token).may_see("anyone")


@pytest.mark.parametrize(
    ("token", "error"),
    [
        pytest.param(signed(claims(exp=int(NOW.timestamp()))), ExpiredTokenError, id="ends at this moment"),
        pytest.param(signed(claims(exp=int(NOW.timestamp()) - 1)), ExpiredTokenError, id="ended before"),
        pytest.param(
            signed(claims(), secret="another secret, also long enough to sign"),
            ForgedTokenError,
            id="other secret",
        ),
        pytest.param("", ForgedTokenError, id="nothing"),
        pytest.param("not a token", ForgedTokenError, id="words"),
        pytest.param("a.b.c", ForgedTokenError, id="three letters"),
        pytest.param("ä" * 50, ForgedTokenError, id="not ASCII"),
        pytest.param("x" * 20_000, ForgedTokenError, id="very long"),
        pytest.param(signed(claims(), header={"alg": "none"}), WrongAlgorithmError, id="algorithm none"),
        pytest.param(signed(claims(), header={"alg": "HS384"}), WrongAlgorithmError, id="algorithm HS384"),
        pytest.param(signed(claims(), header={"alg": "RS256"}), WrongAlgorithmError, id="algorithm RS256"),
        pytest.param(signed(claims(aud="other")), WrongAudienceError, id="other audience"),
        pytest.param(signed(claims(aud=["other", "more"])), WrongAudienceError, id="other audiences"),
        pytest.param(signed(claims(aud=None)), WrongAudienceError, id="no audience"),
    ],
)
def test_a_token_is_refused(token: str, error: type[TokenError]) -> None:
    with pytest.raises(error):
        read(token)


def test_the_unsigned_token_of_the_library_is_refused() -> None:
    token = jwt.encode(claims(), "", algorithm="none")
    with pytest.raises(WrongAlgorithmError):
        read(token)


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 10**30}, "exp"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "a b"}, "sub"),
        ({"scope": None}, "scope"),
        ({"scope": "admin"}, "scope"),
        ({"scope": "coach"}, "people"),
        ({"scope": "coach", "people": "ada"}, "people"),
        ({"scope": "coach", "people": ["ada", 7]}, "people"),
        ({"scope": "coach", "people": {"ada": 1}}, "people"),
    ],
)
def test_a_missing_or_wrong_claim_is_named(changes: dict[str, object], claim: str) -> None:
    with pytest.raises(MissingClaimError) as refused:
        read(signed(claims(**changes)))
    assert refused.value.claim == claim


def test_a_person_token_cannot_widen_itself_by_a_people_claim() -> None:
    assert not read(signed(claims(people="*"))).may_see("bob")


@given(st.data())
def test_no_changed_character_survives(data: st.DataObject) -> None:
    token = signed(claims())
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = token[:place] + letter + token[place + 1 :]
    # The last letter of a part may carry bits that mean nothing; then both texts are one token.
    if _bytes(changed) != _bytes(token):
        with pytest.raises(TokenError):
            read(changed)


def _bytes(token: str) -> list[bytes] | None:
    try:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
    except ValueError:
        return None


def test_a_short_secret_is_refused_with_its_remedy() -> None:
    with pytest.raises(WeakSecretError, match="openssl rand"):
        make_token("ada", secret="short", audience="daybeat", expires_at=LATER)


def test_a_person_token_that_lists_people_is_not_made() -> None:
    with pytest.raises(InputError):
        make_token("ada", secret=SECRET, audience="daybeat", expires_at=LATER, people=["bob"])


def test_a_token_for_a_bad_id_is_not_made() -> None:
    with pytest.raises(InputError):
        make_token("a/b", secret=SECRET, audience="daybeat", expires_at=LATER)


def test_every_kind_of_token_error_has_its_refusal_reason() -> None:
    assert {Refusal(kind.reason) for kind in TokenError.__subclasses__()} == TOKEN_REFUSALS
