"""Micro-randomisation: whether a firing that could act does, drawn by lot and repeatable. Pure.

Klasnja et al. 2015, "Microrandomized trials", doi:10.1037/hea0000305: at each decision point one draw of its
own, with its probability kept, so that effects can be estimated afterwards.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from adaptation.rules import Rule
from schemas.records import Firing

_DRAW_BYTES: Final = 8


class Draw(NamedTuple):
    """What was drawn."""

    acts: bool
    propensity: float
    """Probability of what was drawn."""


SURE: Final = Draw(acts=True, propensity=1.0)
"""Nothing was drawn."""


def draw(rule: Rule, firing: Firing) -> Draw:
    """Return whether a firing acts; without ``randomise`` it surely does.

    The number drawn is u = the first 8 bytes of sha256("SEED/USER/RULE/FIRING") as a whole number, big
    endian, divided by 2^64. It acts if u < p.
    """
    if rule.randomise is None:
        return SURE
    probability = rule.randomise.probability
    name = f"{rule.randomise.seed}/{firing.user_id}/{rule.name}/{firing.firing_id}"
    number = int.from_bytes(sha256(name.encode()).digest()[:_DRAW_BYTES], "big")
    acts = number / 2 ** (8 * _DRAW_BYTES) < probability
    return Draw(acts, probability if acts else 1 - probability)
