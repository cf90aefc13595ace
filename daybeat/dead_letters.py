"""``daybeat dead-letters``: what was refused and why, and how to send it again after a fix."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daybeat.running import running_settings
from daybeat.settings import Settings, required
from ingest.republish import Republisher, open_republisher
from schemas.dead_letters import REFUSAL_SENTENCES, Refusal
from schemas.errors import InputError
from stores.connections import connect_database
from stores.dead_letters import DeadLetterStore, StoredLetter

LIST_DEFAULT: Final = 50

app = typer.Typer(help="Messages that were refused: list them, send them again.", no_args_is_help=True)

_Reason = Annotated[
    str | None, typer.Option(help="Only those refused for this reason, such as out_of_bounds.")
]
_All = Annotated[bool, typer.Option("--all", help="Also those that were replayed before.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    replayed: list[StoredLetter] = field(default_factory=list)
    skipped: list[StoredLetter] = field(default_factory=list)
    """Letters whose bytes are not a whole MQTT message, so that sending them would be no use."""


@app.command("list")
def list_letters(
    *,
    reason: _Reason = None,
    everything: _All = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = LIST_DEFAULT,
    as_json: _Json = False,
) -> None:
    """List refused messages, the newest last: when, where from, why. Payloads are in the table only."""
    settings = running_settings()
    with _open_store(settings) as store:
        letters = store.find(reason=reason, with_replayed=everything, limit=limit)
    if as_json:
        _write_json({"dead_letters": [_as_object(letter) for letter in letters]})
        return
    Console().print(_as_table(letters) if letters else "No dead letters.")


@app.command("replay")
def replay_letters(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Ids of letters, as `list` shows them.")] = None,
    *,
    reason: _Reason = None,
    everything: _All = False,
    as_json: _Json = False,
) -> None:
    """Publish refused messages again, byte by byte, to the topics they came on.

    What is good by now is stored; what is still refused becomes a new dead letter.
    """
    if not ids and reason is None and not everything:
        raise InputError("nothing is chosen", where="dead-letters replay", mend="name ids, --reason or --all")
    settings = running_settings()
    mqtt_url = required(settings.mqtt_url, "mqtt_url")
    with (
        _open_store(settings) as store,
        open_republisher(mqtt_url, patience=_patience(settings)) as publisher,
    ):
        letters = store.find(ids=ids or (), reason=reason, with_replayed=everything or bool(ids))
        missing = set(ids or ()) - {letter.letter_id for letter in letters}
        if missing:
            raise InputError(
                f"there is no letter {min(missing)}",
                where="dead letters",
                mend="see daybeat dead-letters list",
            )
        done = replay(letters, store, publisher)
    if as_json:
        _write_json({"replayed": len(done.replayed), "skipped": [str(one.letter_id) for one in done.skipped]})
        return
    sys.stdout.write(f"{len(done.replayed)} replayed\n")
    for letter in done.skipped:
        sys.stdout.write(
            f"{letter.letter_id} skipped: {letter.reason} cannot be mended by sending it again\n"
        )


def replay(letters: Sequence[StoredLetter], store: DeadLetterStore, publisher: Republisher) -> Replayed:
    """Publish ``letters`` again in their order, mark each, and return which were sent.

    Raises:
        UnavailableError: the broker did not confirm one; those before it are sent and marked.
    """
    done = Replayed()
    for letter in letters:
        if _is_whole_message(letter):
            publisher.publish(letter.topic, letter.payload)
            store.mark_replayed(letter.letter_id)
            done.replayed.append(letter)
        else:
            done.skipped.append(letter)
    return done


def _is_whole_message(letter: StoredLetter) -> bool:
    # The history flow has reasons of its own, for entries that never were a message.
    return letter.reason in set(Refusal) - {Refusal.MESSAGE_TOO_LONG}


@contextmanager
def _open_store(settings: Settings) -> Iterator[DeadLetterStore]:
    url = required(settings.database_url, "database_url")
    with connect_database(url, patience=_patience(settings)) as connection:
        yield DeadLetterStore(connection)


def _patience(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.patience_s)


def _as_object(letter: StoredLetter) -> dict[str, object]:
    return {
        "letter_id": str(letter.letter_id),
        "time": letter.time.isoformat(),
        "topic": letter.topic,
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": len(letter.payload),
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
    }


def _as_table(letters: Sequence[StoredLetter]) -> Table:
    reasons = sorted({letter.reason for letter in letters if letter.reason in set(Refusal)})
    caption = "\n".join(f"{reason}: {REFUSAL_SENTENCES[Refusal(reason)]}" for reason in reasons)
    table = Table("id", "time", "topic", "reason", "detail", "bytes", "replayed", caption=caption)
    for letter in letters:
        table.add_row(
            str(letter.letter_id),
            f"{letter.time:%Y-%m-%d %H:%M:%S%z}",
            escape(letter.topic),
            letter.reason,
            escape(letter.detail),
            str(len(letter.payload)),
            f"{letter.replayed_at:%Y-%m-%d %H:%M:%S}" if letter.replayed_at else "",
        )
    return table


def _write_json(value: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
