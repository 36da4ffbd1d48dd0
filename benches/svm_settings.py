"""What the one-class SVM's AUROC owes to its settings. Usage: svm_settings.py TRAIN TEST GOOD

TRAIN and TEST are safetensors files that `differnet features --out` wrote; test images whose names begin
with GOOD are good. Prints the AUROC of scikit-learn's `OneClassSVM`, fitted to 1,500 rows, with and
without z-scored features, for several kernels and settings; an image's score is the mean of its rows'.
Needs numpy, scikit-learn and safetensors, all on PyPI.
"""
import json
import sys

import numpy as np
from safetensors import safe_open
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

FITTED = 1500


def read(path):
    with safe_open(path, "np") as file:
        return file.get_tensor("features").astype(np.float64), json.loads(file.metadata()["names"])


train, _ = read(sys.argv[1])
test, names = read(sys.argv[2])
defect = [not name.startswith(sys.argv[3]) for name in names]
width = train.shape[-1]
rows = train.reshape(-1, width)
scaler = StandardScaler().fit(rows)
chosen = np.random.default_rng(1).choice(len(rows), min(FITTED, len(rows)), replace=False)

print("| features | test transforms | settings | AUROC |")
print("| --- | ---: | --- | ---: |")
for scaled in (True, False):
    seen = scaler.transform if scaled else (lambda values: values)
    for transforms in (test.shape[1], 1):
        for settings in ({}, {"nu": 0.1}, {"nu": 0.01}, {"gamma": 0.01}, {"kernel": "linear"}):
            svm = OneClassSVM(**settings).fit(seen(rows[chosen]))
            tested = test[:, :transforms].reshape(-1, width)
            scores = -svm.decision_function(seen(tested)).reshape(len(names), -1).mean(1)
            told = ", ".join(f"{name} {value}" for name, value in settings.items()) or "default"
            kind = "z-scored" if scaled else "as they are"
            print(f"| {kind} | {transforms} | {told} | {roc_auc_score(defect, scores):.3f} |", flush=True)
