"""Visual defect detection from photographs of good parts only.

>>> import differnet
>>> model = differnet.train(good, method="padim")
>>> result = model.score(scratched)
>>> result.verdict
'defect'
>>> result.score > result.threshold
True
>>> result.map.shape == scratched.shape[:2]
True

An image is a path, the bytes of an image file, a ``uint8`` or ``uint16`` array ``[height, width]`` or
``[height, width, 3]``, a PIL image, or an object with ``__array__`` such as a tensor. Scores are those of
the command ``differnet``, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import metrics
from ._differnet import Model, Result, Results, __version__, find_images, read_header
from ._differnet import load as _load
from ._differnet import train as _train
from ._errors import DiffernetError, ImageError, ModelError
from ._flow import NormalizingFlow
from ._progress import ProgressBar, ProgressCallback, close, observer

if TYPE_CHECKING:
    from typing import TypeAlias

    #: A path, the bytes of an image file, an array, a PIL image, or an object with ``__array__``.
    Image: TypeAlias = Any

__all__ = [
    "DiffernetError",
    "ImageError",
    "Model",
    "ModelError",
    "NormalizingFlow",
    "ProgressBar",
    "Result",
    "Results",
    "__version__",
    "find_images",
    "load",
    "metrics",
    "read_header",
    "train",
]


def train(
    images: str | PathLike[str] | Iterable[Image],
    *,
    method: str | None = None,
    preset: str = "quick",
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
    roi: str | PathLike[str] | None = None,
    ignore: str | PathLike[str] | None = None,
    checkpoints: str | PathLike[str] | None = None,
    skip_bad: bool = False,
    progress: bool | ProgressCallback = False,
    threads: int | None = None,
    **settings: float | int | str | bool | list[int],
) -> Model:
    """Trains a model on images of good parts.

    ``images`` is a folder of photographs of good parts, searched to any depth, or an iterable of images.
    ``method`` is ``"local-flow"`` unless another one is named, or ``preset="paper"`` asks for the paper's,
    ``"differnet"``. ``preset`` and ``settings`` are those of a settings file of ``differnet train``, such as
    ``quantile=0.99``. ``weights`` names the file of a network that is not compiled in: ``backbone="resnet18"``, ``"resnet50"``,
    ``"wide-resnet50-2"`` or ``"vgg16"``. ``roi`` and ``ignore`` name files of regions. ``progress`` is True for a bar, or a function of
    ``(stage, done, total, loss)``. ``threads`` is the number of threads, also of the model's later work;
    None for one a core.

    Ctrl-C ends the training; ``"local-flow"`` and ``"differnet"`` leave their state in the folder
    ``checkpoints``, and the same call goes on from there.

    Raises ImageError if an image cannot be used (``skip_bad=True`` leaves such images out), ValueError for
    settings out of range, unknown settings, too few images, or a folder with subfolders whose names mean
    defects, masks or tests.

    >>> model = differnet.train(good, method="padim", seed=1, quantile=0.9)
    >>> model.method, model.header["training_images"]
    ('padim', 12)
    """
    callback = observer(progress)
    try:
        return _train(
            images,
            {"preset": preset, "seed": seed, **({} if method is None else {"method": method}), **settings},
            weights=weights,
            roi=roi,
            ignore=ignore,
            checkpoints=checkpoints,
            skip_bad=skip_bad,
            progress=callback,
            threads=threads,
        )
    finally:
        close(callback)


def load(path: str | PathLike[str], *, threads: int | None = None, verify: bool = False) -> Model:
    """The model in the file ``path``.

    ``verify=True`` runs the model's self-test, as a server does. ``threads`` is the number of threads that
    it computes with; None for one a core.

    Raises FileNotFoundError if there is no such file, ModelError if it is no model, or scores otherwise than
    where it was trained.

    >>> model.save("part.differnet")
    >>> differnet.load("part.differnet").score(scratched).score == model.score(scratched).score
    True
    """
    return _load(path, threads=threads, verify=verify)
