"""Metrics against values derived by hand and against scikit-learn's."""

import numpy
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from differnet import metrics

RANDOM = numpy.random.default_rng(0)
DEFECTS = RANDOM.integers(0, 2, 200).astype(bool)
SCORES = numpy.round(RANDOM.normal(size=200) + DEFECTS, 1)


def test_metrics_of_scores_agree_with_scikit_learn():
    assert metrics.auroc(SCORES, DEFECTS) == pytest.approx(roc_auc_score(DEFECTS, SCORES), abs=1e-12)
    expected = average_precision_score(DEFECTS, SCORES)
    assert metrics.average_precision(SCORES, DEFECTS) == pytest.approx(expected, abs=1e-12)
    curve = metrics.roc_curve(SCORES, DEFECTS)
    expected = roc_curve(DEFECTS, SCORES, drop_intermediate=False)
    for found, expected in zip(curve, expected, strict=True):
        numpy.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_interval_holds_the_value():
    lower, upper = metrics.bootstrap_auroc(SCORES, DEFECTS, resamples=500, seed=1)
    assert lower < metrics.auroc(SCORES, DEFECTS) < upper
    assert metrics.bootstrap_auroc(SCORES, DEFECTS, resamples=500, seed=1) == (lower, upper)


def test_counts_of_a_threshold_by_hand():
    counts = metrics.confusion([1.0, 2.0, 3.0, 4.0], [False, True, False, True], 3.0)
    assert counts == {
        "true_positives": 1, "false_positives": 1, "true_negatives": 1, "false_negatives": 1,
    }
    assert metrics.recall_at_zero_false_positives([1.0, 2.0, 3.0], [0, 0, 1]) == 1.0


def test_a_perfect_map_is_perfect_and_a_constant_one_is_chance():
    masks = [numpy.zeros((4, 4), bool), numpy.zeros((4, 4), bool)]
    masks[1][1:3, 1:3] = True
    perfect = metrics.pixel_metrics([mask.astype(numpy.float32) for mask in masks], masks)
    assert (perfect["pixel_auroc"], perfect["aupro"], perfect["pointing_game"]) == (1.0, 1.0, 1.0)
    assert (perfect["pixel_images"], perfect["regions"]) == (2, 1)
    assert metrics.aupro([numpy.ones((4, 4))] * 2, masks) == pytest.approx(0.15)
    evaluation = metrics.PixelEvaluation()
    evaluation.add(numpy.eye(4), numpy.eye(4), ignored=numpy.zeros((4, 4)))
    assert evaluation.metrics()["pixel_auroc"] == 1.0


@pytest.mark.parametrize(
    ("scores", "defects", "words"),
    [
        ([1.0, 2.0], [0, 1, 1], "one label for each score"),
        ([1.0, numpy.nan], [0, 1], "NaN"),
        ([1.0, 2.0], [1, 1], "good image"),
        ([1.0, 2.0], [0, 0], "defect image"),
        ([], [], "good image"),
        ([[1.0, 2.0]], [0, 1], r"shape \[images\]"),
        ([0, 1], [0.3, 0.9], "True or 1"),
        ([0.3, 0.4], ["good", "bad"], "True or 1"),
        (["a", "b"], [0, 1], "could not convert"),
    ],
)
def test_what_has_no_auroc_is_refused(scores, defects, words):
    with pytest.raises(ValueError, match=words):
        metrics.auroc(scores, defects)


def test_maps_that_do_not_fit_are_refused():
    for map, mask, words in (
        (numpy.zeros((2, 3)), numpy.zeros((3, 2), bool), "same height and width"),
        (numpy.zeros(3), numpy.zeros(3, bool), r"\[height, width\]"),
        (numpy.full((2, 2), numpy.nan), numpy.zeros((2, 2), bool), "NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            metrics.PixelEvaluation().add(map, mask)
    with pytest.raises(ValueError, match="shorter|longer"):
        metrics.aupro([numpy.zeros((2, 2))], [])
