"""What became true at a reading, as an event: firings with id, evidence and confidence; HRV."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from adaptation.evidence import confidence_of, join_values
from adaptation.tracked import ReadingEvent, RuleFiring
from adaptation.triggers import Onset
from schemas.frames import NO_SEQ, TIME_STAMPED_ON_ARRIVAL
from schemas.positions import Position
from schemas.readings import moment_of
from schemas.records import Evidence, Firing, HrvDay, ReadingRef

FIRING_NAMESPACE: Final = UUID("5d6a3a0e-6f0b-5c0a-9a57-0b8f9d3a7c41")
"""Namespace of firing ids. Never changed: the same log must give the same ids in every release."""


@dataclass(frozen=True, slots=True)
class ReadingAt:
    """One reading without its values: whose it is, where it stands, when it was."""

    user_id: str
    device_id: str
    time_us: int
    arrival_us: int
    seq: int
    digest: int
    """Unsigned."""
    flags: int
    position: Position

    @property
    def reading_id(self) -> str:
        """The reading's identity: the same wherever and however often it is delivered."""
        if self.flags & TIME_STAMPED_ON_ARRIVAL and self.seq != NO_SEQ:
            return f"{self.user_id}/{self.device_id}/{self.seq}"
        return f"{self.user_id}/{self.device_id}/{self.time_us}/{self.digest:016x}"


def reading_event(
    reading: ReadingAt, onsets: Sequence[Onset], baseline: HrvDay | None, *, time_zone: str
) -> ReadingEvent:
    """Return what became true at one reading; firings stand in the order of ``onsets``."""
    made = [(_firing(reading, onset, time_zone=time_zone), onset) for onset in onsets]
    return ReadingEvent(
        position=reading.position,
        user_id=reading.user_id,
        at=moment_of(reading.arrival_us),
        time_zone=time_zone,
        firings=tuple(RuleFiring(firing, onset.rule) for firing, onset in made if not onset.why_not),
        suppressed=tuple((firing, onset.why_not) for firing, onset in made if onset.why_not),
        baseline=baseline,
    )


def _firing(reading: ReadingAt, onset: Onset, *, time_zone: str) -> Firing:
    name = f"{reading.user_id}/{onset.rule.name}/{reading.reading_id}"
    return Firing(
        firing_id=str(uuid5(FIRING_NAMESPACE, name)),
        user_id=reading.user_id,
        rule=onset.rule.name,
        position=str(reading.position),
        at=moment_of(reading.arrival_us),
        time_zone=time_zone,
        evidence=Evidence(
            reading=ReadingRef(
                device=reading.device_id,
                seq=None if reading.seq == NO_SEQ else reading.seq,
                time=moment_of(reading.time_us),
            ),
            values=join_values(onset.compared, onset.others),
        ),
        confidence=confidence_of(onset.compared),
    )
