"""What the push server answers over HTTP: the page, the stored series, metrics, health. GET only.

Requests come in through the websocket server's handshake, so that one port serves both. Nothing here reads a
token from a query: addresses end up in logs.
"""

import email.utils
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from push.assets import ASSETS_PATH, CACHE_CONTROL, PAGE_PATH, Asset
from push.delays import ArrivalToPush
from push.protocol import STREAM_PATH
from push.tokens import Access, TokenError
from schemas.errors import DaybeatError, InputError, UnavailableError
from schemas.ids import check_id
from stores.series import SeriesStore

PEOPLE_PATH: Final = "/v1/people"
SERIES_PATH: Final = "/v1/series"
METRICS_PATH: Final = "/metrics"
HEALTH_PATH: Final = "/healthz"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_JSON: Final = "application/json"
_ASK_TOKEN: Final = {"WWW-Authenticate": "Bearer"}
_AFTER_MS_MAX: Final = 4_102_444_800_000
"""The year 2100: a later moment is not a moment but a mistake."""

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """A response before it is written."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether this server does its work."""

    ok: bool
    connections: int
    following: bool
    """Whether the live streams of Redis are being read."""


class HttpError(DaybeatError):
    """A request that cannot be answered; becomes ``{"error": …, "mend": …}``."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        mend: str = "",
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = HTTPStatus(status)
        self.headers = headers or {}
        super().__init__(what, where=where, mend=mend)


@dataclass(frozen=True)
class HttpSite:
    """Everything that is answered over HTTP."""

    assets: Mapping[str, Asset]
    series: SeriesStore
    delays: ArrivalToPush
    read_token: Callable[[str], Access]
    registry: CollectorRegistry
    health: Callable[[], Health]
    now: Callable[[], datetime]
    speed: float

    async def respond(self, request: Request) -> Response:
        """Return the response to a request that is not for the websocket."""
        try:
            reply = await self._reply(request)
        except HttpError as error:
            reply = _refusal(error.status, error, error.headers)
        except TokenError as error:
            reply = _refusal(HTTPStatus.UNAUTHORIZED, error, _ASK_TOKEN)
        except InputError as error:
            reply = _refusal(HTTPStatus.BAD_REQUEST, error, {})
        except UnavailableError as error:
            _logger.warning("http_unavailable", path=urlsplit(request.path).path, error=str(error))
            # The address of a server behind this one is nobody's business outside.
            outside = UnavailableError(error.what, mend=error.mend)
            reply = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, outside, {"Retry-After": "2"})
        return _response(reply, without_body=request.method == "HEAD")

    def refuse_origin(self) -> Response:
        """Return the answer to a web page that may not open the websocket."""
        error = HttpError(
            "pages of this origin may not connect",
            where="header Origin",
            mend="add it to the allowed origins",
        )
        return _response(_refusal(HTTPStatus.FORBIDDEN, error, {}), without_body=False)

    async def _reply(self, request: Request) -> Reply:
        if request.method not in {"GET", "HEAD"}:
            raise HttpError(
                f"{request.method} is not answered",
                mend="use GET",
                status=405,
                headers={"Allow": "GET, HEAD"},
            )
        path = urlsplit(request.path).path
        asset = self.assets.get(path)
        if asset is not None:
            return _asset_reply(asset, request.headers)
        answers: Mapping[str, Callable[[Request], Awaitable[Reply]]] = {
            PEOPLE_PATH: self._people,
            SERIES_PATH: self._series,
            METRICS_PATH: self._metrics,
            HEALTH_PATH: self._healthz,
        }
        if path in answers:
            return await answers[path](request)
        if path == STREAM_PATH:
            raise HttpError(
                "this is a websocket",
                where=path,
                mend="connect with a websocket client",
                status=426,
                headers={"Upgrade": "websocket"},
            )
        raise HttpError("there is nothing here", where=path, mend=_ways(self.assets), status=404)

    async def _people(self, request: Request) -> Reply:
        access = self._access(request)
        now = self.now()
        glance = await self.series.glance(access.people, now=now)
        figures = {**asdict(glance.figures), "arrival_to_push_ms": self.delays.percentiles()}
        head = {"now": now.isoformat(), "speed": self.speed}
        return _json_reply({**head, "people": glance.people, "figures": figures})

    async def _series(self, request: Request) -> Reply:
        access = self._access(request)
        query = parse_qs(urlsplit(request.path).query)
        user_id = check_id(_one(query, "user") or access.subject, where="query, user")
        if not access.may_see(user_id):
            raise HttpError(
                "the token does not allow this person", where=SERIES_PATH, mend="use their token", status=403
            )
        now = self.now()
        series = await self.series.series(user_id, after_ms=_after_ms(query), now=now)
        head = {"user_id": user_id, "now": now.isoformat(), "speed": self.speed}
        return _json_reply({**head, **{one.name: getattr(series, one.name) for one in fields(series)}})

    async def _metrics(self, request: Request) -> Reply:
        del request
        return Reply(HTTPStatus.OK, generate_latest(self.registry), CONTENT_TYPE_LATEST)

    async def _healthz(self, request: Request) -> Reply:
        del request
        health = self.health()
        document = {"ok": health.ok, "connections": health.connections, "following": health.following}
        return _json_reply(document, HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE)

    def _access(self, request: Request) -> Access:
        scheme, _, token = _header(request.headers, "Authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HttpError(
                "a token is needed",
                where="header Authorization",
                mend="send: Bearer TOKEN",
                status=401,
                headers=_ASK_TOKEN,
            )
        return self.read_token(token.strip())


def _header(headers: Headers, name: str) -> str:
    """Return a header's value, "" where it is missing; several are joined (RFC 9110 section 5.3)."""
    return ", ".join(headers.get_all(name))


