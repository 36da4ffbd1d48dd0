"""The work of `cargo xtask bench` in PyTorch. Usage: pytorch.py IMAGE_DIR

Reads the name of a piece of work from each line of the standard input, does it once and prints the
seconds that it took; `peak` prints the largest resident memory in bytes instead. Weights are random:
they do not change how long anything takes. Needs torch, pillow and numpy, all on PyPI.

`epoch 2048`, which no table has, is an epoch of the authors' procedure: every image is read, turned four
times and extracted anew, and each 24 images make an update.

`patchcore` and `efficientad` are one image through anomalib's models as they come, with random weights:
PatchCore's bank has as many places as a tenth of 209 images of that size, anomalib's default share. They
need anomalib besides.

Each piece is done as PyTorch does it best on two cores: channels-last and inference mode where that is
faster, the faster of Adam's fused and foreach forms, `extract` in batches of 8 transformed images.
"""
import math
import pathlib
import resource
import sys
import time

# The folder of this script: to what imports a `pytorch` if there is one, it would be this file.
sys.path.pop(0)

import numpy as np
import torch
import torch.nn.functional as F
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


# Blocks, kernel, stride of the first block, expansion and channels of the stages of EfficientNet-Lite0.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
)


class SameConv(nn.Module):
    """A convolution, its batch norm folded into it, that pads as TensorFlow does; then ReLU6, or nothing."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, activated=True):
        super().__init__()
        self.kernel, self.stride, self.activated = kernel, stride, activated
        # At stride 1 both sides are padded alike, which the convolution itself does.
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        nn.init.kaiming_normal_(self.conv.weight)

    def forward(self, x):
        if self.stride > 1:
            pads = []
            for side in (x.shape[-1], x.shape[-2]):
                pad = max((math.ceil(side / self.stride) - 1) * self.stride + self.kernel - side, 0)
                pads += [pad // 2, pad - pad // 2]
            x = F.pad(x, pads)
        x = self.conv(x)
        return F.relu6(x, inplace=True) if self.activated else x


class InvertedResidual(nn.Module):
    """Expand, look at neighbours, project back; added to what went in where that has the same shape."""

    def __init__(self, inputs, outputs, kernel, stride, expansion):
        super().__init__()
        wide = inputs * expansion
        self.added = stride == 1 and inputs == outputs
        layers = [SameConv(inputs, wide)] if expansion > 1 else []
        layers += [SameConv(wide, wide, kernel, stride, groups=wide)]
        self.layers = nn.Sequential(*layers, SameConv(wide, outputs, activated=False))

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.added else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 up to a stage; maps after each."""

    def __init__(self, stages):
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        self.stages, inputs = nn.ModuleList(), 32
        for blocks, kernel, stride, expansion, outputs in STAGES[:stages]:
            stage = []
            for block in range(blocks):
                step = stride if block == 0 else 1
                stage.append(InvertedResidual(inputs, outputs, kernel, step, expansion))
                inputs = outputs
            self.stages.append(nn.Sequential(*stage))

    def forward(self, x):
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def patchcore_model(backbone, side):
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel
    model = PatchcoreModel(layers=["layer2", "layer3"], backbone=backbone, pre_trained=False, num_neighbors=9)
    model.train()
    with torch.no_grad():
        rows = model(torch.rand(1, 3, side, side))
    model.memory_bank = torch.rand(209 * len(rows) // 10, rows.shape[1])
    return model.eval()


def efficientad_model(size):
    from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel, EfficientAdModelSize
    return EfficientAdModel(384, EfficientAdModelSize[size]).eval()


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


def second_run(run):
    """Seconds of a piece of work that was done before."""
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Work:
    def __init__(self, folder):
        self.files = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_file())
        self.network = alexnet().to(memory_format=torch.channels_last)
        self.images = torch.rand(8, 3, 448, 448).to(memory_format=torch.channels_last)
        self.rows = torch.randn(96, 768)
        self.flows, self.steps, self.models = {}, {}, {}

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

    def efficientnet(self, stages):
        """One image through the network; the faster layout of tensors."""
        if stages not in self.models:
            image = self.images[:1].contiguous()
            layouts = (torch.channels_last, torch.contiguous_format)
            runs = [self.network_run(EfficientNetLite(stages).eval(), image, way) for way in layouts]
            self.models = {stages: min(runs, key=second_run)}
        return self.models[stages]

    def network_run(self, network, image, layout):
        network, image = network.to(memory_format=layout), image.contiguous(memory_format=layout)
        return lambda: network(image)

    def patchcore_wide(self, side):
        return self.anomalib(side, lambda: patchcore_model("wide_resnet50_2", side))

    def patchcore_18(self, side):
        return self.anomalib(side, lambda: patchcore_model("resnet18", side))

    def efficientad_s(self, side):
        return self.anomalib(side, lambda: efficientad_model("S"))

    def efficientad_m(self, side):
        return self.anomalib(side, lambda: efficientad_model("M"))

    def anomalib(self, side, make):
        """One image through a model, its score and map included."""
        if side not in self.models:
            self.models = {side: make()}
        model, image = self.models[side], torch.rand(1, 3, side, side)
        return lambda: model(image)

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
        return second_run(self.update(hidden, form))


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
