"""``store``: what is gathered into one transaction, and what is held back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import bytewax.operators as op
import orjson
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from prometheus_client import CollectorRegistry

from dataflows import history_sink
from dataflows.history_metrics import HistoryMetrics
from dataflows.history_sink import StoreSink
from schemas.frames import encode_frame
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.envelope import seal
from stores.history import EntryRows, Positions
from stores.stream_tail import RawEntry, Slice, StreamName
from support.history_rows import frame_of_rows, random_rows


@dataclass
class Kept:
    """A writer that keeps what it is given, and gives up after some transactions."""

    gives_up_after: int = 10**9
    transactions: list[tuple[int, Positions]] = field(default_factory=list)
    attempts: int = 0

    def write(self, entries: Sequence[EntryRows], positions: Positions) -> bool:
        self.attempts += 1
        if len(self.transactions) >= self.gives_up_after:
            return False
        rows = sum(len(entry.frame) for entry in entries if entry.frame is not None)
        self.transactions.append((rows, dict(positions)))
        return True

    def close(self) -> None:
        """Nothing to let go of."""


def _entry(number: int, kind: str) -> RawEntry:
    payload = (
        encode_frame(frame_of_rows(random_rows(2, seed=number)))
        if kind == "readings"
        else orjson.dumps({"arrival_us": number})
    )
    return (f"1000-{number}".encode(), {b"k": kind.encode(), b"d": seal(payload)})


def _slice(partition: int, numbers: Sequence[int], kind: str = "readings") -> tuple[str, Slice]:
    entries = [_entry(number, kind) for number in numbers]
    size = sum(len(fields[b"d"]) for _, fields in entries)
    return ("any", Slice(StreamName.LOG, PartitionId(partition), entries, size))


def _run(writer: Kept, slices: list[tuple[str, Slice]], *, batch: int = 100) -> None:
    flow = Dataflow("sink")
    gathered = op.input("slices", flow, TestingSource(slices, batch_size=batch))
    op.output("store", gathered, StoreSink(writer, HistoryMetrics(CollectorRegistry())))
    run_main(flow, epoch_interval=timedelta(hours=1))


def test_slices_of_all_partitions_that_come_together_are_one_transaction() -> None:
    writer = Kept()
    _run(writer, [_slice(partition, [1, 2, 3]) for partition in range(64)])
    positions = {(StreamName.LOG, PartitionId(partition)): EntryId(1000, 3) for partition in range(64)}
    assert writer.transactions == [(64 * 3 * 2, positions)]


def test_a_lot_at_once_is_split_and_positions_never_run_ahead_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_sink, "TRANSACTION_ENTRIES_MAX", 10)
    writer = Kept()
    _run(writer, [_slice(0, range(start, start + 5)) for start in range(1, 51, 5)])
    assert [rows for rows, _ in writer.transactions] == [20] * 5
    assert [positions[StreamName.LOG, PartitionId(0)].seq for _, positions in writer.transactions] == [
        10,
        20,
        30,
        40,
        50,
    ]


def test_ticks_alone_are_no_transaction_but_their_positions_are_stored_in_the_end() -> None:
    writer = Kept()
    _run(writer, [_slice(0, [number], "tick") for number in range(1, 30)], batch=1)
    assert writer.transactions == [(0, {(StreamName.LOG, PartitionId(0)): EntryId(1000, 29)})]


def test_after_a_write_that_was_given_up_nothing_more_is_stored() -> None:
    writer = Kept(gives_up_after=2)
    _run(writer, [_slice(0, [number]) for number in range(1, 8)], batch=1)
    assert [positions[StreamName.LOG, PartitionId(0)].seq for _, positions in writer.transactions] == [1, 2]
    assert writer.attempts == 3, "a later write would step over the gap"
