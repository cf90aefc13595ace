"""What stands beside a person's plans: zone, today's automatic changes, open proposals."""

import datetime as dt

from pydantic import Field

from schemas.plan import Model, ZoneName
from schemas.records import Adaptation


class PersonState(Model):
    """All that a decision about a person needs besides the plans. Changed only together with them."""

    time_zone: ZoneName | None = None
    """As set by ``profile.set``; None: the configured default."""
    changes: dict[dt.date, tuple[str, ...]] = Field(default_factory=dict)
    """Local date → rules that changed a plan by themselves on that day."""
    proposals: dict[str, Adaptation] = Field(default_factory=dict)
    """Adaptation id → proposal that waits for an answer."""
