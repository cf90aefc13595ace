"""Checkpoints: the state of whole shards, written in the background, each with its own log position.

Snapshots of whole shards inside Bytewax would stop the flow for as long as they take to copy and pickle,
at every epoch. So a shard is copied now and then (one shard at a time), written by a thread, and Bytewax
keeps only two positions: how far the shard had read, and its newest checkpoint. On resume the shard is the
checkpoint plus the log between the two: the log is the journal.
"""

import os
import queue
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from adaptation.shard import ShardState
from schemas.errors import DaybeatError
from schemas.ids import PartitionId
from schemas.positions import EntryId
from stores.log import START

KEPT_GENERATIONS: Final = 2
"""Checkpoints kept at or below the committed position: the newest, and one to fall back on if damaged."""

_MAGIC: Final = b"daybeat-checkpoint-1\n"


class CheckpointLostError(DaybeatError):
    """No checkpoint from which the saved position could be reached is whole."""


class CheckpointFolder:
    """The checkpoints of all shards, one file each, named by partition and position."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.partial"):
            leftover.unlink()

    def save(self, partition: PartitionId, state: ShardState) -> None:
        """Write a shard's state durably; a crash leaves the file whole or absent."""
        data = state.to_bytes()
        path = self._path(partition, state.position)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(_MAGIC)
            file.write(zlib.crc32(data).to_bytes(4, "little"))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        directory = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def load(self, partition: PartitionId, newest: EntryId) -> ShardState | None:
        """Return the newest whole state at or below ``newest``, or None if there is none.

        Raises:
            CheckpointLostError: there are such files, but none is whole.
        """
        positions = [position for position in self.positions(partition) if position <= newest]
        for position in reversed(positions):
            state = self._read(self._path(partition, position))
            if state is not None:
                return state
        if positions:
            raise CheckpointLostError(
                f"no checkpoint of partition {partition} up to {newest} is whole",
                where=str(self._folder),
                mend="restore it from a backup; a log that was never trimmed can be replayed without it",
            )
        return None

    def positions(self, partition: PartitionId) -> list[EntryId]:
        """Return the positions of a partition's checkpoints, oldest first."""
        return sorted(
            EntryId.parse(path.stem.partition("@")[2])
            for path in self._folder.glob(f"{partition:04d}@*.state")
        )

    def prune(self, partition: PartitionId, committed: EntryId) -> EntryId | None:
        """Remove checkpoints that no resume needs; return the oldest kept one at or below ``committed``."""
        usable = [position for position in self.positions(partition) if position <= committed]
        for position in usable[:-KEPT_GENERATIONS]:
            self._path(partition, position).unlink(missing_ok=True)
        kept = usable[-KEPT_GENERATIONS:]
        return kept[0] if kept else None

    def _path(self, partition: PartitionId, position: EntryId) -> Path:
        return self._folder / f"{partition:04d}@{position}.state"

    def _read(self, path: Path) -> ShardState | None:
        data = path.read_bytes()
        head = len(_MAGIC) + 4
        body = data[head:]
        if not data.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != data[len(_MAGIC) : head]:
            structlog.get_logger().error("checkpoint is damaged, an older one is tried", file=path.name)
            return None
        return ShardState.from_bytes(body)


class CheckpointWriter:
    """Writes copied states in a thread, and says up to where the log is no longer needed for them."""

    def __init__(
        self,
        folder: CheckpointFolder,
        *,
        committed: Callable[[], Mapping[PartitionId, EntryId]],
        release: Callable[[Mapping[PartitionId, EntryId]], None],
    ) -> None:
        self.folder = folder
        self._committed = committed
        self._release = release
        # One shard's copy is a few MB; two are enough to keep the thread busy.
        self._waiting: queue.Queue[tuple[PartitionId, ShardState] | None] = queue.Queue(maxsize=2)
        self._newest: dict[PartitionId, EntryId] = {}
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def offer(self, partition: PartitionId, copy: Callable[[], ShardState]) -> bool:
        """Take a copy of a shard to be written; False (and no copy made) while the thread is behind.

        Raises:
            BaseException: whatever ended the thread.
        """
        if self._failure is not None:
            raise self._failure
        if self._waiting.full():
            return False
        self._waiting.put_nowait((partition, copy()))
        return True

    def newest(self, partition: PartitionId) -> EntryId | None:
        """Return the position of the shard's newest durable checkpoint of this run."""
        return self._newest.get(partition)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        if self._thread.is_alive():
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write_all()
        except BaseException as error:  # noqa: BLE001  # handed to the flow by the next offer
            self._failure = error
            while not self._waiting.empty():  # so that close() does not wait for room
                self._waiting.get_nowait()

    def _write_all(self) -> None:
        logger = structlog.get_logger()
        while (item := self._waiting.get()) is not None:
            partition, state = item
            try:
                self.folder.save(partition, state)
                self._newest[partition] = state.position
                kept = self.folder.prune(partition, self._committed().get(partition, START))
                if kept is not None:
                    self._release({partition: kept})
            except (OSError, DaybeatError) as error:
                # The log keeps what this checkpoint would have freed; the next turn tries again.
                logger.error("checkpoint was not written", partition=partition, error=str(error))  # noqa: TRY400
