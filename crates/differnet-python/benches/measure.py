"""Figures of the Python package: import, overhead beside the command, memory, and jobs on a local Ray cluster.

    python benches/measure.py --command target/release/differnet [--arrays 1000] [--images 10000] [--no-ray]
    python benches/measure.py --command target/release/differnet --model M.differnet --archive FOLDER

Run it where the wheel and the requirements of its tests are installed (`cargo xtask python` leaves such an
environment in `target/python/fresh`). Images are drawn from a seed. Both sides of a ratio compute on as many threads,
in turn, several times; the medians are compared. With `--archive`, what many images like those in a folder cost,
from the time of those: nothing else is measured then.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy

import differnet

SIDE = 96


def surface(seed: int) -> numpy.ndarray:
    """A brushed surface, uint8 [96, 96, 3]."""
    random = numpy.random.default_rng(seed)
    lines = 6 * numpy.sin(numpy.arange(SIDE) / 5 + random.uniform(0, 6))
    grey = 128 + lines[:, None] + random.normal(0, 8, (SIDE, SIDE))
    return numpy.repeat(grey.clip(0, 255).astype(numpy.uint8)[:, :, None], 3, axis=2)


def write_images(folder: Path, count: int) -> list[Path]:
    """So many images without compression, as PPM, which any Python writes."""
    folder.mkdir()
    paths = [folder / f"{index:06}.ppm" for index in range(count)]
    for index, path in enumerate(paths):
        path.write_bytes(b"P6 %d %d 255\n" % (SIDE, SIDE) + surface(index).tobytes())
    return paths


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident() -> int:
    """Resident memory of this process, bytes."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def import_ms(turns: int) -> float:
    """Median milliseconds of `import differnet` in a new interpreter, numpy included, by -X importtime."""
    def one() -> float:
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import differnet"],
            check=True, capture_output=True, text=True,
        )
        line = next(line for line in run.stderr.splitlines() if re.search(r"\|\s+differnet$", line))
        return int(line.split("|")[1]) / 1e3
    one()
    return statistics.median(one() for _ in range(turns))


def overhead(command: str, model_file: Path, paths: list[Path], threads: int, turns: int) -> dict[str, float]:
    """Seconds for all images: arrays in Python, and files by the command without its start."""
    model = differnet.load(model_file, threads=threads)
    arrays = [surface(index) for index in range(len(paths))]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}

    def by_command(some: list[Path]) -> None:
        subprocess.run(
            [command, "score", "--no-cache", "--json", "--model", model_file, *some],
            check=True, stdout=subprocess.DEVNULL, env=environment,
        )

    def by_python() -> None:
        for _ in model.scores(arrays, batch_size=16):
            pass

    by_python()
    ours, theirs, start = [], [], []
    for _ in range(turns):
        theirs.append(seconds(lambda: by_command(paths)))
        start.append(seconds(lambda: by_command(paths[:1])))
        ours.append(seconds(by_python))
    command_seconds = statistics.median(theirs) - statistics.median(start)
    return {"python": statistics.median(ours), "command": command_seconds}


def memory_growth(model_file: Path, count: int) -> dict[str, float]:
    """Resident memory after 100 arrays and after so many more, 10⁶ bytes."""
    model = differnet.load(model_file)
    image = surface(0)
    for _ in model.scores((image for _ in range(100)), batch_size=16):
        pass
    before = resident()
    for _ in model.scores((image for _ in range(count)), batch_size=16):
        pass
    return {"after_100": before / 1e6, f"after_{count}": resident() / 1e6}


def on_ray(command: str, model_file: Path, paths: list[Path], folder: Path) -> dict[str, object]:
    """A job on two workers of one core each beside the command on two threads; then one with a worker killed in the
    middle, and the same again."""
    import differnet.ray
    import ray
    from ray.cluster_utils import Cluster

    manifest = folder / "files.txt"
    manifest.write_text("".join(f"{path}\n" for path in paths))
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    rows = folder / "scores.jsonl"
    command_seconds = seconds(lambda: subprocess.run(
        [command, "score", "--no-cache", "--model", model_file, "--manifest", manifest, "--out", rows],
        check=True, stdout=subprocess.DEVNULL, env=environment,
    ))
    expected = {row["path"]: row["score"] for row in map(json.loads, rows.read_text().splitlines())}

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)

    def check(output: Path) -> None:
        found = differnet.ray.read_scores(output).to_pylist()
        if [row["path"] for row in found] != sorted(expected):
            raise SystemExit(f"{output} has {len(found)} rows for {len(expected)} images")
        if any(row["score"] != expected[row["path"]] for row in found):
            raise SystemExit(f"{output} has other scores than the command's")

    def job(output: Path) -> differnet.ray.ScoreSummary:
        return differnet.ray.score(list(map(str, paths)), model_file, output=output, part_size=256, actors=(1, 2))

    # Processes are started and the model is loaded once before time is taken.
    differnet.ray.score(list(map(str, paths[:8])), model_file, output=folder / "warm", part_size=4, actors=2)
    whole = folder / "whole"
    ray_seconds = seconds(lambda: job(whole))
    check(whole)

    killed, summaries = folder / "killed", []
    thread = threading.Thread(target=lambda: summaries.append(job(killed)))
    thread.start()
    half = len(list(whole.glob("*.parquet"))) // 2
    while thread.is_alive() and len(list(killed.glob("*.parquet"))) < half:
        time.sleep(0.01)
    cluster.remove_node(workers[0], allow_graceful=False)
    thread.join()
    check(killed)
    again = job(killed)
    ray.shutdown()
    cluster.shutdown()
    return {
        "images": len(paths),
        "command_images_per_second": len(paths) / command_seconds,
        "ray_images_per_second": len(paths) / ray_seconds,
        "ratio": command_seconds / ray_seconds,
        "rows_after_a_killed_worker": len(expected),
        "scored_again_when_resumed": again.images,
        "skipped_when_resumed": again.skipped,
    }


