"""The package as it is installed."""

import multiprocessing
import subprocess
import sys
from importlib.resources import files

import pytest

import differnet


def test_types_are_shipped():
    package = files("differnet")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_differnet.pyi").is_file()


def test_importing_takes_numpy_alone():
    code = (
        "import sys, differnet\n"
        "heavy = {'sklearn', 'PIL', 'torch', 'ray', 'pyarrow', 'tqdm', 'pandas', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_documented():
    for name in differnet.__all__:
        if name != "__version__":
            assert getattr(differnet, name).__doc__, name
    for cls in (differnet.Model, differnet.Result):
        for name in dir(cls):
            if not name.startswith("_"):
                assert getattr(cls, name).__doc__ is not None or name in ("method",), name


def _score(model, image, queue):
    queue.put(model.score(image).score)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_process_scores_too(model, scratched):
    expected = model.score(scratched).score
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_score, args=(model, scratched, queue))
    process.start()
    process.join(timeout=600)
    assert process.exitcode == 0
    assert queue.get() == expected


def test_memory_stays_flat(model, good):
    resource = pytest.importorskip("resource")

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def score(count):
        for _ in model.scores(good[index % len(good)] for index in range(count)):
            pass

    score(48)
    before = peak()
    score(192)
    # 192 images of 96 × 96 × 3 bytes are 5 MB; kept features would be more.
    assert peak() - before < 4096
