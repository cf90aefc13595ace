"""docker-compose.yml as data, with its variables filled in as Compose fills them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class Mount:
    """A file of the repository, or a named volume, and where the container sees it."""

    source: str
    target: str

    @property
    def is_volume(self) -> bool:
        return not self.source.startswith(".")


@dataclass(frozen=True)
class ComposeService:
    """One service, with the variables filled in."""

    name: str
    is_ours: bool
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    published: tuple[int, ...]
    """Ports inside the container that are published."""
    depends_on: tuple[str, ...]
    health: tuple[str, ...]
    """Command of the health check; empty for one that runs once."""


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with ``${NAME}``, ``${NAME:-default}``, ``${NAME:?error}`` and ``$$`` filled in."""

    def fill(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name is None:
            return "$"
        value = variables.get(name) or (rest if kind == "-" else None)
        assert value is not None, f"{name}: {rest}"
        return value

    return _VARIABLE.sub(fill, text)


def load_compose(variables: Mapping[str, str]) -> dict[str, ComposeService]:
    """Return the services of docker-compose.yml by name, dependencies before dependants."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = {name: _service(name, _fill_all(one, variables)) for name, one in document["services"].items()}
    ordered: dict[str, ComposeService] = {}

    def add(name: str) -> None:
        for needed in services[name].depends_on:
            add(needed)
        ordered.setdefault(name, services[name])

    for name in services:
        add(name)
    return ordered


def _service(name: str, one: dict[str, Any]) -> ComposeService:
    mounts = [volume.split(":") for volume in one.get("volumes", [])]
    return ComposeService(
        name=name,
        is_ours="build" in one,
        command=tuple(one["command"]),
        environment={key: str(value) for key, value in one.get("environment", {}).items()},
        mounts=tuple(Mount(parts[0], parts[1]) for parts in mounts),
        published=tuple(int(port.split(":")[2]) for port in one.get("ports", [])),
        depends_on=tuple(one.get("depends_on", ())),
        health=tuple(one.get("healthcheck", {}).get("test", ["CMD"])[1:]),
    )


def _fill_all(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return filled(value, variables)
    if isinstance(value, list):
        return [_fill_all(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: _fill_all(one, variables) for key, one in value.items()}
    return value