def _one(query: Mapping[str, list[str]], name: str) -> str | None:
    values = query.get(name, [])
    if len(values) > 1:
        raise InputError(f"{len(values)} values", where=f"query, {name}", mend="give one")
    return values[0] if values else None


def _after_ms(query: Mapping[str, list[str]]) -> float | None:
    text = _one(query, "after")
    if text is None:
        return None
    try:
        after_ms = float(text)
    except ValueError:
        after_ms = -1.0
    if not 0 <= after_ms <= _AFTER_MS_MAX:
        raise InputError(
            f"{text[:40]!r} is not a time in ms since 1970",
            where="query, after",
            mend="send `next` of the answer before",
        )
    return after_ms


def _asset_reply(asset: Asset, request: Headers) -> Reply:
    headers = {"ETag": asset.etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    known = [tag.strip().removeprefix("W/") for tag in _header(request, "If-None-Match").split(",")]
    if asset.etag in known or "*" in known:
        return Reply(HTTPStatus.NOT_MODIFIED, b"", asset.content_type, headers)
    packed = asset.gzipped if _takes_gzip(_header(request, "Accept-Encoding")) else None
    if packed is None:
        return Reply(HTTPStatus.OK, asset.body, asset.content_type, headers)
    return Reply(HTTPStatus.OK, packed, asset.content_type, {**headers, "Content-Encoding": "gzip"})


def _takes_gzip(accept_encoding: str) -> bool:
    """Tell whether gzip may be sent (RFC 9110 section 12.5.3): named, and not with a weight of 0."""
    for choice in accept_encoding.lower().split(","):
        name, _, weight = choice.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _json_reply(document: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, orjson.dumps(document), _JSON, {"Cache-Control": "no-store"})


def _refusal(status: HTTPStatus, error: DaybeatError, headers: Mapping[str, str]) -> Reply:
    what = f"{error.where}: {error.what}" if error.where else error.what
    body = orjson.dumps({"error": what, "mend": error.mend})
    return Reply(status, body, _JSON, {"Cache-Control": "no-store", **headers})


def _response(reply: Reply, *, without_body: bool) -> Response:
    headers = Headers()
    headers["Date"] = email.utils.format_datetime(datetime.now(UTC), usegmt=True)
    headers["Connection"] = "close"
    if reply.status != HTTPStatus.NOT_MODIFIED:
        headers["Content-Type"] = reply.content_type
        headers["Content-Length"] = str(len(reply.body))
    for name, value in {**SECURITY_HEADERS, **reply.headers}.items():
        headers[name] = value
    body = b"" if without_body else reply.body
    return Response(reply.status.value, reply.status.phrase, headers, body)


def _ways(assets: Mapping[str, Asset]) -> str:
    page = f"{PAGE_PATH}, " if PAGE_PATH in assets else ""
    return f"see {page}{ASSETS_PATH}…, {PEOPLE_PATH}, {SERIES_PATH}, {METRICS_PATH}, {HEALTH_PATH}"
