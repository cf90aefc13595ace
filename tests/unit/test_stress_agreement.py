"""The stress estimate on people whose stressful seconds are labelled, as docs/physiology.md reports it.

Nothing was fitted to these people: the estimate's constants were set before it was run on them. What is known
of them in general has set one, the small weight of lnRMSSD, which joins in one of them only.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from support.stress_predict import Agreement, agreement, auc, trailing_mean

FOLDER = Path(os.environ.get("DAYBEAT_RECORDINGS", "/nowhere")) / "stress_predict"
needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="DAYBEAT_RECORDINGS names no folder of recordings, which are not part of this project",
)


@pytest.fixture(scope="module")
def found() -> Agreement:
    return agreement(FOLDER)


def test_auc_is_the_share_of_pairs_ranked_rightly_ties_half() -> None:
    stressed = np.array([True, True, False, False])
    assert auc(np.array([3.0, 4.0, 1.0, 2.0]), stressed) == 1.0
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), stressed) == 0.0
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), stressed) == 0.5
    assert auc(np.array([2.0, 4.0, 1.0, 2.0]), stressed) == 0.875


def test_auc_equals_counting_all_pairs() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 20, 200).astype(float), rng.random(200) < 0.3
    pairs = scores[positive][:, np.newaxis] - scores[~positive]
    assert auc(scores, positive) == pytest.approx((np.sign(pairs) / 2 + 0.5).mean())


def test_the_trailing_mean_begins_with_thirty_values() -> None:
    means = trailing_mean(np.arange(100.0))
    assert np.isnan(means[:29]).all()
    assert means[29] == np.arange(30).mean()
    assert means[99] == np.arange(40, 100).mean()


@needs_recordings
def test_the_trailing_mean_over_all_labelled_seconds_is_as_published(found: Agreement) -> None:
    assert len(found.people) == 19
    assert found.mean_all.median == pytest.approx(0.6485, abs=0.00005)
    assert found.mean_all[1:] == pytest.approx((0.575, 0.750), abs=0.0005)


@needs_recordings
def test_the_estimate_ties_with_the_trailing_mean_on_the_same_seconds(found: Agreement) -> None:
    assert found.mean == pytest.approx((0.666, 0.603, 0.769), abs=0.0005)
    assert found.estimate == pytest.approx((0.670, 0.593, 0.765), abs=0.0005)
    assert found.difference == pytest.approx((-0.006, -0.039, 0.017), abs=0.0005)
    assert found.difference.low < 0 < found.difference.high


@needs_recordings
def test_the_estimate_speaks_on_most_seconds_but_for_the_first_ten_minutes(found: Agreement) -> None:
    judged = np.array([one.judged / one.seconds for one in found.people])
    assert np.median(judged) == pytest.approx(0.826, abs=0.0005)
    assert judged.min() > 0.5


@needs_recordings
def test_a_wrist_gives_too_few_good_windows_for_lnrmssd_to_join(found: Agreement) -> None:
    assert [one.name for one in found.people if one.with_rmssd] == ["S06"]


@needs_recordings
def test_the_table_has_a_row_for_each_person_and_two_more(found: Agreement) -> None:
    lines = found.as_markdown().splitlines()
    assert len(lines) == 2 + 19 + 2
    assert {line.count("|") for line in lines} == {9}
