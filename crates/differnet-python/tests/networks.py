"""Files of seeded random weights under torchvision's names."""

import json
from pathlib import Path

import numpy

#: Blocks of each stage of a ResNet, and whether they are bottlenecks.
RESNETS = {"resnet18": ([2, 2, 2, 2], False), "resnet50": ([3, 4, 6, 3], True)}
#: Channels and convolutions before each of VGG-16's poolings.
VGG16 = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]


def write_network(path: Path, backbone: str, seed: int) -> None:
    """Writes weights of "resnet18", "resnet50" or "vgg16" as safetensors."""
    write_tensors(path, vgg16(seed) if backbone == "vgg16" else resnet(*RESNETS[backbone], seed))


def vgg16(seed: int) -> dict[str, numpy.ndarray]:
    random, tensors = numpy.random.default_rng(seed), {}
    inputs, position = 3, 0
    for outputs, count in VGG16:
        for _ in range(count):
            tensors[f"features.{position}.weight"] = kernel(random, outputs, inputs, 3)
            tensors[f"features.{position}.bias"] = random.normal(0, 0.1, outputs).astype("<f4")
            inputs, position = outputs, position + 2
        position += 1
    return tensors


def resnet(blocks: list[int], bottleneck: bool, seed: int) -> dict[str, numpy.ndarray]:
    random, tensors = numpy.random.default_rng(seed), {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        tensors[f"{name}.weight"] = kernel(random, outputs, inputs, side)
        for part, mean in [("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)]:
            tensors[f"{norm}.{part}"] = random.uniform(mean, mean + 0.1, outputs).astype("<f4")

    convolution("conv1", "bn1", 64, 3, 7)
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        sides = [(width, 1), (width, 3), (4 * width, 1)] if bottleneck else [(width, 3), (width, 3)]
        for block in range(count):
            name, entry = f"layer{stage + 1}.{block}", inputs
            for number, (outputs, side) in enumerate(sides, start=1):
                convolution(f"{name}.conv{number}", f"{name}.bn{number}", outputs, inputs, side)
                inputs = outputs
            if block == 0 and (stage > 0 or entry != inputs):
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", inputs, entry, 1)
    return tensors


def kernel(random: numpy.random.Generator, outputs: int, inputs: int, side: int) -> numpy.ndarray:
    deviation = (2 / (inputs * side * side)) ** 0.5
    return random.normal(0, deviation, (outputs, inputs, side, side)).astype("<f4")


def write_tensors(path: Path, tensors: dict[str, numpy.ndarray]) -> None:
    header, end = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.tobytes())
