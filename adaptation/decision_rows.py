"""Rows for the history: every outcome of a firing or of a proposal, and every changed task."""

import datetime as dt
from uuid import UUID, uuid5

from adaptation.patch import PlanVersion
from schemas.positions import Position
from schemas.records import Adaptation, AdaptationRow, DecisionRow, Firing, Outcome, PlanVersionRow


def firing_row(
    firing: Firing, outcome: Outcome, *, why: str = "", reason: str = "", propensity: float = 1.0
) -> DecisionRow:
    """Return the decision row of what became of a firing at its own position."""
    return DecisionRow(
        decision_id=_decision_id(firing.firing_id, outcome),
        time=firing.at,
        user_id=firing.user_id,
        rule=firing.rule,
        outcome=outcome,
        why=why,
        firing_id=firing.firing_id,
        position=firing.position,
        reason=reason,
        evidence=firing.evidence,
        confidence=firing.confidence,
        propensity=propensity,
    )


def later_row(
    adaptation: Adaptation, outcome: Outcome, *, at: dt.datetime, position: Position, why: str = ""
) -> DecisionRow:
    """Return the decision row of what became of a proposal or change, later than its firing."""
    return DecisionRow(
        decision_id=_decision_id(adaptation.adaptation_id, outcome),
        time=at,
        user_id=adaptation.user_id,
        rule=adaptation.rule,
        outcome=outcome,
        why=why,
        firing_id=adaptation.adaptation_id,
        position=str(position),
        reason=adaptation.reason,
        evidence=adaptation.evidence,
        confidence=adaptation.confidence,
        propensity=adaptation.propensity,
    )


def adaptation_rows(adaptation: Adaptation) -> tuple[AdaptationRow, ...]:
    """Return one row for each task that an adaptation changes, proposes to change or was kept from."""
    return tuple(
        AdaptationRow(
            adaptation_id=adaptation.adaptation_id,
            time=adaptation.created_at,
            user_id=adaptation.user_id,
            rule=adaptation.rule,
            kind=adaptation.kind,
            action=adaptation.action,
            status=adaptation.status,
            plan_date=change.date,
            task_id=change.task_id,
            original_task=change.original,
            adapted_task=change.adapted,
            reason=adaptation.reason,
            evidence=adaptation.evidence,
            confidence=adaptation.confidence,
            propensity=adaptation.propensity,
            expires_at=adaptation.expires_at,
        )
        for change in adaptation.changes
    )


def version_row(version: PlanVersion, *, cause: str, at: dt.datetime, position: Position) -> PlanVersionRow:
    """Return the row of a plan's new version that a patch leads to."""
    return PlanVersionRow(
        user_id=version.plan.user_id,
        plan_date=version.plan.date,
        version=version.plan.version,
        time=at,
        position=str(position),
        cause=cause,
        patch=version.patch,
        plan=None,
    )


def _decision_id(firing_id: str, outcome: Outcome) -> str:
    return str(uuid5(UUID(firing_id), outcome.value))
