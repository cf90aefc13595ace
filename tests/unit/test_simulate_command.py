"""``daybeat simulate`` into files."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from daybeat.cli import build_app
from ingest.wearers.wearer import draw_wearers
from schemas.errors import InputError
from schemas.readings import check_reading, parse_message, time_us_of


def _simulate(*arguments: str) -> str:
    result = CliRunner().invoke(
        build_app(["simulate", "up"]), ["simulate", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


def test_a_file_holds_every_message_in_order_of_time_and_each_could_be_published(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    _simulate("--people", "3", "--rate", "0.2", "--start", "2026-11-20", "--out", str(path))
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    sent = [line["sent"] for line in lines]
    assert sent == sorted(sent)
    assert sent[0] >= "2026-11-20T00:00:00"
    assert sent[-1] < "2026-11-21T00:00:00"
    topics = Counter(line["topic"] for line in lines)
    users = {one.user_id for one in draw_wearers(3, seed=1)}
    assert set(topics) == {f"v1/{user}/{device}/readings" for user in users for device in ("watch", "ring")}
    for line in lines:
        for reading in parse_message(orjson.dumps(line["payload"])):
            assert check_reading(reading) is None
            assert time_us_of(reading["time"]) is not None


def test_the_same_seed_writes_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        out, truth = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.truth"
        _simulate(
            *("--people", "2", "--rate", "0.1", "--start", "2026-11-20", "--seed", seed),
            *("--out", str(out), "--truth", str(truth)),
        )
        texts.append((out.read_bytes(), truth.read_bytes()))
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[2][0]
    assert texts[0][1] != texts[2][1]


def test_messages_go_to_standard_output_where_asked() -> None:
    lines = _simulate("--people", "1", "--rate", "0.1", "--out", "-").splitlines()
    assert len(lines) > 100
    assert all(orjson.loads(line)["topic"].startswith("v1/ada/") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "give one of --out FILE and --publish"),
        (["--out", "x", "--publish"], "give one of --out FILE and --publish"),
        (["--out", "/nowhere/x"], "cannot be written"),
        (["--out", "-", "--start", "soon"], "'soon' is not a day"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        _simulate(*arguments)
