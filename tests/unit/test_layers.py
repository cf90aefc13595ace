"""Which package may import which, as docs/architecture.md draws it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "schemas": set(),
    "adaptation": {"schemas"},
    "stores": {"schemas"},
    "ingest": {"schemas", "stores"},
    "dataflows": {"schemas", "adaptation", "stores"},
    "push": {"schemas", "stores"},
    "daybeat": {"schemas", "adaptation", "stores", "ingest", "dataflows", "push"},
    "bench": {"schemas", "adaptation", "stores", "ingest", "dataflows", "push", "daybeat"},
}
"""Ours, beside the package itself. ``daybeat`` names ``bench`` only as the text of a command."""

OUTSIDE_THE_CORE = {
    *(
        "redis",
        "psycopg",
        "paho",
        "websockets",
        "bytewax",
        "prometheus_client",
        "structlog",
        "pydantic_settings",
    ),
    *("asyncio", "http", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "urllib"),
}
"""What does I/O, reads a clock or draws random numbers: none of it in schemas and adaptation."""

STORES_ONLY = {"redis", "psycopg"}
"""Servers that only stores speaks to; ``daybeat`` and ``dataflows`` hand their connections on."""


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import hides where it leads"
            yield node.module or ""


def _imported(package: str) -> dict[str, set[str]]:
    """Return the top packages that each module of a package imports."""
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, package
    return {
        str(file.relative_to(ROOT)): {name.partition(".")[0] for name in _imports(file)} for file in files
    }


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[package] - {package}
    offenders = {file: names & forbidden for file, names in _imported(package).items() if names & forbidden}
    assert not offenders


@pytest.mark.parametrize("package", ["schemas", "adaptation"])
def test_the_core_does_no_io_and_reads_no_clock(package: str) -> None:
    offenders = {
        file: names & OUTSIDE_THE_CORE
        for file, names in _imported(package).items()
        if names & OUTSIDE_THE_CORE
    }
    assert not offenders


@pytest.mark.parametrize("package", ["schemas", "adaptation", "ingest", "push"])
def test_only_the_stores_speak_redis_and_sql(package: str) -> None:
    offenders = {
        file: names & STORES_ONLY for file, names in _imported(package).items() if names & STORES_ONLY
    }
    assert not offenders


def test_only_the_entry_reads_the_environment() -> None:
    readers = [
        str(file.relative_to(ROOT))
        for package in MAY_IMPORT
        if package not in {"daybeat", "bench"}
        for file in (ROOT / package).rglob("*.py")
        if "environ" in file.read_text() or "getenv" in file.read_text()
    ]
    assert not readers


def test_every_package_of_ours_is_known_to_this_test() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == MAY_IMPORT.keys()
