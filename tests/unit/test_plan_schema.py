"""What a plan may hold."""

import datetime as dt

import pytest
from pydantic import ValidationError

from schemas.plan import Task

START = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)


def _task(**changes: object) -> dict[str, object]:
    return {
        "task_id": "walk",
        "title": "Walk",
        "category": "movement",
        "start": START,
        "end": START + dt.timedelta(minutes=20),
        "duration_minutes": 20,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"title": "a\x00b"}, "title", id="NUL, which PostgreSQL cannot store"),
        pytest.param({"title": "x" * 201}, "title", id="title too long"),
        pytest.param(
            {"end": START + dt.timedelta(minutes=21)},
            "from start to end it is 0:21:00",
            id="end does not follow",
        ),
        pytest.param({"start": START.replace(tzinfo=None)}, "timezone", id="time without offset"),
        pytest.param({"task_id": "no spaces"}, "task_id", id="bad id"),
        pytest.param({"mood": "good"}, "mood", id="unknown field"),
    ],
)
def test_a_task_that_cannot_be_is_refused_by_name(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Task.model_validate(_task(**changes))


def test_a_task_over_several_lines_and_in_any_script_is_taken() -> None:
    task = Task.model_validate(_task(title="Spaziergang\nмедленно 🌲"))
    assert task.title.endswith("🌲")
