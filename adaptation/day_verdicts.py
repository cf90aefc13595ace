"""Days of HRV as records, and the readiness and energy with which such a day begins."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.body_values import KnownDay
from adaptation.day_slots import HRV_MEASURES, HRV_SLOTS, ClosedDay
from adaptation.hrv_rings import JudgedDays
from adaptation.physiology.energy_estimate import start_of_day
from adaptation.physiology.estimates import Estimate, z_of
from adaptation.physiology.normal_range import (
    FULL_DAYS,
    MATURITIES,
    PROVISIONAL_DAYS,
    STABLE_DAYS,
    STATUSES,
    DayVerdicts,
)
from adaptation.physiology.readiness_estimate import (
    SLEEP_NEED_HOURS,
    estimate_readiness,
    sleep_debt_hours,
)
from adaptation.physiology.stress_estimate import REST_SD_MIN_BPM
from schemas.records import HrvDay

LN_SD_MIN: Final = 0.05
"""A smaller SD of daily lnRMSSD is taken for this, ln ms (ours: a quarter of what is usual)."""

HRV_Z_MAX: Final = 10.0
"""SD beyond which the 7-day mean is no further away for rules."""

_EPOCH: Final = dt.date(1970, 1, 1)
_MINUTES_PER_HOUR: Final = 60.0


class Morning(NamedTuple):
    """With what n days begin; NaN where nothing can be said."""

    readiness: Estimate
    energy: Estimate


def hrv_days(closed: Sequence[ClosedDay], verdicts: DayVerdicts, device_ids: Sequence[str]) -> list[HrvDay]:
    """Return n days with their verdicts.

    Args:
        closed: n days.
        verdicts: on them.
        device_ids: n devices.
    """
    return [
        HrvDay(
            day=_EPOCH + dt.timedelta(days=one.day),
            device_id=device_id,
            measure=HRV_MEASURES[one.key.measure],
            slot=HRV_SLOTS[one.key.slot],
            values=one.values,
            ln_value=one.ln_value,
            heart_rate_bpm=_known(one.heart_rate_bpm),
            mean7=_known(verdicts.mean7[row]),
            cv7=_known(verdicts.cv7[row]),
            normal_low=_known(verdicts.normal_low[row]),
            normal_high=_known(verdicts.normal_high[row]),
            have=int(verdicts.have[row]),
            need=int(verdicts.need[row]),
            maturity=MATURITIES[verdicts.maturity[row]],
            status=STATUSES.get(int(verdicts.status[row])),
            onset=bool(verdicts.onset[row]),
        )
        for row, (one, device_id) in enumerate(zip(closed, device_ids, strict=True))
    ]


def known_days(
    closed: Sequence[ClosedDay],
    judged: JudgedDays,
    ranks: Sequence[int],
    rows: Sequence[int],
    times_us: Sequence[int],
) -> list[KnownDay]:
    """Return those of n days that rules may look at.

    Args:
        closed: n days.
        judged: the verdicts on them.
        ranks: how much each says of its person.
        rows: of the reading that closed each, -1 where that day is not going on any more.
        times_us: of these readings.
    """
    verdicts = judged.verdicts
    z = (verdicts.mean7 - verdicts.centre) / np.maximum(verdicts.sd, LN_SD_MIN)
    return [
        KnownDay(
            row=rows[number],
            rank=ranks[number],
            day=one.day,
            time_us=times_us[number],
            status=int(verdicts.status[number]),
            status_before=int(judged.status_before[number]),
            have=int(verdicts.have[number]),
            hrv_z=float(np.clip(z[number], -HRV_Z_MAX, HRV_Z_MAX)),
            resting_bpm=one.heart_rate_bpm,
            usual_bpm=float(judged.usual_bpm[number]),
            usual_sd_bpm=max(float(judged.usual_sd_bpm[number]), REST_SD_MIN_BPM),
            usual_days=int(judged.usual_days[number]),
        )
        for number, one in enumerate(closed)
        if rows[number] >= 0
    ]


def begin_days(closed: Sequence[ClosedDay], judged: JudgedDays, nights: NDArray[np.float64]) -> Morning:
    """Return readiness and energy at the beginning of n days.

    Args:
        closed: n days of RMSSD.
        judged: the verdicts on them.
        nights: (n, 14) minutes asleep of the nights up to each day's, NaN where not known.
    """
    verdicts = judged.verdicts
    debt_hours, sleep_trust = sleep_debt_hours(nights)
    rates = np.array([one.heart_rate_bpm for one in closed])
    usual_rate = np.where(judged.usual_days >= PROVISIONAL_DAYS, judged.usual_bpm, np.nan)
    readiness = estimate_readiness(
        hrv_z=z_of(verdicts.mean7, verdicts.centre, verdicts.sd, sd_min=LN_SD_MIN),
        hrv_trust=np.minimum(verdicts.have / STABLE_DAYS, 1.0),
        heart_rate_z=z_of(rates, usual_rate, judged.usual_sd_bpm, sd_min=REST_SD_MIN_BPM),
        heart_rate_trust=np.minimum(judged.usual_days / FULL_DAYS, 1.0),
        debt_hours=debt_hours,
        sleep_trust=sleep_trust,
    )
    values = np.array([one.ln_value for one in closed])
    energy = start_of_day(
        z_of(values, verdicts.centre, verdicts.sd, sd_min=LN_SD_MIN),
        np.minimum(verdicts.have / STABLE_DAYS, 1.0),
        nights[:, -1] / _MINUTES_PER_HOUR,
        SLEEP_NEED_HOURS,
    )
    return Morning(readiness, energy)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
