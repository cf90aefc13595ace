"""``daybeat token``: signed tokens for apps and for the page."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import typer

from daybeat.local_state import with_token_secret
from daybeat.running import running_settings
from daybeat.settings import required
from daybeat.terminal import print_json
from push.tokens import EVERYONE, Scope, make_token
from schemas.errors import InputError

_TTL: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def token(
    user: Annotated[str, typer.Argument(help="Id of the person, or a name for the coach.")],
    *,
    coach: Annotated[
        str, typer.Option(metavar="IDS", help="Make a coach's token for these people: a,b,c or '*'.")
    ] = "",
    ttl: Annotated[str, typer.Option(help="How long it is valid: 30m, 12h, 90d.")] = "30d",
    as_json: Annotated[bool, typer.Option("--json", help="Print token and expiry as JSON.")] = False,
) -> None:
    """Make a token, signed with DAYBEAT_TOKEN_SECRET or the secret in the state folder."""
    settings = with_token_secret(running_settings())
    secret = settings.token_secret
    expires_at = datetime.now(UTC) + _parse_ttl(ttl)
    listed = [one.strip() for one in coach.split(",") if one.strip()]
    people: list[str] | Literal["*"] = EVERYONE if coach.strip() == EVERYONE else listed
    made = make_token(
        user,
        secret=required(secret.get_secret_value() if secret else None, "token_secret"),
        audience=settings.token_audience,
        expires_at=expires_at,
        scope=Scope.COACH if coach else Scope.PERSON,
        people=people,
    )
    if as_json:
        print_json({"token": made, "expires_at": expires_at.isoformat(timespec="seconds")})
    else:
        typer.echo(made)


def _parse_ttl(text: str) -> timedelta:
    match = _TTL.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise InputError(
            f"{text!r} is not a span of time", where="--ttl", mend="write it like 30m, 12h or 90d"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
