"""Estimators for scikit-learn: outlier detectors on images and on rows.

All have ``score_samples`` (larger is more like the training data), ``decision_function`` (below 0 is an
outlier) and ``predict`` (1 or -1), can be cloned, and are pickled through the model's own file: reading one
runs no code of the pickle's beyond this module.

The row estimators pass scikit-learn's ``check_estimator``. ``DefectDetector`` takes images, not a table of
numbers; ``CHECKS_THAT_CANNOT_APPLY`` says what that leaves out, and the rest of the contract is tested with
images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

import differnet

from ._differnet import (
    Model,
    RowModel,
    fit_one_class_svm,
    fit_one_nearest_neighbour,
    load_bytes,
    load_one_class_svm,
    load_one_nearest_neighbour,
)
from ._flow import NormalizingFlow, from_bytes, to_bytes

__all__ = [
    "CHECKS_THAT_CANNOT_APPLY",
    "DefectDetector",
    "FlowOutlierDetector",
    "OneClassSvm",
    "OneNearestNeighbour",
]

#: Why ``check_estimator`` cannot run on ``DefectDetector``: all of its checks but those of parameters and
#: cloning fit a table of random numbers, ``[samples, features]``.
CHECKS_THAT_CANNOT_APPLY = {
    "every check that calls fit": "they fit two-dimensional tables of floats; an image is [height, width] of "
    "uint8 or uint16, and images differ in size",
    "n_features_in_": "images have no number of features",
    "sparse and dataframe checks": "images are no tables",
}


class _OutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """What detectors share: a score, an offset, and verdicts by them."""

    offset_: float

    def score_samples(self, X: Any) -> NDArray[numpy.float64]:
        """How normal each sample is; larger is more normal."""
        raise NotImplementedError

    def decision_function(self, X: Any) -> NDArray[numpy.float64]:
        """``score_samples`` minus the offset: below 0 is an outlier."""
        scores: NDArray[numpy.float64] = self.score_samples(X) - self.offset_
        return scores

    def predict(self, X: Any) -> NDArray[numpy.int_]:
        """1 for samples like the training data, -1 for outliers."""
        return numpy.where(self.decision_function(X) >= 0, 1, -1)


class _RowDetector(_OutlierDetector):
    """A detector on rows whose fitted part has a file."""

    _loader: Any = None
    contamination: float
    threads: int | None

    def fit(self, X: ArrayLike, y: Any = None) -> Any:
        """Fits the detector to the rows ``X``; ``y`` is ignored."""
        rows = self._table(X, reset=True)
        if not 0 < self.contamination <= 0.5:
            raise ValueError(f"contamination must be in (0, 0.5], found {self.contamination}")
        self._fit(rows)
        self.offset_ = float(numpy.percentile(self._training_scores(rows), 100 * self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[numpy.float64]:
        """How normal each row is; larger is more normal."""
        check_is_fitted(self)
        return self._scores(self._table(X, reset=False))

    def _fit(self, rows: NDArray[numpy.float32]) -> None:
        raise NotImplementedError

    def _scores(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
        raise NotImplementedError

    def _training_scores(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
        return self._scores(rows)

    def _table(self, X: ArrayLike, *, reset: bool) -> NDArray[numpy.float32]:
        table = validate_data(
            self, X, reset=reset, dtype=numpy.float64, ensure_min_features=2 if reset else 1,
            ensure_min_samples=2 if reset else 1,
        )
        largest = numpy.finfo(numpy.float32).max
        if numpy.abs(table).max(initial=0.0) > largest:
            raise ValueError("values must fit single precision: scale the rows first")
        return numpy.ascontiguousarray(table, dtype=numpy.float32)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state and isinstance(state["model_"], RowModel):
            state["model_"] = to_bytes(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("model_"), bytes):
            state = {**state, "model_": from_bytes(self._loader, state["model_"], state.get("threads"))}
        super().__setstate__(state)


class OneClassSvm(_RowDetector):
    """One-class support vector machine with a Gaussian kernel on standardized rows.

    >>> from differnet.sklearn import OneClassSvm
    >>> rows = numpy.random.default_rng(0).normal(size=(200, 3))
    >>> OneClassSvm(nu=0.1).fit(rows).predict([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]).tolist()
    [1, -1]
    """

    _loader = staticmethod(load_one_class_svm)

    def __init__(
        self,
        *,
        nu: float = 0.1,
        gamma: float | str = "scale",
        tol: float = 1e-3,
        max_rows: int = 8000,
        contamination: float = 0.1,
        random_state: int = 0,
        threads: int | None = None,
    ) -> None:
        self.nu = nu
        self.gamma = gamma
        self.tol = tol
        self.max_rows = max_rows
        self.contamination = contamination
        self.random_state = random_state
        self.threads = threads

    def _fit(self, rows: NDArray[numpy.float32]) -> None:
        if isinstance(self.gamma, str) and self.gamma != "scale":
            raise ValueError(f"gamma must be \"scale\" or a positive number, found {self.gamma!r}")
        gamma = None if isinstance(self.gamma, str) else float(self.gamma)
        seed = _seed(self.random_state)
        self.model_ = fit_one_class_svm(
            rows, self.nu, gamma, self.tol, self.max_rows, seed, self.threads
        )

    def _scores(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
        return -self.model_.scores(rows)


class OneNearestNeighbour(_RowDetector):
    """Distance to the nearest training row, in principal components of standardized rows.

    A training row, or a row equal to one, is scored as if it had not been fitted to: by the nearest other
    row. It would lie at distance 0 from itself otherwise, and say nothing of how far good rows lie apart.

    >>> from differnet.sklearn import OneNearestNeighbour
    >>> rows = numpy.random.default_rng(0).normal(size=(200, 3))
    >>> OneNearestNeighbour().fit(rows).predict([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]).tolist()
    [1, -1]
    """

    _loader = staticmethod(load_one_nearest_neighbour)

    def __init__(
        self, *, components: int = 64, contamination: float = 0.1, threads: int | None = None
    ) -> None:
        self.components = components
        self.contamination = contamination
        self.threads = threads

    def _fit(self, rows: NDArray[numpy.float32]) -> None:
        self.model_ = fit_one_nearest_neighbour(rows, self.components, self.threads)
        self.known_ = dict(zip(_digests(rows), self.model_.training_scores(rows), strict=True))

    def _scores(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
        distances = self.model_.scores(rows)
        for index, digest in enumerate(_digests(rows)):
            distances[index] = self.known_.get(digest, distances[index])
        return -distances


class FlowOutlierDetector(_RowDetector):
    """Density of standardized rows by a normalizing flow; ``score_samples`` is the log-likelihood in nats.

    >>> from differnet.sklearn import FlowOutlierDetector
    >>> rows = numpy.random.default_rng(0).normal(size=(200, 3))
    >>> detector = FlowOutlierDetector(updates=100).fit(rows)
    >>> detector.predict([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]).tolist()
    [1, -1]
    """

    def __init__(
        self,
        *,
        blocks: int = 4,
        hidden: int = 32,
        hidden_layers: int = 1,
        clamp: float = 1.9,
        updates: int = 300,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        noise: float = 0.05,
        contamination: float = 0.1,
        random_state: int = 0,
        threads: int | None = None,
    ) -> None:
        self.blocks = blocks
        self.hidden = hidden
        self.hidden_layers = hidden_layers
        self.clamp = clamp
        self.updates = updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.noise = noise
        self.contamination = contamination
        self.random_state = random_state
        self.threads = threads

    def _fit(self, rows: NDArray[numpy.float32]) -> None:
        self.mean_ = rows.mean(axis=0, dtype=numpy.float64)
        deviations = rows.std(axis=0, dtype=numpy.float64)
        self.scale_ = numpy.where(deviations > 0, deviations, 1.0)
        flow = NormalizingFlow(
            rows.shape[1],
            blocks=self.blocks,
            hidden=self.hidden,
            hidden_layers=self.hidden_layers,
            clamp=self.clamp,
            seed=_seed(self.random_state),
            threads=self.threads,
        )
        self.model_ = flow.fit(
            self._standardized(rows),
            updates=self.updates,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            noise=self.noise,
        )

    def _scores(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
        log_prob: NDArray[numpy.float64] = self.model_.log_prob(self._standardized(rows))
        scores: NDArray[numpy.float64] = log_prob - numpy.log(self.scale_).sum()
        return scores

    def _standardized(self, rows: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
        standardized: NDArray[numpy.float32] = ((rows - self.mean_) / self.scale_).astype(numpy.float32)
        return standardized


class DefectDetector(_OutlierDetector):
    """Detector of visual defects: images in, -1 for a defect.

    ``X`` is a folder, a list of paths or of images of any size, or an array ``[images, height, width]`` or
    ``[images, height, width, 3]`` of ``uint8`` or ``uint16``. ``settings`` are those of ``differnet.train``.

    >>> from differnet.sklearn import DefectDetector
    >>> detector = DefectDetector(method="padim", random_state=1).fit(good)
    >>> detector.predict([good[0], scratched]).tolist()
    [1, -1]
    """

    def __init__(
        self,
        *,
        method: str | None = None,
        preset: str = "quick",
        random_state: int = 0,
        settings: dict[str, float | int | str | bool | list[int]] | None = None,
        batch_size: int = 16,
        threads: int | None = None,
    ) -> None:
        self.method = method
        self.preset = preset
        self.random_state = random_state
        self.settings = settings
        self.batch_size = batch_size
        self.threads = threads

    def fit(self, X: str | Iterable[Any], y: Any = None) -> DefectDetector:
        """Trains on the images of good parts ``X``; ``y`` is ignored."""
        settings: dict[str, Any] = dict(self.settings or {})
        self.model_: Model = differnet.train(
            X,
            method=self.method,
            preset=self.preset,
            seed=_seed(self.random_state),
            threads=self.threads,
            **settings,
        )
        self.offset_ = -self.model_.threshold
        return self

    def score_samples(self, X: str | Iterable[Any]) -> NDArray[numpy.float64]:
        """The opposite of each image's anomaly score: larger is more like the good parts."""
        check_is_fitted(self)
        results = self.model_.scores(X, batch_size=self.batch_size)
        return numpy.array([-result.score for result in results], dtype=numpy.float64)

    def predict(self, X: str | Iterable[Any]) -> NDArray[numpy.int_]:
        """1 for good parts, -1 for defects and for images that do not look like those of training: a score at
        the threshold is a defect."""
        check_is_fitted(self)
        results = self.model_.scores(X, batch_size=self.batch_size)
        good = [result.verdict != "invalid" and -result.score > self.offset_ for result in results]
        return numpy.where(numpy.array(good, dtype=numpy.bool_), 1, -1)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = bytes(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("model_"), bytes):
            state = {**state, "model_": load_bytes(state["model_"], state.get("threads"))}
        super().__setstate__(state)


def _digests(rows: NDArray[numpy.float32]) -> list[bytes]:
    """What tells a row from others."""
    # Both zeros are one number.
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows + numpy.float32(0)]


def _seed(random_state: Any) -> int:
    """The seed; None, which asks for chance, is refused: every result here can be repeated."""
    if isinstance(random_state, bool) or not isinstance(random_state, (int, numpy.integer)):
        raise ValueError(f"random_state must be an int, found {random_state!r}")
    if random_state < 0:
        raise ValueError(f"random_state must be at least 0, found {random_state}")
    return int(random_state)
