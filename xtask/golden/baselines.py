"""Writes golden vectors of 1-NN and the one-class SVM with scikit-learn. Usage: baselines.py [OUT]

Needs numpy, scikit-learn and safetensors, all on PyPI. Rows are stored in single precision, as the
program takes them; scikit-learn gets the same numbers in double precision. Its solver is run to a
tolerance of 1e-10, so that what it stops at is the optimum and not a neighbourhood of it.
"""
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

crate = Path(__file__).resolve().parents[2] / "crates" / "differnet-baselines"
out = Path(sys.argv[1]) if len(sys.argv) > 1 else crate / "tests" / "golden" / "baselines.safetensors"
rng = np.random.default_rng(7)


def blobs(rows, features, centres):
    """Points around a few centres, each feature on a scale of its own."""
    at = rng.normal(size=(centres, features)) * 2
    scale = np.exp(rng.normal(size=features))
    return (at[rng.integers(centres, size=rows)] + rng.normal(size=(rows, features))) * scale


def with_dead_features(rows):
    """The same with a constant feature, a zero one, and one that differs in a single row."""
    rows[:, 0] = 0.1
    rows[:, 1] = 0.0
    rows[:, 2] = 1.5
    rows[7, 2] = 2.5
    return rows


plane = blobs(120, 2, 2)
wide = with_dead_features(blobs(300, 64, 3))
middle = blobs(200, 16, 4)
twins = np.repeat(blobs(40, 8, 2), 3, axis=0)
sets = {"plane": plane, "wide": wide, "middle": middle, "twins": twins}
queries = {
    # Neighbours of training rows, and rows that are like none of them.
    name: np.concatenate([rows[:20] + rng.normal(size=rows[:20].shape) * 0.3, rng.normal(size=(20, rows.shape[1])) * 4])
    for name, rows in sets.items()
}
svms = [
    ("plane", 0.1, "scale"), ("plane", 0.5, 2.0), ("plane", 1.0 / 120, 0.5),
    ("wide", 0.5, "scale"), ("wide", 0.05, 0.01), ("middle", 0.03, 0.02),
    ("middle", 0.9, "scale"), ("twins", 0.33, "scale"), ("twins", 0.2, 1.0),
]
neighbours = [("plane", 2), ("wide", 24), ("middle", 5), ("twins", 64)]

tensors, cases = {}, {"svm": [], "neighbour": []}
for name, rows in sets.items():
    tensors[f"{name}.rows"] = rows.astype(np.float32)
    tensors[f"{name}.queries"] = queries[name].astype(np.float32)
for index, (name, nu, gamma) in enumerate(svms):
    rows, query = (tensors[f"{name}.{part}"].astype(np.float64) for part in ("rows", "queries"))
    model = make_pipeline(StandardScaler(), OneClassSVM(nu=nu, gamma=gamma, tol=1e-10)).fit(rows)
    tensors[f"svm.{index}.rows"] = model.decision_function(rows)
    tensors[f"svm.{index}.queries"] = model.decision_function(query)
    cases["svm"].append({"set": name, "nu": nu, "gamma": gamma, "support_vectors": int(model[-1].n_support_[0])})
for index, (name, components) in enumerate(neighbours):
    rows, query = (tensors[f"{name}.{part}"].astype(np.float64) for part in ("rows", "queries"))
    kept = min(components, *rows.shape)
    reduce = make_pipeline(StandardScaler(), PCA(kept, svd_solver="full")).fit(rows)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(reduce.transform(rows))
    tensors[f"neighbour.{index}.queries"] = nearest.kneighbors(reduce.transform(query))[0][:, 0]
    share = float(reduce[-1].explained_variance_ratio_.sum())
    cases["neighbour"].append({"set": name, "components": components, "variance_kept": share})

out.parent.mkdir(parents=True, exist_ok=True)
save_file(tensors, out, metadata={"cases": json.dumps(cases)})
for case in cases["svm"] + cases["neighbour"]:
    print(case)
