"""How log lines leave a process: one JSON object a line in a service, readable ones at a terminal."""

import sys
from typing import TextIO

import structlog


def set_up_logs(stream: TextIO | None = None) -> None:
    """Send structlog's lines to ``stream`` (standard error by default); JSON unless it is a terminal."""
    stream = stream or sys.stderr
    stamps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if stream.isatty():
        tail: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*stamps, *tail],
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
