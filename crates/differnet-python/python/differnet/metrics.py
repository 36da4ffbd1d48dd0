"""Metrics of anomaly scores and maps: the ones that ``differnet evaluate`` prints.

Scores come first, labels second: a label is True or 1 for a defect, False or 0 for a good image. A larger
score is more anomalous; equal scores count half.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

import numpy
from numpy.typing import ArrayLike, NDArray

from . import _differnet

__all__ = [
    "Interval",
    "PixelEvaluation",
    "PixelMetrics",
    "RocCurve",
    "aupro",
    "auroc",
    "average_precision",
    "bootstrap_auroc",
    "confusion",
    "pixel_metrics",
    "recall_at_zero_false_positives",
    "roc_curve",
]


class Interval(NamedTuple):
    """A closed interval."""

    lower: float
    upper: float


class RocCurve(NamedTuple):
    """The receiver operating characteristic, from the strictest threshold to the loosest."""

    false_positive_rates: NDArray[numpy.float64]
    true_positive_rates: NDArray[numpy.float64]
    thresholds: NDArray[numpy.float64]


class Confusion(TypedDict):
    """Good and defective images, called right and wrong."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


class PixelMetrics(TypedDict):
    """What maps achieve against masks."""

    pixel_auroc: float
    aupro: float
    pixel_f1: float
    pixel_f1_threshold: float
    pixel_iou: float
    pointing_game: float
    pixel_images: int
    regions: int


def auroc(scores: ArrayLike, defects: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a defect scores above a good image.

    >>> differnet.metrics.auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    return _differnet.auroc(*_pairs(scores, defects))


def average_precision(scores: ArrayLike, defects: ArrayLike) -> float:
    """Mean precision over the recalls reached, without interpolation.

    >>> round(differnet.metrics.average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
    0.8333
    """
    return _differnet.average_precision(*_pairs(scores, defects))


def recall_at_zero_false_positives(scores: ArrayLike, defects: ArrayLike) -> float:
    """Share of defects that score above every good image.

    >>> differnet.metrics.recall_at_zero_false_positives([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.5
    """
    return _differnet.recall_at_zero_false_positives(*_pairs(scores, defects))


def bootstrap_auroc(
    scores: ArrayLike,
    defects: ArrayLike,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of the AUROC, good images and defects redrawn separately.

    >>> lower, upper = differnet.metrics.bootstrap_auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> lower <= 0.75 <= upper
    True
    """
    pairs = _pairs(scores, defects)
    return Interval(*_differnet.bootstrap_auroc(*pairs, resamples, confidence, seed))


def confusion(scores: ArrayLike, defects: ArrayLike, threshold: float) -> Confusion:
    """Counts of right and wrong verdicts; a score at the threshold is a defect.

    >>> differnet.metrics.confusion([1.0, 2.0, 3.0], [0, 1, 1], 2.5)["false_negatives"]
    1
    """
    return _differnet.confusion(*_pairs(scores, defects), threshold)


def roc_curve(scores: ArrayLike, defects: ArrayLike) -> RocCurve:
    """The ROC curve, a point for each distinct score.

    >>> differnet.metrics.roc_curve([1.0, 2.0, 2.0, 3.0], [0, 0, 1, 1]).true_positive_rates.tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    return RocCurve(*_differnet.roc_curve(*_pairs(scores, defects)))


class PixelEvaluation:
    """Pixel metrics, one map and mask at a time, without keeping pixels.

    >>> evaluation = differnet.metrics.PixelEvaluation()
    >>> evaluation.add([[0.1, 0.2], [0.9, 0.8]], [[0, 0], [1, 1]])
    >>> evaluation.metrics()["aupro"]
    1.0
    """

    def __init__(self) -> None:
        self._evaluation = _differnet.PixelEvaluation()

    def add(self, map: ArrayLike, mask: ArrayLike, ignored: ArrayLike | None = None) -> None:
        """Counts one image; ``map``, ``mask`` and ``ignored`` are ``[height, width]``."""
        values = numpy.ascontiguousarray(map, dtype=numpy.float32)
        labels = _labels(mask, "mask")
        left_out = None if ignored is None else _labels(ignored, "ignored")
        for name, array in (("map", values), ("mask", labels), ("ignored", left_out)):
            if array is not None and array.ndim != 2:
                raise ValueError(f"{name} must have the shape [height, width], found {list(array.shape)}")
        self._evaluation.add(values, labels, left_out)

    def metrics(self) -> PixelMetrics:
        """The metrics of the images so far."""
        return self._evaluation.metrics()


def pixel_metrics(maps: Iterable[ArrayLike], masks: Iterable[ArrayLike]) -> PixelMetrics:
    """Every pixel metric of maps and masks, which are taken one at a time.

    >>> differnet.metrics.pixel_metrics([[[0.1, 0.9]]], [[[0, 1]]])["pointing_game"]
    1.0
    """
    evaluation = PixelEvaluation()
    for map, mask in zip(maps, masks, strict=True):
        evaluation.add(map, mask)
    return evaluation.metrics()


def aupro(maps: Iterable[ArrayLike], masks: Iterable[ArrayLike]) -> float:
    """Area under the per-region overlap up to a false positive rate of 0.3, over 0.3.

    >>> differnet.metrics.aupro([[[0.1, 0.9]]], [[[0, 1]]])
    1.0
    """
    return pixel_metrics(maps, masks)["aupro"]


def _pairs(
    scores: ArrayLike, defects: ArrayLike
) -> tuple[NDArray[numpy.float64], NDArray[numpy.bool_]]:
    values = numpy.ascontiguousarray(scores, dtype=numpy.float64)
    labels = _labels(defects, "defects")
    for name, array in (("scores", values), ("defects", labels)):
        if array.ndim != 1:
            raise ValueError(f"{name} must have the shape [images], found {list(array.shape)}")
    return values, labels


def _labels(labels: ArrayLike, name: str) -> NDArray[numpy.bool_]:
    """Labels as bools; scores in their place are refused."""
    array = numpy.asarray(labels)
    if array.dtype == numpy.bool_:
        return numpy.ascontiguousarray(array)
    if array.dtype.kind not in "iuf" or not numpy.isin(array, (0, 1)).all():
        raise ValueError(f"{name} must be True or 1 for a defect, False or 0 for good")
    return numpy.ascontiguousarray(array != 0)
