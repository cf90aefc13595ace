"""CPU time and memory of processes, read from /proc."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far."""

    cpu_s: float
    rss_mb: float


def usage_of(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Return the usage of each named process with all its living and reaped descendants."""
    children = _children()
    return {name: _sum(_family(pid, children)) for name, pid in pids.items()}


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        found.setdefault(int(fields[1]), []).append(int(path.parent.name))
    return found


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _sum(pids: Iterable[int]) -> Usage:
    cpu_ticks, pages = 0, 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            statm = Path(f"/proc/{pid}/statm").read_text().split()
        except OSError:
            continue
        cpu_ticks += sum(int(field) for field in fields[11:15])
        # Shared pages (PostgreSQL's buffers) count once for every process that touched them; leave them out.
        pages += int(statm[1]) - int(statm[2])
    return Usage(cpu_ticks / _TICKS_PER_S, pages * _PAGE_BYTES / 1e6)
