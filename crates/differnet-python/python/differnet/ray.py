"""Archives of images on a Ray cluster: scores to Parquet, and trainings of many categories.

Needs ``ray[data]`` and ``pyarrow``. Actors hold the model and are given paths or bytes, never pixels. Each writes its
part of the output when it is complete, under a name that follows from what is in it: a worker that is killed
loses the part that it was at, which another one then makes, and no part is there twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy
import pyarrow
import pyarrow.fs
import pyarrow.parquet
import ray
import ray.data

import differnet

from ._differnet import Model, load_bytes

__all__ = ["SCHEMA", "ScoreSummary", "TrainedModel", "read_scores", "score", "train_many"]

#: Columns of the output: the fields of ``differnet score --json``, an error where there is no score.
SCHEMA = pyarrow.schema(
    [
        ("path", pyarrow.string()),
        ("method", pyarrow.string()),
        ("score", pyarrow.float64()),
        ("threshold", pyarrow.float64()),
        ("p_value", pyarrow.float64()),
        ("verdict", pyarrow.string()),
        ("reason", pyarrow.string()),
        ("transforms", pyarrow.int64()),
        ("peak", pyarrow.list_(pyarrow.int64())),
        ("error", pyarrow.string()),
    ]
)

_MODEL_KEY = b"differnet.model"
_ENDING = ".parquet"


@dataclass(frozen=True)
class ScoreSummary:
    """What a job did."""

    #: Images that this job scored or found unusable.
    images: int
    #: Images that an earlier job had finished.
    skipped: int
    #: Images among ``images`` that could not be used.
    failed: int
    #: Images among ``images`` that are defects.
    defects: int


@dataclass(frozen=True)
class TrainedModel:
    """A training's result: the model's file, or what was wrong."""

    category: str
    seed: int
    path: str
    error: str | None


def score(
    images: str | PathLike[str] | Iterable[str | PathLike[str]] | ray.data.Dataset,
    model: str | PathLike[str] | Model,
    *,
    output: str | PathLike[str],
    num_cpus: int = 1,
    actors: int | tuple[int, int] | None = None,
    part_size: int = 512,
    batch_size: int = 16,
) -> ScoreSummary:
    """Scores images and writes the folder ``output`` of Parquet files, with the columns of ``SCHEMA``.

    ``images`` is a folder, paths, or a dataset with the column ``path`` and, where workers cannot read the
    paths, ``bytes`` with the content of image files. ``output`` is a folder or a URI of what pyarrow writes to,
    such as ``s3://bucket/scores``. ``num_cpus`` is the number of cores of an actor, and of the threads of its
    model; ``actors`` how many there are, or the fewest and the most; None for as many as the cluster has cores for.
    Up to ``part_size`` images are a file of the output.

    An image that cannot be used has a row with ``error``. Paths that are in the output already are skipped.

    Raises ValueError if the output was written with another model.
    """
    if not ray.is_initialized():
        ray.init()
    for name, value in (("num_cpus", num_cpus), ("part_size", part_size), ("batch_size", batch_size)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, found {value!r}")
    content = bytes(model if isinstance(model, Model) else differnet.load(model))
    sha256 = hashlib.sha256(content).hexdigest()
    filesystem, folder = _place(output)
    filesystem.create_dir(folder, recursive=True)
    finished = ray.put(_finished(filesystem, folder, sha256))
    if actors is None:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = int(resources.get("CPU", 1))
        actors = (1, max(1, cores // num_cpus))
    parts = _dataset(images).map_batches(
        _Scorer,
        fn_constructor_args=(ray.put(content), finished, sha256, filesystem, folder, num_cpus, batch_size),
        batch_size=part_size,
        num_cpus=num_cpus,
        concurrency=actors,
    )
    totals = dict.fromkeys(("images", "skipped", "failed", "defects"), 0)
    for part in parts.iter_rows():
        for name in totals:
            totals[name] += int(part[name])
    return ScoreSummary(**totals)


def read_scores(output: str | PathLike[str]) -> pyarrow.Table:
    """The rows that are in the folder ``output``, sorted by path."""
    filesystem, folder = _place(output)
    tables = [
        pyarrow.parquet.read_table(part, filesystem=filesystem, schema=SCHEMA)
        for part in _parts(filesystem, folder)
    ]
    return pyarrow.concat_tables([SCHEMA.empty_table(), *tables]).sort_by("path")


def train_many(
    categories: Mapping[str, str | PathLike[str] | Sequence[str]],
    output: str | PathLike[str],
    *,
    seeds: Sequence[int] = (0,),
    num_cpus: int = 1,
    **settings: float | int | str | bool | list[int],
) -> list[TrainedModel]:
    """Trains a model for each category and seed, in parallel, and writes ``output/CATEGORY-SEED.differnet``.

    ``output`` is a folder that all workers share. Models that are there are kept. A training that fails has its
    error in the result, and the others go on. ``settings`` are those of ``differnet.train``.
    """
    if not ray.is_initialized():
        ray.init()
    os.makedirs(output, exist_ok=True)
    task = ray.remote(num_cpus=num_cpus, max_retries=3)(_train)
    jobs = []
    for category, images in categories.items():
        if os.path.basename(category) != category or not category:
            raise ValueError(f"category {category!r} cannot be part of a file's name")
        for seed in seeds:
            path = os.path.join(os.path.abspath(output), f"{category}-{seed}.differnet")
            jobs.append(task.remote(category, images, path, seed, num_cpus, settings))
    return list(ray.get(jobs))


def _train(
    category: str, images: Any, path: str, seed: int, threads: int, settings: dict[str, Any]
) -> TrainedModel:
    if os.path.exists(path):
        return TrainedModel(category, seed, path, None)
    try:
        differnet.train(images, seed=seed, threads=threads, **settings).save(path)
    except Exception as error:
        return TrainedModel(category, seed, path, f"{type(error).__name__}: {error}")
    return TrainedModel(category, seed, path, None)


class _Scorer:
    """An actor: a model, and where its parts go."""

    def __init__(
        self,
        content: Any,
        finished: Any,
        sha256: str,
        filesystem: pyarrow.fs.FileSystem,
        folder: str,
        threads: int,
        batch_size: int,
    ) -> None:
        self._model = load_bytes(_value(content), threads)
        self._finished = _value(finished)
        self._sha256 = sha256
        self._filesystem = filesystem
        self._folder = folder
        self._batch_size = batch_size

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        paths = [str(path) for path in batch["path"]]
        todo = numpy.flatnonzero(~_isin_sorted(_digests(paths), self._finished))
        images = [bytes(batch["bytes"][index]) if "bytes" in batch else paths[index] for index in todo]
        results = self._model.scores(images, batch_size=self._batch_size, on_error="yield")
        rows = [_row(paths[index], result) for index, result in zip(todo, results, strict=True)]
        if rows:
            _write(self._filesystem, self._folder, rows, self._sha256)
        failed = sum(row["error"] is not None and row["verdict"] is None for row in rows)
        defects = sum(row["verdict"] == "defect" for row in rows)
        totals = {"images": len(rows), "skipped": len(paths) - len(rows), "failed": failed, "defects": defects}
        return {name: numpy.array([total]) for name, total in totals.items()}


def _value(given: Any) -> Any:
    return ray.get(given) if isinstance(given, ray.ObjectRef) else given


def _digests(paths: Sequence[str]) -> numpy.ndarray[Any, numpy.dtype[numpy.bytes_]]:
    """16 bytes for each path: an archive of 10⁸ has 1.6 GB of them, which the workers of a machine share."""
    return numpy.array([hashlib.blake2b(path.encode(), digest_size=16).digest() for path in paths], "S16")


def _isin_sorted(
    values: numpy.ndarray[Any, Any], among: numpy.ndarray[Any, Any]
) -> numpy.ndarray[Any, numpy.dtype[numpy.bool_]]:
    """Tells of each value whether it is in the sorted array ``among``."""
    if len(among) == 0:
        return numpy.zeros(len(values), bool)
    found = numpy.searchsorted(among, values)
    return among[numpy.minimum(found, len(among) - 1)] == values  # type: ignore[no-any-return]


def _row(path: str, result: Any) -> dict[str, Any]:
    if isinstance(result, BaseException):
        row = {**dict.fromkeys(SCHEMA.names), "path": path, "error": str(result)}
        return {**row, "verdict": "invalid", "reason": str(result)} if getattr(result, "invalid", False) else row
    return {**result.to_dict(), "path": path, "reason": result.reason, "error": None}


def _write(
    filesystem: pyarrow.fs.FileSystem, folder: str, rows: list[dict[str, Any]], sha256: str
) -> None:
    """Writes a part under a name that follows from its paths: the same part twice is one file."""
    names = json.dumps([row["path"] for row in rows]).encode()
    name = hashlib.sha256(names).hexdigest()[:32] + _ENDING
    schema = SCHEMA.with_metadata({_MODEL_KEY: sha256.encode()})
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    # The name of a file that is not complete has another ending, and one writer.
    unfinished = posixpath.join(folder, f"{name}.{os.getpid()}-{os.urandom(4).hex()}")
    pyarrow.parquet.write_table(table, unfinished, filesystem=filesystem)
    filesystem.move(unfinished, posixpath.join(folder, name))


def _place(output: str | PathLike[str]) -> tuple[pyarrow.fs.FileSystem, str]:
    output = os.fspath(output)
    if "://" in output:
        filesystem, folder = pyarrow.fs.FileSystem.from_uri(output)
        return filesystem, folder
    return pyarrow.fs.LocalFileSystem(), os.path.abspath(output)


def _parts(filesystem: pyarrow.fs.FileSystem, folder: str) -> list[str]:
    selector = pyarrow.fs.FileSelector(folder, allow_not_found=True)
    return sorted(file.path for file in filesystem.get_file_info(selector) if file.path.endswith(_ENDING))


def _finished(
    filesystem: pyarrow.fs.FileSystem, folder: str, sha256: str
) -> numpy.ndarray[Any, numpy.dtype[numpy.bytes_]]:
    """The digests of the paths in the output, sorted."""
    done = [numpy.empty(0, "S16")]
    for part in _parts(filesystem, folder):
        table = pyarrow.parquet.read_table(part, filesystem=filesystem, columns=["path"])
        found = (table.schema.metadata or {}).get(_MODEL_KEY)
        if found != sha256.encode():
            raise ValueError(
                f"{part} was written with another model: name another output, or delete this one"
            )
        done.append(_digests(table.column("path").to_pylist()))
    found = numpy.concatenate(done)
    done.clear()
    found.sort()
    return found


def _dataset(images: Any) -> ray.data.Dataset:
    """A dataset with the column ``path``."""
    if isinstance(images, ray.data.Dataset):
        names = images.schema().names
        if "path" not in names:
            raise ValueError(f"the dataset needs a column \"path\", it has {names}")
        return images
    paths = list(_files(images))
    if not paths:
        raise ValueError("no images: give a folder, or at least one path")
    return ray.data.from_items([{"path": path} for path in paths])


def _files(images: str | PathLike[str] | Iterable[str | PathLike[str]]) -> Iterator[str]:
    found = differnet.find_images(images) if isinstance(images, (str, PathLike)) else images
    for image in found:
        path = os.fspath(image)
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{ascii(path)} is not UTF-8, as paths in Parquet have to be: rename it") from error
        yield path
