"""What a process says of itself at ``/metrics``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Final
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S: Final = 2.0
_DIRECT = ProxyHandler({})
"""Our own processes are never reached through a proxy."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """All samples of one process at one moment, by name and labels."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the sum of the samples of a name whose labels include those given; None if there are none.

        >>> Scrape({("fired_total", frozenset({("rule", "a")})): 2.0}).value("fired_total")
        2.0
        """
        wanted = frozenset(labels.items())
        found = [value for (one, has), value in self.samples.items() if one == name and wanted <= has]
        return sum(found) if found else None

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """Return the values of a name, by the value of one label."""
        values: dict[str, float] = {}
        for (one, labels), value in self.samples.items():
            key = dict(labels).get(label)
            if one == name and key is not None:
                values[key] = values.get(key, 0.0) + value
        return values


def scrape(url: str) -> Scrape | None:
    """Return what is served at ``url`` (``http://…/metrics``); None if nothing answers."""
    try:
        with build_opener(_DIRECT).open(url, timeout=_TIMEOUT_S) as response:
            text = response.read().decode()
    except (OSError, HTTPException):
        return None
    return Scrape(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )
