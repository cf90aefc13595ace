"""What the doctor looks at in Redis and PostgreSQL, and how to mend what is wrong. It changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import psycopg
import redis

from daybeat.settings import Settings
from schemas.errors import DaybeatError
from stores.connections import connect_database, connect_redis
from stores.keys import META
from stores.log import RedisLog
from stores.migrations import Tier, check_migrated, detect_tier

PATIENCE: Final = timedelta(seconds=2)
REDIS_OLDEST: Final = (7, 4)
"""The first release in which a field of a hash expires by itself (HPEXPIRE)."""
POSTGRES_OLDEST: Final = 15
HOURS_LEFT_LEAST: Final = 2.0


class Verdict(StrEnum):
    """How a finding is judged."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; works all the same."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    found: str
    mend: str = ""


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of Redis and of the log in it."""
    if settings.redis_url is None:
        yield not_set("redis", "DAYBEAT_REDIS_URL")
        return
    try:
        client = connect_redis(settings.redis_url, patience=PATIENCE)
    except DaybeatError as error:
        yield failed("redis", error)
        return
    try:
        yield from redis_findings(client.info(), client.config_get())
        yield from _log_findings(client, settings)
    except (redis.RedisError, DaybeatError) as error:
        yield failed("redis", error)
    finally:
        client.close()


def redis_findings(info: Mapping[str, Any], configuration: Mapping[Any, Any]) -> Iterator[Finding]:
    """Yield findings from what ``INFO`` and ``CONFIG GET *`` say."""
    version = str(info["redis_version"])
    numbers = tuple(int(part) for part in version.split(".")[:2])
    oldest = ".".join(map(str, REDIS_OLDEST))
    yield judged("redis version", numbers >= REDIS_OLDEST, version, f"install Redis {oldest} or newer")
    texts = {_text(name): _text(value) for name, value in configuration.items()}
    for name, wanted, why in (
        ("appendonly", "yes", "without it a restart forgets the log"),
        ("appendfsync", "always", "without it an acknowledged reading can be lost with the power"),
        ("maxmemory-policy", "noeviction", "otherwise Redis drops what nobody has read"),
    ):
        found = texts.get(name, "unknown")
        mend = f"set {name} {wanted} as in deploy/redis.conf: {why}"
        yield judged(f"redis {name}", found == wanted, found, mend)
    written = str(info.get("aof_last_write_status", "ok"))
    yield judged("redis last write to disk", written == "ok", written, "look at its disk and its log")


def _log_findings(client: redis.Redis, settings: Settings) -> Iterator[Finding]:
    stored = client.hget(META, "partitions")
    if stored is None:
        yield Finding("log", Verdict.NOTE, "empty: nothing was ever written")
        return
    partitions = int(_text(stored))
    mend = f"set DAYBEAT_PARTITIONS={partitions}"
    yield judged("log partitions", partitions == settings.partitions, str(partitions), mend)
    if partitions != settings.partitions:
        return
    log = RedisLog(client, partitions=partitions, bytes_max=settings.log_bytes_max)
    size = log.size_bytes()
    share = size / settings.log_bytes_max
    yield judged(
        "log size",
        share < 1,
        f"{size / 1e6:.1f} MB of {settings.log_bytes_max / 1e6:.0f} MB",
        "it is full: bring the history flow up, or raise DAYBEAT_LOG_BYTES_MAX",
    )
    hours = log.hours_left()
    yield judged(
        "log hours left at the present rate",
        hours is None or hours >= HOURS_LEFT_LEAST,
        "unknown" if hours is None else f"{hours:.1f}",
        "bring the history flow up, or raise DAYBEAT_LOG_BYTES_MAX",
        otherwise=Verdict.NOTE,
    )


def check_database(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of PostgreSQL and TimescaleDB."""
    if settings.database_url is None:
        yield not_set("database", "DAYBEAT_DATABASE_URL")
        return
    try:
        with connect_database(settings.database_url, patience=PATIENCE) as connection:
            yield from _database_findings(connection)
    except (psycopg.Error, DaybeatError) as error:
        yield failed("database", error)


def _database_findings(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Finding]:
    server = connection.info.server_version // 10_000
    version = connection.info.parameter_status("server_version") or str(server)
    mend = f"install PostgreSQL {POSTGRES_OLDEST} or newer"
    yield judged("postgresql version", server >= POSTGRES_OLDEST, version, mend)
    for name, wanted, verdict, mend in (
        ("fsync", "on", Verdict.BAD, "set fsync = on: otherwise a crash can lose rows"),
        ("synchronous_commit", "on", Verdict.NOTE, "set synchronous_commit = on"),
        ("data_checksums", "on", Verdict.NOTE, "run pg_checksums --enable on the stopped server"),
        ("timescaledb.telemetry_level", "off", Verdict.NOTE, "set timescaledb.telemetry_level = off"),
    ):
        found = _setting(connection, name)
        yield judged(f"postgresql {name}", found == wanted, found, mend, otherwise=verdict)
    try:
        tier, timescale = detect_tier(connection)
        yield Finding("timescaledb", Verdict.GOOD, f"{timescale}, {_TIERS[tier]}")
        check_migrated(connection)
        yield Finding("schema", Verdict.GOOD, "of this release")
    except DaybeatError as error:
        yield failed("schema", error)


_TIERS: Final = {
    Tier.APACHE: "Apache edition: hypertables; roll-ups are computed when asked",
    Tier.COMMUNITY: "Community edition: continuous aggregates, compression, policies",
}


def _setting(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
    return "unknown" if row is None or row[0] is None else str(row[0])


def judged(
    subject: str,
    good: bool,  # noqa: FBT001
    found: str,
    mend: str,
    *,
    otherwise: Verdict = Verdict.BAD,
) -> Finding:
    """Return a finding that is good, or else judged as ``otherwise`` with the way to mend it."""
    return Finding(subject, Verdict.GOOD, found) if good else Finding(subject, otherwise, found, mend)


def not_set(subject: str, variable: str) -> Finding:
    """Return the finding that an address is missing."""
    return Finding(
        subject, Verdict.BAD, f"{variable} is not set", "set it, or run daybeat up, which brings it"
    )


def failed(subject: str, error: Exception) -> Finding:
    """Return the finding that looking at something failed."""
    if isinstance(error, DaybeatError):
        return Finding(subject, Verdict.BAD, f"{error.where}: {error.what}", error.mend)
    return Finding(subject, Verdict.BAD, f"{type(error).__name__}: {error}".splitlines()[0])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
