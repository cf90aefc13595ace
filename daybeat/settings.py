"""The settings: one frozen object, read once at the entry from ``DAYBEAT_…`` variables, and passed down."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from daybeat.clock import Clock
from schemas.errors import InputError

ENV_PREFIX: Final = "DAYBEAT_"
PARTITIONS_MAX: Final = 4096


def _read_seconds(value: object) -> object:
    """Return a plain number as the number it is; pydantic reads only ISO 8601 from text."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value)
    return value


_Span = Annotated[timedelta, BeforeValidator(_read_seconds), Field(ge=timedelta(0))]
_Port = Annotated[int, Field(ge=0, le=65_535)]


def default_state_folder() -> Path:
    """Return Daybeat's folder below ``XDG_STATE_HOME`` (else ``~/.local/state``)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "daybeat"


class Settings(BaseSettings):
    """Every setting, with its unit; the variable is its name in capitals after ``DAYBEAT_``."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    mqtt_url: str | None = None
    """Broker, such as ``mqtt://127.0.0.1:1883``. ``up`` and ``demo`` bring one where it is not given."""
    redis_url: str | None = None
    """Redis, such as ``redis://127.0.0.1:6379/0``; as above."""
    database_url: str | None = None
    """PostgreSQL, such as ``postgresql://daybeat@127.0.0.1:5432/daybeat``; as above."""

    state_folder: Path = Field(default_factory=default_state_folder)
    """Recovery files, checkpoints, logs of the services, the local token secret."""
    patience_s: float = Field(default=60.0, ge=0)
    """How long a server is waited for at start, in seconds."""

    partitions: int = Field(default=64, ge=1, le=PARTITIONS_MAX)
    """Partitions of the log; fixed at the first start."""
    log_bytes_max: int = Field(default=2 * 1024**3, ge=1024**2)
    """Bytes that the log may take in Redis; full, the gateway stops acknowledging."""
    log_keep: _Span = timedelta(minutes=15)
    """How long the log keeps what all have read; as a variable in seconds, or ISO 8601 (``PT15M``)."""
    flush_ms: float = Field(default=5.0, gt=0, le=1000)
    """How long the gateway gathers messages into one frame, in milliseconds."""
    epoch_interval_s: float = Field(default=2.0, gt=0)
    """Seconds between snapshots of the live flow."""
    checkpoint_interval_s: float = Field(default=30.0, gt=0)
    """Seconds between background checkpoints of a shard."""

    hrv_window_s: int = Field(default=120, ge=60, le=300, multiple_of=60)
    """Length of a window of beats in seconds: whole minutes, 60 to 300; windows end every minute."""

    readings_keep: _Span | None = None
    """How long readings and what is made of them stay in the database, as above; not given: for ever."""
    history_accept_gap: bool = False
    """Let the history go on where log entries were removed before it had stored them, and only say so."""

    clock: str = ""
    """``start@speed``, such as ``2026-11-20T00:00:00+00:00@1440``; empty: real time."""
    clock_anchor: float = 0.0
    """The moment of real time at which the clock reads ``start``, in seconds since 1970 UTC."""
    default_time_zone: str = "UTC"
    """IANA zone of people without a profile."""

    token_secret: SecretStr | None = None
    """What tokens are signed with (HS256), at least 32 bytes; ``up`` and ``demo`` make one."""
    token_audience: str = Field(default="daybeat", min_length=1)
    """The service that tokens are made for; others are refused."""

    http_host: str = "127.0.0.1"
    """Address that the websocket, the page and the push server's metrics listen on."""
    http_port: _Port = 8765
    """Port of the push server; 0: a free one."""
    allowed_origins: str = ""
    """Origins of web pages besides our own, such as ``https://app.example``, separated by commas."""
    mqtt_port: _Port = 0
    """Port of a local broker; 0: a free one."""
    redis_port: _Port = 0
    """Port of a local Redis; 0: a free one."""
    database_port: _Port = 0
    """Port of a local PostgreSQL; 0: a free one."""
    metrics_host: str = "127.0.0.1"
    """Address that the metrics of gateway, live flow and history flow listen on."""
    metrics_port_gateway: _Port = 0
    """Port of the gateway's metrics; 0: none (``up`` and ``demo`` choose a free one)."""
    metrics_port_live: _Port = 0
    """Port of the live flow's metrics; 0 as above."""
    metrics_port_history: _Port = 0
    """Port of the history flow's metrics; 0 as above."""

    recordings: Path | None = None
    """Folder with recordings of real people, for the demo."""

    @field_validator("default_time_zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("is not an IANA time zone, such as Europe/Berlin")
        return zone

    @model_validator(mode="after")
    def _check_clock(self) -> Self:
        try:
            self.read_clock()
        except InputError as error:
            raise ValueError(f"clock: {error.what}") from error
        return self

    def read_clock(self) -> Clock:
        """Return the clock that these settings name."""
        return Clock.parse(self.clock, self.clock_anchor)

    def environment(self) -> dict[str, str]:
        """Return the variables from which another process reads these same settings."""
        variables = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, timedelta):
                value = value.total_seconds()
            if value is not None:
                variables[f"{ENV_PREFIX}{name.upper()}"] = str(value)
        return variables

    def changed(self, **fields: object) -> Self:
        """Return checked settings with some fields changed."""
        return type(self).model_validate({**dict(self), **fields})


def read_settings(**given: object) -> Settings:
    """Return the settings from the environment; ``given`` (from the command line) comes first.

    Raises:
        InputError: a setting cannot be used; the error names its variable.
    """
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "CLOCK"
        raise InputError(
            first["msg"].removeprefix("Value error, "),
            where=name if name.startswith(ENV_PREFIX) else ENV_PREFIX + name,
            mend="see docs/settings.md",
        ) from error


def unknown_variables() -> list[str]:
    """Return the names of ``DAYBEAT_`` variables in the environment that are no setting."""
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)


def required(value: str | None, name: str) -> str:
    """Return a setting that must be given.

    Raises:
        InputError: it is not set.
    """
    if not value:
        variable = f"{ENV_PREFIX}{name.upper()}"
        raise InputError("is not set", where=variable, mend="set it, or use daybeat up, which brings its own")
    return value
