"""Writes reference vectors of a flow given conditions, for tests/conditional_golden.rs of differnet-flow.

Written from the paper's Section 3.1 and CFLOW-AD's conditions (Gudovskiy et al. 2022). Usage: conditional.py [SEED]
Needs torch and safetensors.
"""
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).resolve().parents[2] / "crates/differnet-flow/tests/golden/conditional.safetensors"
# The narrower half comes first, as it does for any odd width.
FEATURES, CONDITION, BLOCKS, HIDDEN, CLAMP, ROWS = 9, 4, 3, 24, 1.9, 40
OUTPUT_SCALE, UPDATES, GRADIENT_NORM = 0.1, 20, 0.05


def subnet(read, moved):
    return nn.Sequential(nn.Linear(read + CONDITION, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * moved))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = FEATURES // 2
        self.permutation = torch.randperm(FEATURES)
        self.net1 = subnet(self.first, FEATURES - self.first)
        self.net2 = subnet(FEATURES - self.first, self.first)

    def affine(self, net, read, condition):
        raw, shift = net(torch.cat([read, condition], 1)).chunk(2, 1)
        return 2 * CLAMP / math.pi * torch.atan(raw / CLAMP), shift

    def forward(self, y, condition):
        y = y[:, self.permutation]
        y1, y2 = y[:, :self.first], y[:, self.first:]
        s1, t1 = self.affine(self.net1, y1, condition)
        z2 = y2 * s1.exp() + t1
        s2, t2 = self.affine(self.net2, z2, condition)
        return torch.cat([y1 * s2.exp() + t2, z2], 1), s1.sum(1) + s2.sum(1)

    def inverse(self, z, condition):
        z1, z2 = z[:, :self.first], z[:, self.first:]
        s2, t2 = self.affine(self.net2, z2, condition)
        y1 = (z1 - t2) / s2.exp()
        s1, t1 = self.affine(self.net1, y1, condition)
        y = torch.cat([y1, (z2 - t1) / s1.exp()], 1)
        return y[:, torch.argsort(self.permutation)]


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, y, condition):
        log_det = y.new_zeros(len(y))
        for block in self.blocks:
            y, of_block = block(y, condition)
            log_det = log_det + of_block
        return y, log_det

    def inverse(self, z, condition):
        for block in reversed(self.blocks):
            z = block.inverse(z, condition)
        return z

    def nll(self, y, condition):
        z, log_det = self(y, condition)
        return (z ** 2).sum(1) / 2 - log_det

    def tensors(self, prefix):
        """Tensors as the crate's files name them: layers are counted without their activations."""
        named = {}
        for number, block in enumerate(self.blocks):
            named[f"{prefix}blocks.{number}.permutation"] = block.permutation
            for name in ("net1", "net2"):
                layers = [layer for layer in getattr(block, name) if isinstance(layer, nn.Linear)]
                for layer_number, layer in enumerate(layers):
                    for kind in ("weight", "bias"):
                        key = f"{prefix}blocks.{number}.{name}.{layer_number}.{kind}"
                        named[key] = getattr(layer, kind)
        return named


def detached(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


torch.manual_seed(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
y, condition = torch.randn(ROWS, FEATURES), torch.randn(ROWS, CONDITION)
golden = {"y": y, "condition": condition}

# Scales that reach the clamp's curved range.
strong = Flow()
for block in strong.blocks:
    for net in (block.net1, block.net2):
        net[-1].weight.data *= 4
golden |= detached(strong.tensors("strong."))
y_traced, condition_traced = y.clone().requires_grad_(), condition.clone().requires_grad_()
z, log_det = strong(y_traced, condition_traced)
nll = strong.nll(y_traced, condition_traced)
loss = nll.mean() / FEATURES
loss.backward()
latents = torch.randn(ROWS, FEATURES)
golden |= detached({"z": z, "log_det": log_det, "nll": nll, "loss": loss[None], "latents": latents,
                    "inverse_of_latents": strong.inverse(latents, condition),
                    "gradient.y": y_traced.grad, "gradient.condition": condition_traced.grad})
parameters = {name: tensor for name, tensor in strong.tensors("").items() if tensor.is_floating_point()}
golden |= detached({f"gradient.{name}": parameter.grad for name, parameter in parameters.items()})

# A flow as its training starts: output scale, then Adam with shortened gradients.
fresh = Flow()
for block in fresh.blocks:
    for net in (block.net1, block.net2):
        net[-1].weight.data *= OUTPUT_SCALE
        net[-1].bias.data.zero_()
golden |= detached(fresh.tensors("fresh."))
optimizer = torch.optim.Adam(fresh.parameters(), lr=2e-3, betas=(0.9, 0.999), eps=1e-8)
losses = []
for _ in range(UPDATES):
    loss = fresh.nll(y, condition).mean() / FEATURES
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(fresh.parameters(), GRADIENT_NORM)
    assert norm > GRADIENT_NORM, "every update is meant to be shortened"
    optimizer.step()
    losses.append(loss.item())
golden["adam_losses"] = torch.tensor(losses)
golden |= detached(fresh.tensors("trained."))
save_file(golden, OUT)
