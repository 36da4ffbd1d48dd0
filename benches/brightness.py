"""AUROC of the mean grey level of images alone, and of the scores of measured cells once its part is taken out.

Usage: brightness.py MVTEC_DIR/CATEGORY [CELL.json ...], the cells from the folder `cells` of a reproduce command

A method that reacts to brightness is far from chance, on either side of it, where defective parts were photographed
brighter or darker than good ones, or good test images than good training images. For each cell: the rank correlation
of score and grey level among good images and among defective ones, and the AUROC of what is left of the score's rank
after a line through that of the grey level, fitted to good images alone. Needs numpy, Pillow, scipy and scikit-learn, all on PyPI.
"""
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score


def greys(files):
    return np.array([np.asarray(Image.open(file).convert("L"), float).mean() for file in files])


def main(folder, cells):
    files = sorted(file for file in Path(folder, "test").glob("*/*") if file.is_file())
    is_defect = np.array([file.parent.name != "good" for file in files])
    levels = greys(files)
    print(f"{len(files)} images, {sum(is_defect)} with defects")
    print(f"AUROC of the mean grey level: {roc_auc_score(is_defect, levels):.3f}")
    known = greys(sorted(file for file in Path(folder, "train/good").glob("*") if file.is_file()))
    for name, of in (("good test images", ~is_defect), ("defects", is_defect)):
        labels = np.repeat([False, True], [len(known), sum(of)])
        print(f"  of {name} against training images: {roc_auc_score(labels, np.append(known, levels[of])):.3f}")
    ranks = rankdata(levels)
    for cell in cells:
        result = json.loads(Path(cell).read_text())
        found = {Path(image["path"]).parts[-2:]: image["score"] for image in result["tests"][0]["images"]}
        scores = np.array([found[file.parts[-2:]] for file in files])
        good, bad = (spearmanr(scores[of], levels[of]).statistic for of in (~is_defect, is_defect))
        line = np.polyfit(ranks[~is_defect], rankdata(scores)[~is_defect], 1)
        left = rankdata(scores) - np.polyval(line, ranks)
        print(
            f"{result['method']}: AUROC {roc_auc_score(is_defect, scores):.3f}; correlation with grey {good:.2f} among good, "
            f"{bad:.2f} among defective images; AUROC without it {roc_auc_score(is_defect, left):.3f}"
        )


main(sys.argv[1], sys.argv[2:])
