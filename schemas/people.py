"""What stands beside a person's plans: zone, wishes, today's automatic changes, open proposals."""

import datetime as dt
from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.plan import Model, ZoneName
from schemas.records import Adaptation

Autonomy = Literal["off", "note", "propose", "apply"]
"""What a rule may do by itself: nothing, tell, propose a change, or make it."""


class PersonState(Model):
    """All that a decision about a person needs besides the plans. Changed only together with them."""

    time_zone: ZoneName | None = None
    """As set by ``profile.set``; None: the configured default."""
    changes: dict[dt.date, tuple[str, ...]] = Field(default_factory=dict)
    """Local date → rules that changed a plan by themselves on that day."""
    proposals: dict[str, Adaptation] = Field(default_factory=dict)
    """Adaptation id → proposal that waits for an answer."""
    adaptations: dict[str, Adaptation] = Field(default_factory=dict)
    """Adaptation id → change in force or accepted, until the day after its last plan."""
    autonomy: dict[str, Autonomy] = Field(default_factory=dict)
    """Rule → what the person lets it do, where that is not the default of its kind."""
    reduce_only: bool = False
    """Whether nothing may be offered that makes the day harder."""
    paused_until: AwareDatetime | None = None
    """No rule changes, proposes or tells anything before this moment."""
