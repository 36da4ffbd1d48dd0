"""The package as it is installed."""

import multiprocessing
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a global lock")
def test_importing_leaves_the_interpreter_without_its_lock():
    code = "import sys, differnet; assert not sys._is_gil_enabled()"
    # A warning says so where a module asks for the lock.
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_threads_share_a_model(model, good, scratched):
    images = [*good, scratched] * 8
    expected = [(result.score, result.map.tobytes()) for result in map(model.score, images)]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda image: model.score(image), images)
        assert [(result.score, result.map.tobytes()) for result in found] == expected


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
