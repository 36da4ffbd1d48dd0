"""Tiles that are turned before the program sees them: what black corners and squashed tiles cost.

Usage: turned_tiles.py make MTD_DIR TRAIN_LIST OUT [--fill black|mirror] [--shape squash|pad] [--turns N]
       turned_tiles.py score SCORES.csv

`make` writes OUT/tiles in the layout of MVTec AD: N copies of each tile, each turned by an angle of its own (drawn from
the tile's name, so that variants share them), 448 x 448 pixels, NAME-TURN.png. `--fill` is what a turn brings in at the
corners: black, as in the paper, or the tile mirrored at its edges. `--shape squash` gives every tile a square's sides, as
the paper does; `pad` keeps its proportions and mirrors it at its shorter side. Then

  differnet train --method differnet --data OUT --layout mvtec --category tiles --rotate none --jitter 0.15 \\
    --transforms 1 --seed 1 --out M.differnet
  differnet evaluate --model M.differnet --data OUT --layout mvtec --category tiles --transforms 1 --scores SCORES.csv

and `score` prints the AUROC of each tile's mean over its copies. Needs numpy, Pillow and scikit-learn, all on PyPI.
"""
import argparse
import csv
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

SIDE = 448


def mirrored(tile, side):
    """The tile in the middle of a square, mirrored at its edges as often as it takes."""
    pixels = np.asarray(tile)
    around = [((side - length) // 2, side - length - (side - length) // 2) for length in pixels.shape]
    return Image.fromarray(np.pad(pixels, around, mode="symmetric"))


def square(tile, shape):
    if shape == "pad":
        tile = mirrored(tile, max(tile.size))
    return tile.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


def turned(tile, angle, fill):
    if fill == "black":
        return tile.rotate(angle, Image.Resampling.BILINEAR)
    wide, edge = mirrored(tile, 2 * SIDE), SIDE // 2
    return wide.rotate(angle, Image.Resampling.BILINEAR).crop((edge, edge, edge + SIDE, edge + SIDE))


def make(args):
    lines = Path(args.train_list).read_text().splitlines()
    training = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    for file in sorted(Path(args.mtd).glob("MT_*/Imgs/*.jpg")):
        kind = file.parent.parent.name.removeprefix("MT_").lower()
        kind = "good" if kind == "free" else kind
        folder = Path(args.out, "tiles", "train" if file.name in training else "test", kind)
        folder.mkdir(parents=True, exist_ok=True)
        tile = square(Image.open(file).convert("L"), args.shape)
        draw = random.Random(file.stem)
        for turn in range(args.turns):
            turned(tile, draw.uniform(0, 360), args.fill).save(folder / f"{file.stem}-{turn}.png", compress_level=1)


def score(args):
    scores, defects = defaultdict(list), {}
    with open(args.scores, newline="") as file:
        for row in csv.DictReader(file):
            tile = Path(row["path"])
            key = (tile.parent.name, tile.stem.rsplit("-", 1)[0])
            scores[key].append(float(row["score"]))
            defects[key] = tile.parent.name != "good"
    means = [np.mean(scores[key]) for key in scores]
    auroc = roc_auc_score([defects[key] for key in scores], means)
    print(f"{len(means)} tiles, {sum(defects.values())} with defects, AUROC of means {auroc:.4f}")


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("make")
command.add_argument("mtd")
command.add_argument("train_list")
command.add_argument("out")
command.add_argument("--fill", choices=["black", "mirror"], default="black")
command.add_argument("--shape", choices=["squash", "pad"], default="squash")
command.add_argument("--turns", type=int, default=8)
command.set_defaults(run=make)
command = commands.add_parser("score")
command.add_argument("scores")
command.set_defaults(run=score)
args = parser.parse_args()
args.run(args)
