"""AUROC of the mean grey level of images alone. Usage: brightness.py MVTEC_DIR/CATEGORY

A method that reacts to brightness is far from chance, on either side of it, where defective parts were photographed
brighter or darker than good ones. Needs numpy, Pillow and scikit-learn, all on PyPI.
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

files = sorted(file for file in Path(sys.argv[1], "test").glob("*/*") if file.is_file())
is_defect = [file.parent.name != "good" for file in files]
levels = [np.asarray(Image.open(file).convert("L"), float).mean() for file in files]
print(f"{len(files)} images, {sum(is_defect)} with defects")
print(f"AUROC of the mean grey level: {roc_auc_score(is_defect, levels):.3f}")
