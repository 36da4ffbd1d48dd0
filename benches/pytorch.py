"""The work of `cargo xtask bench` in PyTorch. Usage: pytorch.py IMAGE_DIR

Reads the name of a piece of work from each line of the standard input, does it once and prints the
seconds that it took; `peak` prints the largest resident memory in bytes instead. Weights are random:
they do not change how long anything takes. Needs torch, pillow and numpy, all on PyPI.

`epoch 2048`, which no table has, is an epoch of the authors' procedure: every image is read, turned four
times and extracted anew, and each 24 images make an update.

Each piece is done as PyTorch does it best on two cores: channels-last and inference mode where that is
faster, the faster of Adam's fused and foreach forms, `extract` in batches of 8 transformed images.
"""
import math
import pathlib
import resource
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

SIDES = (448, 224, 112)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def alexnet():
    """The convolutions of torchvision's AlexNet."""
    def block(inputs, outputs, kernel, padding, stride=1):
        return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU(inplace=True)]
    layers = block(3, 64, 11, 2, 4) + [nn.MaxPool2d(3, 2)] + block(64, 192, 5, 2)
    layers += [nn.MaxPool2d(3, 2)] + block(192, 384, 3, 1) + block(384, 256, 3, 1)
    return nn.Sequential(*layers, *block(256, 256, 3, 1), nn.MaxPool2d(3, 2)).eval()


class Flow(nn.Module):
    """The paper's flow: 8 coupling blocks, two subnetworks each."""

    def __init__(self, hidden, width=768, blocks=8, clamp=3.0):
        super().__init__()
        half = width // 2
        self.clamp = clamp
        self.orders = [torch.randperm(width) for _ in range(blocks)]
        self.first = nn.ModuleList(subnet(half, hidden) for _ in range(blocks))
        self.second = nn.ModuleList(subnet(half, hidden) for _ in range(blocks))

    def forward(self, y):
        log_det = 0.0
        for order, first, second in zip(self.orders, self.first, self.second):
            a, b = y[:, order].chunk(2, 1)
            b, s = self.couple(first(a), b)
            a, t = self.couple(second(b), a)
            y, log_det = torch.cat([a, b], 1), log_det + s + t
        return y, log_det

    def couple(self, parameters, half):
        scale, shift = parameters.chunk(2, 1)
        scale = 2 * self.clamp / math.pi * torch.atan(scale / self.clamp)
        return half * scale.exp() + shift, scale.sum(1)


def subnet(half, hidden):
    widths = [half, hidden, hidden, hidden]
    layers = [[nn.Linear(i, o), nn.ReLU()] for i, o in zip(widths, widths[1:])]
    return nn.Sequential(*sum(layers, []), nn.Linear(hidden, 2 * half))


def load(path):
    return Image.open(path).convert("RGB").resize((448, 448), Image.Resampling.BILINEAR)


def tensor(image):
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    return (pixels - MEAN) / DEVIATION


class Work:
    def __init__(self, folder):
        self.files = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_file())
        self.network = alexnet().to(memory_format=torch.channels_last)
        self.images = torch.rand(8, 3, 448, 448).to(memory_format=torch.channels_last)
        self.rows = torch.randn(96, 768)
        self.flows, self.steps = {}, {}

    def features(self, images):
        images = images.to(memory_format=torch.channels_last)
        scales = [images[:, :, :: 448 // side, :: 448 // side] for side in SIDES]
        return torch.cat([self.network(scale).mean((2, 3)) for scale in scales], 1)

    def flow(self, hidden):
        if hidden not in self.flows:
            self.flows = {hidden: Flow(hidden)}
        return self.flows[hidden]

    def alexnet(self, side):
        step = 448 // side
        images = self.images[:, :, ::step, ::step].contiguous(memory_format=torch.channels_last)
        return lambda: self.network(images).mean((2, 3))

    def extract(self, transforms):
        def run():
            turns = [index * 360 / int(transforms) for index in range(int(transforms))]
            for path in self.files:
                image = load(path)
                turned = [tensor(image.rotate(degrees)) for degrees in turns]
                for batch in torch.stack(turned).split(8):
                    self.features(batch)
        return run

    def score(self, hidden):
        flow = self.flow(int(hidden))

        def run():
            z, _ = flow(self.features(tensor(load(self.files[0]))[None]))
            return float((z**2).sum() / 2)
        return run

    def step(self, hidden):
        """One update; the first call tries both forms of Adam, one after the other."""
        hidden = int(hidden)
        if hidden not in self.steps:
            forms = ({"fused": True}, {"foreach": True})
            best = min(forms, key=lambda form: self.second_update(hidden, form))
            self.steps = {hidden: self.update(hidden, best)}
        return self.steps[hidden]

    def epoch(self, hidden):
        def run():
            step = self.step(hidden)
            for first in range(0, len(self.files), 24):
                images = [load(path) for path in self.files[first : first + 24]]
                angles = np.random.default_rng(first).uniform(0, 360, 4 * len(images))
                turned = [tensor(images[i // 4].rotate(angle)) for i, angle in enumerate(angles)]
                with torch.inference_mode():
                    rows = [self.features(batch) for batch in torch.stack(turned).split(8)]
                self.rows = torch.cat(rows).clone()
                step()
        return run

    def update(self, hidden, form):
        flow = Flow(hidden)
        adam = torch.optim.Adam(
            flow.parameters(), 2e-4, (0.8, 0.8), 1e-4, weight_decay=1e-5, **form
        )

        def run():
            z, log_det = flow(self.rows)
            loss = (0.5 * (z**2).sum(1) - log_det).mean() / 768
            adam.zero_grad()
            loss.backward()
            adam.step()
        return run

    def second_update(self, hidden, form):
        run = self.update(hidden, form)
        run()
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


work = Work(sys.argv[1])
for line in sys.stdin:
    name, *size = line.split()
    if name == "peak":
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
        continue
    run = getattr(work, name)(*[int(part) for part in size])
    if name in ("step", "epoch"):
        start = time.perf_counter()
        run()
    else:
        with torch.inference_mode():
            start = time.perf_counter()
            run()
    print(time.perf_counter() - start, flush=True)
