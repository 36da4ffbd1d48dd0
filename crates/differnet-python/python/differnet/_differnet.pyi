"""The extension module: functions of the Rust crates on checked arrays."""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias, final, overload

import numpy
from numpy.typing import NDArray

from ._errors import ImageError
from ._progress import ProgressCallback
from .metrics import Confusion, PixelMetrics

_Path: TypeAlias = str | PathLike[str]
_Image: TypeAlias = Any
_Single: TypeAlias = NDArray[numpy.float32]
_Double: TypeAlias = NDArray[numpy.float64]
_Bool: TypeAlias = NDArray[numpy.bool_]

__all__ = [
    "Flow",
    "fit_flow",
    "load_flow",
    "find_images",
    "PixelEvaluation",
    "auroc",
    "average_precision",
    "bootstrap_auroc",
    "confusion",
    "recall_at_zero_false_positives",
    "roc_curve",
    "Model",
    "load",
    "load_bytes",
    "read_header",
    "Result",
    "RowModel",
    "fit_one_class_svm",
    "fit_one_nearest_neighbour",
    "load_one_class_svm",
    "load_one_nearest_neighbour",
    "Results",
    "train",
    "__version__",
]
__version__: str

@final
class Result:
    """Score of one image, what follows from it, and where the image looks wrong."""

    @property
    def path(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def p_value(self) -> float | None: ...
    @property
    def verdict(self) -> Literal["ok", "unsure", "defect", "invalid"]: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def transforms(self) -> int: ...
    @property
    def peak(self) -> tuple[int, int] | None: ...
    @property
    def map(self) -> _Single: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Results(Iterator[Any]):
    """Results in the order of the images."""

    def __iter__(self) -> Results: ...
    def __next__(self) -> Any: ...

@final
class Model:
    """A method fitted to good images, with all that is needed to judge new ones."""

    def score(self, image: _Image) -> Result: ...
    @overload
    def scores(
        self,
        images: _Path | Iterable[_Image],
        *,
        batch_size: int = 16,
        on_error: Literal["raise"] = "raise",
    ) -> Iterator[Result]: ...
    @overload
    def scores(
        self, images: _Path | Iterable[_Image], *, batch_size: int = 16, on_error: Literal["yield"]
    ) -> Iterator[Result | ImageError | OSError]: ...
    @overload
    def maps(
        self,
        images: _Path | Iterable[_Image],
        *,
        batch_size: int = 4,
        on_error: Literal["raise"] = "raise",
    ) -> Iterator[Result]: ...
    @overload
    def maps(
        self, images: _Path | Iterable[_Image], *, batch_size: int = 4, on_error: Literal["yield"]
    ) -> Iterator[Result | ImageError | OSError]: ...
    def save(self, path: _Path) -> None: ...
    def export(
        self,
        path: _Path,
        *,
        size: tuple[int, int] | None = None,
        resized: bool = False,
        transforms: int | None = None,
    ) -> None: ...
    def calibrate(
        self,
        good: _Path | Iterable[_Image] | None = None,
        *,
        false_alarm_rate: float | None = None,
        confidence: float | None = None,
        unsure_rate: float | None = None,
        defects: _Path | Iterable[_Image] | None = None,
        cost_escape: float | None = None,
        cost_false_alarm: float | None = None,
        defect_share: float | None = None,
        append: bool = False,
        reset: bool = False,
    ) -> dict[str, Any]: ...
    def report(
        self,
        images: _Path | Iterable[_Image],
        out: _Path,
        *,
        title: str | None = None,
        maps: bool = True,
        overwrite: bool = False,
    ) -> dict[str, Any]: ...
    def update(
        self, images: _Path | Iterable[_Image], *, progress: ProgressCallback | None = None
    ) -> dict[str, Any]: ...
    def verify(self, *, tolerance: float | None = None) -> float: ...
    def close(self) -> None: ...
    @property
    def threshold(self) -> float: ...
    @property
    def unsure_threshold(self) -> float | None: ...
    @property
    def map_threshold(self) -> float | None: ...
    @property
    def method(self) -> str: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def header(self) -> dict[str, Any]: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Model: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __bytes__(self) -> bytes: ...

def load(path: _Path, *, threads: int | None = None, verify: bool = False) -> Model: ...
def load_bytes(bytes: bytes, threads: int | None = None) -> Model: ...
def find_images(path: _Path) -> list[Path]:
    """The image files below a folder, searched to any depth, sorted; pictures that differnet drew are among them."""

def read_header(path: _Path) -> dict[str, Any]:
    """What the model file says about itself, without reading its numbers."""

def train(
    images: _Path | Iterable[_Image],
    settings: dict[str, float | int | str | bool | list[int]],
    *,
    weights: _Path | None = None,
    roi: _Path | None = None,
    ignore: _Path | None = None,
    checkpoints: _Path | None = None,
    skip_bad: bool = False,
    progress: ProgressCallback | None = None,
    threads: int | None = None,
) -> Model: ...

@final
class Flow:
    """A fitted flow."""

    @property
    def config(self) -> tuple[int, int, int, int, int, float]: ...
    def log_prob(self, rows: _Single, condition: _Single | None = None) -> _Double: ...
    def transform(
        self, rows: _Single, condition: _Single | None = None
    ) -> tuple[_Single, _Double]: ...
    def inverse(self, latents: _Single, condition: _Single | None = None) -> _Single: ...
    def sample(self, rows: int, seed: int, condition: _Single | None = None) -> _Single: ...
    def save(self, path: _Path) -> None: ...

def fit_flow(
    rows: _Single,
    condition: _Single | None,
    *,
    blocks: int,
    hidden: int,
    hidden_layers: int,
    clamp: float,
    updates: int,
    batch_size: int,
    learning_rate: float,
    noise: float,
    seed: int,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
) -> Flow: ...
def load_flow(path: _Path, threads: int | None = None) -> Flow: ...

@final
class RowModel:
    """A fitted competitor on rows."""

    @property
    def features(self) -> int: ...
    def scores(self, rows: _Single) -> _Double: ...
    def training_scores(self, rows: _Single) -> _Double: ...
    def save(self, path: _Path) -> None: ...

def fit_one_class_svm(
    rows: _Single,
    nu: float,
    gamma: float | None,
    tolerance: float,
    max_rows: int,
    seed: int,
    threads: int | None,
) -> RowModel: ...
def fit_one_nearest_neighbour(
    rows: _Single, components: int, threads: int | None
) -> RowModel: ...
def load_one_class_svm(path: _Path, threads: int | None = None) -> RowModel: ...
def load_one_nearest_neighbour(path: _Path, threads: int | None = None) -> RowModel: ...
def auroc(scores: _Double, defects: _Bool) -> float: ...
def average_precision(scores: _Double, defects: _Bool) -> float: ...
def recall_at_zero_false_positives(scores: _Double, defects: _Bool) -> float: ...
def bootstrap_auroc(
    scores: _Double, defects: _Bool, resamples: int, confidence: float, seed: int
) -> tuple[float, float]: ...
def confusion(scores: _Double, defects: _Bool, threshold: float) -> Confusion: ...
def roc_curve(scores: _Double, defects: _Bool) -> tuple[_Double, _Double, _Double]: ...

@final
class PixelEvaluation:
    """Pixel metrics, one map at a time."""

    def __new__(cls) -> PixelEvaluation: ...
    def add(self, map: _Single, mask: _Bool, ignored: _Bool | None = None) -> None: ...
    def metrics(self) -> PixelMetrics: ...