def archive(command: str, model_file: Path, folder: Path, count: int, core_hour: float, storage: float, turns: int) -> None:
    """Prints what `count` images like those in `folder` cost: processor time, bytes, money, and how many cores a
    storage of `storage` GB/s feeds."""
    paths = differnet.find_images(folder)
    if len(paths) < 2:
        raise SystemExit(f"{folder} holds {len(paths)} images: at least two are needed")
    environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name) / "scores.parquet"

        def score(some: list[Path]) -> None:
            manifest = Path(name) / "files.txt"
            manifest.write_text("".join(f"{path.resolve()}\n" for path in some))
            subprocess.run(
                [command, "score", "--no-cache", "--model", model_file, "--manifest", manifest, "--out", rows, "--overwrite"],
                check=True, stdout=subprocess.DEVNULL, env=environment,
            )

        score(paths[:1])
        one_row = rows.stat().st_size
        start = statistics.median(seconds(lambda: score(paths[:1])) for _ in range(turns))
        whole = statistics.median(seconds(lambda: score(paths)) for _ in range(turns))
        row_bytes = (rows.stat().st_size - one_row) / (len(paths) - 1)
    each = (whole - start) / (len(paths) - 1)
    read = statistics.mean(path.stat().st_size for path in paths)
    hours = count * each / 3600
    print(f"{len(paths)} images of {read / 1e3:.0f} kB: {1 / each:.1f} images a second on one core")
    print(f"{count:,} such images: {hours:,.0f} core hours, {count * read / 1e12:.1f} TB read, "
          f"{count * row_bytes / 1e9:.1f} GB of rows ({row_bytes:.0f} bytes each), {hours * core_hour:,.0f} at "
          f"{core_hour} a core hour")
    print(f"one core reads {read / each / 1e6:.2f} MB/s: {storage:g} GB/s of storage feed "
          f"{storage * 1e9 * each / read:,.0f} cores, which need {count * read / storage / 1e9 / 3600:.1f} hours")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--command", required=True, help="the program differnet, of the same commit")
    arguments.add_argument("--arrays", type=int, default=1000)
    arguments.add_argument("--images", type=int, default=10_000, help="images of the jobs on Ray")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--turns", type=int, default=3)
    arguments.add_argument("--method", default="padim")
    arguments.add_argument("--no-ray", action="store_true")
    arguments.add_argument("--archive", type=Path, metavar="FOLDER", help="estimate an archive of images like these")
    arguments.add_argument("--model", type=Path, help="the model that scores the archive")
    arguments.add_argument("--archive-images", type=int, default=10**8)
    arguments.add_argument("--core-hour", type=float, default=0.04, help="price of a core for an hour, in any currency")
    arguments.add_argument("--storage", type=float, default=10.0, help="what the storage delivers, GB/s")
    given = arguments.parse_args()
    command = os.path.abspath(given.command)
    if given.archive:
        if not given.model:
            arguments.error("--archive needs --model")
        archive(command, given.model, given.archive, given.archive_images, given.core_hour, given.storage, given.turns)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model_file = folder / "part.differnet"
        differnet.train([surface(seed) for seed in range(10**6, 10**6 + 16)], method=given.method, seed=1).save(model_file)
        print(f"import differnet: {import_ms(5):.0f} ms, numpy included")
        images = max(given.arrays, 0 if given.no_ray else given.images)
        paths = write_images(folder / "images", images)
        found = overhead(command, model_file, paths[: given.arrays], given.threads, given.turns)
        ratio = found["python"] / found["command"]
        print(
            f"{given.arrays} images of {SIDE} pixels, {given.method}, {given.threads} threads: arrays in Python "
            f"{found['python']:.2f} s, files by the command {found['command']:.2f} s, ratio {ratio:.3f}"
        )
        memory = memory_growth(model_file, given.arrays)
        print("memory: " + ", ".join(f"{key.replace('_', ' ')} arrays {value:.1f} MB" for key, value in memory.items()))
        if not given.no_ray:
            for key, value in on_ray(command, model_file, paths, folder).items():
                shown = f"{value:.3f}" if isinstance(value, float) else value
                print(f"ray: {key.replace('_', ' ')}: {shown}")


if __name__ == "__main__":
    main()
