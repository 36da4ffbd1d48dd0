"""EfficientNet-Lite0 in PyTorch, as a reference: feature maps after each stage, TensorFlow 'SAME' padding, ReLU6.

Input: RGB 0..255, (x - 127) / 128, bilinear with antialias to SIDE x SIDE. Batch norm eps 1e-3, inference statistics.
`python efficientnet_lite_ref.py OUT` writes golden vectors. Needs torch, numpy, pillow and safetensors.
"""
import sys
from pathlib import Path

import numpy as np, torch, torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

# (blocks, kernel, stride of the first, expansion, channels out)
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192)]


def same(x, kernel, stride):
    """Pads as TensorFlow does: the odd pixel goes right and below."""
    h, w = x.shape[-2:]
    ph = max((-(-h // stride) - 1) * stride + kernel - h, 0)
    pw = max((-(-w // stride) - 1) * stride + kernel - w, 0)
    return F.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2))


class EfficientNetLite0:
    def __init__(self, path):
        self.w = load_file(path)

    def bn(self, x, name):
        w = self.w
        return F.batch_norm(x, w[name + ".mean"], w[name + ".var"], w[name + ".weight"], w[name + ".bias"], eps=1e-3)

    def __call__(self, x):
        """x: [n, 3, side, side], normalised. Returns the maps after each stage, [n, channels, side / stride, ..]."""
        x = F.conv2d(same(x, 3, 2), self.w["stem.conv"], stride=2)
        x = F.relu6(self.bn(x, "stem.bn"))
        maps, index = [], 0
        for blocks, kernel, first_stride, expansion, _ in STAGES:
            for block in range(blocks):
                stride, name, entry = first_stride if block == 0 else 1, f"blocks.{index}", x
                if expansion != 1:
                    x = F.relu6(self.bn(F.conv2d(x, self.w[name + ".expand"]), name + ".expand_bn"))
                x = F.conv2d(same(x, kernel, stride), self.w[name + ".depthwise"], stride=stride, groups=x.shape[1])
                x = F.relu6(self.bn(x, name + ".depthwise_bn"))
                x = self.bn(F.conv2d(x, self.w[name + ".project"]), name + ".project_bn")
                if stride == 1 and entry.shape == x.shape:
                    x = x + entry
                index += 1
            maps.append(x)
        return maps


def load_image(path, side=448):
    image = Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR)
    return (torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() - 127) / 128


if __name__ == "__main__":
    out = sys.argv[1]
    crate = Path(__file__).resolve().parents[2] / "crates/differnet-features"
    net = EfficientNetLite0(crate / "weights/efficientnet_lite0_features.safetensors")
    rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    side = 128
    pixels = rng.integers(0, 256, (2, side // 8, side // 8, 3), dtype=np.uint8)  # blocks, so that edges and flat parts occur
    pixels = np.repeat(np.repeat(pixels, 8, 1), 8, 2)
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        maps = net(x)
    save_file({"pixels": torch.from_numpy(pixels)} | {f"stage{i}": m.contiguous() for i, m in enumerate(maps)}, out)
    print([tuple(m.shape) for m in maps], [float(m.abs().mean()) for m in maps])
