"""PyTorch reference of DifferNet: the yardstick for golden vectors and side-by-side timings.

Written from the paper (WACV 2021) and its published settings. Needs torch, torchvision, pillow,
safetensors, numpy, scipy (all on PyPI). Weights: crates/differnet-features/weights
"""
import math, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import functional as TF, InterpolationMode

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def load_image(path, size=448):
    return TF.resize(Image.open(path).convert("RGB"), [size, size], InterpolationMode.BILINEAR, antialias=True)


def transform(img, degrees=0.0, brightness=1.0, contrast=1.0):
    """PIL image -> normalised 3xHxW; rotation counter-clockwise, nearest, black corners; jitter after rotation."""
    if degrees: img = TF.rotate(img, degrees, InterpolationMode.NEAREST)
    if brightness != 1: img = TF.adjust_brightness(img, brightness)
    if contrast != 1: img = TF.adjust_contrast(img, contrast)
    return (TF.to_tensor(img) - MEAN) / STD


class AlexNetFeatures(nn.Module):
    def __init__(self, weights):
        super().__init__()
        import torchvision
        self.features = torchvision.models.alexnet(weights=None).features
        self.load_state_dict(load_file(weights)); self.eval()

    def forward(self, x, scales=(448, 224, 112)):
        ys = []
        for s in scales:
            r = x if s == x.shape[-1] else F.interpolate(x, size=(s, s), mode="nearest")
            ys.append(self.features(r).mean((2, 3)))
        return torch.cat(ys, 1)


def subnet(i, o, h):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class Flow(nn.Module):
    """Order within a block follows the paper: y2 from y1, then y1 from the new y2."""
    def __init__(self, dim=768, blocks=8, hidden=2048, alpha=3.0, seed=0):
        super().__init__()
        g = np.random.default_rng(seed)
        self.perms = [torch.as_tensor(g.permutation(dim)) for _ in range(blocks)]
        self.d1 = dim // 2; self.d2 = dim - self.d1; self.alpha = alpha; self.dim = dim
        self.net1 = nn.ModuleList([subnet(self.d1, 2 * self.d2, hidden) for _ in range(blocks)])
        self.net2 = nn.ModuleList([subnet(self.d2, 2 * self.d1, hidden) for _ in range(blocks)])

    def clamp(self, h): return (2 * self.alpha / math.pi) * torch.atan(h / self.alpha)

    def forward(self, y):
        logdet = y.new_zeros(y.shape[0])
        for p, n1, n2 in zip(self.perms, self.net1, self.net2):
            y = y[:, p]
            y1, y2 = y[:, :self.d1], y[:, self.d1:]
            h = n1(y1); s = self.clamp(h[:, :self.d2]); y2 = y2 * s.exp() + h[:, self.d2:]; logdet = logdet + s.sum(1)
            h = n2(y2); s = self.clamp(h[:, :self.d1]); y1 = y1 * s.exp() + h[:, self.d1:]; logdet = logdet + s.sum(1)
            y = torch.cat([y1, y2], 1)
        return y, logdet

    def inverse(self, z):
        for p, n1, n2 in reversed(list(zip(self.perms, self.net1, self.net2))):
            y1, y2 = z[:, :self.d1], z[:, self.d1:]
            h = n2(y2); s = self.clamp(h[:, :self.d1]); y1 = (y1 - h[:, self.d1:]) * (-s).exp()
            h = n1(y1); s = self.clamp(h[:, :self.d2]); y2 = (y2 - h[:, self.d2:]) * (-s).exp()
            y = torch.cat([y1, y2], 1); z = torch.empty_like(y); z[:, p] = y
        return z


def nll(z, logdet): return (0.5 * (z ** 2).sum(1) - logdet)          # up to the constant d/2 log 2pi
def score_of(z): return 0.5 * (z ** 2).sum(1)                        # -log p_Z(z) up to a constant
