"""What a line that is typed under ``daybeat watch`` means."""

import asyncio
import datetime as dt
import os
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daybeat.app_client import Received
from daybeat.typed_lines import LINE_CHARACTERS_MAX, typed_lines
from daybeat.watch_input import HELP, parse_line
from daybeat.watch_state import Watched
from push.profiles import Profile
from push.protocol import profile_message, welcome_message
from schemas.errors import InputError
from schemas.records import Adaptation, Evidence, ReadingRef
from support.adapting import NOW
from support.shown_rules import SHIPPED

BERLIN = ZoneInfo("Europe/Berlin")


def adaptation(name: str, status: str) -> Adaptation:
    return Adaptation(
        adaptation_id=name,
        user_id="ada",
        rule="energy_drop",
        kind="protective",
        action="reduce_intensity",
        status=status,
        created_at=NOW,
        expires_at=NOW + dt.timedelta(hours=4),
        reason="Because.",
        evidence=Evidence(reading=ReadingRef(device="ring", seq=1, time=NOW), values=()),
        confidence=0.8,
        changes=(),
    )


def watched(*, proposals: int = 1, changes: int = 1) -> Watched:
    """Proposals come first and so have the lower numbers."""
    known = Watched(BERLIN)
    message = welcome_message(
        "ada",
        None,
        "1-1",
        [adaptation(f"p{number}", "proposed") for number in range(1, proposals + 1)],
        [adaptation(f"c{number}", "applied") for number in range(1, changes + 1)],
    )
    known.take(Received("welcome", "1-1", message, 0.0))
    profile = Profile(
        time_zone="Europe/Berlin", autonomy={}, reduce_only=False, paused_until=None, rules=SHIPPED.rules
    )
    known.take(Received("profile", "", profile_message("q1", profile), 0.0))
    return known


def meant(line: str, known: Watched | None = None) -> dict[str, object]:
    command = parse_line(line, known or watched(), command_id="c1", now=NOW)
    assert command is not None
    return command.model_dump(exclude={"command_id"}, exclude_none=True)


LINES = {
    "accept": {"type": "adaptation.accept", "adaptation_id": "p1"},
    "accept 1": {"type": "adaptation.accept", "adaptation_id": "p1"},
    "accept 2": {"type": "adaptation.accept", "adaptation_id": "c1"},
    "  Decline   1 ": {"type": "adaptation.decline", "adaptation_id": "p1"},
    "decline": {"type": "adaptation.decline", "adaptation_id": "p1"},
    "undo": {"type": "adaptation.undo", "adaptation_id": "c1"},
    "undo 2": {"type": "adaptation.undo", "adaptation_id": "c1"},
    "pause 2h": {"type": "adaptation.pause", "until": NOW + dt.timedelta(hours=2)},
    "pause 30m": {"type": "adaptation.pause", "until": NOW + dt.timedelta(minutes=30)},
    "pause 7d": {"type": "adaptation.pause", "until": NOW + dt.timedelta(days=7)},
    "pause tomorrow": {"type": "adaptation.pause", "until": dt.datetime(2026, 11, 21, tzinfo=BERLIN)},
    "pause off": {"type": "adaptation.pause"},
    "dial stress_spike note": {"type": "autonomy.set", "rule": "stress_spike", "level": "note"},
    "dial stress_spike default": {"type": "autonomy.set", "rule": "stress_spike", "level": "default"},
    "reduce-only on": {"type": "autonomy.set", "reduce_only": True},
    "reduce-only off": {"type": "autonomy.set", "reduce_only": False},
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_means_a_command(line: str) -> None:
    assert meant(line) == LINES[line]


def test_help_is_no_command_and_names_every_verb() -> None:
    assert parse_line("help", watched(), command_id="c1", now=NOW) is None
    assert {line.split()[0] for line in HELP} == {one.split()[0].lower() for one in LINES}


BAD = {
    "accept 9": "accept: there is no number 9; say accept 1 or accept 2",
    "undo ten": "undo: there is no number ten; say undo 2",
    "pause": "'pause' is not complete; pause 2h|tomorrow no rule does anything until then",
    "pause soon": "pause: 'soon' is not a time to pause for; write it like pause 30m",
    "dial stress_spik off": "dial: there is no rule stress_spik; did you mean stress_spike?",
    "dial xyz off": "dial: there is no rule xyz; the rules are stress_spike, energy_surge",
    "dial stress_spike loud": "dial: 'loud' is not a level; say off, note, propose, apply, default",
    "dial stress_spike": "'dial stress_spike' is not complete; dial RULE LEVEL",
    "reduce-only maybe": "'reduce-only maybe' is not complete; reduce-only on|off",
    "dance": "'dance' means nothing here; say help",
    "accept 1 2": "'accept 1 2' is not complete; accept [N]",
}


@pytest.mark.parametrize("line", BAD)
def test_a_line_that_means_nothing_says_what_would(line: str) -> None:
    with pytest.raises(InputError) as raised:
        meant(line)
    assert str(raised.value).startswith(BAD[line])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "known", "words"),
    [
        ("accept", watched(proposals=0), "accept: no proposal waits for an answer; say accept 1"),
        ("accept", watched(proposals=2), "accept: 2 proposals wait for an answer; say accept 1 or accept 2"),
        ("decline", watched(proposals=0, changes=0), "decline: no proposal waits for an answer"),
        ("undo", watched(changes=0), "undo: no change is in force"),
    ],
    ids=["none waits", "two wait", "nothing at all", "nothing in force"],
)
def test_without_a_number_it_must_be_clear_which_is_meant(line: str, known: Watched, words: str) -> None:
    with pytest.raises(InputError) as raised:
        meant(line, known)
    assert str(raised.value).startswith(words)


def test_undo_without_a_number_means_the_latest_change() -> None:
    assert meant("undo", watched(changes=2))["adaptation_id"] == "c2"


# typed_lines.py


async def read_all(descriptor: int) -> list[str]:
    return [line async for line in typed_lines(descriptor)]


async def test_lines_come_as_they_are_typed_and_the_last_needs_no_end() -> None:
    reading, writing = os.pipe()

    def type_in() -> None:
        for piece in (b"acc", b"ept 1\r\nund", "o 2\npause ü".encode()[:-1], "ü".encode()[1:], b"2h"):
            os.write(writing, piece)
        os.close(writing)

    typing = threading.Thread(target=type_in)
    typing.start()
    try:
        assert await read_all(reading) == ["accept 1", "undo 2", "pause ü2h"]
    finally:
        typing.join()
        os.close(reading)


async def test_the_loop_goes_on_while_nothing_is_typed() -> None:
    reading, writing = os.pipe()
    try:
        task = asyncio.create_task(read_all(reading))
        await asyncio.sleep(0.05)
        assert not task.done()
        assert os.get_blocking(reading)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        os.close(writing)
        os.close(reading)


async def test_a_file_can_be_read_like_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text(f"help\n{'x' * (LINE_CHARACTERS_MAX * 9)}\nundo\n")
    with file.open() as opened:
        first, long, last = await read_all(opened.fileno())
    assert (first, last) == ("help", "undo")
    assert len(long) < LINE_CHARACTERS_MAX * 6
