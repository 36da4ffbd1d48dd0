"""A data set in the layout of MVTec AD whose good images are divided anew, by chance.

Usage: resplit.py CATEGORY_DIR OUT_DIR [--seed S]

Writes OUT_DIR/CATEGORY with links to the same images: as many good ones to train on as before, drawn from all good ones,
the rest beside the same defects to test with. Where the given split follows the order in which photographs were taken,
good test images may differ from good training images more than defects do; then a method below chance on the given
split is above it on this one. Then for example

  cargo xtask reproduce-table1 --root OUT_DIR --categories CATEGORY --methods dsebm --preset quick --seeds 1
"""
import argparse
import random
from pathlib import Path


def images(folder):
    return sorted(path for path in folder.iterdir() if path.is_file())


def link(files, folder):
    folder.mkdir(parents=True)  # Not beside links of another division.
    for file in files:
        # Good images of both folders may have one name.
        name = file.name if not (folder / file.name).exists() else f"{file.parent.parent.name}-{file.name}"
        (folder / name).symlink_to(file.resolve())


parser = argparse.ArgumentParser()
parser.add_argument("category", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
train, test = args.category / "train/good", args.category / "test"
good = images(train) + images(test / "good")
random.Random(args.seed).shuffle(good)
count, out = len(images(train)), args.out / args.category.name
link(good[:count], out / "train/good")
link(good[count:], out / "test/good")
for kind in sorted(path for path in test.iterdir() if path.is_dir() and path.name != "good"):
    link(images(kind), out / "test" / kind.name)
print(f"{count} good images to train on, {len(good) - count} to test with")
