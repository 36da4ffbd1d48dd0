"""Exported models in onnxruntime: the images that a file carries, scored there.

``python -m differnet.onnx part.onnx`` prints the scores of both; exit code 1 if they differ. Needs ``onnxruntime``.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy
import onnxruntime

from ._errors import ModelError

__all__ = ["SelfTest", "record", "self_test"]

#: Largest deviation of a score, as a share of it or of the threshold.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class SelfTest:
    """Scores of the images that a file carries."""

    #: Where the model was exported.
    expected: list[float]
    #: In onnxruntime.
    found: list[float]
    #: The largest ``|found - expected|``, as a share of ``|expected|`` or of the threshold, whichever is larger.
    deviation: float


def _session(path: str | PathLike[str], providers: Sequence[str] | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # A default of an input is no reason to warn.
    chosen = list(providers or ["CPUExecutionProvider"])
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=chosen)


def _record(session: onnxruntime.InferenceSession, path: str | PathLike[str]) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get("differnet")
    if text is None:
        raise ModelError(f"{os.fspath(path)} is no export of a model: write one with Model.export")
    found: dict[str, Any] = json.loads(text)
    return found


def record(path: str | PathLike[str]) -> dict[str, Any]:
    """What the ONNX file ``path`` says about itself: model, method, thresholds, calibration, guard, test images."""
    return _record(_session(path, None), path)


def self_test(path: str | PathLike[str], *, providers: Sequence[str] | None = None) -> SelfTest:
    """The scores in onnxruntime of the images that the ONNX file ``path`` carries.

    ``providers`` are onnxruntime's execution providers; the processor unless others are given.
    """
    session = _session(path, providers)
    about = _record(session, path)
    expected: list[float] = []
    found: list[float] = []
    for case in about["self_test"]:
        levels = numpy.frombuffer(base64.b64decode(case["levels"]), numpy.uint8)
        image = levels.reshape(1, 3, case["height"], case["width"])
        expected.append(float(case["score"]))
        found.append(float(session.run(["score"], {"image": image})[0][0]))
    least = max(abs(about["threshold"]), sys.float_info.min)
    apart = [abs(a - b) / max(abs(b), least) for a, b in zip(found, expected)]
    # NaN must not be lost among numbers.
    return SelfTest(expected, found, float(numpy.max(apart)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m differnet.onnx``."""
    parser = argparse.ArgumentParser(prog="python -m differnet.onnx", description=__doc__)
    parser.add_argument("path", help="file written by `differnet export` or Model.export")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    given = parser.parse_args(arguments)
    result = self_test(given.path)
    for number, (expected, found) in enumerate(zip(result.expected, result.found), 1):
        print(f"image {number}  expected {expected:16.6f}  found {found:16.6f}")
    agrees = result.deviation <= given.tolerance
    verdict = "scores as the model did" if agrees else "DOES NOT SCORE AS THE MODEL DID"
    print(f"{given.path} {verdict}: deviation {result.deviation:.1e}, tolerance {given.tolerance:.1e}")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
