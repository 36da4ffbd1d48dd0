"""Writes maps of torchvision's ResNets and VGG-16 for golden.rs of differnet-features and `cargo xtask golden`.

Usage: torchvision_stages.py
Needs torch, torchvision, numpy and safetensors; downloads nothing: weights are drawn by the formula of
`PretrainedWeights::untrained`, the pixels by that of `pixels` below, so that the file holds only what comes out:
means of each stage's map over its places, and values spread over the map.
"""
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file

FILE = Path(__file__).resolve().parents[2] / "crates/differnet-features/tests/golden/torchvision_stages.safetensors"
SEED = 7
SIDE = 64
SAMPLES = 64
MEAN = torch.tensor([0.485, 0.456, 0.406])
DEVIATION = torch.tensor([0.229, 0.224, 0.225])


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def uniform(key: int, count: int) -> np.ndarray:
    """The stream `key` of SplitMix64, in [-1, 1) with 24 bits."""
    x = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1.0


def untrained(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if len(shape) > 1:
        centre, reach = 0.0, np.sqrt(6.0 / np.prod(shape[1:]))
    elif name.endswith(".running_var"):
        centre, reach = 1.0, 0.5
    elif name.endswith(".weight"):
        centre, reach = 1.0, 0.25
    else:
        centre, reach = 0.0, 0.25
    values = centre + reach * uniform(fnv1a(name) ^ SEED, int(np.prod(shape)))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def pixels() -> torch.Tensor:
    """An image [1, 3, side, side] as the networks see it, of levels n² / 7 mod 251 at byte n."""
    at = np.arange(3 * SIDE * SIDE, dtype=np.int64)
    levels = torch.from_numpy((at * at // 7 % 251).astype(np.float32).reshape(SIDE, SIDE, 3))
    return ((levels / 255.0 - MEAN) / DEVIATION).permute(2, 0, 1)[None]


def filled(model: torch.nn.Module) -> torch.nn.Module:
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked") or name.startswith(("fc.", "classifier.")):
            continue
        state[name] = untrained(name, tuple(tensor.shape))
    model.load_state_dict(state)
    return model.eval()


def stages(model: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    maps = []
    if isinstance(model, torchvision.models.VGG):
        for layer in model.features:
            x = layer(x)
            if isinstance(layer, torch.nn.MaxPool2d):
                maps.append(x)
        return maps
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = layer(x)
        maps.append(x)
    return maps


def main() -> None:
    torch.set_num_threads(1)
    tensors = {}
    for backbone, name in [
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("wide-resnet50-2", "wide_resnet50_2"),
        ("vgg16", "vgg16"),
    ]:
        model = filled(getattr(torchvision.models, name)(weights=None))
        with torch.no_grad():
            for number, found in enumerate(stages(model, pixels()), 1):
                channels_last = found[0].permute(1, 2, 0).reshape(-1)
                spread = np.arange(SAMPLES) * (channels_last.numel() - 1) // (SAMPLES - 1)
                tensors[f"{backbone}/{number}/means"] = found[0].double().mean((1, 2)).float().numpy()
                tensors[f"{backbone}/{number}/samples"] = channels_last[spread].numpy()
    save_file(tensors, FILE)
    print(f"{FILE}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
