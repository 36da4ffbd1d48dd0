"""Normalizing flows for density estimation on rows of numbers."""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import ArrayLike, NDArray

from ._differnet import Flow, fit_flow, load_flow
from ._progress import ProgressCallback, close, observer


def as_rows(rows: ArrayLike, name: str = "rows") -> NDArray[numpy.float32]:
    """Rows as float32 ``[n, features]``.

    Raises ValueError for another shape and for values that are not finite, TypeError for what is no table
    of numbers.
    """
    table = numpy.asarray(rows)
    if table.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers, found the type {table.dtype}")
    if table.ndim != 2:
        raise ValueError(
            f"{name} must have the shape [n, features], found {list(table.shape)}: use "
            f"{name}.reshape(-1, 1) for one feature, {name}.reshape(1, -1) for one row"
        )
    with numpy.errstate(over="ignore"):
        single = numpy.ascontiguousarray(table, dtype=numpy.float32)
    if not numpy.isfinite(single).all():
        raise ValueError(
            f"{name} hold NaN, infinity or a number too large for single precision: drop such rows or fill "
            "them in (numpy.nan_to_num)"
        )
    return single


class NormalizingFlow:
    """The density of rows ``[n, features]``, by a flow of affine coupling blocks.

    Rows should have a mean of about 0 and standard deviations of about 1. ``condition`` is the width of what
    each row is given: the density is then p(row | condition).

    >>> rows = numpy.random.default_rng(0).normal(size=(500, 2))
    >>> flow = differnet.NormalizingFlow(2, seed=1).fit(rows, updates=200)
    >>> bool(flow.log_prob([[0.0, 0.0]])[0] > flow.log_prob([[5.0, 5.0]])[0])
    True
    >>> flow.sample(3, seed=1).shape
    (3, 2)
    >>> latents = flow.transform(rows)
    >>> bool(numpy.allclose(flow.inverse(latents), rows, atol=1e-3))
    True
    """

    def __init__(
        self,
        features: int,
        *,
        condition: int = 0,
        blocks: int = 8,
        hidden: int = 64,
        hidden_layers: int = 2,
        clamp: float = 3.0,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if features < 2:
            raise ValueError(f"features must be at least 2, found {features}: a coupling block halves them")
        self.features = features
        self.condition = condition
        self.blocks = blocks
        self.hidden = hidden
        self.hidden_layers = hidden_layers
        self.clamp = clamp
        self.seed = seed
        self.threads = threads
        self._flow: Flow | None = None

    def fit(
        self,
        rows: ArrayLike,
        *,
        condition: ArrayLike | None = None,
        updates: int = 1000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        noise: float = 0.0,
        progress: bool | ProgressCallback = False,
    ) -> NormalizingFlow:
        """Fits the flow to ``rows``, and returns it.

        ``noise`` is the standard deviation of Gaussian noise on the rows, drawn anew for each update. The
        result is a function of the rows, the settings and the seed.
        """
        table = self._rows(rows, "rows")
        given = self._condition(condition, len(table))
        callback = observer(progress)
        try:
            self._flow = fit_flow(
                table,
                given,
                blocks=self.blocks,
                hidden=self.hidden,
                hidden_layers=self.hidden_layers,
                clamp=self.clamp,
                updates=updates,
                batch_size=batch_size,
                learning_rate=learning_rate,
                noise=noise,
                seed=self.seed,
                threads=self.threads,
                progress=callback,
            )
        finally:
            close(callback)
        return self

    def log_prob(
        self, rows: ArrayLike, *, condition: ArrayLike | None = None
    ) -> NDArray[numpy.float64]:
        """The log-density of each row, in nats, ``[n]``."""
        table = self._rows(rows, "rows")
        return self._fitted().log_prob(table, self._condition(condition, len(table)))

    def transform(
        self, rows: ArrayLike, *, condition: ArrayLike | None = None
    ) -> NDArray[numpy.float32]:
        """The latents of rows, ``[n, features]``: standard normal if the flow fits."""
        table = self._rows(rows, "rows")
        return self._fitted().transform(table, self._condition(condition, len(table)))[0]

    def log_det(
        self, rows: ArrayLike, *, condition: ArrayLike | None = None
    ) -> NDArray[numpy.float64]:
        """The logarithm of the absolute determinant of the Jacobian of ``transform``, ``[n]``."""
        table = self._rows(rows, "rows")
        return self._fitted().transform(table, self._condition(condition, len(table)))[1]

    def inverse(
        self, latents: ArrayLike, *, condition: ArrayLike | None = None
    ) -> NDArray[numpy.float32]:
        """The rows whose latents are given, ``[n, features]``."""
        table = self._rows(latents, "latents")
        return self._fitted().inverse(table, self._condition(condition, len(table)))

    def sample(
        self, rows: int | None = None, *, seed: int = 0, condition: ArrayLike | None = None
    ) -> NDArray[numpy.float32]:
        """Draws from the density: ``rows`` of them, or one for each row of ``condition``."""
        if condition is not None and rows is None:
            rows = len(numpy.asarray(condition))
        if rows is None or rows < 0:
            raise ValueError(f"rows must be at least 0, found {rows}: say how many to draw")
        return self._fitted().sample(rows, seed, self._condition(condition, rows))

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the flow to the file ``path``, in the format safetensors; a complete file or none."""
        self._fitted().save(path)

    @classmethod
    def load(cls, path: str | PathLike[str], *, threads: int | None = None) -> NormalizingFlow:
        """The flow in the file ``path``."""
        if not Path(path).exists():
            raise FileNotFoundError(f"no file {os.fspath(path)}: name one that NormalizingFlow.save wrote")
        loaded = load_flow(path, threads)
        features, condition, blocks, hidden, hidden_layers, clamp = loaded.config
        flow = cls(
            features,
            condition=condition,
            blocks=blocks,
            hidden=hidden,
            hidden_layers=hidden_layers,
            clamp=clamp,
            threads=threads,
        )
        flow._flow = loaded
        return flow

    def _fitted(self) -> Flow:
        if self._flow is None:
            raise ValueError("the flow is not fitted: call fit(rows) first, or load one")
        return self._flow

    def _rows(self, rows: ArrayLike, name: str) -> NDArray[numpy.float32]:
        table = as_rows(rows, name)
        if table.shape[1] != self.features:
            raise ValueError(f"{name} have {table.shape[1]} features, the flow has {self.features}")
        return table

    def _condition(self, condition: ArrayLike | None, rows: int) -> NDArray[numpy.float32] | None:
        if condition is None and self.condition == 0:
            return None
        table = None if condition is None else as_rows(condition, "condition")
        if table is None or table.shape != (rows, self.condition):
            found = "none" if table is None else str(list(table.shape))
            raise ValueError(
                f"condition must have the shape [{rows}, {self.condition}], found {found}: its width is "
                "NormalizingFlow(features, condition=WIDTH)"
            )
        return table

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_flow"] = None if self._flow is None else to_bytes(self._flow)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_flow"] is not None:
            self._flow = from_bytes(load_flow, state["_flow"], self.threads)


def to_bytes(model: Any) -> bytes:
    """What ``model.save`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model.save(path)
        return path.read_bytes()


def from_bytes(load: Any, content: bytes, threads: int | None) -> Any:
    """What ``load`` reads from a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(content)
        return load(path, threads)
