"""Writes reference vectors with PyTorch. Usage: golden.py [seed] [out_dir]

Needs torch, torchvision, safetensors, pillow, scipy and scikit-learn, all on PyPI.
"""
import sys, os
from pathlib import Path
import numpy as np, torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.ndimage import rotate as nd_rotate
from safetensors.torch import save_file
from differnet_ref import *

here = Path(__file__).resolve().parent
seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
out = Path(sys.argv[2]) if len(sys.argv) > 2 else here / "vectors"
(out / "images").mkdir(parents=True, exist_ok=True)
torch.set_num_threads(2); torch.manual_seed(seed)
rng = np.random.default_rng(seed)

def texture(h, w, c, bits=8):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    planes = []
    for _ in range(c):
        f = rng.uniform(0.02, 0.35, 4); p = rng.uniform(0, 6.28, 4); a = rng.uniform(-1, 1, 4)
        v = sum(np.sin(f[i] * (x * np.cos(a[i]) + y * np.sin(a[i])) + p[i]) for i in range(4)) / 4
        v += gaussian_filter(rng.normal(size=(h, w)), 1.5)
        planes.append(v)
    v = np.stack(planes, -1); v = (v - v.min()) / (v.max() - v.min())
    v[h // 3:h // 3 + h // 12, w // 4:w // 4 + w // 9] *= 0.15          # a dark scratch
    return (v * (2 ** bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)

images = {
    "rgb_448x448.png": Image.fromarray(texture(448, 448, 3)),
    "rgb_300x500.png": Image.fromarray(texture(300, 500, 3)),
    "rgb_900x700.png": Image.fromarray(texture(900, 700, 3)),
    "gray_233x371.png": Image.fromarray(texture(233, 371, 1)[..., 0]),
    "rgba_256x256.png": Image.fromarray(np.dstack([texture(256, 256, 3), np.full((256, 256), 255, np.uint8)])),
}
net = AlexNetFeatures(here.parent.parent / "crates/differnet-features/weights" / "alexnet_imagenet1k_v1_features.safetensors")
angles = [0.0, 37.5, 90.0, 180.0, 301.25]
t, meta = {}, {}
for name, im in images.items():
    im.save(out / "images" / name)
    r = load_image(out / "images" / name)
    r.save(out / "images" / f"resized448_{name}")
    with torch.no_grad():
        t[f"features/{name}"] = torch.cat([net(transform(r, a)[None]) for a in angles])
    t[f"input_sample/{name}"] = transform(r, 37.5)[:, ::16, ::16].contiguous()
with torch.no_grad():
    r = load_image(out / "images" / "rgb_448x448.png")
    t["jitter/features"] = torch.cat([net(transform(r, 0.0, b, c)[None]) for b, c in ((0.85, 1.0), (1.0, 1.15), (1.15, 0.85))])
t["angles_degrees"] = torch.tensor(angles)
save_file(t, out / "features.safetensors")

# Flow: small widths, all equations.
torch.manual_seed(seed + 1)
f = Flow(dim=768, blocks=3, hidden=48, seed=seed)
f.perms = [torch.as_tensor(rng.permutation(768)) for _ in range(3)]
for n in (*f.net1, *f.net2):
    n[-1].weight.data *= 8                                   # push s into the clamped range
y = torch.cat([t[f"features/{n}"] for n in images])[:16]; y = (y - y.mean(0)) / (y.std(0) + 1e-3)
fl = {f"blocks.{k}.{nm}.{i}.{p}": getattr(n[i * 2], p).detach().clone() for k in range(3) for nm, n in (("net1", f.net1[k]), ("net2", f.net2[k])) for i in range(4) for p in ("weight", "bias")}
for k in range(3): fl[f"blocks.{k}.permutation"] = f.perms[k].to(torch.int64)
z, ld = f(y); fl |= {"y": y, "z": z.detach(), "log_det": ld.detach(), "inverse_of_z": f.inverse(z).detach(), "nll": nll(z, ld).detach(), "score": score_of(z).detach()}
loss = nll(z, ld).mean() / 768; loss.backward()
fl["loss"] = loss.detach()[None]
fl["grad.blocks.1.net2.3.weight"] = f.net2[1][6].weight.grad.clone()
opt = torch.optim.Adam(f.parameters(), lr=2e-4, betas=(.8, .8), eps=1e-4, weight_decay=1e-5)
losses = []
for _ in range(25):
    zz, l2 = f(y); l = nll(zz, l2).mean() / 768; opt.zero_grad(); l.backward(); opt.step(); losses.append(l.item())
fl["adam_losses"] = torch.tensor(losses)
save_file({k: v.contiguous() for k, v in fl.items()}, out / "flow.safetensors")

# Localisation: gradient of the NLL to the input, per rotation, blurred, summed over channels, rotated back, averaged.
f2 = Flow(dim=768, blocks=3, hidden=48, seed=seed); f2.perms = f.perms
sd = {}
for k in range(3):
    for nm, n in (("net1", f2.net1[k]), ("net2", f2.net2[k])):
        for i in range(4):
            for p in ("weight", "bias"): getattr(n[i * 2], p).data.copy_(fl[f"blocks.{k}.{nm}.{i}.{p}"])
g = {}
im = load_image(out / "images" / "rgb_448x448.png")
acc = np.zeros((448, 448))
for a in (0.0, 90.0, 180.0, 270.0):
    x = transform(im, a)[None].requires_grad_(True)
    zz, l2 = f2(net(x)); L = nll(zz, l2).sum(); L.backward()
    gr = x.grad[0].numpy()
    if a == 0.0: g["input_gradient_0_degrees"] = x.grad[0].clone(); g["nll_0_degrees"] = L.detach()[None]
    b = np.stack([gaussian_filter(c, 3, truncate=4.0, mode="reflect") for c in gr])
    m = np.abs(b).sum(0)
    if a == 0.0: g["map_0_degrees"] = torch.tensor(m)
    acc += np.rot90(m, -int(a // 90))                         # forward rotation is counter-clockwise
g["map_4_rotations"] = torch.tensor((acc / 4).astype(np.float32))
save_file({k: v.contiguous() for k, v in g.items()}, out / "localization.safetensors")

# Metrics on fixed scores.
from sklearn.metrics import roc_auc_score, average_precision_score, roc_curve
import json
sc = rng.normal(size=200).round(2); lab = (rng.random(200) < 0.3).astype(int); sc = sc + lab * 0.8
fpr, tpr, _ = roc_curve(lab, sc, drop_intermediate=False)
json.dump({"scores": sc.tolist(), "labels": lab.tolist(), "auroc": roc_auc_score(lab, sc), "average_precision": average_precision_score(lab, sc), "recall_at_zero_fp": float((sc[lab == 1] > sc[lab == 0].max()).mean())}, open(out / "metrics.json", "w"))
