"""Runs a command as a task of a Ray cluster, as if it ran here.

Usage: ray_task.py [--cpus N] [--retries N] PROGRAM [ARGUMENT ...]

The command runs in this folder on a node with N free CPUs, with RAYON_NUM_THREADS=N: all nodes have to see the same
files. What comes on the standard input goes to it, what it writes comes back, its exit code is this program's. Ctrl-C
ends its input. If its node dies, it is started elsewhere with the same input. For example

  cargo xtask reproduce-table1 --root /shared/mvtec_ad --preset paper --seeds 3 --out /shared/table1 --jobs 45 \\
    --launcher "python xtask/experiments/ray_task.py --cpus 16"

The cluster is that of RAY_ADDRESS, or the one that this machine belongs to. Needs ray, on PyPI.
"""
import argparse
import os
import queue
import signal
import subprocess
import sys
import threading

import ray

# Descriptors of the standard streams.
INPUT, OUTPUT, ERRORS = range(3)
# Exit codes as a shell has them.
NOT_FOUND, INTERRUPTED, SIGNALLED = 127, 130, 128


@ray.remote(concurrency_groups={"input": 1, "output": 1})
class Task:
    """A command on a node of the cluster."""

    def __init__(self, command, folder, threads):
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)
        except OSError as error:
            self.process, self.error = None, error

    @ray.method(concurrency_group="input")
    def feed(self, data):
        """Passes `data` on to the command; none ends its input."""
        if self.process is None:
            return
        try:
            if data:
                self.process.stdin.write(data)
                self.process.stdin.flush()
            else:
                self.process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended; its exit code tells why.

    @ray.method(concurrency_group="output")
    def output(self):
        """Yields what the command writes as (descriptor, bytes), and at last its exit code."""
        if self.process is None:
            yield ERRORS, f"error: {self.error}\n".encode()
            yield NOT_FOUND
            return
        lines = queue.Queue()
        streams = {OUTPUT: self.process.stdout, ERRORS: self.process.stderr}

        def read(descriptor, stream):
            for line in stream:
                lines.put((descriptor, line))
            lines.put(None)

        for pair in streams.items():
            threading.Thread(target=read, args=pair, daemon=True).start()
        for _ in streams:
            while (line := lines.get()) is not None:
                yield line
        code = self.process.wait()
        yield code if code >= 0 else SIGNALLED - code


class Input:
    """The standard input: all of it goes to the task, and to the one that takes its place."""

    def __init__(self):
        self.seen, self.task, self.lock = [], None, threading.Lock()

    def connect(self, task):
        with self.lock:
            self.task = task
            for data in self.seen:
                task.feed.remote(data)

    def put(self, data):
        with self.lock:
            if self.seen[-1:] != [b""]:
                self.seen.append(data)
                self.task.feed.remote(data)

    def read(self):
        while data := os.read(INPUT, 1 << 16):
            self.put(data)
        self.put(b"")


def run(args):
    """The exit code of the command."""
    # Ray tells of nodes that die on the standard output.
    streams = {OUTPUT: os.dup(OUTPUT), ERRORS: ERRORS}
    os.dup2(ERRORS, OUTPUT)
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), log_to_driver=False, logging_level="ERROR")
    given = Input()
    stop = threading.Event()

    def interrupted(*_):
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()
        # Not here: the lock may be held by what was interrupted.
        threading.Thread(target=given.put, args=(b"",), daemon=True).start()

    for attempt in range(args.retries + 1):
        task = Task.options(num_cpus=args.cpus).remote([args.program, *args.arguments], os.getcwd(), args.cpus)
        given.connect(task)
        if attempt == 0:
            signal.signal(signal.SIGINT, interrupted)
            threading.Thread(target=given.read, daemon=True).start()
        try:
            for reference in task.output.options(num_returns="streaming").remote():
                match ray.get(reference):
                    case (descriptor, data):
                        os.write(streams[descriptor], data)
                    case code:
                        return code
        except ray.exceptions.RayActorError:
            print(f"the node of {args.program} is gone", file=sys.stderr)
    print(f"error: {args.retries + 1} nodes died", file=sys.stderr)
    return 1


parser = argparse.ArgumentParser(description="Run a command as a task of a Ray cluster, as if it ran here.")
parser.add_argument("--cpus", type=int, default=1, help="CPUs of the task, and threads [default: 1]")
parser.add_argument("--retries", type=int, default=3, help="nodes that may die [default: 3]")
parser.add_argument("program")
parser.add_argument("arguments", nargs=argparse.REMAINDER)
if __name__ == "__main__":
    sys.exit(run(parser.parse_args()))
