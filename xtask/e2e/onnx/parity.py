"""Runs an exported model on images from the standard input; prints how far each runtime is from given results.

Arguments: the exported file, the number of threads (0 for each runtime's own), and names of runtimes. Each image is a
line of JSON (height, width, threshold, the size and the file for runtimes that want a fixed size, whether there is a
map), then the levels [3, h, w], the levels as the network sees them, and the map, in bytes. The answer is a line of
JSON: for each runtime the score, the verdict, the p-value, deviations and seconds.
"""

import json
import math
import sys
import time

import numpy
import onnx

RESIZED = "resized"


def with_resized(path):
    """The model's bytes with one output more: the levels that the network sees."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    if any(RESIZED in node.output for node in model.graph.node):
        model.graph.output.append(onnx.helper.make_tensor_value_info(RESIZED, onnx.TensorProto.FLOAT, [None] * 4))
    return model


class OnnxRuntime:
    def __init__(self, path, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        make = lambda data: onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self.plain, self.more = make(path), make(with_resized(path).SerializeToString())

    def timed(self, image, case):
        self.plain.run(None, {"image": image})

    def run(self, image, case):
        names = [output.name for output in self.more.get_outputs()]
        return dict(zip(names, self.more.run(names, {"image": image})))


class OpenVino:
    def __init__(self, path, threads):
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self.plain = core.compile_model(path, "CPU", settings)
        more = core.read_model(with_resized(path).SerializeToString(), b"")
        self.more = core.compile_model(more, "CPU", settings)

    def timed(self, image, case):
        self.plain({"image": image})

    def run(self, image, case):
        found = self.more({"image": image})
        return {output.get_any_name(): found[output] for output in self.more.outputs}


class Tract:
    """Of one image size, for which it wants to know the graph beforehand."""

    def __init__(self, path, threads):
        self.known = {}

    def load(self, case):
        import tract

        path = case["sized"]
        if path not in self.known:
            model = tract.onnx().load(path)
            model.set_input_fact(0, f"1,3,{case['height']},{case['width']},u8")
            names = [output.name for output in onnx.load(path).graph.output]
            self.known = {path: (names, model.into_model().into_runnable())}
        return self.known[path]

    def timed(self, image, case):
        _, runnable = self.load(case)
        runnable.run([image])

    def run(self, image, case):
        names, runnable = self.load(case)
        return dict(zip(names, [value.to_numpy() for value in runnable.run([image])]))


RUNTIMES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "tract": Tract}


def compared(runtime, image, seen, map_, case):
    found = runtime.run(image, case)
    start = time.perf_counter()
    runtime.timed(image, case)
    seconds = time.perf_counter() - start
    score, p_value = float(found["score"][0]), float(found["p_value"][0])
    answer = {
        "score": score,
        "verdict": int(found["verdict"][0]),
        "p_value": None if math.isnan(p_value) else p_value,
        "seconds": seconds,
        "levels": None,
        "map": None,
    }
    if RESIZED in found:
        answer["levels"] = float(numpy.abs(found[RESIZED][0] - seen.astype(numpy.float32)).max())
    if map_ is not None:
        largest = float(numpy.abs(map_).max())
        answer["map"] = float(numpy.abs(found["map"][0] - map_).max()) / max(largest, 1e-9)
    return answer


def main():
    path, threads, *names = sys.argv[1:]
    runtimes = {name: RUNTIMES[name](path, int(threads)) for name in names}
    print("ready", flush=True)
    for line in sys.stdin.buffer:
        case = json.loads(line)
        height, width = case["height"], case["width"]
        read = lambda shape, kind: numpy.frombuffer(
            sys.stdin.buffer.read(int(numpy.prod(shape)) * numpy.dtype(kind).itemsize), kind
        ).reshape(shape)
        image = read((1, 3, height, width), numpy.uint8)
        seen = read((3, case["seen_height"], case["seen_width"]), numpy.uint8)
        map_ = read((height, width), numpy.float32) if case["map"] else None
        answers = {name: compared(runtime, image, seen, map_, case) for name, runtime in runtimes.items()}
        print(json.dumps(answers), flush=True)


main()
