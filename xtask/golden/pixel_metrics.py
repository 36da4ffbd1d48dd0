"""Writes reference values of the pixel metrics. Usage: pixel_metrics.py [seed] [out_file]

Needs numpy, scipy and scikit-learn, all on PyPI. Every metric is computed from all pixels at once
and from every distinct value as a threshold. By default the file is the one that
crates/differnet-eval/tests/golden_pixel.rs reads.
"""
import json, sys
from pathlib import Path
import numpy as np
from scipy.ndimage import gaussian_filter, label
from sklearn.metrics import precision_recall_curve, roc_auc_score

HEIGHT, WIDTH, IMAGES, LIMIT = 32, 48, 6, 0.3
UNIT_BITS, TIED_SHIFT = 20, 13      # maps are whole numbers of 2^-20; the tied ones keep 128 levels
SIGNIFICANT_BITS = 13               # what PixelEvaluation tells apart


def make_image(rng, defects):
    """A skewed smooth map, raised on and around the defects, and the mask; whole numbers below 2^20."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for k in range(defects):
        if k == 0:                                                  # a diagonal line: one region by corners only
            r, c, n = rng.integers(0, 16), rng.integers(0, 32), rng.integers(3, 14)
            mask[r + np.arange(n), c + np.arange(n)] = True
        else:
            r, c, a, b = rng.uniform(4, 28), rng.uniform(4, 44), rng.uniform(0.6, 5), rng.uniform(0.6, 7)
            mask |= ((y - r) / a) ** 2 + ((x - c) / b) ** 2 <= 1
    noise = gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 2.5, mode="reflect")
    raised = gaussian_filter(np.roll(mask, rng.integers(-2, 3, 2), (0, 1)).astype(float), 1.5)
    v = np.exp(0.7 * noise / noise.std() + 5 * raised * rng.uniform(0.4, 1.0))
    return v, mask


def by_definition(maps, masks):
    scores, labels = maps.ravel(), masks.ravel()
    thresholds = np.unique(scores)[::-1]                            # falling, every distinct value
    at_or_above = lambda values: len(values) - np.searchsorted(np.sort(values), thresholds, side="left")
    false_alarms, found = at_or_above(scores[~labels]), at_or_above(scores[labels])
    fpr, overlaps = false_alarms / (~labels).sum(), []
    for m, mask in zip(maps, masks):
        components, n = label(mask, structure=np.ones((3, 3)))      # 8-connected, as MVTec AD's evaluation
        overlaps += [at_or_above(m[components == i]) / (components == i).sum() for i in range(1, n + 1)]
    x, y = np.concatenate([[0.0], fpr]), np.concatenate([[0.0], np.mean(overlaps, axis=0)])
    end = np.searchsorted(x, LIMIT, side="right")                   # the first point beyond the limit
    at_limit = y[end - 1] + (y[end] - y[end - 1]) * (LIMIT - x[end - 1]) / (x[end] - x[end - 1])
    aupro = np.trapezoid(np.append(y[:end], at_limit), np.append(x[:end], LIMIT)) / LIMIT
    precision, recall, at = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = np.flatnonzero(f1[:-1] >= f1[:-1].max() - 1e-12)[-1]     # the highest threshold of equal ones
    hits = [mask[m == m.max()].mean() for m, mask in zip(maps, masks) if mask.any()]
    metrics = {
        "pixel_auroc": roc_auc_score(labels, scores), "aupro": aupro,
        "pixel_f1": f1[best], "pixel_f1_threshold": at[best],
        "pixel_iou": np.max(found / (found + false_alarms + labels.sum() - found)),
        "pointing_game": np.mean(hits), "pixel_images": len(maps), "regions": len(overlaps),
    }
    return {name: value if isinstance(value, int) else float(value) for name, value in metrics.items()}


def bounds(maps, masks):
    """The documented largest errors, from the pixels that agree in their leading bits."""
    fraction, exponent = np.frexp(maps)
    rounded = np.ldexp(np.floor(np.ldexp(fraction, SIGNIFICANT_BITS)), exponent - SIGNIFICANT_BITS)
    values, bins = np.unique(rounded, return_inverse=True)
    bins = bins.reshape(maps.shape)
    count = lambda pixels, **kw: np.bincount(pixels, minlength=len(values), **kw)
    g, d, h, regions = count(bins[~masks]), count(bins[masks]), 0.0, 0
    for b, mask in zip(bins, masks):
        components, n = label(mask, structure=np.ones((3, 3)))
        h = h + sum(count(b[components == i]) / (components == i).sum() for i in range(1, n + 1))
        regions += n
    reached = (g.sum() - np.cumsum(g)) / g.sum() < LIMIT            # the rate before the bin
    largest = {
        "pixel_auroc": (g / g.sum() * d / d.sum()).sum() / 2,
        "aupro": (g / g.sum() * h / regions)[reached].sum() / 2 / LIMIT,
        "pixel_f1": np.minimum(2 * d, g).max() / d.sum(),
    }
    return {name: float(value) for name, value in largest.items()}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    default = Path(__file__).resolve().parents[2] / "crates/differnet-eval/tests/golden/pixel_metrics.json"
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else default
    rng = np.random.default_rng(seed)
    made = [make_image(rng, defects) for defects in (0, 1, 3, 0, 2, 5)]
    raw, masks = np.stack([m for m, _ in made]), np.stack([mask for _, mask in made])
    whole = np.round(raw / raw.max() * (2 ** UNIT_BITS - 1)).astype(np.int64)
    smooth, tied = whole / 2.0 ** UNIT_BITS, (whole >> TIED_SHIFT).astype(float)
    shifted = smooth + 8                                            # same order, less resolution
    assert all((m.astype(np.float32) == m).all() for m in (smooth, tied, shifted))
    golden = {
        "height": HEIGHT, "width": WIDTH, "unit_bits": UNIT_BITS, "tied_shift": TIED_SHIFT,
        "images": [{"map": w.ravel().tolist(), "mask": ["".join(".#"[p] for p in row) for row in mask.astype(int)]}
                   for w, mask in zip(whole, masks)],
        "tied": by_definition(tied, masks),
        "smooth": by_definition(smooth, masks), "smooth_bounds": bounds(smooth, masks),
        "shifted_bounds": bounds(shifted, masks),                   # the metrics are those of the smooth maps
    }
    out.write_text(json.dumps(golden) + "\n")
    print({key: golden[key] for key in ("tied", "smooth", "smooth_bounds", "shifted_bounds")})


main()
