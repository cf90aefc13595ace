"""The formats of recordings that can be read, by name."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from ingest.recordings.e4 import read_e4
from ingest.recordings.garmin import read_garmin
from ingest.recordings.recording import Recording
from ingest.recordings.rr import read_rr
from ingest.recordings.welltory import read_welltory
from schemas.errors import InputError
from schemas.ids import is_id


class RecordingFormat(StrEnum):
    """A format that ``daybeat replay`` reads."""

    GARMIN = "garmin"
    E4 = "e4"
    WELLTORY = "welltory"
    RR = "rr"


def read_recordings(
    kind: RecordingFormat, paths: Sequence[Path], *, user_id: str | None, time_zone: str, start_us: int
) -> list[Recording]:
    """Return the recordings in files of one format.

    Args:
        kind: the format.
        paths: the files; for E4 also folders.
        user_id: whose they are; left out, it follows from the file's name. For Welltory, whose files hold
            many persons, the one to read; left out, all of them.
        time_zone: zone of formats whose times name none.
        start_us: moment of the first beat of formats without times, µs since 1970 UTC.

    Raises:
        InputError: a file cannot be read; names file and line.
    """
    if kind is RecordingFormat.WELLTORY:
        found = [one for path in paths for one in read_welltory(path, time_zone=time_zone)]
        chosen = [one for one in found if user_id in {None, one.user_id}]
        if not chosen:
            raise InputError(f"has nobody called {user_id!r}", where=str(paths[0]), mend="leave out --user")
        return chosen
    return [_read_one(kind, path, user_id, time_zone, start_us) for path in paths]


def _read_one(
    kind: RecordingFormat, path: Path, user_id: str | None, time_zone: str, start_us: int
) -> Recording:
    user = user_id or _user_of(path)
    if kind is RecordingFormat.GARMIN:
        return read_garmin(path, user_id=user)
    if kind is RecordingFormat.E4:
        return read_e4(path, user_id=user)
    return read_rr(path, user_id=user, time_zone=time_zone, start_us=start_us)


def _user_of(path: Path) -> str:
    """Return the user that a path names: the file without its ending, or the folder of an E4 file."""
    name = path.resolve().parent.name if path.name in {"HR.csv", "IBI.csv"} else path.stem
    if not is_id(name):
        raise InputError(f"{name[:64]!r} cannot be a user's id", where=str(path), mend="give one with --user")
    return name
