"""Images and models that tests share; everything is drawn from seeds."""

from __future__ import annotations

import doctest
import os
import shutil
from pathlib import Path

import numpy
import pytest

import differnet

SIDE = 96


def surface(seed: int) -> numpy.ndarray:
    """A brushed surface, uint8 [96, 96, 3]."""
    random = numpy.random.default_rng(seed)
    lines = 6 * numpy.sin(numpy.arange(SIDE) / 5 + random.uniform(0, 6))
    grey = 128 + lines[:, None] + random.normal(0, 8, (SIDE, SIDE))
    return numpy.repeat(grey.clip(0, 255).astype(numpy.uint8)[:, :, None], 3, axis=2)


def scratch(image: numpy.ndarray) -> numpy.ndarray:
    """The same with a bright scratch at columns 30 to 33, rows 40 to 69."""
    image = image.copy()
    image[40:70, 30:34] = 255
    return image


@pytest.fixture(scope="session")
def good() -> list[numpy.ndarray]:
    return [surface(seed) for seed in range(12)]


@pytest.fixture(scope="session")
def scratched() -> numpy.ndarray:
    return scratch(surface(100))


@pytest.fixture(scope="session")
def model(good: list[numpy.ndarray]) -> differnet.Model:
    """A model that no test changes."""
    return differnet.train(good, method="padim", seed=1)


@pytest.fixture()
def own_model(model: differnet.Model) -> differnet.Model:
    """A copy that a test may change."""
    import pickle

    return pickle.loads(pickle.dumps(model))


@pytest.fixture(scope="session")
def good_folder(tmp_path_factory: pytest.TempPathFactory, good: list[numpy.ndarray]) -> Path:
    """The good images as PNG files."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("good")
    for index, image in enumerate(good):
        Image.fromarray(image).save(folder / f"{index:02}.png")
    return folder


@pytest.fixture(scope="session")
def command() -> str:
    """The command `differnet`, built beside the wheel: named by DIFFERNET_COMMAND, or on the path."""
    found = os.environ.get("DIFFERNET_COMMAND") or shutil.which("differnet")
    if found is None:
        pytest.skip("the command differnet is not built: cargo build --release --bin differnet")
    return found


def run_doctests(module: object, model: differnet.Model, good: list, scratched: numpy.ndarray) -> doctest.TestResults:
    """Runs a module's examples with the names that they use."""
    names = {
        "differnet": differnet, "numpy": numpy, "model": model, "good": good, "scratched": scratched,
    }
    return doctest.testmod(module, extraglobs=names, verbose=False)
