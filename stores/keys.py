"""Names of all Redis keys, in one place.

Every key of a partition carries its number as a hash tag, ``daybeat:{17}:…``, so that one script may
change a person's plan and the partition's streams together, on one server as in a Redis Cluster.
"""

import datetime as dt
from typing import Final

META: Final = "daybeat:meta"
"""Hash: ``partitions``, ``schema``."""


RULES: Final = "daybeat:rules"
"""String: the rules that were loaded last, JSON of schemas.rule_entries.RulesShown, to be shown only.

The live flow takes its rules from the log."""


def log_key(partition: int) -> str:
    """Return the stream of log entries: fields ``k`` (kind), ``d`` (envelope)."""
    return f"daybeat:{{{partition}}}:log"


def committed_key(partition: int) -> str:
    """Return the hash of consumer name → entry id up to which that consumer never reads again."""
    return f"daybeat:{{{partition}}}:committed"


def decisions_key(partition: int) -> str:
    """Return the stream of records for the history flow: field ``d`` (envelope of a JSON array)."""
    return f"daybeat:{{{partition}}}:decisions"


def decisions_committed_key(partition: int) -> str:
    """Return the string that holds the id in ``decisions`` which the history flow has committed."""
    return f"daybeat:{{{partition}}}:decisions:committed"


def plan_key(partition: int, user_id: str, date: dt.date) -> str:
    """Return the string that holds a person's plan of one local day, as JSON.

    >>> plan_key(40, "ada", dt.date(2026, 11, 20))
    'daybeat:{40}:plan:ada:2026-11-20'
    """
    return f"daybeat:{{{partition}}}:plan:{user_id}:{date.isoformat()}"


def person_key(partition: int, user_id: str) -> str:
    """Return the hash of a person: ``applied``, ``feed_last``, ``state``."""
    return f"daybeat:{{{partition}}}:person:{user_id}"


def commands_key(partition: int, user_id: str) -> str:
    """Return the hash of command id → outcome; each field expires by itself."""
    return f"daybeat:{{{partition}}}:commands:{user_id}"


def feed_key(partition: int, user_id: str) -> str:
    """Return the stream of a person's events: field ``e`` (JSON), ids from their positions."""
    return f"daybeat:{{{partition}}}:feed:{user_id}"


def live_key(partition: int) -> str:
    """Return the capped stream of all new events of a partition: fields ``u``, ``i``, ``e``."""
    return f"daybeat:{{{partition}}}:live"


def due_key(partition: int) -> str:
    """Return the key of requests to planners (reserved)."""
    return f"daybeat:{{{partition}}}:due"
