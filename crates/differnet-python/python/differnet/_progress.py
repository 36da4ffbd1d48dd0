"""A progress bar on the standard error, without a dependency."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: Called with the stage's name, items done, items in all, and the loss if there is one.
ProgressCallback = Callable[[str, int, int, "float | None"], object]

_WIDTH = 24


class ProgressBar:
    """Draws one line a stage: ``training:  40%|#########               | 600/1500 [00:12<00:18, loss=0.512]``."""

    def __init__(self, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = sys.stderr if file is None else file
        self._clock = clock
        self._stage: str | None = None
        self._start = 0.0
        self._length = 0

    def __call__(self, stage: str, done: int, total: int, loss: float | None) -> None:
        """Shows how far the stage is."""
        if stage != self._stage:
            self.close()
            self._stage, self._start = stage, self._clock()
        line = _line(stage, done, total, self._clock() - self._start, loss)
        self._file.write("\r" + line.ljust(self._length))
        self._file.flush()
        self._length = len(line)

    def close(self) -> None:
        """Ends the line."""
        if self._stage is not None:
            self._file.write("\n")
            self._file.flush()
        self._stage, self._length = None, 0


def _line(stage: str, done: int, total: int, seconds: float, loss: float | None) -> str:
    share = min(done / total, 1.0) if total else 1.0
    bar = "#" * int(share * _WIDTH)
    left = f"{_time(seconds / share - seconds)}" if share > 0 else "?"
    more = "" if loss is None else f", loss={loss:.3g}"
    return f"{stage}: {share:4.0%}|{bar:<{_WIDTH}}| {done}/{total} [{_time(seconds)}<{left}{more}]"


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def observer(progress: bool | ProgressCallback) -> ProgressCallback | None:
    """What to call: a bar for True, nothing for False, or what was given."""
    if progress is True:
        return ProgressBar()
    if progress is False:
        return None
    if not callable(progress):
        raise TypeError(
            f"progress must be a bool or a function of (stage, done, total, loss), found "
            f"{type(progress).__name__}"
        )
    return progress


def close(callback: ProgressCallback | None) -> None:
    """Ends the line of a bar."""
    if isinstance(callback, ProgressBar):
        callback.close()
