"""Packs one image and its maps after each stage for golden.rs, a test of differnet-features.

Usage: stages.py STAGES.safetensors
The file is what efficientnet_lite_ref.py writes. Needs numpy and safetensors.
"""
import sys
from pathlib import Path

from safetensors.numpy import load_file, save_file

CRATE = Path(__file__).resolve().parents[2] / "crates/differnet-features"

golden = load_file(sys.argv[1])
save_file({name: tensor[0].copy() for name, tensor in golden.items()}, CRATE / "tests/golden/stages.safetensors")
