"""What really happened, from files: the truth of simulated people, or labels second by second."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from adaptation.backtest_scores import Episode, Labels, Span, joined_spans
from ingest.wearers.life_day import EpisodeKind
from ingest.wearers.stories import Story
from ingest.wearers.truth import TrueDay, TrueEpisode, TrueLine, TruePerson
from schemas.errors import InputError
from schemas.readings import micros

STRESSOR: Final = "stressor"
"""Name of the episodes in a file of labels second by second."""

LABELLED_RULES: Final = (
    ("stressful_meeting", "stress_spike"),
    (STRESSOR, "stress_spike"),
    ("hard_workout", "energy_drop"),
    ("bad_nights", "sleep_debt"),
    ("good_day", "energy_surge"),
)
"""Which rule is meant to see which episode, where nothing else is said."""

DAY_STORIES: Final = (Story.BAD_NIGHTS.value, Story.GOOD_DAY.value)
"""Stories that belong to a whole local day; the others have an episode of their own."""

TRUE_EPISODES: Final = frozenset({*(kind.value for kind in EpisodeKind), *DAY_STORIES})
"""Episodes that the truth of simulated people tells."""

LABEL_CLOCK_BEHIND_US: Final = 1_000_000
"""In Stress-Predict (Iqbal et al. 2022, doi 10.3390/s22218135) the labels' clock is a second behind that of
``HR.csv``, for each of its 19 people."""

_SECOND_US: Final = 1_000_000
_COLUMNS: Final = ("Participant", "Time(sec)", "Label")


class TruthLabels:
    """Labels that are gathered from lines of truth, one at a time and in their order."""

    def __init__(self) -> None:
        self._zones: dict[str, ZoneInfo] = {}
        self._episodes: list[Episode] = []
        self._days: defaultdict[str, list[Span]] = defaultdict(list)

    def take(self, line: TrueLine) -> None:
        """Take one line; a day comes behind its person."""
        if isinstance(line, TruePerson):
            self._zones[line.user_id] = ZoneInfo(line.time_zone)
        elif isinstance(line, TrueDay):
            span = self._span_of(line)
            self._days[line.user_id].append(span)
            stories = [story for story in DAY_STORIES if story in line.stories]
            self._episodes += [Episode(line.user_id, story, span) for story in stories]
        elif isinstance(line, TrueEpisode):
            span = Span(micros(datetime.fromisoformat(line.start)), micros(datetime.fromisoformat(line.end)))
            self._episodes.append(Episode(line.user_id, line.episode, span))

    def labels(self) -> Labels:
        """Return what was gathered."""
        covered = {user: joined_spans(spans) for user, spans in self._days.items()}
        return Labels(tuple(self._episodes), covered, TRUE_EPISODES)

    def _span_of(self, day: TrueDay) -> Span:
        midnight = datetime.combine(datetime.fromisoformat(day.date), time(), self._zones[day.user_id])
        return Span(micros(midnight), micros(midnight + timedelta(days=1)))


def read_labels(path: Path) -> Labels:
    """Return the labels in a file that ``daybeat simulate --truth`` wrote, or in one like Stress-Predict's.

    The latter is CSV with the columns ``Participant``, ``Time(sec)`` (unix time) and ``Label``, a row a
    second, 1 under stress; participant 2 is the person ``S02``.

    Raises:
        InputError: the file cannot be read; names file and line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline()
            file.seek(0)
            if first.lstrip().startswith("{"):
                return _read_truth(file, path)
            return _read_seconds(csv.DictReader(file), path)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", where=str(path), mend="choose another file"
        ) from error
    except UnicodeDecodeError as error:
        raise _no_labels(path, 1, "is no text") from error


def _read_truth(lines: Iterable[str], path: Path) -> Labels:
    kinds = {"person": TruePerson, "day": TrueDay, "episode": TrueEpisode}
    truth = TruthLabels()
    for number, text in enumerate(lines, 1):
        try:
            line = orjson.loads(text)
            kind = kinds.get(line["kind"])
            if kind is not None:
                truth.take(kind(**line))
        except (ValueError, KeyError, TypeError) as error:
            raise _no_labels(path, number, "is no line of the truth of simulated people") from error
    return truth.labels()


def _read_seconds(rows: "csv.DictReader[str]", path: Path) -> Labels:
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        raise _no_labels(path, 1, f"does not name the columns {', '.join(_COLUMNS)}")
    seconds: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
    for row in rows:
        try:
            person, second, label = (int(row[name]) for name in _COLUMNS)
        except (ValueError, TypeError) as error:
            raise _no_labels(path, rows.line_num, "holds something else than whole numbers") from error
        start_us = second * _SECOND_US + LABEL_CLOCK_BEHIND_US
        seconds[f"S{person:02d}"].append((start_us, label == 1))
    episodes = [
        Episode(user, STRESSOR, span)
        for user, labelled in seconds.items()
        for span in _spans(start_us for start_us, is_stressed in labelled if is_stressed)
    ]
    covered = {user: tuple(_spans(start_us for start_us, _ in some)) for user, some in seconds.items()}
    return Labels(tuple(episodes), covered, frozenset({STRESSOR}))


def _spans(seconds_us: Iterable[int]) -> Iterator[Span]:
    """Yield the stretches that seconds make up together."""
    return iter(joined_spans(Span(start_us, start_us + _SECOND_US) for start_us in seconds_us))


def _no_labels(path: Path, line: int, what: str) -> InputError:
    return InputError(
        what, where=f"{path}:{line}", mend="give a file of daybeat simulate --truth, or of Stress-Predict"
    )
