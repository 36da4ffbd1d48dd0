"""Scores and trainings on a Ray cluster of two worker nodes, one of which may be killed."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest
from PIL import Image

import differnet
from conftest import scratch, surface

ray = pytest.importorskip("ray")
pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")

from ray.cluster_utils import Cluster  # noqa: E402

import differnet.ray  # noqa: E402

IMAGES = 60
# Starts commands of the developers' tools on a cluster.
RAY_TASK = Path(__file__).parents[3] / "xtask/experiments/ray_task.py"


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Images, every third of them defective, and one file that is none."""
    folder = tmp_path_factory.mktemp("archive")
    for index in range(IMAGES):
        image = surface(1000 + index)
        Image.fromarray(scratch(image) if index % 3 == 0 else image).save(folder / f"{index:03}.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def expected(model, archive):
    """Rows by path, as one process has them."""
    rows = {}
    for path, result in zip(differnet.find_images(archive), model.scores(archive, on_error="yield"), strict=True):
        rows[str(path)] = str(result) if isinstance(result, Exception) else result.to_dict()
    return rows


def check(table, expected):
    """The table has every image once, with the scores of one process to the last bit."""
    rows = table.to_pylist()
    assert [row["path"] for row in rows] == sorted(expected)
    for row in rows:
        wanted = expected[row["path"]]
        if isinstance(wanted, str):
            assert row["error"] == wanted and row["score"] is None
        else:
            assert row["error"] is None
            peak = wanted["peak"] and list(wanted["peak"])
            assert {**wanted, "peak": peak} == {key: row[key] for key in wanted}


def test_an_image_of_another_depth_is_invalid_as_the_command_says(model):
    deep = numpy.arange(96 * 96, dtype=numpy.uint16).reshape(96, 96)
    (error,) = model.scores([deep], on_error="yield")
    row = differnet.ray._row("deep.png", error)
    assert (row["verdict"], row["score"], row["reason"]) == ("invalid", None, row["error"])
    (error,) = model.scores([b"broken"], on_error="yield")
    assert differnet.ray._row("broken.png", error)["verdict"] is None


def test_scores_are_those_of_one_process_and_a_job_is_resumed(cluster, model, archive, expected, tmp_path):
    output = tmp_path / "scores"
    paths = differnet.find_images(archive)
    first = differnet.ray.score(paths[:25], model, output=output, part_size=10)
    assert (first.images, first.skipped) == (25, 0)
    second = differnet.ray.score(archive, model, output=output, part_size=10)
    assert (second.images, second.skipped, second.failed) == (IMAGES + 1 - 25, 25, 1)
    assert first.defects + second.defects == sum(
        not isinstance(row, str) and row["verdict"] == "defect" for row in expected.values()
    )
    check(differnet.ray.read_scores(output), expected)
    again = differnet.ray.score(archive, model, output=output)
    assert (again.images, again.skipped) == (0, IMAGES + 1)


def test_finished_paths_are_told_from_others():
    paths = [f"folder/{number}.png" for number in range(3000)]
    finished = numpy.sort(differnet.ray._digests(paths[::3]))
    found = differnet.ray._isin_sorted(differnet.ray._digests(paths), finished)
    # Some digests end with a zero, which numpy does not keep.
    assert any(len(digest) < 16 for digest in finished)
    assert [number for number in range(3000) if found[number]] == list(range(0, 3000, 3))
    assert not differnet.ray._isin_sorted(finished, finished[:0]).any()


def test_the_commands_tables_have_the_same_columns(command, model, archive, expected, tmp_path):
    model.save(tmp_path / "part.differnet")
    table = tmp_path / "scores.parquet"
    arguments = ["--no-cache", "--model", tmp_path / "part.differnet", "--out", table, archive]
    # One of the files is no image.
    assert subprocess.run([command, "score", *arguments], capture_output=True).returncode == 1
    found = pyarrow.parquet.read_table(table)
    assert found.column_names == [*differnet.ray.SCHEMA.names, "path_bytes"]
    check(found.select(differnet.ray.SCHEMA.names).cast(differnet.ray.SCHEMA).sort_by("path"), expected)


def test_another_model_is_refused(cluster, model, good, archive, tmp_path):
    paths = differnet.find_images(archive)[:3]
    differnet.ray.score(paths, model, output=tmp_path)
    other = differnet.train(good, method="padim", seed=2, quantile=0.9)
    with pytest.raises(ValueError, match="another model"):
        differnet.ray.score(paths, other, output=tmp_path)


def test_bytes_are_scored_where_workers_cannot_read_paths(cluster, model, archive, expected, tmp_path):
    paths = differnet.find_images(archive)[:9]
    items = [{"path": str(path), "bytes": path.read_bytes()} for path in paths]
    differnet.ray.score(ray.data.from_items(items), model, output=tmp_path, part_size=4)
    check(differnet.ray.read_scores(tmp_path), {str(path): expected[str(path)] for path in paths})


def test_a_killed_node_loses_nothing(cluster, model, archive, expected, tmp_path):
    output = tmp_path / "scores"
    doomed = cluster.add_node(num_cpus=2)
    summary = []
    job = threading.Thread(
        target=lambda: summary.append(
            differnet.ray.score(archive, model, output=output, part_size=2, batch_size=1, actors=(3, 6))
        )
    )
    job.start()
    while job.is_alive() and len(list(output.glob("*.parquet"))) < 2:
        time.sleep(0.01)
    cluster.remove_node(doomed, allow_graceful=False)
    job.join()
    assert summary and summary[0].images == IMAGES + 1
    check(differnet.ray.read_scores(output), expected)


def test_categories_are_trained_in_parallel(cluster, good_folder, good, scratched, tmp_path):
    found = differnet.ray.train_many(
        {"metal": str(good_folder), "missing": str(tmp_path / "none")}, tmp_path / "models", seeds=(1, 2), method="padim"
    )
    assert [(one.category, one.seed) for one in found] == [("metal", 1), ("metal", 2), ("missing", 1), ("missing", 2)]
    assert found[0].error is None and "FileNotFoundError" in found[2].error
    alone = differnet.train(good_folder, method="padim", seed=1)
    assert differnet.load(found[0].path).score(scratched).score == alone.score(scratched).score


def test_arguments_that_cannot_be_are_refused(cluster, model, tmp_path):
    for arguments in ({"num_cpus": 0}, {"part_size": -1}, {"batch_size": 1.5}):
        with pytest.raises(ValueError):
            differnet.ray.score(["x.png"], model, output=tmp_path, **arguments)
    with pytest.raises(ValueError, match="no images"):
        differnet.ray.score([], model, output=tmp_path)
    with pytest.raises(ValueError, match="column"):
        differnet.ray.score(ray.data.from_items([{"name": "x"}]), model, output=tmp_path)
    with pytest.raises(ValueError, match="category"):
        differnet.ray.train_many({"a/b": "x"}, tmp_path)


def task(cluster, cpus, code, **options):
    """Python's `code` as a task of the cluster."""
    line = [sys.executable, RAY_TASK, "--cpus", str(cpus), sys.executable, "-u", "-c", code]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(line, env=environment, text=True, **pipes, **options)


def test_a_command_runs_on_the_cluster_as_it_would_here(cluster, tmp_path):
    code = """if True:
        import os, sys
        print(sys.stdin.readline().strip(), os.environ["RAYON_NUM_THREADS"], os.getcwd())
        print("wrong", file=sys.stderr)
        sys.exit(len(sys.stdin.read()))"""
    out, errors = (process := task(cluster, 2, code, cwd=tmp_path)).communicate("first\nsecond\n", timeout=120)
    assert (out, process.returncode) == (f"first 2 {tmp_path}\n", len("second\n"))
    assert errors.endswith("wrong\n")
    missing = [sys.executable, RAY_TASK, "./no-such-program"]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    found = subprocess.run(missing, env=environment, capture_output=True, text=True, input="", timeout=120)
    assert found.returncode == 127 and "no-such-program" in found.stderr


def test_a_command_whose_node_dies_is_started_elsewhere_with_the_same_input(cluster, tmp_path):
    marker = tmp_path / "begun"
    code = f"""if True:
        import pathlib, sys
        marker, line = pathlib.Path({str(marker)!r}), sys.stdin.readline()
        if marker.exists():
            print("again", line, end="")
        else:
            marker.touch()
            sys.stdin.read()"""
    # More than the other nodes have.
    doomed = cluster.add_node(num_cpus=3)
    process = task(cluster, 3, code)
    process.stdin.write("given\n")
    process.stdin.flush()
    while not marker.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    other = cluster.add_node(num_cpus=3)
    cluster.remove_node(doomed, allow_graceful=False)
    # Its input stays open: what ended it would be that, and not the node.
    out = process.stdout.read()
    process.communicate()
    cluster.remove_node(other)
    assert (out, process.returncode) == ("again given\n", 0)
