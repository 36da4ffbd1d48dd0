"""Writes the vectors that golden.rs, a test of differnet-data, checks: what Pillow makes of its images.

Usage: pixels.py GOLDEN_DIR
GOLDEN_DIR is what golden.py writes; it holds images/NAME.png and features.safetensors with input_sample/NAME, every 16th pixel
of the normalised image turned by 37.5 degrees. Needs pillow, numpy and safetensors.
"""
import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from safetensors.numpy import load_file

OUT = Path(__file__).resolve().parents[2] / "crates/differnet-data/tests/golden"
SOURCE = Path(sys.argv[1])
MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]
WHOLE = ["gray_233x371.png", "rgb_300x500.png", "rgba_256x256.png"]
SIZES = [(448, 448), (224, 448), (97, 31), (1, 1)]
VIEWS = [(37.5, 1, 1), (90, 1, 1), (301.25, 1, 1), (0, 0.85, 1), (0, 1, 1.15), (0, 1.15, 0.85),
         (123.4, 1.07, 0.93), (359.9, 0.5, 1.9)]


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def resize(image, width, height):
    """Width first, as Pillow did up to version 12; from 13 on, its order depends on the size."""
    image = image.resize((width, image.height), Image.Resampling.BILINEAR)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def view(image, degrees, brightness, contrast):
    if degrees:
        image = image.rotate(float(np.float32(degrees)), Image.Resampling.NEAREST)
    if brightness != 1:
        image = ImageEnhance.Brightness(image).enhance(brightness)
    if contrast != 1:
        image = ImageEnhance.Contrast(image).enhance(contrast)
    return image


for name in WHOLE:
    shutil.copyfile(SOURCE / "images" / name, OUT / name)
# Larger than 448 in both directions, and no larger than needed.
Image.open(SOURCE / "images" / "rgb_900x700.png").crop((40, 80, 540, 680)).save(
    OUT / "rgb_600x500.png", optimize=True)

samples = load_file(SOURCE / "features.safetensors")
lines = ["# Written by pixels.py with Pillow: SHA-256 of 8-bit RGB samples, row by row."]
for path in sorted(OUT.glob("[gr]*_*x*.png")):
    image = Image.open(path).convert("RGB")
    for size in SIZES:
        resized = resize(image, *size)
        lines.append(f"resize {path.name} {size[0]} {size[1]} {digest(resized)}")
    square = resize(image, 448, 448)
    # The square of the paper, and the image as it is: not square, so right angles are sampled.
    for kind, base in (("square", square), ("whole", image)):
        for degrees, brightness, contrast in VIEWS:
            expected = digest(view(base, degrees, brightness, contrast))
            lines.append(f"{kind} {path.name} {degrees} {brightness} {contrast} {expected}")
    if path.name in WHOLE:
        turned = samples[f"input_sample/{path.name}"] * STD + MEAN
        turned = np.rint(turned * 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(turned).save(OUT / f"turned.{path.name}")
(OUT / "expected.txt").write_text("\n".join(lines) + "\n")
