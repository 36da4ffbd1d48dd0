"""Packs one image and its features for golden.rs, a test of differnet-features.

Usage: features.py GOLDEN_DIR
GOLDEN_DIR is what golden.py writes. Needs numpy, pillow and safetensors.
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

NAME = "rgb_448x448.png"
SOURCE = Path(sys.argv[1])
CRATE = Path(__file__).resolve().parents[2] / "crates/differnet-features"

golden = load_file(SOURCE / "features.safetensors")
upright = int(np.flatnonzero(golden["angles_degrees"] == 0)[0])
save_file(
    {
        "pixels": np.asarray(Image.open(SOURCE / "images" / NAME).convert("RGB")),
        "features": golden[f"features/{NAME}"][upright].astype(np.float32),
    },
    CRATE / "tests/golden/features.safetensors",
)
